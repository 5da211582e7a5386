"""Gamma-Gamma: how much customers spend per purchase (Fader & Hardie 2013, note 025; Colombo & Jiang 1999).

The amounts of one customer follow a gamma distribution with shape p and rate ν; ν differs between
customers by a gamma distribution with shape q and rate v. What a customer spends is taken to be unrelated
to how often. The expected average of a customer with x purchases of average m is a weighted mean of m and
of everybody's mean p·v / (q − 1), which exists for q > 1 alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmlab_plugins.lifetime.blocks import by_blocks
from crmlab_plugins.lifetime.maximise import Maximum, maximise
from crmlab_plugins.lifetime.parametric import Parametric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]


class GammaGamma(Parametric):
    """The distribution with given parameters, in arrays; immutable.

    ``x`` are purchases and ``m`` their average amount, of one shape. Where ``x`` is 0, ``m`` is not read.
    """

    names: ClassVar[tuple[str, ...]] = ("p", "q", "v")

    @property
    def has_mean(self) -> bool:
        """Whether the mean of the population exists."""
        return self.parameters["q"] > 1

    @property
    def mean(self) -> float:
        """The mean of the population, NaN where it does not exist."""
        p, q, v = self.values
        return float(p * v / (q - 1)) if q > 1 else float("nan")

    def log_likelihood(self, x: Floats, m: Floats) -> Floats:
        """Return the log-likelihood of each average; ``x`` and ``m`` are above 0."""
        from scipy.special import gammaln

        p, q, v = self.values
        spent = x * m
        return np.asarray(
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(v)
            + p * x * np.log(spent)
            - np.log(m)
            - (p * x + q) * np.log(spent + v)
        )

    def expected_average(self, x: Floats, m: Floats) -> Floats:
        """Return what each customer will spend per purchase; without purchases the population's mean.

        NaN everywhere where the population has no mean.
        """
        if not self.has_mean:
            return np.full(np.broadcast(x, m).shape, np.nan)
        p, q, v = self.values

        def expected(count: Floats, average: Floats) -> Floats:
            return np.asarray(p * (v + np.where(count > 0, count * average, 0.0)) / (p * count + (q - 1)))

        return by_blocks(expected, x, m) if np.ndim(x) == 1 == np.ndim(m) else expected(x, m)

    def gradient(self, x: Floats, m: Floats) -> Floats:
        """Return the derivatives of log :meth:`expected_average` by the logs of p, q, v; shape (3, …)."""
        p, q, v = self.values
        spent = np.where(x > 0, x * m, 0.0)
        below = p * x + q - 1
        return np.stack([1 - p * x / below, -q / below, v / (v + spent)])

    def draw_averages(self, rng: np.random.Generator, x: Floats) -> Floats:
        """Return simulated averages of customers with ``x`` purchases, NaN where ``x`` is 0."""
        p, q, v = self.values
        rate = rng.gamma(q, 1 / v, np.shape(x))
        bought = np.asarray(x) > 0
        shape = np.where(bought, p * np.asarray(x), 1.0)
        return np.where(bought, rng.gamma(shape) / (np.where(bought, x, 1.0) * rate), np.nan)

    def draw_spend(self, rng: np.random.Generator, x: Floats, m: Floats, purchases: Floats) -> Floats:
        """Return simulated spend in ``purchases`` to come of each customer, given the history."""
        p, q, v = self.values
        rate = rng.gamma(p * x + q) / (v + np.where(x > 0, x * m, 0.0))
        bought = purchases > 0
        return np.where(bought, rng.gamma(np.where(bought, p * purchases, 1.0)) / rate, 0.0)


SAMPLE = 20_000
"""So many customers, evenly taken, say where the search among more of them begins."""


def maximum(x: Floats, m: Floats) -> Maximum:
    """Return the most likely logs of p, q and v; ``x`` (whole) and ``m`` are above 0."""
    start = np.log([2.0, 3.0, float(np.mean(m))])
    if x.size > 2 * SAMPLE:
        every = x.size // SAMPLE
        start = maximise(objective(x[::every], m[::every]), start, tolerance=1e-3).estimate
    else:
        # On a ridge rounding decides where the search ends; the order of the customers must not.
        order = np.lexsort((m, x))
        x, m = x[order], m[order]
    return maximise(objective(x, m), start)


def objective(x: Floats, m: Floats) -> Objective:
    """Return log-likelihood, gradient and Hessian by the logs of p, q and v, as a function of these.

    One logarithm and one division per customer and call; gamma functions of distinct ``x`` alone, which
    are whole.
    """
    from scipy.special import gammaln, polygamma, psi

    n = np.bincount(x.astype(np.int64)).astype(np.float64)
    counts = np.flatnonzero(n).astype(np.float64)
    n = n[n > 0]
    spent = x * m
    logs = np.log(spent)
    fixed, weighted, customers = -float(np.log(m).sum()), float(x @ logs), float(x.size)

    # Written anew in each evaluation: fresh memory would cost as much as the arithmetic.
    total, log_total, inverse, square = (np.empty_like(spent) for _ in range(4))

    def evaluate(log_parameters: Floats) -> tuple[float, Floats, Floats]:
        p, q, v = values = np.exp(log_parameters)
        np.add(spent, v, out=total)
        np.log(total, out=log_total)
        np.divide(1.0, total, out=inverse)
        np.multiply(inverse, inverse, out=square)
        px = p * counts
        value = (
            n @ (gammaln(px + q) - gammaln(px))
            - customers * (gammaln(q) - q * np.log(v))
            + p * weighted
            + fixed
            - p * (x @ log_total)
            - q * log_total.sum()
        )
        rise = psi(px + q)
        gradient = np.array(
            [
                n @ (counts * (rise - psi(px))) + weighted - x @ log_total,
                n @ rise - customers * (psi(q) - np.log(v)) - log_total.sum(),
                customers * q / v - p * (x @ inverse) - q * inverse.sum(),
            ]
        )
        bend = polygamma(1, px + q)
        pp = n @ (counts * counts * (bend - polygamma(1, px)))
        pq = n @ (counts * bend)
        pv = -float(x @ inverse)
        qq = n @ bend - customers * polygamma(1, q)
        qv = customers / v - inverse.sum()
        vv = -customers * q / v**2 + p * (x @ square) + q * square.sum()
        hessian = np.array([[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])
        in_logs = hessian * np.outer(values, values) + np.diag(gradient * values)
        return float(value), gradient * values, in_logs

    return evaluate
