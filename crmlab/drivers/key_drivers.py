"""Key drivers: each predictor's part of the differences in a score, its odds, and what to fix first."""

from __future__ import annotations

from functools import cached_property
from math import exp, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from crmlab.drivers.ordinal import OrdinalFit, fit_ordinal, proportional_odds_p
from crmlab.drivers.resampling import (
    RESAMPLES,
    correlations,
    percentile_interval,
    products,
    resampled_sums,
)
from crmlab.drivers.shares import (
    Method,
    disattenuated,
    method_for,
    r_squared,
    shares_of_r2,
    standardised_slopes,
)
from crmlab.errors import DataError
from crmlab.intervals import z_value
from crmlab.segments.separation import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab.drivers.design import Design

    Floats = NDArray[np.float64]

FEWEST = 100
"""Respondents below whom nothing is said."""
PER_PREDICTOR = 10
"""Respondents that every predictor needs (Green 1991, Multivariate Behavioral Research 26:499–510, asks for
about 8 beside 50)."""

QUADRANTS = ("concentrate", "keep", "low", "overkill")
"""Martilla & James (1977), "Importance-performance analysis", Journal of Marketing 41(1):77–79: important
and poor, important and good, neither, good and unimportant."""


class KeyDrivers:
    """What goes with a score, from a :class:`~crmlab.drivers.design.Design`.

    Shares of R², exact or relative weights (see :mod:`crmlab.drivers.shares`), with bootstrap intervals; the
    seed is fixed. ``reliability`` is the share of the predictors' variance that is no error of measurement,
    one number or one each, where it is known.
    """

    def __init__(self, design: Design, reliability: float | tuple[float, ...] | None = None) -> None:
        self.design = design
        self.reliability = reliability

    @property
    def enough(self) -> bool:
        """Whether there are respondents and predictors to say anything from, and scores that differ."""
        n, p = self.design.x.shape
        return p >= 2 and n >= self.least and len(np.unique(self.design.scores)) > 1

    @property
    def least(self) -> int:
        """The respondents that so many predictors need."""
        return max(FEWEST, PER_PREDICTOR * self._p)

    @property
    def method(self) -> Method:
        """How R² is divided."""
        return method_for(self.design.x.shape[1])

    @cached_property
    def correlation(self) -> Floats:
        """Correlations of predictors and score, (p + 1, p + 1), the score last."""
        return correlations(self._rows[:, : -2 * self._p].sum(axis=0), self._p + 1)

    @cached_property
    def parts(self) -> Floats:
        """Each predictor's part of R²; (p,)."""
        return shares_of_r2(self.correlation)

    @cached_property
    def r2(self) -> Estimate:
        """The share of the variance of the score that all predictors explain, with its bootstrap interval."""
        low, high = percentile_interval(self._draws[0].sum(axis=1, keepdims=True))
        return Estimate(float(r_squared(self.correlation)), float(low[0]), float(high[0]))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per predictor, the largest share first.

        ``predictor``, ``n`` (who answered or mentioned it); ``share`` of what all explain with ``low`` and
        ``high``; ``part`` of R² with ``part_low`` and ``part_high``; ``corrected``, the share without errors
        of measurement (null where their size is unknown); ``correlation`` and standardised ``slope``;
        ``odds`` of a higher score per step with ``odds_low``, ``odds_high`` (null if not to be had);
        ``performance``, the share for whom it went well, with ``performance_low``, ``performance_high``;
        ``quadrant`` (of :data:`QUADRANTS`) and whether it is ``sure``; these are null for choices, which do
        not say whether anything went well.
        """
        part_draws, share_draws, performance_draws = self._draws
        share = self.parts / self.parts.sum()
        performance = _performance(self.design.good.sum(axis=0), self.design.known.sum(axis=0))
        intervals = [percentile_interval(draws) for draws in (share_draws, part_draws, performance_draws)]
        important, importance_sure = _side(share, share_draws, 1 / self._p)
        well, performance_sure = _side(
            performance, performance_draws - performance_draws.mean(axis=1, keepdims=True), 0.0,
            centre=performance.mean(),
        )  # fmt: skip
        quadrant = [
            ("keep" if good else "concentrate") if matters else ("overkill" if good else "low")
            for matters, good in zip(important, well, strict=True)
        ]
        columns: dict[str, Any] = {
            "predictor": [each.id for each in self.design.predictors],
            "n": [each.n for each in self.design.predictors],
            "share": share,
            "low": intervals[0][0],
            "high": intervals[0][1],
            "part": self.parts,
            "part_low": intervals[1][0],
            "part_high": intervals[1][1],
            "corrected": self.corrected,
            "correlation": self.correlation[:-1, -1],
            "slope": standardised_slopes(self.correlation),
            **self._odds(),
            "performance": performance,
            "performance_low": intervals[2][0],
            "performance_high": intervals[2][1],
            "quadrant": quadrant,
            "sure": importance_sure & performance_sure,
        }
        frame = pl.DataFrame(columns, schema=_SUMMARY, nan_to_null=True)
        if self.design.kind == "choices":
            nothing = [name for name in _SUMMARY if name.startswith(("performance", "quadrant", "sure"))]
            frame = frame.with_columns(pl.lit(None).cast(_SUMMARY[name]).alias(name) for name in nothing)
        return frame.sort("share", "predictor", descending=[True, False])

    @cached_property
    def ordinal(self) -> OrdinalFit | None:
        """The proportional-odds regression of the score on all predictors; None where it has no maximum."""
        try:
            return fit_ordinal(self.design.x, self.design.scores, self.design.cluster)
        except DataError:
            return None

    @cached_property
    def proportional(self) -> float:
        """How likely the odds differ so much along the scale by chance (Brant 1990); NaN if not tested."""
        try:
            return proportional_odds_p(self.design.x, self.design.scores) if self.ordinal else nan
        except DataError:
            return nan

    @cached_property
    def corrected(self) -> Floats | None:
        """Shares without errors of measurement; None where these are not known, or too large.

        The correction takes errors as independent of each other and of the score.
        """
        corrected = self._corrected_correlation
        if corrected is None:
            return None
        parts = shares_of_r2(corrected)
        result: Floats = parts / parts.sum()
        return result

    @property
    def corrected_r2(self) -> float:
        """R² without errors of measurement; NaN where these are not known, or too large."""
        corrected = self._corrected_correlation
        return nan if corrected is None else float(r_squared(corrected))

    @property
    def against_correlation(self) -> list[str]:
        """Predictors whose slope and correlation have opposite signs: their shares are hard to read."""
        turned = self.summary.filter(pl.col("slope") * pl.col("correlation") < 0)
        return turned.filter(pl.col("slope").abs() > 0.02)["predictor"].to_list()

    @cached_property
    def _corrected_correlation(self) -> Floats | None:
        if self.reliability is None:
            return None
        return disattenuated(self.correlation, np.broadcast_to(self.reliability, (self._p,)).astype(float))

    @property
    def _p(self) -> int:
        return len(self.design.predictors)

    @cached_property
    def _rows(self) -> Floats:
        design = self.design
        return np.column_stack(
            [products(np.column_stack([design.x, design.scores])), design.good, design.known]
        )

    @cached_property
    def _draws(self) -> tuple[Floats, Floats, Floats]:
        """Parts of R², shares and performances over the resamples; each (resamples, p)."""
        p = self._p
        sums = resampled_sums(self._rows, self.design.cluster, RESAMPLES, seed=0)
        parts = shares_of_r2(correlations(sums[:, : -2 * p], p + 1))
        whole = parts.sum(axis=1, keepdims=True)
        shares = np.divide(parts, whole, out=np.full_like(parts, 1 / p), where=whole > 0)
        return parts, shares, _performance(sums[:, -2 * p : -p], sums[:, -p:])

    def _odds(self) -> dict[str, Any]:
        fit, nothing = self.ordinal, [None] * self._p
        if fit is None:
            return {"odds": nothing, "odds_low": nothing, "odds_high": nothing}
        reach = z_value(0.95) * fit.errors
        ends = {"odds": fit.slopes, "odds_low": fit.slopes - reach, "odds_high": fit.slopes + reach}
        return {name: [exp(value) for value in values] for name, values in ends.items()}


def _performance(good: Floats, known: Floats) -> Floats:
    """Return the share that went well; a half where a resample has nobody to ask."""
    return np.divide(good, known, out=np.full_like(good, 0.5), where=known > 0)


def _side(value: Floats, draws: Floats, cut: float, centre: float | None = None) -> tuple[Any, Any]:
    """Return which lie above the cut (or ``centre``), and for which the interval of the draws says so."""
    low, high = percentile_interval(draws)
    above = value > (cut if centre is None else centre)
    return above, np.where(above, low > cut, high < cut)


_SUMMARY = {
    "predictor": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(
        (
            *("share", "low", "high", "part", "part_low", "part_high", "corrected", "correlation", "slope"),
            *("odds", "odds_low", "odds_high", "performance", "performance_low", "performance_high"),
        ),
        pl.Float64,
    ),
    "quadrant": pl.String,
    "sure": pl.Boolean,
}
