"""How long each customer's contract has lasted, and whether it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.engines import by_batches
from crmlab.estimators import KEY, Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import known_by

if TYPE_CHECKING:
    import narwhals as nw


class Contract(Feature):
    """Days since the contract began, until it ended where it has by the day.

    An end after the day is not known yet. A contract that begins after the day, or ends before it begins, has
    no figures; nor has a customer without a contract.
    """

    title: ClassVar[Text] = Text("合同", "Contract")
    tables: ClassVar[tuple[str, ...]] = ("customers",)
    produces: ClassVar[tuple[str, ...]] = ("contract_days", "contract_ended")
    measures: ClassVar[Mapping[str, Measure]] = {
        "contract_days": Measure("合同已持续天数", "days that the contract has lasted", "days"),
        "contract_ended": Measure("合同已终止", "the contract has ended", "boolean"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer; null where there is no contract, or no dates of contracts at all."""
        known = known_by(tables["customers"], day_number(as_of))
        dates = [name for name in _DATES if name in known.collect_schema().names()]
        schema = {KEY: pl.String, "contract_days": pl.Int64, "contract_ended": pl.Boolean}
        return by_batches(known.select(KEY, *dates), partial(_as_of, as_of), schema)


def contracts(customers: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Return ``customer_id``, ``contract_days`` (Int64) and ``contract_ended`` (Boolean) as of a day."""
    columns = customers.collect_schema().names()
    started, ended = (pl.col(name) if name in columns else pl.lit(None, pl.Date) for name in _DATES)
    gone = ended.is_not_null() & (ended <= as_of)
    days = (pl.when(gone).then(ended).otherwise(pl.lit(as_of)) - started).dt.total_days()
    known = days >= 0
    return customers.select(
        "customer_id",
        contract_days=pl.when(known).then(days),
        contract_ended=pl.when(known).then(gone),
    )


_DATES = ("contract_started_on", "contract_ended_on")


def _as_of(day: date, customers: pl.DataFrame) -> pl.DataFrame:
    return contracts(customers.lazy(), day).collect()
