"""Whether a stated probability is what happens: bins with intervals, slope and intercept.

``y`` is 1 for a customer who left and 0 for one who stayed, ``p`` the probability stated before.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.churn.metrics import probabilities
from crmlab.data.suppression import merged_bins
from crmlab.intervals import wilson, z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    Array = np.ndarray[Any, np.dtype[Any]]

NEAREST = 1e-6
"""Probabilities nearer to 0 or 1 count as this far from it where their logit is taken."""

_STEPS = 50


class CalibrationLine(NamedTuple):
    """Cox's regression of the outcome on the logit of the probability.

    ``slope`` is 1 where probabilities spread as far as they should, below 1 where they are too extreme.
    ``in_the_large`` is 0 where they are right on average, in log-odds, and above 0 where more left
    than stated.
    """

    slope: Estimate
    in_the_large: Estimate


def calibration(
    y: ArrayLike, p: ArrayLike, bins: int = 10, least: int = 1, confidence: float = 0.95
) -> pl.DataFrame:
    """Return what was stated and what happened, in ``bins`` bins of about as many customers each.

    Customers of one probability stay in one bin, so that the order of rows changes nothing and there
    may be fewer bins; neighbours are put together where one has fewer than ``least`` customers. Columns:
    ``bin`` (from 1, lowest probabilities first); ``customers``; ``lost``; ``lowest`` and ``highest``
    probability; ``stated`` (their mean); ``happened`` (the share that left) with the ends ``low`` and
    ``high`` of its Wilson interval; ``agrees``: whether ``stated`` lies within them. Empty with fewer than
    ``least`` customers. ValueError where ``p`` lies outside 0–1 or ``bins`` is below 1.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; give 1 or more, for example 10.")
    outcomes, chances = probabilities(y, p)
    n = len(outcomes)
    values = (
        pl.DataFrame({"p": chances, "y": outcomes})
        .group_by("p")
        .agg(customers=pl.len(), lost=pl.col("y").sum())
        .sort("p")
        # The bin of a probability is that of the middle of its customers.
        .with_columns(middle=pl.col("customers").cum_sum() - pl.col("customers") / 2)
        .with_columns(place=(pl.col("middle") * bins / max(n, 1)).floor())
    )
    counts = values.group_by("place").agg(pl.col("customers").sum()).sort("place")
    merged = {
        place: at
        for at, (first, last) in enumerate(merged_bins(counts["customers"].to_list(), least))
        for place in counts["place"].to_list()[first : last + 1]
    }
    values = values.with_columns(pl.col("place").replace_strict(merged, default=None, return_dtype=pl.Int64))
    grouped = (
        values.drop_nulls("place")
        .group_by("place")
        .agg(
            pl.col("customers").sum().cast(pl.Int64),
            pl.col("lost").sum().cast(pl.Int64),
            lowest=pl.col("p").min(),
            highest=pl.col("p").max(),
            stated=(pl.col("p") * pl.col("customers")).sum() / pl.col("customers").sum(),
        )
        .sort("place")
        .with_columns(happened=pl.col("lost") / pl.col("customers"))
    )
    ends = [
        wilson(lost, customers, confidence)
        for lost, customers in grouped.select("lost", "customers").iter_rows()
    ]
    return grouped.select(
        pl.int_range(1, grouped.height + 1, dtype=pl.Int64).alias("bin"),
        "customers",
        "lost",
        "lowest",
        "highest",
        "stated",
        "happened",
        pl.Series("low", [end.low for end in ends], dtype=pl.Float64),
        pl.Series("high", [end.high for end in ends], dtype=pl.Float64),
    ).with_columns(agrees=pl.col("stated").is_between("low", "high"))


def calibration_line(y: ArrayLike, p: ArrayLike, confidence: float = 0.95) -> CalibrationLine:
    """Return slope and calibration-in-the-large with Wald intervals (Cox 1958, Biometrika 45:562–565).

    Both are logistic regressions by maximum likelihood (Steyerberg 2019, Clinical Prediction Models,
    15.3); the second holds the slope at 1. NaN where nobody or everybody left. The slope is NaN as
    well where all probabilities are equal, or where they separate the two kinds completely, which has no
    finite maximum.
    """
    import numpy as np

    outcomes, chances = probabilities(y, p)
    if not 0 < outcomes.sum() < len(outcomes):
        return CalibrationLine(UNKNOWN, UNKNOWN)
    clipped = np.clip(chances, NEAREST, 1 - NEAREST)
    logit = np.log(clipped / (1 - clipped))
    ones = np.ones_like(logit)
    z = z_value(confidence)
    large = _fitted(ones[:, None], outcomes, logit)
    slope = None
    if np.ptp(logit) > 0 and not _separated(outcomes, logit):
        # Centred, so that slope and intercept do not disturb each other.
        slope = _fitted(np.column_stack([ones, logit - logit.mean()]), outcomes, 0 * logit)
    return CalibrationLine(*(UNKNOWN if fit is None else _estimate(*fit, z) for fit in (slope, large)))


def _separated(outcomes: Array, logit: Array) -> bool:
    lost, stayed = logit[outcomes == 1], logit[outcomes == 0]
    return bool(lost.min() >= stayed.max() or lost.max() <= stayed.min())


def _fitted(columns: Array, outcomes: Array, offset: Array) -> tuple[float, float] | None:
    """Return the last coefficient of a logistic regression and its standard error; None without a maximum."""
    import numpy as np

    beta = np.zeros(columns.shape[1])
    before = -np.inf
    step = beta
    for _ in range(_STEPS):
        linear = columns @ beta + offset
        likelihood = float((outcomes * linear - np.logaddexp(0, linear)).sum())
        if likelihood < before - 1e-9 * abs(before):  # overshot: go back half of the way
            step = step / 2
            beta = beta - step
            continue
        before = likelihood
        chance = 1 / (1 + np.exp(-linear))
        information = columns.T @ (columns * (chance * (1 - chance))[:, None])
        if np.linalg.cond(information) > 1 / NEAREST**2:
            return None
        step = np.linalg.solve(information, columns.T @ (outcomes - chance))
        if np.abs(step).max() < 1e-10:
            return float(beta[-1]), sqrt(float(np.linalg.inv(information)[-1, -1]))
        beta = beta + step
    return None


def _estimate(value: float, error: float, z: float) -> Estimate:
    return Estimate(value, value - z * error, value + z * error)
