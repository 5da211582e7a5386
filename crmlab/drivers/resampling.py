"""Bootstrap of everything that rests on sums of products: correlations, shares of R², means.

A resample is a number of times that each respondent is drawn (Efron & Tibshirani 1993, "An Introduction to
the Bootstrap", ch. 13), and its sums are those numbers times the respondents' own: one product of
matrices for all resamples, and no copy of the data. A text mentions few of the aspects that there are,
so zeros are left out of that product. Where customers answered several times, customers
are drawn, with all their answers (cluster bootstrap: Davison & Hinkley 1997, section 3.8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RESAMPLES = 1000
_ROOM = 2_000_000
"""Numbers of one block of drawings: 16 MB."""
_SPARSE = 0.25
"""With a smaller share of numbers other than 0 it is quicker to go through these alone."""


def resampled_sums(rows: Floats, cluster: Ints | None, resamples: int, seed: int) -> Floats:
    """Return the sums of ``rows`` (n, k) over resamples of whole clusters; shape (resamples, k).

    ``cluster`` (n,) numbers whose row each is, from 0; None: each its own.
    """
    from scipy.sparse import csr_array

    if cluster is not None:
        whose = np.zeros((int(cluster.max()) + 1, rows.shape[1]))
        np.add.at(whose, cluster, rows)
        rows = whose
    drawings = _drawings(len(rows), resamples, seed)
    if np.count_nonzero(rows) >= _SPARSE * rows.size:
        return np.concatenate([drawn @ rows for drawn in drawings])
    columns = csr_array(rows.T)
    return np.concatenate([(columns @ drawn.T).T for drawn in drawings])


def products(values: Floats) -> Floats:
    """Return 1, the columns, and their products two by two, of each row; (n, m) → (n, 1 + m + m(m+1)/2)."""
    first, second = np.triu_indices(values.shape[1])
    return np.column_stack([np.ones(len(values)), values, values[:, first] * values[:, second]])


def correlations(sums: Floats, columns: int) -> Floats:
    """Return the correlation matrices of sums of :func:`products`; (…, k) → (…, columns, columns).

    A column that does not vary correlates with nothing: 0, and 1 with itself.
    """
    first, second = np.triu_indices(columns)
    n = sums[..., :1]
    mean = sums[..., 1 : columns + 1] / n
    covariance = np.zeros((*sums.shape[:-1], columns, columns))
    covariance[..., first, second] = sums[..., columns + 1 :] / n - mean[..., first] * mean[..., second]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    # What rounding leaves of the variance of a constant is none.
    varies = variance > 1e-12 * np.maximum(mean**2, 1e-12)
    spread = np.sqrt(np.where(varies, variance, 1.0))
    scaled = covariance / (spread[..., :, None] * spread[..., None, :])
    scaled = np.where(varies[..., :, None] & varies[..., None, :], scaled, 0.0)
    upper = np.triu(scaled, 1)
    result: Floats = upper + np.swapaxes(upper, -1, -2) + np.eye(columns)
    return result


def percentile_interval(draws: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends between which the middle ``confidence`` of the draws lie; (resamples, k) → (k,), (k,).

    Draws that are NaN are left out. For shares of R² the percentiles cover as they say; corrected for bias
    (Efron 1987) they miss small shares from above one time in four, as a share cannot fall below 0.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return low, high


def _drawings(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of ``n`` is drawn, for some resamples at a time."""
    rng = np.random.default_rng(seed)
    step = max(1, _ROOM // n)
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        drawn = rng.integers(0, n, size=(size, n), dtype=np.int32)
        # One resample at a time stays in the cache.
        yield np.array([np.bincount(each, minlength=n) for each in drawn], dtype=np.float64)
