"""Odds of leaving: those who have a trait against those who have not.

The log of the odds ratio with Woolf's interval (1955, Annals of Human Genetics 19:251–253), 1/2 added to
every cell where one is 0 (Haldane 1956; Anscombe 1956, Biometrika 43:461–464). Who buys much has more to
complain of, and leaves less: so each trait is contrasted once more between customers who bought alike,
by the odds ratio of Mantel & Haenszel (1959, JNCI 22:719–748) with the variance of Robins, Breslow &
Greenland (1986, Biometrics 42:311–323). Of many traits some differ by chance: ``q`` is the share of false
finds at which a trait counts as found (Benjamini & Hochberg 1995, JRSS B 57:289–300).
"""

from __future__ import annotations

from math import erfc, log, sqrt
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.contrast import false_discovery_rates
from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np

    from crmlab.churn.traits import Traits

    Array = np.ndarray[Any, np.dtype[Any]]


def log_odds_ratio(
    lost: int, stayed: int, other_lost: int, other_stayed: int, confidence: float = 0.95
) -> Estimate:
    """Return the log of the odds ratio of leaving, those with a trait over the others, and Woolf's interval.

    Where a count is 0, 1/2 is added to all four. NaN where nobody has the trait, or everybody.
    """
    if not lost + stayed or not other_lost + other_stayed:
        return UNKNOWN
    cells = [float(n) for n in (lost, stayed, other_lost, other_stayed)]
    if not all(cells):
        cells = [n + 0.5 for n in cells]
    a, b, c, d = cells
    value = log(a) - log(b) - log(c) + log(d)
    reach = z_value(confidence) * sqrt(sum(1 / n for n in cells))
    return Estimate(value, value - reach, value + reach)


def common_log_odds_ratio(cells: Array, confidence: float = 0.95) -> Estimate:
    """Return the log of the odds ratio that strata have in common (Mantel & Haenszel), and its interval.

    ``cells`` has a row per stratum, and the four counts of :func:`log_odds_ratio` as columns. NaN where no
    stratum holds a comparison, or all comparisons point to one side without exception.
    """
    filled = cells[cells.sum(axis=1) > 0]
    n = filled.sum(axis=1)
    a, b, c, d = filled.T
    agree, differ = (a + d) / n, (b + c) / n
    for_it, against = a * d / n, b * c / n
    up, down = float(for_it.sum()), float(against.sum())
    if not up or not down:
        return UNKNOWN
    variance = (
        float(agree @ for_it) / (2 * up**2)
        + float(agree @ against + differ @ for_it) / (2 * up * down)
        + float(differ @ against) / (2 * down**2)
    )
    value, reach = log(up / down), z_value(confidence) * sqrt(variance)
    return Estimate(value, value - reach, value + reach)


def contrast_of(
    known: Traits, lost: pl.Series, least: int = 1, strata: pl.Series | None = None
) -> pl.DataFrame:
    """Contrast those who left with those who stayed, over every trait.

    ``lost`` is Boolean, one per row of ``known.frame``, and ``strata`` a number from 0 for each, of customers
    to compare with each other. A trait that fewer than ``least`` customers have, or lack, is left out.
    Columns: ``trait``, ``group``, ``zh``, ``en``; ``customers`` with the trait and ``others``; ``lost`` and
    ``others_lost`` of them; ``share`` and ``others_share`` that left; ``log_odds`` with ``low`` and
    ``high``; ``alike``, the same between customers of a stratum, with ``alike_low`` and ``alike_high`` (NaN
    where it cannot be told); ``p`` (normal, two-sided) and ``q`` of ``log_odds``, ``alike_q`` of ``alike``.
    Sorted by how surely the trait goes with leaving: ``log_odds`` in standard errors, highest first, then
    ``trait``.
    """
    import numpy as np

    place = np.zeros(len(lost), dtype=np.int64) if strata is None else strata.to_numpy()
    left = lost.to_numpy().astype(np.int64)
    found = []
    for trait in known.traits:
        column = known.frame[trait.id]
        told = column.is_not_null().to_numpy()
        without = 1 - column.fill_null(value=False).to_numpy().astype(np.int64)
        # Of each stratum: lost and stayed with the trait, lost and stayed without it.
        cell = (place * 4 + 2 * without + (1 - left))[told]
        cells = np.bincount(cell, minlength=4 * (int(place.max(initial=0)) + 1)).reshape(-1, 4)
        a, b, c, d = (int(n) for n in cells.sum(axis=0))
        if a + b < max(least, 1) or c + d < max(least, 1):
            continue
        value, low, high = log_odds_ratio(a, b, c, d)
        shares = a / (a + b), c / (c + d)
        sizes = a + b, c + d, a, c
        alike = common_log_odds_ratio(cells.astype(np.float64)) if strata is not None else UNKNOWN
        found.append((trait.id, trait.group, *trait.text, *sizes, *shares, value, low, high, *alike))
    frame = pl.DataFrame(found, schema=_CONTRAST, orient="row")
    chances, alike_chances = _p_values(frame, ""), _p_values(frame, "alike_")
    errors = (pl.col("high") - pl.col("low")) / 2
    return frame.with_columns(p=chances, q=_adjusted(chances), alike_q=_adjusted(alike_chances)).sort(
        pl.col("log_odds") / errors, "trait", descending=[True, False]
    )


def _p_values(frame: pl.DataFrame, prefix: str) -> pl.Series:
    """Return the two-sided p-value of each interval, NaN where there is none."""
    ends = frame.select(
        (pl.col(f"{prefix}high") + pl.col(f"{prefix}low"))
        / (pl.col(f"{prefix}high") - pl.col(f"{prefix}low"))
    )
    return pl.Series([erfc(abs(z) * z_value(0.95) / sqrt(2)) for z in ends.to_series()], dtype=pl.Float64)


def _adjusted(chances: pl.Series) -> pl.Series:
    """Return the false discovery rate of each p-value among those that are numbers; NaN for the others."""
    rates = iter(false_discovery_rates(chances.filter(chances.is_not_nan()).to_list()))
    return pl.Series([chance if chance != chance else next(rates) for chance in chances], dtype=pl.Float64)


_CONTRAST = {
    "trait": pl.String,
    "group": pl.String,
    "zh": pl.String,
    "en": pl.String,
    "customers": pl.Int64,
    "others": pl.Int64,
    "lost": pl.Int64,
    "others_lost": pl.Int64,
    "share": pl.Float64,
    "others_share": pl.Float64,
    "log_odds": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "alike": pl.Float64,
    "alike_low": pl.Float64,
    "alike_high": pl.Float64,
}
