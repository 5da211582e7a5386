"""Cuts at shares of the running total: the largest customers who make 80 % of the whole, and so on."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crmlab_plugins.rules import cut_points


def lowest_values(values: pl.Series, shares: Sequence[float]) -> list[float]:
    """Return, per rising share, the lowest value of those whose running total is within it.

    From the largest value down; equal values stand together at the end of their group. The largest
    value is within every share, even where it alone passes it. Zero and negative values count for
    nothing; where there is no other, the list is empty.
    """
    value = pl.col("value")
    groups = (
        pl.DataFrame({"value": values.cast(pl.Float64)})
        .filter(value > 0)
        .group_by("value")
        .agg(customers=pl.len())
        .sort("value", descending=True)
        .with_columns(running=(value * pl.col("customers")).cum_sum())
    )
    if not groups.height:
        return []
    # A hair above, for sums of decimal amounts that are one rounding past the line.
    whole = groups["running"][-1] * (1 + 1e-12)
    first = pl.int_range(pl.len()) == 0
    return [
        float(groups.filter(first | (pl.col("running") <= share * whole))["value"][-1]) for share in shares
    ]


def place(value: pl.Expr, lowest: Sequence[float]) -> pl.Expr:
    """Return how many of ``lowest`` a value reaches, from 0 for the last group (Int64)."""
    reached = ((value >= least).cast(pl.Int64) for least in lowest)
    return pl.sum_horizontal(cut_points.every(value, 0), *reached).cast(pl.Int64)


def clearness(value: pl.Expr, lowest: Sequence[float], ends: Sequence[float]) -> pl.Expr:
    """Return how far a value is from the nearest cut, 0.5 at it, by ratio: 1 in the middle of its group.

    ``ends`` is the :func:`positive_span` of the values learned from. As
    :func:`crmlab_plugins.rules.cut_points.clearness`, on the logarithm, because amounts are skewed.
    """
    if not lowest:
        return cut_points.every(value, 1.0)
    logs = [pl.Series(numbers, dtype=pl.Float64).log().to_list() for numbers in (sorted(lowest), ends)]
    clear = cut_points.clearness(value.cast(pl.Float64).log(), *logs)
    return pl.when(value > 0).then(clear).otherwise(1.0)


def positive_span(values: pl.Series) -> list[float]:
    """Return the :func:`crmlab_plugins.rules.cut_points.span` of the values above zero; empty from none."""
    return cut_points.span(values.filter(values > 0))
