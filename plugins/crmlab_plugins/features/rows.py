"""Rows of a feature's tables, on whatever engine they are: known by a day, of somebody, with all columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw

if TYPE_CHECKING:
    Kind = type[nw.String] | type[nw.Int64] | type[nw.Float64] | type[nw.Boolean]
    Columns = Mapping[str, Kind]

KEY = "customer_id"


def known_by(table: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Return the rows that name a customer and came about on ``today`` (a day number) or before.

    Customers without a day of registration are kept; rows of events without a day are not.
    """
    names = table.collect_schema().names()
    if KEY not in names:
        return table.with_columns(nw.lit(None, nw.String).alias(KEY)).head(0)
    known = table.filter(~nw.col(KEY).is_null())
    if "day" not in names:
        return known
    day = nw.col("day")
    undated_too = "registered_on" in names
    return known.filter(day.is_null() | (day <= today)) if undated_too else known.filter(day <= today)


def everybody(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> nw.LazyFrame[Any]:
    """Return ``customer_id`` of all whom a table that names customers knows by then, each once."""
    return nw.concat([known_by(table, today).select(KEY) for table in tables.values()]).unique()


def optional(frame: nw.LazyFrame[Any], *columns: str, dtype: Kind = nw.String) -> nw.LazyFrame[Any]:
    """Return the frame with every one of ``columns``; those that it lacks are null."""
    names = frame.collect_schema().names()
    missing = [nw.lit(None, dtype).alias(name) for name in columns if name not in names]
    return frame.with_columns(*missing) if missing else frame


def nobody(table: nw.LazyFrame[Any], columns: Columns) -> nw.LazyFrame[Any]:
    """Return a frame without rows, on the engine of ``table``."""
    nulls = [nw.lit(None, dtype).alias(name) for name, dtype in columns.items()]
    return table.head(0).with_columns(*nulls).select(*columns)


def one(condition: nw.Expr) -> nw.Expr:
    """Return 1 where a condition holds and 0 elsewhere, which can be summed on every engine."""
    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))


def main_of(sums: nw.LazyFrame[Any], name: str, amount: str, **others: nw.Expr) -> nw.LazyFrame[Any]:
    """Return per customer the ``name`` of the greatest ``amount``, of equals the first in the alphabet.

    ``sums`` has one row per customer and name. Columns ``customer_id``, ``name``, ``most`` (the greatest
    amount, Int64), and ``others``, aggregates over the customer's rows.
    """
    ranked = sums.with_columns(most=nw.col(amount).max().over(KEY).cast(nw.Int64))
    first = nw.when(nw.col(amount) == nw.col("most")).then(nw.col(name))
    return (
        ranked.with_columns(first=first)
        .group_by(KEY)
        .agg(nw.col("first").min().alias(name), nw.col("most").max().cast(nw.Int64).alias("most"), **others)
    )
