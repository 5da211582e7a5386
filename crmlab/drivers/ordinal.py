"""Ordinal logistic regression: how the odds of a higher score change with each predictor.

The model of proportional odds: logit P(score ≤ k) = threshold_k − x·slopes (McCullagh 1980, JRSS B
42:109–142). Its log-likelihood is concave (Pratt 1981, JASA 76:103–106), so Newton's steps, shortened
where they overshoot, end at its maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from crmlab.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_STEPS = 60
_CLOSE = 1e-8
"""Largest gradient per observation at which the maximum is found."""
_SHORTEST = 1e-6
_LARGEST = 15.0
"""A slope per standard deviation beyond it says that the predictor tells scores apart without error."""


@dataclass(frozen=True, eq=False)
class OrdinalFit:
    """A fitted model: ``slopes`` (p,) and ``errors`` (p,), their standard errors; ``thresholds`` (k − 1,).

    ``log_likelihood`` beside that without predictors (``null``); ``n`` observations. A slope is the change
    of the log-odds of a higher score per unit of the predictor.
    """

    slopes: Floats
    errors: Floats
    thresholds: Floats
    log_likelihood: float
    null: float
    n: int

    @property
    def pseudo_r2(self) -> float:
        """One minus the ratio of both log-likelihoods (McFadden 1974)."""
        return 1 - self.log_likelihood / self.null


def fit_ordinal(x: Floats, scores: Floats, cluster: Ints | None = None) -> OrdinalFit:
    """Fit the proportional-odds model; ``x`` (n, p), ``scores`` (n,) in any ordered numbers.

    Standard errors come from the information matrix; with ``cluster`` (n,), numbered from 0, they hold
    for answers of one customer that are alike (sandwich; Liang & Zeger 1986, Biometrika 73:13–22). Raises
    DataError for fewer than two distinct scores, and where the maximum is at infinity: a predictor
    that tells scores apart without error, or one that others determine.
    """
    levels, place = np.unique(scores, return_inverse=True)
    if len(levels) < 2:
        raise DataError("All scores are the same; a regression needs at least two different ones.")
    if len(x) <= x.shape[1] + len(levels):
        raise DataError(
            f"{len(x)} respondents are too few for {x.shape[1]} predictors and {len(levels)} scores."
        )
    spread = x.std(axis=0)
    if not spread.all():
        raise DataError("A predictor is the same for everybody; leave it out.")
    middle = x.mean(axis=0)
    model = _Likelihood((x - middle) / spread, place, len(levels))
    beta = model.maximum()
    cuts = len(levels) - 1
    if np.abs(beta[cuts:]).max(initial=0.0) > _LARGEST:
        raise DataError("A predictor tells the scores apart without error; odds cannot be estimated.")
    _, score, information = model.at(beta)
    covariance = _inverse(information)
    if cluster is not None:
        own = np.zeros((int(cluster.max()) + 1, score.shape[1]))
        np.add.at(own, cluster, score)
        covariance = covariance @ (own.T @ own) @ covariance * len(own) / (len(own) - 1)
    slopes = beta[cuts:] / spread
    null = float(sum(n * np.log(n / len(x)) for n in np.bincount(place)))
    return OrdinalFit(
        slopes,
        np.sqrt(np.diag(covariance)[cuts:]) / spread,
        beta[:cuts] + middle @ slopes,
        model.value(beta),
        null,
        len(x),
    )


def proportional_odds_p(x: Floats, scores: Floats) -> float:
    """Return how likely slopes that differ so much between the cuts of the scale are by chance.

    Brant's Wald test (1990, Biometrics 46:1171–1178): one logistic regression per cut, compared. Cuts with
    fewer than 5 observations per predictor on either side are left out; NaN where fewer than
    two remain, or one of the regressions has no maximum. In large samples differences of no consequence are
    found as well.
    """
    from scipy.special import chdtrc

    levels = np.unique(scores)
    least = 5 * (x.shape[1] + 1)
    cuts = [cut for cut in levels[:-1] if least <= int((scores > cut).sum()) <= len(scores) - least]
    if len(cuts) < 2:
        return nan
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
    slopes, chances, inverses = [], [], []
    for cut in cuts:
        try:
            fit = fit_ordinal(x, (scores > cut).astype(np.float64))
        except DataError:
            return nan
        scaled = fit.slopes * x.std(axis=0)
        chance = 1 / (1 + np.exp(fit.thresholds[0] - x @ fit.slopes))
        slopes.append(scaled)
        chances.append(chance)
        inverses.append(_inverse((design * (chance * (1 - chance))[:, None]).T @ design))
    p = x.shape[1]
    covariance = np.zeros((len(cuts) * p, len(cuts) * p))
    for one in range(len(cuts)):
        for other in range(one, len(cuts)):
            joint = chances[other] * (1 - chances[one])  # of scores above both cuts, less their product
            middle = (design * joint[:, None]).T @ design
            block = (inverses[one] @ middle @ inverses[other])[1:, 1:]
            covariance[one * p : (one + 1) * p, other * p : (other + 1) * p] = block
            covariance[other * p : (other + 1) * p, one * p : (one + 1) * p] = block.T
    contrast = np.kron(np.column_stack([-np.ones(len(cuts) - 1), np.eye(len(cuts) - 1)]), np.eye(p))
    apart = contrast @ np.concatenate(slopes)
    statistic = float(apart @ _inverse(contrast @ covariance @ contrast.T) @ apart)
    return float(chdtrc(len(apart), max(statistic, 0.0)))


class _Likelihood:
    """The log-likelihood of thresholds and slopes, with its gradient and information."""

    def __init__(self, x: Floats, place: Ints, levels: int) -> None:
        """Take standardised predictors and each observation's level, from 0."""
        self.place, self.levels = place, levels
        eye = np.eye(levels - 1)
        none = np.zeros((1, levels - 1))
        # The upper end of each score's range is its own threshold, the lower one that of the score before.
        self.upper = np.column_stack([np.vstack([eye, none])[place], -x])
        self.lower = np.column_stack([np.vstack([none, eye])[place], -x])

    def maximum(self) -> Floats:
        """Return thresholds and slopes at the maximum; raise DataError where there is none."""
        shares = np.cumsum(np.bincount(self.place, minlength=self.levels))[:-1] / len(self.place)
        beta = np.concatenate([np.log(shares / (1 - shares)), np.zeros(self.upper.shape[1] - len(shares))])
        value, score, information = self.at(beta)
        for _ in range(_STEPS):
            gradient = score.sum(axis=0)
            if np.abs(gradient).max() <= _CLOSE * len(self.place):
                return beta
            step = _inverse(information) @ gradient
            length = 1.0
            while self.value(beta + length * step) < value - 1e-9 * abs(value) and length > _SHORTEST:
                length /= 2
            if length <= _SHORTEST:
                break
            beta = beta + length * step
            value, score, information = self.at(beta)
        raise DataError("The odds cannot be estimated: predictors tell scores apart without error.")

    def value(self, beta: Floats) -> float:
        """Return the log-likelihood; minus infinity where thresholds are not in order."""
        if (np.diff(beta[: self.levels - 1]) <= 0).any():
            return -np.inf
        return float(np.log(np.maximum(self._chances(beta)[2], 1e-300)).sum())

    def at(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Return the log-likelihood, the score of each observation, and the observed information."""
        above, below, chance = self._chances(beta)
        chance = np.maximum(chance, 1e-300)
        slope_above, slope_below = above * (1 - above), below * (1 - below)
        to_upper, to_lower = slope_above / chance, -slope_below / chance
        score = to_upper[:, None] * self.upper + to_lower[:, None] * self.lower
        bend_upper = to_upper * (1 - 2 * above) - to_upper**2
        bend_lower = to_lower * (1 - 2 * below) - to_lower**2
        both = self.upper.T @ ((-to_upper * to_lower)[:, None] * self.lower)
        information = -(
            self.upper.T @ (bend_upper[:, None] * self.upper)
            + self.lower.T @ (bend_lower[:, None] * self.lower)
            + both
            + both.T
        )
        return float(np.log(chance).sum()), score, information

    def _chances(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return P(score ≤ own), P(score < own), and their difference."""
        above = np.where(self.place == self.levels - 1, 1.0, _logistic(self.upper @ beta))
        below = np.where(self.place == 0, 0.0, _logistic(self.lower @ beta))
        return above, below, above - below


def _logistic(value: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(value, -500, 500)))
    return result


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of an information or covariance matrix; raise DataError where it has none."""
    if np.linalg.cond(matrix) > 1e12:
        raise DataError("Predictors determine each other: leave one of them out.")
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
