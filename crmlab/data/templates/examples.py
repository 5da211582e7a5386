"""The filled example, read from ``examples.yaml``, and the figures that follow from filled sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from crmlab.data.templates.definitions import Field, Sheet
from crmlab.data.templates.forms import code_lists, sheets
from crmlab.labels import Language, Text

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Sheet id → its rows: column → value. Amounts are numbers, dates are dates, the rest is text."""


def example_rows(language: Language) -> dict[str, list[Row]]:
    """Return the rows of the example, with the computed figures."""
    given = _given()
    rows: dict[str, list[Row]] = {
        sheet.id: [
            {
                field.column: _value(field, row[field.column], language)
                for field in sheet.inputs
                if field.column in row
            }
            for row in given[sheet.id]
        ]
        for sheet in sheets()
    }
    return rows | {"overview": with_figures(rows)}


def with_figures(rows: Rows) -> list[Row]:
    """Return the rows of the customer overview with what follows from the other sheets.

    An order that stands in two sheets counts once. A refund is no order; it lessens the total.
    """
    orders = {row["order_id"]: row for sheet in ("history", "purchases") for row in rows.get(sheet, ())}
    complaint = code_lists()["case"].values[0]
    cases = [row for row in rows.get("cases", ()) if row.get("case") in complaint]
    return [
        dict(row)
        | _of_orders([order for order in orders.values() if order["customer_id"] == row["customer_id"]])
        | _of_contacts([contact for contact in rows.get("contact_log", ()) if _same(contact, row)])
        | {"complaint_count": sum(_same(case, row) for case in cases)}
        for row in rows.get("overview", ())
    ]


def _of_orders(orders: list[Row]) -> dict[str, Any]:
    paid = [order for order in orders if order["amount"] > 0]
    return {
        "order_count": len(paid),
        "total_spend": sum(round(order["amount"] * 100) for order in orders) / 100,
        "last_order_on": _last(paid, "ordered_at"),
    }


def _of_contacts(contacts: list[Row]) -> dict[str, Any]:
    return {"contact_count": len(contacts), "last_contact_on": _last(contacts, "happened_at")}


def _last(rows: list[Row], column: str) -> Any:
    times: list[datetime] = [row[column] for row in rows]
    return max(times).date() if times else None


def _same(row: Row, customer: Row) -> bool:
    return bool(row["customer_id"] == customer["customer_id"])


def _value(field: Field, given: Any, language: Language) -> Any:
    if isinstance(given, list):
        return Text(*given).to(language)
    if field.codes:
        return next(value for value in field.codes.values if value.zh == given).to(language)
    return given


@cache
def _given() -> dict[str, list[dict[str, Any]]]:
    import yaml

    path = Path(__file__).with_name("examples.yaml")
    given: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return given


def shown_examples(sheet: Sheet, language: Language, count: int = 3) -> list[Row]:
    """Return the first rows of the example of one sheet."""
    return example_rows(language)[sheet.id][:count]
