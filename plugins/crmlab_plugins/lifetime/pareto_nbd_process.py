"""The Pareto/NBD (Schmittlein, Morrison & Colombo 1987, Management Science 33:1): the classic of its kind.

A customer buys at his own rate λ until he leaves, which he does at his own rate μ: λ ~ Gamma(r, rate α) and
μ ~ Gamma(s, rate β) over customers, independently. A customer who is alive at T has
λ ~ Gamma(r + x, α + T) and μ ~ Gamma(s, β + T).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmlab_plugins.lifetime.fitting import FittableProcess, Histories
from crmlab_plugins.lifetime.nbd_process import count_probabilities, draw_purchases
from crmlab_plugins.lifetime.pareto_nbd_likelihood import log_braces, log_likelihood_objective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]

NODES = 128
"""Nodes of the quadratures below; their integrands are smooth."""


class ParetoNbdProcess(FittableProcess):
    """Purchases at a constant rate until an unseen end: r, α of the purchase rates and s, β of dropout."""

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    times: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    dropout: ClassVar[tuple[str, ...]] = ("s", "beta")

    @classmethod
    def objective(cls, histories: Histories) -> Objective:
        """Return the log-likelihood with gradient and Hessian by the logarithms of r, α, s, β."""
        return log_likelihood_objective(*histories)

    @classmethod
    def start(cls, histories: Histories) -> Floats:
        """Return r = s = 0.5, β of half the time seen, and the α that gives the average of ``x``."""
        customers = histories.weights.sum()
        time = float(histories.weights @ histories.T / customers) or 1.0
        purchases = float(1 + histories.weights @ histories.x) / customers
        return np.array([0.5, 0.5 * 0.73 * time / purchases, 0.5, time / 2])

    def log_likelihood(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the log-likelihood of each history."""
        from scipy.special import gammaln

        r, alpha, s, beta = self.values
        constant = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        logs: Floats = constant + self._log_braces(x, t_x, T)
        return logs

    def probability_alive(self, x: Floats, t_x: Floats, T: Floats, after: float = 0.0) -> Floats:  # noqa: N803
        """Return the probability that each customer is still one at ``T + after``."""
        r, alpha, s, beta = self.values
        stayed = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
        later = s * np.log1p(after / (beta + T))
        alive: Floats = np.minimum(np.exp(stayed - later - self._log_braces(x, t_x, T)), 1.0)
        return alive

    def expected_purchases(self, x: Floats, t_x: Floats, T: Floats, horizon: float | Floats) -> Floats:  # noqa: N803
        """Return the purchases to expect after ``T``; shape (h, customers) for h horizons."""
        r, alpha, s, beta = self.values
        rate = self.probability_alive(x, t_x, T) * (r + x) / (alpha + T)
        horizons = np.asarray(horizon, dtype=np.float64)
        time = _time_alive(s, beta + T, horizons.reshape(horizons.shape + (1,) * np.ndim(rate)))
        expected: Floats = time * rate
        return expected

    def expected_of_new(self, t: Floats) -> Floats:
        """Return the purchases to expect of a new customer within ``t`` after the first one."""
        r, alpha, s, beta = self.values
        expected: Floats = r / alpha * _time_alive(s, beta, np.asarray(t, dtype=np.float64))
        return expected

    def discounted_residual_purchases(self, x: Floats, t_x: Floats, T: Floats, discount: float) -> Floats:  # noqa: N803
        """Return the discounted expected residual transactions (DERT) of each customer, without end.

        ``discount`` is the continuous rate per unit of time, log(1.1)/365 a day for 10 % a year (Fader,
        Hardie & Lee 2005, Journal of Marketing Research 42:415). Raises ValueError unless it is positive.
        """
        if discount <= 0:
            raise ValueError(
                f"discount is {discount}; it must be positive, log(1.1) for 10 % per unit of time."
            )
        r, alpha, s, beta = self.values
        rate = self.probability_alive(x, t_x, T) * (r + x) / (alpha + T)
        times, index = np.unique(T, return_inverse=True)
        worth: Floats = rate * _discounted_time_alive(s, beta + times, discount)[index.reshape(np.shape(T))]
        return worth

    def count_probabilities(self, t: Floats, most: int) -> Floats:
        """Return the probabilities of 0 … ``most`` purchases of a new customer; shape (len(t), most + 1).

        Who leaves at u has bought as an NBD says for u: an integral over log(1 + u/β).
        """
        r, alpha, s, beta = self.values
        t = np.asarray(t, dtype=np.float64)
        still = count_probabilities(r, alpha, t, most) * np.exp(-s * np.log1p(t / beta))[:, None]
        nodes, shares = np.polynomial.legendre.leggauss(NODES)
        ends = np.minimum(np.log1p(t / beta), 45 / s)
        w = np.multiply.outer(ends, (nodes + 1) / 2)
        weight = ends[:, None] / 2 * shares * s * np.exp(-s * w)
        gone = np.einsum("tu,tun->tn", weight, count_probabilities(r, alpha, beta * np.expm1(w), most))
        probabilities: Floats = still + gone
        return probabilities

    def draw_histories(self, rng: np.random.Generator, T: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        """Return ``x`` and ``t_x`` of simulated customers."""
        r, alpha, s, beta = self.values
        rates = rng.gamma(r, 1 / alpha, np.shape(T))
        return draw_purchases(rng, rates, np.minimum(_draw_lifetimes(rng, s, beta, T), T))

    def draw_future(
        self,
        rng: np.random.Generator,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float,
    ) -> Floats:
        """Return simulated purchases within ``horizon`` after ``T`` of each customer, given the history."""
        r, alpha, s, beta = self.values
        alive = rng.random(np.shape(x)) < self.probability_alive(x, t_x, T)
        time = np.minimum(_draw_lifetimes(rng, s, beta + T, T), horizon)
        return np.where(alive, rng.poisson(rng.gamma(r + x, 1 / (alpha + T)) * time), 0).astype(np.float64)

    def _log_braces(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        x, t_x, T = np.broadcast_arrays(x, t_x, T)  # noqa: N806
        return log_braces(x.ravel(), t_x.ravel(), T.ravel(), self.values).reshape(x.shape)


def _time_alive(s: float, beta: float | Floats, t: Floats) -> Floats:
    """Return ∫₀ᵗ (β/(β + u))ˢ du: the time to be expected as a customer within ``t``; safe at s = 1."""
    from scipy.special import exprel

    z = np.log1p(t / beta)
    time: Floats = beta * z * exprel((1 - s) * z)
    return time


def _discounted_time_alive(s: float, beta: Floats, discount: float) -> Floats:
    """Return ∫₀^∞ e^(−δu) (β/(β + u))ˢ du, the same with discounting, by a quadrature in log(1 + u/β)."""
    z = discount * beta
    far = np.log1p(100 / z)
    ends = np.log1p((45 + np.maximum(1 - s, 0) * far) / z)
    if s > 1:
        ends = np.minimum(ends, 45 / (s - 1))
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    w = np.multiply.outer((nodes + 1) / 2, ends)
    value: Floats = beta * ends / 2 * (shares @ np.exp((1 - s) * w - z * np.expm1(w)))
    return value


def _draw_lifetimes(rng: np.random.Generator, s: float, beta: float | Floats, like: Floats) -> Floats:
    """Return Pareto lifetimes: a exponential one with a rate from Gamma(s, rate β)."""
    # β (U^(−1/s) − 1), in a form that overflows to infinity, which is long enough, without a warning.
    logs = rng.exponential(size=np.shape(like)) / s
    return np.where(logs > 500, np.inf, beta * np.expm1(np.minimum(logs, 500)))
