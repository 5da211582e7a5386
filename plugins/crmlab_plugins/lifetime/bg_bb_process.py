"""BG/BB: purchases at set occasions, such as yearly donations (Fader, Hardie & Shang 2010, Mktg Sci 29:1086).

At each occasion a living customer buys with chance p, then stays away for good with chance θ before the
next; p and θ differ between customers by beta distributions (α, β) and (γ, δ). Times are occasions: ``x``
how many of the first ``n`` were used, ``t_x`` which one was used last, 0 where none was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmlab_plugins.lifetime.collapse import collapse, unique_pairs
from crmlab_plugins.lifetime.maximise import Maximum, maximise
from crmlab_plugins.lifetime.parametric import Parametric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]


class BgBb(Parametric):
    """The distribution with given parameters; arrays of one shape, all whole numbers."""

    names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")

    def log_likelihood(self, x: ArrayLike, t_x: ArrayLike, n: ArrayLike) -> Floats:
        """Return the log-likelihood of each history: ``x`` uses of ``n`` occasions, the last at ``t_x``."""
        terms = _Terms(*(np.asarray(column, dtype=np.float64).ravel() for column in (x, t_x, n)))
        return np.asarray(terms.likelihood(self.values)[0])

    def probability_alive(self, x: ArrayLike, t_x: ArrayLike, n: ArrayLike, after: float = 0.0) -> Floats:
        """Return the chance that each customer is still one at the occasion ``after`` + 1 from ``n``."""
        from scipy.special import betaln

        alpha, beta, gamma, delta = self.values
        uses, age = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
        bought = betaln(alpha + uses, beta + age - uses) - betaln(alpha, beta)
        there = betaln(gamma, delta + age + after + 1) - betaln(gamma, delta)
        return np.asarray(np.exp(bought + there - self.log_likelihood(x, t_x, n).reshape(uses.shape)))

    def expected_purchases(
        self, x: ArrayLike, t_x: ArrayLike, n: ArrayLike, horizon: ArrayLike, discount: float = 0.0
    ) -> Floats:
        """Return the uses to expect in the next ``horizon`` occasions, each discounted by its distance.

        ``horizon`` is one number or one per customer.
        """
        from scipy.special import betaln

        alpha, beta, gamma, delta = self.values
        uses, age = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
        bought = betaln(alpha + uses + 1, beta + age - uses) - betaln(alpha, beta)
        ages, place = np.unique(age, return_inverse=True)
        steps = np.broadcast_to(np.asarray(horizon, dtype=np.int64), age.shape)
        ahead = np.arange(1.0, int(steps.max(initial=0)) + 1)
        there = np.exp(betaln(gamma, delta + ages[:, None] + ahead) - betaln(gamma, delta))
        until = np.cumsum(there * (1 + discount) ** -ahead, axis=1)
        stays = np.c_[np.zeros(ages.size), until][place.reshape(age.shape), steps]
        return np.asarray(np.exp(bought - self.log_likelihood(x, t_x, n).reshape(age.shape)) * stays)

    def expected_of_new(self, n: ArrayLike) -> Floats:
        """Return the uses to expect of a new customer in the first ``n`` occasions."""
        from scipy.special import betaln

        alpha, beta, gamma, delta = self.values
        occasions = np.asarray(n, dtype=np.int64)
        ahead = np.arange(1.0, int(occasions.max(initial=0)) + 1)
        there = np.exp(betaln(gamma, delta + ahead) - betaln(gamma, delta))
        return np.asarray(alpha / (alpha + beta) * np.r_[0.0, np.cumsum(there)][occasions])

    def count_probabilities(self, n: int) -> Floats:
        """Return the probabilities of 0, 1, …, ``n`` uses of a new customer in ``n`` occasions."""
        from scipy.special import betaln, gammaln

        alpha, beta, gamma, delta = self.values
        uses = np.arange(n + 1.0)

        def chosen(occasions: Floats) -> Floats:
            ways = gammaln(occasions + 1) - gammaln(uses + 1) - gammaln(np.maximum(occasions - uses, 0) + 1)
            logs = ways + betaln(alpha + uses, beta + np.maximum(occasions - uses, 0)) - betaln(alpha, beta)
            return np.where(uses <= occasions, np.exp(logs), 0.0)

        start = betaln(gamma, delta)
        result = chosen(np.full(n + 1, float(n))) * np.exp(betaln(gamma, delta + n) - start)
        for alive in range(n):
            leaves = np.exp(betaln(gamma + 1, delta + alive) - start)
            result = result + chosen(np.full(n + 1, float(alive))) * leaves
        return np.asarray(result)

    def draw(self, rng: np.random.Generator, n: ArrayLike) -> tuple[Floats, Floats]:
        """Return ``x`` and ``t_x`` of simulated customers who are looked at for ``n`` occasions."""
        alpha, beta, gamma, delta = self.values
        occasions = np.asarray(n, dtype=np.int64)
        chance = rng.beta(alpha, beta, occasions.shape)
        leaves = rng.beta(gamma, delta, occasions.shape)
        lasting = rng.geometric(np.clip(leaves, 1e-12, 1.0)) - 1
        seen = np.minimum(occasions, lasting)
        x, t_x = np.zeros(occasions.shape), np.zeros(occasions.shape)
        for at in range(1, int(occasions.max(initial=0)) + 1):
            used = (at <= seen) & (rng.uniform(size=occasions.shape) < chance)
            x += used
            t_x[used] = at
        return x, t_x


def maximum(x: ArrayLike, t_x: ArrayLike, n: ArrayLike, weights: ArrayLike | None = None) -> Maximum:
    """Return the most likely logs of the parameters; ``weights`` are customers per history."""
    columns = collapse(x, t_x, n, weights=weights)
    return maximise(objective(*columns), np.zeros(4))


def objective(x: Floats, t_x: Floats, n: Floats, weights: Floats) -> Objective:
    """Return log-likelihood, gradient and Hessian by the logs of the parameters, as a function of these."""
    terms = _Terms(x, t_x, n)

    def evaluate(log_parameters: Floats) -> tuple[float, Floats, Floats]:
        values = np.exp(log_parameters)
        value, gradient, hessian = terms.likelihood(values, derivatives=True)
        total, slope, bend = float(weights @ value), gradient @ weights, hessian @ weights
        return total, slope * values, bend * np.outer(values, values) + np.diag(slope * values)

    return evaluate


class _Terms:
    """The likelihood as a sum over the occasion after which the customer may have left.

    Left after occasion s, of which x were used: B(α + x, β + s − x) · B(γ + 1, δ + s) for s from t_x to
    n − 1; still there after n: B(α + x, β + n − x) · B(γ, δ + n). Each is computed for the distinct (x, s).
    """

    def __init__(self, x: Floats, t_x: Floats, n: Floats) -> None:
        counts = (n - t_x + 1).astype(np.int64)
        self.first = np.cumsum(counts) - counts
        self.row = np.repeat(np.arange(x.size), counts)
        s = t_x[self.row] + np.arange(self.row.size) - self.first[self.row]
        # One number for the occasion and whether it is the last.
        self.x, both, self.place = unique_pairs(x[self.row], 2 * s + (s == n[self.row]))
        self.s, self.last = both // 2, both % 2

    def likelihood(self, values: Floats, *, derivatives: bool = False) -> tuple[Floats, Floats, Floats]:
        """Return log-likelihood (rows,), gradient (4, rows) and Hessian (4, 4, rows)."""
        from scipy.special import betaln

        alpha, beta, gamma, delta = values
        bought, left = (alpha + self.x, beta + self.s - self.x), (gamma + 1 - self.last, delta + self.s)
        logs = betaln(*bought) - betaln(alpha, beta) + betaln(*left) - betaln(gamma, delta)
        each = logs[self.place]
        most = np.maximum.reduceat(each, self.first)
        shares = np.exp(each - most[self.row])
        total = np.add.reduceat(shares, self.first)
        value = most + np.log(total)
        if not derivatives:
            return value, value, value
        shares = shares / total[self.row]
        slope, bend = np.zeros((4, self.x.size)), np.zeros((4, 4, self.x.size))
        slope[:2], bend[:2, :2] = _log_beta(*bought, alpha, beta)
        slope[2:], bend[2:, 2:] = _log_beta(*left, gamma, delta)
        bend += slope[:, None] * slope[None, :]
        gradient = np.add.reduceat(slope[:, self.place] * shares, self.first, axis=1)
        hessian = np.add.reduceat(bend[:, :, self.place] * shares, self.first, axis=2)
        return value, gradient, hessian - gradient[:, None] * gradient[None, :]


def _log_beta(a: Floats, b: Floats, a0: float, b0: float) -> tuple[Floats, Floats]:
    """Return gradient (2, …) and Hessian (2, 2, …) of ln B(a, b) − ln B(a0, b0), all moving together."""
    from scipy.special import polygamma, psi

    both, start = psi(a + b), psi(a0 + b0)
    gradient = np.stack([psi(a) - both - psi(a0) + start, psi(b) - both - psi(b0) + start])
    off = polygamma(1, a0 + b0) - polygamma(1, a + b)
    aa, bb = (polygamma(1, z) - polygamma(1, z0) for z, z0 in ((a, a0), (b, b0)))
    return gradient, np.array([[aa + off, off], [off, bb + off]])
