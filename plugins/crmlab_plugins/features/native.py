"""Tables of a feature as lazy polars frames, for what narwhals has no words for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import narwhals as nw

KEY = "customer_id"


def native(table: nw.LazyFrame[Any]) -> pl.LazyFrame:
    """Return the table in polars: as it is, or collected from another engine."""
    frame = table.to_native()
    if isinstance(frame, pl.LazyFrame):
        return frame
    collected: pl.DataFrame = table.collect("polars").to_native()
    return collected.lazy()


def known_by(table: nw.LazyFrame[Any], today: int) -> pl.LazyFrame:
    """Return the rows that name a customer and came about on ``today`` (a day number) or before.

    Customers without a day of registration are kept; rows of events without a day are not.
    """
    frame = native(table)
    names = frame.collect_schema().names()
    if KEY not in names:
        frame = frame.with_columns(pl.lit(None, pl.String).alias(KEY))
    if "day" in names:
        undated = pl.col("day").is_null() if "registered_on" in names else pl.lit(value=False)
        frame = frame.filter(undated | (pl.col("day") <= today))
    return frame.filter(pl.col(KEY).is_not_null())


def everybody(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> pl.LazyFrame:
    """Return ``customer_id`` of all whom a table that names customers knows by then, each once."""
    return pl.concat([known_by(table, today).select(KEY) for table in tables.values()]).unique()


def optional(frame: pl.LazyFrame, *columns: str, dtype: Any = pl.String) -> pl.LazyFrame:
    """Return the frame with every one of ``columns``; those that it lacks are null."""
    names = frame.collect_schema().names()
    return frame.with_columns(pl.lit(None, dtype).alias(name) for name in columns if name not in names)
