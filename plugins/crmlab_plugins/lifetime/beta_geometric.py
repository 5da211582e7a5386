"""What the BG/NBD family shares: regular or random purchases, and a chance to leave at each of them.

While customers are there, the times between purchases are Erlang-``k`` with a rate that differs as a gamma
distribution (shape ``r``, rate ``alpha``); at each purchase they leave with a probability that differs as a
beta distribution (``a``, ``b``). ``entry`` says whether they may leave at the first purchase already.

========== ======== ===========================================================================
``k``      entry    model
========== ======== ===========================================================================
1          no       BG/NBD: Fader, Hardie & Lee 2005, Marketing Science 24:275
1          yes      MBG/NBD: Batislam, Denizel & Filiztekin 2007, IJRM 24:201
2, 3, …    no, yes  BG/CNBD-k, MBG/CNBD-k: Platzer & Reutterer 2016, Marketing Science 35:779
========== ======== ===========================================================================

Seen as a Poisson process of which each ``k``-th event is a purchase, a customer who is there at ``T`` has
0, …, k − 1 events since the last purchase (the phase). Given the phase ``j``, the rate is gamma distributed
with shape ``r + k x + j`` and rate ``alpha + T``, and the chance to leave is beta distributed with ``a`` and
``b + x`` (one more with entry): all below follows from that.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from crmlab_plugins.lifetime.collapse import unique_pairs
from crmlab_plugins.lifetime.fitting import FittableProcess, Histories
from crmlab_plugins.lifetime.rising import customers_above, log_rising
from crmlab_plugins.lifetime.simulation import simulate_purchases

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.maximise import Objective

    Floats = NDArray[np.float64]
    Present = Callable[[Floats, Floats, Floats, int, Floats], Floats]


class BetaGeometric(FittableProcess):
    """A process of the family; ``r`` and ``a``, ``b`` have no unit, ``alpha`` is a time."""

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    times: ClassVar[tuple[str, ...]] = ("alpha",)
    dropout: ClassVar[tuple[str, ...]] = ("a", "b")
    k: ClassVar[int] = 1
    entry: ClassVar[bool] = False

    @classmethod
    def start(cls, histories: Histories) -> Floats:
        """Return r = 1, a = 1, b = 3 and the alpha at which customers buy a few times in their time."""
        import numpy as np

        mean = float(histories.T @ histories.weights) / histories.customers
        return np.array([1.0, (mean / 4 or 1.0) * cls.k, 1.0, 3.0])

    @classmethod
    def objective(cls, histories: Histories) -> Objective:
        """Return the log-likelihood with exact gradient and Hessian, of the logarithms of r, alpha, a, b.

        With ``k`` above 1 without the factors of the times between purchases, which no parameter changes.
        """
        import numpy as np

        from crmlab_plugins.lifetime.mixture import Mixture

        x, weights = histories.x, histories.weights
        events, chances = cls.k * x, x + cls.entry
        above_events, above_chances = customers_above(events, weights), customers_above(chances, weights)
        mixture = Mixture(cls.k, events, chances, histories)

        def evaluate(logs: Floats) -> tuple[float, Floats, Floats]:
            r, alpha, a, b = np.exp(logs)
            value, gradient, hessian = mixture.sums(r, alpha, a, b)
            of_r, of_b, of_ab = (
                log_rising(above, z)
                for above, z in ((above_events, r), (above_chances, b), (above_chances, a + b))
            )
            value += of_r[0] - mixture.events * np.log(alpha) + of_b[0] - of_ab[0]
            gradient += [of_r[1], -mixture.events / alpha, -of_ab[1], of_b[1] - of_ab[1]]
            hessian[0, 0] += of_r[2]
            hessian[1, 1] += mixture.events / alpha**2
            hessian[2:, 2:] -= of_ab[2]
            hessian[3, 3] += of_b[2]
            values = np.exp(logs)
            gradient = gradient * values
            return float(value), gradient, hessian * np.outer(values, values) + np.diag(gradient)

        return evaluate

    def log_likelihood(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the log-likelihood of each history.

        With ``k`` above 1 without the factors of the times between purchases, which no parameter changes.
        """
        import numpy as np

        r, alpha, a, b = self.values
        shape, alive, gone = self._weigh(x, t_x, T)
        steps = np.arange(int(self.k * np.max(x, initial=0)) + 2)
        events = np.concatenate(([0.0], np.cumsum(np.log(r + steps))))
        stays = np.concatenate(([0.0], np.cumsum(-np.log1p(a / (b + steps)))))
        count = np.asarray(x).astype(np.int64)
        result: Floats = (
            (events[self.k * count] + stays[count + self.entry] + r * np.log(alpha))
            - shape * np.log(alpha + t_x)
            + np.logaddexp(alive, gone)
        )
        return result

    def probability_alive(self, x: Floats, t_x: Floats, T: Floats, after: float = 0.0) -> Floats:  # noqa: N803
        """Return the probability that each customer is still one at ``T + after``."""
        import numpy as np

        _, alive, gone = self._weigh(x, t_x, T)
        with np.errstate(over="ignore"):
            now: Floats = 1 / (1 + np.exp(gone - alive))
        if not after:
            return now
        later: Floats = now * self._over_phases(x, t_x, T, np.array([float(after)]), self.still_there)[0]
        return later

    def expected_purchases(self, x: Floats, t_x: Floats, T: Floats, horizon: float | Floats) -> Floats:  # noqa: N803
        """Return the purchases to expect of each customer within ``horizon`` after ``T``.

        An array of h horizons gives shape (h, customers).
        """
        import numpy as np

        horizons = np.atleast_1d(np.asarray(horizon, dtype=np.float64))
        expected = self._over_phases(x, t_x, T, horizons, self.purchases_of_present)
        expected *= self.probability_alive(x, t_x, T)
        one: Floats = expected[0]
        return expected if np.ndim(horizon) else one

    def expected_of_new(self, t: Floats) -> Floats:
        """Return the purchases to expect of a new customer within ``t`` after the first one."""
        import numpy as np

        times = np.asarray(t, dtype=np.float64)
        r, alpha, _, _ = self.values
        ones = np.ones_like(times)
        return self._stays_at_first * self.purchases_of_present(
            r * ones, alpha * ones, self.entry * ones, 0, times
        )

    def count_probabilities(self, t: Floats, most: int) -> Floats:
        """Return the probabilities of 0, 1, …, ``most`` repeat purchases of a new customer within ``t``.

        Shape (len(t), most + 1). A customer with ``n`` purchases has either bought no more, or left at the
        last one; sums of positive terms throughout, so that small ones are exact too.
        """
        import numpy as np
        from scipy.special import betainc, gammaln, xlog1py, xlogy

        r, alpha, a, b = self.values
        times = np.asarray(t, dtype=np.float64)[:, None]
        z = times / (alpha + times)
        events = np.arange(self.k * (most + 1))
        logs = gammaln(r + events) - gammaln(r) - gammaln(events + 1.0)
        exactly = np.exp(logs + xlogy(events, z) + xlog1py(r, -z))
        between = exactly.reshape(len(times), most + 1, self.k).sum(axis=2)
        n = np.arange(most + 1)
        at_least = np.where(n > 0, betainc(np.maximum(self.k * n, 1), r, z), 1.0)
        # The chance to stay n (+ entry) times, and to leave at the last of them.
        steps = np.arange(most + 1)
        stays = np.exp(np.concatenate(([0.0], np.cumsum(-np.log1p(a / (b + steps))))))
        chances = n + self.entry
        leaves = np.where(chances > 0, stays[np.maximum(chances - 1, 0)] * a / (a + b + chances - 1), 0.0)
        result: Floats = stays[chances] * between + leaves * at_least
        return result

    def draw_histories(self, rng: np.random.Generator, T: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        """Return ``x`` and ``t_x`` of simulated customers who are looked at for ``T``."""
        import numpy as np

        r, alpha, a, b = self.values
        end = np.asarray(T, dtype=np.float64)
        rate = rng.gamma(r, 1 / alpha, end.size)
        leaves = rng.beta(a, b, end.size)
        there = rng.random(end.size) >= leaves * self.entry
        return simulate_purchases(rng, self.k, rate, leaves, np.full(end.size, self.k), there, end)

    def draw_future(
        self,
        rng: np.random.Generator,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float,
    ) -> Floats:
        """Return simulated purchases of each customer within ``horizon`` after ``T``, given the history."""
        import numpy as np

        r, alpha, a, b = self.values
        count = np.asarray(x, dtype=np.float64)
        there = rng.random(count.size) < self.probability_alive(x, t_x, T)
        phase = np.zeros(count.size)
        reached = rng.random(count.size)
        for share in np.cumsum(self._phases(x, t_x, T), axis=0)[:-1]:
            phase += reached > share
        rate = rng.gamma(r + self.k * count + phase) / (alpha + T)
        leaves = rng.beta(a, b + count + self.entry)
        end = np.full(count.size, float(horizon))
        return simulate_purchases(rng, self.k, rate, leaves, self.k - phase, there, end)[0]

    @property
    def _stays_at_first(self) -> float:
        return self.parameters["b"] / (self.parameters["a"] + self.parameters["b"]) if self.entry else 1.0

    @abstractmethod
    def purchases_of_present(
        self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats
    ) -> Floats:
        """Return the purchases to expect within ``t`` of customers who are there.

        Their rates are gamma distributed with ``shape`` and ``rate``, their chance to leave is beta
        distributed with ``a`` and ``b + stays``; ``phase`` events have passed since the last purchase.
        """

    @abstractmethod
    def still_there(self, shape: Floats, rate: Floats, stays: Floats, phase: int, t: Floats) -> Floats:
        """Return the probability that such customers are still there after ``t``."""

    def _weigh(self, x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats, Floats]:  # noqa: N803
        """Return r + k x, and the logarithms of the weights of being there and of having left at t_x."""
        import numpy as np

        r, alpha, a, b = self.values
        shape = r + self.k * np.asarray(x, dtype=np.float64)
        alive = shape * np.log((alpha + t_x) / (alpha + T))
        if self.k > 1:
            alive = alive + np.log(self._phase_weights(x, t_x, T).sum(axis=0))
        chances = np.asarray(x) + self.entry
        left = np.log(a / (b + np.maximum(chances, 1) - 1))
        return shape, alive, np.where(chances > 0, left, -np.inf)

    def _phase_weights(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Return the relative probability of each phase at ``T`` of customers who are there; (k, n)."""
        import numpy as np

        r, alpha, _, _ = self.values
        shape = r + self.k * np.asarray(x, dtype=np.float64)
        since = (np.asarray(T) - t_x) / (alpha + T)
        weights = [np.ones_like(shape)]
        for phase in range(1, self.k):
            weights.append(weights[-1] * (shape + phase - 1) / phase * since)
        return np.stack(weights)

    def _phases(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        weights = self._phase_weights(x, t_x, T)
        result: Floats = weights / weights.sum(axis=0)
        return result

    def _over_phases(
        self,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizons: Floats,
        function: Present,
    ) -> Floats:
        """Return the mean of ``function`` over the phases of each customer; shape (horizons, customers)."""
        import numpy as np

        r, alpha, _, _ = self.values
        pair_x, pair_t, index = unique_pairs(x, T)
        phases = self._phases(x, t_x, T) if self.k > 1 else None
        total = np.zeros((horizons.size, index.size))
        for phase in range(self.k):
            each = function(
                r + self.k * pair_x + phase, alpha + pair_t, pair_x + self.entry, phase, horizons[:, None]
            )
            for row, values in zip(total, np.atleast_2d(each), strict=True):
                if phases is None:
                    np.take(values, index, out=row)
                else:
                    row += phases[phase] * values[index]
        return total
