"""The NBD: customers buy at rates of their own and never leave (Ehrenberg 1959, Applied Statistics 8:26).

λ ~ Gamma(r, rate α) over customers. It is the Pareto/NBD without dropout, so what the latter gains over it
is what dropout explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import FittableProcess, Histories

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]


class NbdProcess(FittableProcess):
    """Purchases of customers who never leave: r and α of the purchase rates.

    The likelihood is that of the purchase times, as for the models with dropout, so that log-likelihoods
    and AIC compare; that of the counts alone differs by a constant.
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha")
    times: ClassVar[tuple[str, ...]] = ("alpha",)

    @classmethod
    def objective(cls, histories: Histories) -> Objective:
        """Return the log-likelihood with gradient and Hessian by (log r, log α)."""
        from scipy.special import gammaln, polygamma, psi

        x, T, weights = collapse(histories.x, histories.T, weights=histories.weights)  # noqa: N806
        counts, index = np.unique(x, return_inverse=True)
        at = np.bincount(index, weights)
        customers = float(weights.sum())

        def objective(logs: Floats) -> tuple[float, Floats, Floats]:
            r, alpha = parameters = np.exp(logs)
            log_rate, per = np.log(alpha + T), 1 / (alpha + T)
            value = at @ (gammaln(r + counts) - gammaln(r)) + customers * r * logs[1]
            value -= weights @ ((r + x) * log_rate)
            gradient = np.array(
                [
                    at @ (psi(r + counts) - psi(r)) + customers * logs[1] - weights @ log_rate,
                    customers * r / alpha - weights @ ((r + x) * per),
                ]
            )
            cross = customers / alpha - weights @ per
            first = at @ (polygamma(1, r + counts) - polygamma(1, r))
            second = weights @ ((r + x) * per**2) - customers * r / alpha**2
            hessian = np.array([[first, cross], [cross, second]])
            by_log = gradient * parameters
            return float(value), by_log, hessian * np.outer(parameters, parameters) + np.diag(by_log)

        return objective

    @classmethod
    def start(cls, histories: Histories) -> Floats:
        """Return r = 0.5 and the α that gives the average rate."""
        purchases, time = (1 + histories.weights @ histories.x), histories.weights @ histories.T
        return np.array([0.5, 0.5 * (1 + time) / purchases])

    def log_likelihood(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the log-likelihood of each history; ``t_x`` tells nothing."""
        from scipy.special import gammaln

        r, alpha = self.values
        logs: Floats = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
        return logs

    def probability_alive(self, x: Floats, t_x: Floats, T: Floats, after: float = 0.0) -> Floats:  # noqa: N803
        """Return 1 for everybody: the model knows no dropout."""
        return np.ones(np.broadcast_shapes(np.shape(x), np.shape(t_x), np.shape(T)))

    def expected_purchases(self, x: Floats, t_x: Floats, T: Floats, horizon: float | Floats) -> Floats:  # noqa: N803
        """Return (r + x) / (α + T) times the horizon; shape (h, customers) for h horizons."""
        r, alpha = self.values
        expected: Floats = np.multiply.outer(np.asarray(horizon, np.float64), (r + x) / (alpha + T))
        return expected

    def expected_of_new(self, t: Floats) -> Floats:
        """Return r t / α."""
        r, alpha = self.values
        expected: Floats = np.asarray(t, dtype=np.float64) * (r / alpha)
        return expected

    def count_probabilities(self, t: Floats, most: int) -> Floats:
        """Return the negative binomial probabilities of 0 … ``most``; shape (len(t), most + 1)."""
        r, alpha = self.values
        return count_probabilities(r, alpha, np.asarray(t, dtype=np.float64), most)

    def draw_histories(self, rng: np.random.Generator, T: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        """Return ``x`` and ``t_x`` of simulated customers."""
        r, alpha = self.values
        return draw_purchases(rng, rng.gamma(r, 1 / alpha, np.shape(T)), T)

    def draw_future(
        self,
        rng: np.random.Generator,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float,
    ) -> Floats:
        """Return simulated purchases within ``horizon`` after ``T`` of each customer."""
        r, alpha = self.values
        drawn: Floats = rng.poisson(rng.gamma(r + x, 1 / (alpha + T)) * horizon).astype(np.float64)
        return drawn


def count_probabilities(r: float, alpha: float, t: Floats, most: int) -> Floats:
    """Return negative binomial probabilities of 0 … ``most`` purchases within ``t``; shape (…, most + 1)."""
    from scipy.special import gammaln, xlogy

    n = np.arange(most + 1)
    t = t[..., None]
    coefficients = gammaln(r + n) - gammaln(r) - gammaln(n + 1)
    probabilities: Floats = np.exp(coefficients - r * np.log1p(t / alpha) + xlogy(n, t / (alpha + t)))
    return probabilities


def draw_purchases(rng: np.random.Generator, rates: Floats, time: Floats) -> tuple[Floats, Floats]:
    """Return counts of Poisson purchases within ``time``, and when the last one was (0 without any)."""
    x = rng.poisson(rates * time).astype(np.float64)
    # The last of n uniform times is distributed as the n-th root of one.
    last = time * rng.random(np.shape(time)) ** (1 / np.maximum(x, 1))
    return x, np.where(x > 0, last, 0.0)
