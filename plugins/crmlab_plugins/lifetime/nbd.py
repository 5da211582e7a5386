"""NBD as a registered model: the baseline of the models with dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.base import BuyTillYouDie
from crmlab_plugins.lifetime.nbd_process import NbdProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POINTS = 200


class NbdModel(BuyTillYouDie):
    """NBD: customers buy at random at rates of their own and never leave.

    The probability of being alive is 1 throughout. What the other models tell beyond it is what dropout
    explains.
    """

    title: ClassVar[Text] = Text("NBD（不考虑流失）", "NBD (nobody leaves)")

    def process(self) -> type[NbdProcess]:
        """Return NBD."""
        return NbdProcess

    def definition(self) -> Text:
        """Return what the scores mean, and that nobody leaves."""
        about = super().definition()
        return Text(
            f"{about.zh}该模型假定客户不会流失，存活概率恒为 1，仅作对照。",
            f"{about.en} The model lets nobody leave, so that the probability of being alive is 1: it is "
            "there to compare with.",
        )

    def _densities(self, process: Any) -> dict[str, tuple[Floats, Floats]]:
        return {"purchases_per_week": gamma_density(*process.values)}


def gamma_density(shape: float, rate: float) -> tuple[Floats, Floats]:
    """Return values up to the 99th percentile of a gamma distribution, and its density there."""
    import numpy as np
    from scipy.special import gammaincinv, gammaln

    # From the middle of the first of equal steps: the density may be infinite at 0.
    values = gammaincinv(shape, 0.99) / rate * (np.arange(POINTS) + 0.5) / POINTS
    logs = shape * np.log(rate) - gammaln(shape) + (shape - 1) * np.log(values) - rate * values
    return values, np.exp(logs)
