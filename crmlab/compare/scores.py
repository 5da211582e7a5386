"""How scores of the same customers in two runs go together: what pairs the means of both runs."""

from __future__ import annotations

import polars as pl

from crmlab.compare.classes import CUSTOMERS
from crmlab.compare.noise import correlation_of_means
from crmlab.compare.runs import RunFolder


def correlation_of_scores(
    before: RunFolder, after: RunFolder, report: str, plugin: str, score: str
) -> float | None:
    """Return the correlation of the means of a score in two runs, from the customers who are in both.

    None where a run kept no such score. Raises OSError or PolarsError for a table that cannot be read.
    """
    files = [run.place("tables", report) / f"{plugin}{CUSTOMERS}" for run in (before, after)]
    kept = [file.is_file() and {"customer_id", score} <= set(pl.read_parquet_schema(file)) for file in files]
    if not all(kept):
        return None
    off = pl.col("value") - pl.col("value").mean()
    one, two = (
        pl.read_parquet(file, columns=["customer_id", score], glob=False)
        .select(pl.col("customer_id").cast(pl.String), value=pl.col(score).cast(pl.Float64))
        .filter(pl.col("value").is_finite())
        .sort("customer_id")  # sums of floating-point numbers keep their order
        .with_columns(off=off)
        for file in files
    )
    both = one.join(two, on="customer_id", suffix="_after", maintain_order="left")
    together = float((both["off"] * both["off_after"]).sum())
    return correlation_of_means(together, *(float((frame["off"] ** 2).sum()) for frame in (one, two)))
