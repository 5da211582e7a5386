"""BG/NBD: customers buy at random and may leave after each repeat purchase.

Fader, Hardie & Lee 2005, "'Counting your customers' the easy way", Marketing Science 24:275–284.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.beta_geometric_model import BetaGeometricModel
from crmlab_plugins.lifetime.cnbd import ErlangProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGE = 30.0
"""With a larger ``r`` or ``a``, customers are nearly alike, and the closed form loses its digits ..."""

RARE = 1e4
"""... as it does with a larger ``b``, where hardly anybody leaves."""

NEAR = 0.1
"""So near to 0, (F − 1)/v cancels, and it is interpolated from values around."""

NODES = 12
"""Chebyshev nodes of the interpolation; its error is below that of the values."""


class BgNbd(ErlangProcess):
    """The BG/NBD process; its expectations are Gauss hypergeometric functions."""

    def purchases_of_present(
        self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats
    ) -> Floats:
        """Return the purchases to expect within ``t`` of customers who are there; see the base class.

        Eq. 10 of the paper, through Euler's transformation and with F = 1 + (a − 1) G, so that nothing is
        divided by a − 1.
        """
        import numpy as np

        r, _, a, b = self.values
        if max(r, a) > LARGE or b > RARE:
            return super().purchases_of_present(shape, rate, stays, phase, t)
        c = a + b + stays - 1
        z, log_share = t / (rate + t), -np.log1p(t / rate)
        e = a - 1
        lasting = np.expm1(e * log_share) / e if e else log_share
        result: Floats = -c * (lasting + np.exp(e * log_share) * excess(c - shape, e, c, z))
        return result

    def still_there(self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats) -> Floats:
        """Return the probability that customers who are there still are after ``t``."""
        import numpy as np

        r, _, a, b = self.values
        if max(r, a) > LARGE or b > RARE:
            return super().still_there(shape, rate, stays, phase, t)
        c = a + b + stays
        result: Floats = np.exp(-a * np.log1p(t / rate)) * (1 + a * excess(c - shape, a, c, t / (rate + t)))
        return result


def excess(u: Floats, v: float, c: Floats, z: Floats) -> Floats:
    """Return (2F1(u, v; c; z) − 1) / v for 0 ≤ z < 1, whose limit it is at v = 0."""
    import numpy as np
    from scipy.special import hyp2f1

    if abs(v) > NEAR:
        result: Floats = (hyp2f1(u, v, c, z) - 1) / v
        return result
    nodes = NEAR * np.cos((np.arange(NODES) + 0.5) * np.pi / NODES)
    total = np.zeros(np.broadcast_shapes(np.shape(u), np.shape(c), np.shape(z)))
    for at, node in enumerate(nodes):
        others = np.delete(nodes, at)
        total += float(np.prod((v - others) / (node - others))) / node * (hyp2f1(u, node, c, z) - 1)
    return total


class BgNbdModel(BetaGeometricModel):
    """BG/NBD: customers buy at random and may leave after each repeat purchase.

    ``covariates`` are feature columns or attributes of customers that were known from the start.
    """

    title: ClassVar[Text] = Text("BG/NBD 模型", "BG/NBD")
    shifts: ClassVar[Mapping[str, int]] = {"alpha": -1, "a": 1, "b": 1}

    covariates: list[str] = field(default_factory=list)

    def covariate_names(self) -> Sequence[str]:
        """Return the parameter ``covariates``."""
        return self.covariates

    def process(self) -> type[BgNbd]:
        """Return BG/NBD."""
        return BgNbd
