"""How sure lifetime values are: intervals per customer, and of what all of them will bring in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmlab.intervals import z_value
from crmlab_plugins.lifetime.fitting import Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP = 1e-4
SIMULATED = 5_000
"""Of more customers, so many stand for all in the simulation of chance."""
REPEATS = 40
"""How often the future of each is simulated."""


class Total(NamedTuple):
    """What ``customers`` are expected to bring in, and the ends of its interval.

    ``low`` and ``high`` hold the true total as often as the confidence says: parameters are uncertain, and
    customers do as they please. ``parameter_share`` is the share of the variance that is due to the former.
    """

    value: float
    low: float
    high: float
    customers: int
    parameter_share: float


@dataclass(frozen=True)
class Slopes:
    """Derivatives of the log of each customer's value by some parameters, and the covariance of these.

    ``slopes`` has shape (parameters, customers).
    """

    slopes: Floats
    covariance: Floats

    def variance(self) -> Floats:
        """Return the variance of the log of each customer's value."""
        return np.asarray(np.einsum("in,ij,jn->n", self.slopes, self.covariance, self.slopes))

    def variance_of_total(self, values: Floats) -> float:
        """Return the variance of the sum of ``values``."""
        of_sum = self.slopes @ values
        return float(of_sum @ self.covariance @ of_sum)


def slopes_of_purchases(fitted: Any, values_with: Callable[[Any], Floats]) -> Slopes:
    """Return the derivatives by what was estimated of purchases, by central differences.

    ``fitted`` is a fit with or without covariates, ``values_with`` the purchases to expect when what it is
    given was estimated.
    """
    if isinstance(fitted, Fit):
        at, covariance = np.log(fitted.process.values), fitted.log_covariance
        make: Callable[[Floats], Any] = fitted.with_logs
    else:
        at, covariance = np.array(fitted.estimate), np.array(fitted.covariance)
        make = _same
    rows = []
    for place in range(at.size):
        step = np.zeros(at.size)
        step[place] = STEP
        up, down = values_with(make(at + step)), values_with(make(at - step))
        known = (up > 0) & (down > 0)
        rows.append(
            np.where(known, np.log(np.where(known, up / np.where(known, down, 1), 1)), 0) / (2 * STEP)
        )
    return Slopes(np.stack(rows), covariance)


def interval(values: Floats, variance: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of ``values``, given the variance of their logs."""
    factor = np.exp(z_value(confidence) * np.sqrt(np.maximum(variance, 0)))
    return values / factor, values * factor


def total(values: Floats, of_parameters: float, of_chance: float, confidence: float = 0.95) -> Total:
    """Return the sum of ``values`` with the interval of a log-normal of that mean and variance.

    ``of_parameters`` and ``of_chance`` are the two parts of the variance of the sum.
    """
    value, variance = float(values.sum()), of_parameters + of_chance
    if value <= 0:
        return Total(value, value, value, values.size, 0.0)
    deviation = float(np.sqrt(np.log1p(variance / value**2)))
    centre, reach = value * float(np.exp(-(deviation**2) / 2)), z_value(confidence) * deviation
    share = of_parameters / variance if variance > 0 else 0.0
    return Total(value, centre * float(np.exp(-reach)), centre * float(np.exp(reach)), values.size, share)


def evenly(customers: int) -> NDArray[np.int64]:
    """Return which customers stand for all: every n-th, so that every run takes the same."""
    if customers <= SIMULATED:
        return np.arange(customers)
    return np.asarray(np.linspace(0, customers - 1, SIMULATED).round().astype(np.int64))


def _same(estimate: Floats) -> Floats:
    return estimate
