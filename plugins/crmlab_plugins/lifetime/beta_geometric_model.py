"""What the registered models of the BG/NBD family share: how customers differ, as densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmlab_plugins.lifetime.base import BuyTillYouDie

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POINTS = 200


class BetaGeometricModel(BuyTillYouDie):
    """A registered model whose process is beta-geometric."""

    def _densities(self, process: Any) -> dict[str, tuple[Floats, Floats]]:
        """Return the gamma density of purchases per week and the beta density of leaving at a purchase."""
        import numpy as np
        from scipy.stats import beta, gamma

        r, alpha, a, b = process.values
        rates = gamma(r, scale=1 / (alpha * process.k))
        leaves = beta(a, b)
        # From the middle of the first of equal steps: a density may be infinite at its ends.
        middles = (np.arange(POINTS) + 0.5) / POINTS
        weekly, shares = middles * rates.ppf(0.99), middles
        return {
            "purchases_per_week": (weekly, rates.pdf(weekly)),
            "dropout": (shares, leaves.pdf(shares)),
        }
