"""How a regression's R² divides among its predictors, from correlations alone.

Exact: the average increase of R² over all orders in which predictors may enter (Lindeman, Merenda & Gold
1980, "Introduction to Bivariate and Multivariate Analysis", p. 119 ff.; the Shapley value of R²; Grömping
2006, Journal of Statistical Software 17(1), calls it LMG). For many predictors: relative weights
(Johnson 2000, Multivariate Behavioral Research 35:1–19), which come within about .01 of it.
"""

from __future__ import annotations

from functools import cache
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["lmg", "relative_weights"]

MOST_EXACT = 16
"""Up to so many predictors all 2^p subsets are gone through."""

_SMALLEST = 1e-9
"""What is left of a predictor's variance, given others, below which it adds nothing of its own."""
_AT_ONCE = 200_000
"""Subsets whose R² are worked out at once: what fits into the cache."""


def method_for(predictors: int) -> Method:
    """Return the method for so many predictors: the exact one as long as it can be had."""
    return "lmg" if predictors <= MOST_EXACT else "relative_weights"


def shares_of_r2(correlation: Floats) -> Floats:
    """Return each predictor's part of R²; the parts sum to R².

    ``correlation`` has shape (…, p + 1, p + 1), the outcome last; the result (…, p). Exact for up to
    :data:`MOST_EXACT` predictors, relative weights above. A predictor without variance has 0 as
    its correlations. Raises ValueError for another shape.
    """
    if correlation.ndim < 2 or correlation.shape[-1] != correlation.shape[-2] or correlation.shape[-1] < 2:
        raise ValueError(
            f"correlation has the shape {correlation.shape}; it must be (…, p + 1, p + 1), the outcome last."
        )
    predictors = correlation.shape[-1] - 1
    return lmg(correlation) if method_for(predictors) == "lmg" else relative_weights(correlation)


def lmg(correlation: Floats) -> Floats:
    """Return the exact shares; shape (…, p + 1, p + 1) → (…, p), the outcome last.

    The R² of all subsets come from one sweep over the predictors: at each, every matrix so far is kept
    without it and once more given it, so that the work grows as 2^p and not as p² 2^p.
    """
    predictors = correlation.shape[-1] - 1
    stacked = correlation.reshape(-1, predictors + 1, predictors + 1)
    step = max(1, _AT_ONCE >> predictors)
    parts = [
        _r2_of_subsets(stacked[first : first + step]) @ _weights(predictors)
        for first in range(0, len(stacked), step)
    ]
    return np.concatenate(parts).reshape(*correlation.shape[:-2], predictors)


def relative_weights(correlation: Floats) -> Floats:
    """Return Johnson's relative weights; shape (…, p + 1, p + 1) → (…, p), the outcome last.

    The outcome is regressed on the orthogonal variables nearest to the predictors, and what these explain is
    divided by how much of each goes with every predictor.
    """
    within, outcome = correlation[..., :-1, :-1], correlation[..., :-1, -1]
    values, vectors = np.linalg.eigh(within)
    roots = np.sqrt(np.clip(values, 0.0, None))
    inverse = np.divide(1.0, roots, out=np.zeros_like(roots), where=values > _SMALLEST)
    back = np.swapaxes(vectors, -1, -2)
    links = (vectors * roots[..., None, :]) @ back
    slopes = ((vectors * inverse[..., None, :]) @ back @ outcome[..., None])[..., 0]
    result: Floats = np.einsum("...jk,...k->...j", links**2, slopes**2)
    return result


def r_squared(correlation: Floats) -> Floats:
    """Return the R² with all predictors; shape (…, p + 1, p + 1) → (…)."""
    within, outcome = correlation[..., :-1, :-1], correlation[..., :-1, -1]
    slopes = np.linalg.pinv(within, rcond=_SMALLEST, hermitian=True) @ outcome[..., None]
    result: Floats = np.einsum("...j,...j->...", outcome, slopes[..., 0])
    return result


def standardised_slopes(correlation: Floats) -> Floats:
    """Return the standardised coefficients with all predictors; shape (…, p + 1, p + 1) → (…, p)."""
    within, outcome = correlation[..., :-1, :-1], correlation[..., :-1, -1]
    slopes = np.linalg.pinv(within, rcond=_SMALLEST, hermitian=True) @ outcome[..., None]
    result: Floats = slopes[..., 0]
    return result


def disattenuated(correlation: Floats, reliability: Floats) -> Floats | None:
    """Return the correlations as they were if predictors had no error of measurement (Spearman 1904).

    ``correlation`` has shape (p + 1, p + 1), the outcome last and taken as it is; ``reliability`` (p,) is the
    share of each predictor's variance that is no error, errors being independent. American Journal of
    Psychology 15:72–101. None where no true variables could have these correlations: the reliabilities are
    too low for them.
    """
    scale = np.append(1 / np.sqrt(reliability), 1.0)
    corrected = correlation * np.outer(scale, scale)
    np.fill_diagonal(corrected, 1.0)
    return corrected if float(np.linalg.eigvalsh(corrected)[0]) > 0 else None


def _r2_of_subsets(correlation: Floats) -> Floats:
    """Return the R² of all subsets; (n, p + 1, p + 1) → (n, 2^p), bit p − 1 − j of the place is predictor j.

    The matrices stay symmetric, so only a row is needed to condition on the predictor that it is of.
    """
    left = correlation[:, None, :, :]
    for _ in range(correlation.shape[-1] - 1):
        first, rest = left[..., 0, :], left[..., 1:, 1:]
        own = first[..., :1]
        slopes = np.divide(first[..., 1:], own, out=np.zeros_like(first[..., 1:]), where=own > _SMALLEST)
        given = rest - first[..., 1:, None] * slopes[..., None, :]
        left = np.stack([rest, given], axis=2).reshape(len(left), -1, *rest.shape[-2:])
    return 1.0 - left[..., 0, 0]


@cache
def _weights(predictors: int) -> Floats:
    """Return what the R² of each subset counts for in each share; (2^p, p)."""
    places = np.arange(1 << predictors)
    inside = (places[:, None] >> np.arange(predictors)[::-1]) & 1
    size = inside.sum(axis=1)
    enters = [0.0] + [1 / (predictors * comb(predictors - 1, k - 1)) for k in range(1, predictors + 1)]
    stays = [1 / (predictors * comb(predictors - 1, k)) for k in range(predictors)] + [0.0]
    return np.where(inside, np.array(enters)[size, None], -np.array(stays)[size, None])
