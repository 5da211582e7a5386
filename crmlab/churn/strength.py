"""How well one feature alone tells who left from who stayed."""

from __future__ import annotations

from math import log

import polars as pl

from crmlab.churn.metrics import auc
from crmlab.segments.separation import UNKNOWN, Estimate

FEWEST = 30
"""Rows of each outcome below which nothing is told by some of the rows."""
_CHANCE = 1e-6
"""Probability, by the overall share alone, below which a value with nobody who stayed is no accident."""
_LEVELS = 20


def strength(values: pl.Series, y: pl.Series) -> Estimate:
    """Return the AUC of one feature alone, whichever way round, or by classes and gaps; the larger.

    Numbers rank by their size. Classes, up to 20 bands of a number, and what is missing rank by the
    share who left among the other half of the rows, so that an id, which tells of no other row, scores 0.5.
    Where values are missing, those that are known are looked at by themselves as well.
    """
    if values.len() < 2 or not 0 < float(y.sum()) < values.len():
        return UNKNOWN
    floats = _floats(values)
    known = values.is_not_null() if floats is None else floats.is_not_null()
    told, lost = int(known.sum()), float(y.filter(known).sum())
    candidates = [_by_level(values, y)]
    if told < values.len() and min(lost, told - lost) >= FEWEST:
        candidates.append(_by_level(values.filter(known), y.filter(known)))
    if floats is not None and (told == values.len() or min(lost, told - lost) >= FEWEST):
        up = auc(y.filter(known), floats.filter(known))
        candidates.append(up if up.value >= 0.5 else Estimate(1 - up.value, 1 - up.high, 1 - up.low))
    return max((each for each in candidates if each.value == each.value), default=UNKNOWN)


def one_sided(values: pl.Series, y: pl.Series) -> int:
    """Return how many left with a class, or a filled-in value, that nobody has who stayed; else 0.

    Only where so many are no accident, and where others have no such value.
    """
    base = float(y.mean())  # type: ignore[arg-type]
    if not 0 < base < 1:
        return 0
    needed = max(FEWEST, log(_CHANCE) / log(base))
    number = values.dtype.is_numeric() or values.dtype.is_temporal()
    keys = [values.is_not_null().cast(pl.String)] if number else [_filled(values), values.cast(pl.String)]
    most = 0
    for key in keys:
        groups = (
            pl.DataFrame({"key": key, "y": y}).drop_nulls().group_by("key").agg(pl.len(), pl.col("y").sum())
        )
        pure = groups.filter((pl.col("y") == pl.col("len")) & (pl.col("len") >= needed))
        most = max(most, *pure["len"].to_list(), 0)
    return most


def _by_level(values: pl.Series, y: pl.Series) -> Estimate:
    """Return the AUC of the share who left per class, learned on one half of the rows, asked on the other."""
    floats = _floats(values)
    if floats is not None:
        if floats.drop_nulls().n_unique() > _LEVELS:
            quantiles = [floats.quantile(step / _LEVELS, "linear") for step in range(1, _LEVELS)]
            cuts = pl.Series(quantiles, dtype=pl.Float64).drop_nulls().unique().sort()
            band = cuts.search_sorted(floats.fill_null(0.0), "left")
            floats = pl.select(pl.when(floats.is_not_null()).then(pl.lit(band))).to_series()
        level = floats.cast(pl.String)
    else:
        level = values.cast(pl.String)
    frame = pl.DataFrame({"level": level.fill_null("\x00"), "y": y})
    # The halves are dealt out within each outcome and class, so that a shuffled table has the same ones.
    frame = frame.with_columns(half=pl.int_range(pl.len()).over("level", "y") % 2)
    sums = frame.group_by("level", "half").agg(n=pl.len(), left=pl.col("y").sum())
    other = sums.with_columns(half=1 - pl.col("half"))
    overall = float(y.mean())  # type: ignore[arg-type]
    scored = frame.join(other, on=["level", "half"], how="left", maintain_order="left").with_columns(
        score=((pl.col("left") + overall) / (pl.col("n") + 1)).fill_null(overall)
    )
    return auc(scored["y"], scored["score"])


def _filled(values: pl.Series) -> pl.Series:
    """Say of each text whether there is one; null where there is none, since absence is no value."""
    empty = values.cast(pl.String).str.strip_chars().fill_null("") == ""
    return pl.Series("filled", (~empty).to_list()).cast(pl.String).set(empty, None)


def _floats(values: pl.Series) -> pl.Series | None:
    """Return numbers and times as finite floats, else null; None for values on no scale."""
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        return None
    floats = values.to_physical().cast(pl.Float64)
    return floats.set(~floats.is_finite().fill_null(value=True), None)
