"""Sums of ln Γ(z + x) − ln Γ(z) over customers, with derivatives, for whole numbers x.

The difference is Σ ln(z + j) over j < x; over all customers, each ``j`` counts as often as there are
customers with a larger ``x``. Neither overflow nor cancellation, however large ``x`` or ``z``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def customers_above(x: Floats, weights: Floats) -> Floats:
    """Return how many customers have an ``x`` above 0, 1, …; as long as the greatest ``x``."""
    import numpy as np

    counts = np.bincount(x.astype(np.int64), weights)
    return np.cumsum(counts[::-1])[::-1][1:].astype(np.float64)


def log_rising(above: Floats, z: float) -> tuple[float, float, float]:
    """Return Σ [ln Γ(z + x) − ln Γ(z)] over customers and its first two derivatives in ``z``."""
    import numpy as np

    terms = z + np.arange(above.size)
    share = above / terms
    return float(above @ np.log(terms)), float(share.sum()), -float((share / terms).sum())
