"""The grade that people gave a customer, as a feature that may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import narwhals as nw


class ManualGrade(Feature):
    """The ``grade`` of the customers table as it was written; null where the study has no such column.

    The table says what it said when it was read, so a replay of an earlier day sees today's grades.
    """

    title: ClassVar[Text] = Text("手工等级", "Manual grade")
    optional_tables: ClassVar[tuple[str, ...]] = ("customers", "orders")
    produces: ClassVar[tuple[str, ...]] = ("manual_grade",)
    measures: ClassVar[Mapping[str, Measure]] = {"manual_grade": Measure("手工等级", "manual grade", "text")}

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer listed by ``as_of``, or with an order where none are listed."""
        import narwhals as nw

        from crmlab.summary import day_number, until

        customers = tables.get("customers")
        if customers is None:
            listed = until(tables["orders"], as_of).select("customer_id").unique()
            return listed.with_columns(manual_grade=nw.lit(None, nw.String))
        schema = customers.collect_schema()
        if "day" in schema:
            customers = customers.filter(nw.col("day").is_null() | (nw.col("day") <= day_number(as_of)))
        if "grade" not in schema:
            return customers.select("customer_id").with_columns(manual_grade=nw.lit(None, nw.String))
        return customers.select("customer_id", manual_grade=nw.col("grade"))
