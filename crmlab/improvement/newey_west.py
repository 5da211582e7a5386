"""Standard errors of a regression on a series whose errors depend on those before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def newey_west(design: Floats, residuals: Floats, bandwidth: int | None = None) -> Floats:
    """Return the covariance (k × k) of the coefficients of least squares, robust to autocorrelation.

    Bartlett weights (Newey & West 1987, Econometrica 55:703–708); the lag is chosen by the data (Newey & West
    1994, Review of Economic Studies 61:631–653) unless ``bandwidth`` is given; scaled by n / (n − k) for
    small samples. ``design`` is n × k; periods follow each other at equal distances, and one without data has
    a row of zeros, which is the estimator of Datta & Du (2012, "Nonparametric HAC estimation for time series
    data with missing observations") for gaps. On series of a year or two these errors are too small, the more
    so where a trend is drawn beyond the data: they are shown for comparison.
    """
    import numpy as np

    n = int(np.count_nonzero(np.any(design != 0, axis=1)))
    k = design.shape[1]
    scores = design * residuals[:, None]
    lags = _automatic(scores) if bandwidth is None else bandwidth
    middle = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        product = scores[lag:].T @ scores[:-lag]
        middle += (1 - lag / (lags + 1)) * (product + product.T)
    bread = np.linalg.pinv(design.T @ design)
    covariance: Floats = bread @ middle @ bread * (n / max(n - k, 1))
    return covariance


def _automatic(scores: Floats) -> int:
    """Return the lag of Newey & West (1994) for Bartlett weights, by the sum of the scores."""
    import numpy as np

    n = len(scores)
    total = scores[:, 1:].sum(axis=1) if scores.shape[1] > 1 else scores[:, 0]
    first = int(4 * (n / 100) ** (2 / 9))
    covariances = [float(total[lag:] @ total[: n - lag]) / n for lag in range(first + 1)]
    level = covariances[0] + 2 * sum(covariances[1:])
    slope = 2 * sum(lag * value for lag, value in enumerate(covariances))
    if level <= 0:
        return first
    return min(int(1.1447 * ((slope / level) ** 2 * n) ** (1 / 3)), int(np.sqrt(n)) * 2)
