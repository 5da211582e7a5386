"""How a study names a part of the data: columns that tell parts apart, and values that must stand there."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

TIED = ("customers", "orders", "order_lines", "interactions", "feedback", "complaints", "contacts")
"""The tables whose rows are about a customer."""


def column_of(name: str) -> str:
    """Return ``table.column`` as it is; raise ValueError for what cannot tell parts of the data apart."""
    from crmlab.data.schemas import sensitivity_of, table_problem

    table, dot, column = name.partition(".")
    if not dot or not column:
        raise ValueError(f"write table.column, for example customers.province; given: {name!r}")
    if problem := table_problem(table):
        raise ValueError(problem)
    if table not in TIED:
        raise ValueError(f"rows of {table!r} are about no customer; take a column of {', '.join(TIED)}")
    if sensitivity_of(table, column) not in ("ordinary", "free_text") or column.endswith("_id"):
        raise ValueError(f"{name} is about single persons, who must not be named in a run")
    return name


def _as_texts(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    if not values or any(isinstance(each, float | dict | list) or each is None for each in values):
        raise ValueError("give a value, or a list of values: texts, whole numbers, true or false")
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


Selection = dict[Annotated[str, AfterValidator(column_of)], Annotated[list[str], BeforeValidator(_as_texts)]]
"""``table.column`` → the values of which one must stand there; numbers and days as text."""
