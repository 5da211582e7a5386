"""The rows of a bucket: sorted by customer and day, and each order once."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BITS = 63
"""Bits of a whole number that is not negative."""


def in_runs(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Sort orders by customer and day, those of one day as they came; count the customers."""
    customers = rows["customer_id"].unique().sort()
    # Sorting texts is slow; there are far fewer customers than rows.
    codes = rows["customer_id"].cast(pl.Enum(customers)).to_physical().cast(pl.Int64).to_numpy()
    day = rows["day"].to_numpy()
    first, last = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    key = codes * (last - first + 1) + (day - first)
    bits = len(rows).bit_length()
    if bits + (len(customers) * (last - first + 1)).bit_length() > _BITS:
        return rows[key.argsort(kind="stable")], len(customers)
    # Numbers alone sort several times as fast as their places: let the place be the end of the number.
    order = pl.Series(key << bits | np.arange(len(rows))).sort().to_numpy()
    return rows[order & ((1 << bits) - 1)], len(customers)


def without_repeats(
    rows: pl.DataFrame, among: NDArray[np.bool_] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep the first of equal rows, and no order whose number has several contents, as cleaning does.

    ``among`` says which rows can have the number of another one: all unless given.
    """
    numbered = rows.with_row_index("row")
    some = numbered if among is None else numbered.filter(pl.Series(among))
    if some["order_id"].n_unique() == some.height:
        return rows, _because(rows.clear())
    first = some.filter(pl.col("order_id").is_duplicated())
    distinct = first.unique(rows.columns, keep="first", maintain_order=True)
    contradicting = distinct.filter(pl.col("order_id").is_duplicated())
    again = first.join(distinct.select("row"), on="row", how="anti")
    rejected = pl.concat(
        [
            again.select(pl.lit("exact_duplicate").alias("reason"), pl.all()),
            contradicting.select(pl.lit("unique_id").alias("reason"), pl.all()),
        ]
    )
    kept = numbered.join(rejected.select("row"), on="row", how="anti", maintain_order="left")
    return kept.drop("row"), rejected.drop("row")


def without(rows: pl.DataFrame, numbers: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set aside the rows that have one of these order numbers."""
    disputed = rows["order_id"].is_in(numbers.implode())
    if not disputed.any():  # and no copy is needed
        return rows, _because(rows.clear())
    return rows.filter(~disputed), _because(rows.filter(disputed))


def _because(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.lit("unique_id", pl.String).alias("reason"), pl.all())
