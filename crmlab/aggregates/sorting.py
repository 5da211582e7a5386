"""The rows of a bucket: sorted by customer and day, and each order once."""

from __future__ import annotations

import polars as pl

_DAYS = 1 << 17
"""More days than a plausible table spans."""


def in_runs(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Sort orders by customer and day, those of one day as they came; count the customers."""
    customers = rows["customer_id"].unique().sort()
    # Sorting texts is slow; there are far fewer customers than rows.
    codes = rows["customer_id"].cast(pl.Enum(customers)).to_physical().cast(pl.Int64)
    key = codes * _DAYS + (rows["day"] - (rows["day"].min() or 0))
    return rows[key.to_numpy().argsort(kind="stable")], len(customers)


def without_repeats(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep the first of equal rows, and no order whose number has several contents, as cleaning does."""
    if rows["order_id"].n_unique() == rows.height:
        return rows, rows.clear().select(pl.lit("", pl.String).alias("reason"), pl.all())
    repeated = rows["order_id"].is_duplicated()
    first = rows.with_row_index("row").filter(repeated)
    distinct = first.unique(rows.columns, keep="first", maintain_order=True)
    contradicting = distinct.filter(pl.col("order_id").is_duplicated())
    again = first.join(distinct.select("row"), on="row", how="anti")
    rejected = pl.concat(
        [
            again.select(pl.lit("exact_duplicate").alias("reason"), pl.all()),
            contradicting.select(pl.lit("unique_id").alias("reason"), pl.all()),
        ]
    )
    kept = rows.with_row_index("row").join(
        rejected.select("row"), on="row", how="anti", maintain_order="left"
    )
    return kept.drop("row"), rejected.drop("row")


def without(rows: pl.DataFrame, numbers: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set aside the rows that have one of these order numbers."""
    disputed = rows["order_id"].is_in(numbers.implode())
    return rows.filter(~disputed), rows.filter(disputed).select(pl.lit("unique_id").alias("reason"), pl.all())
