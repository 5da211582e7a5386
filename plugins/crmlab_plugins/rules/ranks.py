"""Ranks that hold for later customers: where a value stands among those that were learned from."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crmlab_plugins.rules import cut_points

_PARTS = 200


def learn(values: pl.Series) -> list[float]:
    """Return the 0.5 %, 1 %, …, 99.5 % quantiles of the known values, ascending; none from no value."""
    return cut_points.learn(values, [part / _PARTS for part in range(1, _PARTS)])


def of(values: pl.Series, points: Sequence[float]) -> pl.Series:
    """Return the share of the learned values below each, with half of the equal ones; null for null.

    To half a percent, which is what :func:`learn` keeps. 0.5 where nothing was learned.
    """
    if not points:
        return values.cast(pl.Float64) * 0 + 0.5
    learned, known = pl.Series(points, dtype=pl.Float64), values.cast(pl.Float64)
    below = learned.search_sorted(known.fill_null(0.0), side="left").cast(pl.Float64)
    reached = learned.search_sorted(known.fill_null(0.0), side="right").cast(pl.Float64)
    share = (below + reached) / (2 * len(points))
    return share.to_frame("rank").select(pl.when(known.is_not_null()).then(pl.col("rank"))).to_series()
