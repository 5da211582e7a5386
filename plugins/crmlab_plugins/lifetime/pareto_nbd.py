"""Pareto/NBD as a registered model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.base import BuyTillYouDie
from crmlab_plugins.lifetime.nbd import gamma_density
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

YEAR = 365


class ParetoNbdModel(BuyTillYouDie):
    """Pareto/NBD: customers buy at random and may leave at any time, also between purchases.

    ``covariates`` are feature columns or attributes of customers that were known from the start; they
    multiply the rates of purchase and of leaving (Fader & Hardie 2007, "Incorporating time-invariant
    covariates into the Pareto/NBD and BG/NBD models").
    """

    title: ClassVar[Text] = Text("Pareto/NBD 模型", "Pareto/NBD")
    shifts: ClassVar[Mapping[str, int]] = {"alpha": -1, "beta": -1}

    covariates: list[str] = field(default_factory=list)

    def covariate_names(self) -> Sequence[str]:
        """Return the parameter ``covariates``."""
        return self.covariates

    def process(self) -> type[ParetoNbdProcess]:
        """Return Pareto/NBD."""
        return ParetoNbdProcess

    def discounted_residual_purchases(self, features: pl.DataFrame, annual_discount: float) -> Floats:
        """Return the purchases to expect of each customer without end, discounted to the as-of day (DERT).

        ``annual_discount`` 0.1 is 10 % a year. Shape (customers,), NaN where the history is unknown. Raises
        ValueError unless the discount is positive: without one, the sum may have no end.
        """
        import numpy as np

        result = np.full(features.height, np.nan)
        for process, rows, history in self.groups(features):
            result[rows] = process.discounted_residual_purchases(*history, np.log1p(annual_discount) / YEAR)
        return result

    def _densities(self, process: Any) -> dict[str, tuple[Floats, Floats]]:
        r, alpha, s, beta = process.values
        return {"purchases_per_week": gamma_density(r, alpha), "dropout": gamma_density(s, beta)}
