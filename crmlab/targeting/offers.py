"""What a model of uplift offers beside its score, so that a report can judge it on customers held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@runtime_checkable
class TellsUplift(Protocol):
    """Says for a customer by how much a contact raises the probability to buy."""

    def held_out_uplift(self, customers: pl.DataFrame, seed: int = 0) -> NDArray[np.float64]:
        """Return the uplift of each row, learned from other customers; NaN where that cannot be done.

        ``customers`` is like ``Experiment.customers``, randomised, with the history before each contact
        beside it. Halves are drawn by customer, so that nobody is judged by what they taught.
        """
        ...
