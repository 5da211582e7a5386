"""What a model of purchases offers beside its scores, so that the value report can judge it and compare.

A protocol: a model offers it by having these members, whatever it derives from. Times are days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from crmlab.labels import Text

    Floats = NDArray[np.float64]


@runtime_checkable
class TellsPurchases(Protocol):
    """Says how often customers buy and when they leave; fitted as of a day.

    A purchase is a day with a paid order; purchases after the first are repeats.
    """

    def expected_purchases(self, features: pl.DataFrame, days: Sequence[float]) -> Floats:
        """Return the purchases to expect within each number of days after the as-of day.

        Shape (len(days), customers), NaN for customers without a purchase.
        """
        ...

    def probability_alive(self, features: pl.DataFrame, after_days: float = 0) -> Floats:
        """Return the probability that each customer is one ``after_days`` from the as-of day."""
        ...

    def probability_of_purchase(self, features: pl.DataFrame, days: float) -> Floats:
        """Return the probability that each customer buys within ``days``, NaN if unknown."""
        ...

    def expected_of_new(self, days: Floats) -> Floats:
        """Return the repeats to expect of a new customer within ``days`` after the first purchase."""
        ...

    def count_probabilities(self, days: Floats, most: int) -> Floats:
        """Return the probabilities of 0 … ``most`` repeats within ``days``; shape (len(days), most + 1)."""
        ...

    def draw_totals(self, features: pl.DataFrame, days: float, draws: int, seed: int) -> Floats:
        """Return ``draws`` simulated totals of all customers' purchases within ``days``.

        Each draws the parameters from their own uncertainty and then what customers do: quantiles of the
        totals are a prediction interval.
        """
        ...

    def parameter_table(self) -> pl.DataFrame:
        """Return ``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %), times in weeks."""
        ...

    def heterogeneity(self) -> pl.DataFrame:
        """Return how customers differ: the densities of their rates.

        ``kind`` (``purchases_per_week`` or ``dropout``), ``value``, ``density``.
        """
        ...

    def verdicts(self) -> list[Text]:
        """Return what the fit warns of, such as a dropout that the data does not identify; empty if fine."""
        ...

    @property
    def fit_measures(self) -> dict[str, float]:
        """``log_likelihood`` (times in weeks), ``parameters`` (how many), ``customers``, ``aic``, ``bic``."""
        ...
