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
        """Return the uplift of half of the customers, learned from the others; NaN for those.

        ``customers`` is like ``Experiment.learnable``. Halves are drawn by customer, so that nobody is
        judged by what they taught. All NaN where there is too little to learn from.
        """
        ...
