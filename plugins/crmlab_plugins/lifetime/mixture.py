"""The likelihood term of the BG/NBD family that knows whether a customer is there, with derivatives.

With R = r + k x, a history is either that of a customer who is there, or of one who left at ``t_x``: up to
factors that do not depend on it, the likelihood is

    S (1 + t_x / α)^−R,   S = E + c,   E = ((α + t_x) / (α + T))^R Q,   c = a / (b + chances − 1),

where Q = Σ over j < k of (R)_j / j! ((T − t_x) / (α + T))^j is 1 for k = 1, and c is 0 without a chance to
leave. E is at most a small power of R, so S neither overflows nor vanishes (Fader & Hardie, note 027,
"Overcoming the BG/NBD model's #NUM! error problem"). In units of α, large r and α do not cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.fitting import Histories

    Floats = NDArray[np.float64]

LONGEST_TABLE = 100_000

ROWS = 8_192
"""So many histories at a time: what is computed of them stays in the processor's cache."""


class Mixture:
    """The term summed over customers; what no parameter changes is prepared once."""

    def __init__(self, k: int, events: Floats, chances: Floats, histories: Histories) -> None:
        import numpy as np

        whole = all(np.array_equal(time, np.rint(time)) for time in (histories.t_x, histories.T))
        longest = float(histories.T.max(initial=0))
        tabled = whole and longest <= min(LONGEST_TABLE, histories.T.size)
        self.grid = np.arange(longest + 1) if tabled else None
        parts = [slice(at, at + ROWS) for at in range(0, histories.T.size, ROWS)]
        columns = events, chances, histories.t_x, histories.T, histories.weights
        self.customers = float(histories.weights.sum())
        self.events = float(histories.weights @ events)
        self.parts = [_Part(k, tabled, *(column[part] for column in columns)) for part in parts]

    def sums(self, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats, Floats]:
        """Return Σ ln S − R ln(1 + t_x / α), its gradient and Hessian in r, alpha, a, b."""
        import numpy as np

        tables = None if self.grid is None else (np.log1p(self.grid / alpha), 1 / (alpha + self.grid))
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for part in self.parts:
            one, slope, curve = part.sums(r, alpha, a, b, tables)
            value += one
            gradient += slope
            hessian += curve
        # Of R ln α, which is the same for all but for R; the parts leave it out of these derivatives.
        shapes = r * self.customers + self.events
        gradient[1] += shapes / alpha
        hessian[0, 1] += self.customers / alpha
        hessian[1, 0] += self.customers / alpha
        hessian[1, 1] -= shapes / alpha**2
        return value, gradient, hessian


class _Part:
    """Some of the histories."""

    def __init__(
        self,
        k: int,
        tabled: bool,
        events: Floats,
        chances: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        weights: Floats,
    ) -> None:
        import numpy as np

        self.k, self.events, self.weights, self.t_x, self.T = k, events, weights, t_x, T
        self.may_leave = (chances > 0).astype(np.float64)
        self.chances_before = np.maximum(chances, 1) - 1
        self.at = (t_x.astype(np.int32), T.astype(np.int32)) if tabled else None

    def sums(
        self, r: float, alpha: float, a: float, b: float, tables: tuple[Floats, Floats] | None
    ) -> tuple[float, Floats, Floats]:
        """Return the value, gradient and Hessian of these histories."""
        import numpy as np

        n, shape = self.weights, r + self.events
        log_x, log_t, per_x, per_t = self._logs(alpha, tables)
        per_b = 1 / (b + self.chances_before)
        gone = a * self.may_leave * per_b
        apart = log_x - log_t
        slope_r, slope_alpha = apart, shape * (per_x - per_t)
        there = np.exp(shape * apart)
        phases: list[Floats] = []
        if self.k > 1:
            phases = _phase_terms(self.k, shape, (self.T - self.t_x) * per_t, per_t)
            there = there * phases[0]
            slope_r, slope_alpha = slope_r + phases[1], slope_alpha + phases[2]
        total = there + gone
        is_there = n * there / total
        has_left = n - is_there
        both = is_there * (gone / total)

        left = float(has_left.sum())
        scaled = n * shape
        value = float(n @ np.log(total)) - float(scaled @ log_x)
        gradient = np.array(
            [
                is_there @ slope_r - n @ log_x,
                is_there @ slope_alpha - scaled @ per_x,
                left / a,
                -(has_left @ per_b),
            ]
        )
        # The slopes of ln E − ln c in r, alpha, a and b, of which that in a is the same for all.
        slopes = np.stack([slope_r, slope_alpha, np.full_like(shape, -1 / a), per_b])
        hessian = (slopes * both) @ slopes.T
        hessian[0, 1] -= is_there @ per_t + has_left @ per_x
        hessian[1, 1] += is_there @ (shape * per_t * per_t) + has_left @ (shape * per_x * per_x)
        hessian[2, 2] -= left / a**2
        hessian[3, 3] += has_left @ (per_b * per_b)
        if phases:
            hessian[0, 0] += is_there @ phases[3]
            hessian[0, 1] += is_there @ phases[4]
            hessian[1, 1] += is_there @ phases[5]
        hessian[1, 0] = hessian[0, 1]
        return value, gradient, hessian

    def _logs(
        self, alpha: float, tables: tuple[Floats, Floats] | None
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Return ln(1 + t / alpha) and 1 / (alpha + t), of t_x and of T."""
        import numpy as np

        if tables is None or self.at is None:
            log_x, log_t = np.log1p(self.t_x / alpha), np.log1p(self.T / alpha)
            return log_x, log_t, 1 / (alpha + self.t_x), 1 / (alpha + self.T)
        (logs, inverses), (at_x, at_t) = tables, self.at
        return logs[at_x], logs[at_t], inverses[at_x], inverses[at_t]


def _phase_terms(k: int, shape: Floats, since: Floats, per_t: Floats) -> list[Floats]:
    """Return Q, and of ln Q the derivatives r, alpha, rr, r alpha, alpha alpha."""
    import numpy as np

    term = np.ones_like(shape)
    first, second = np.zeros_like(shape), np.zeros_like(shape)  # derivatives of ln (R)_j
    q, q_r, q_t, q_rr, q_rt, q_tt = (np.zeros_like(shape) for _ in range(6))
    for j in range(k):
        q += term
        q_r += term * first
        q_t -= j * term * per_t
        q_rr += term * (first * first + second)
        q_rt -= j * term * first * per_t
        q_tt += j * (j + 1) * term * per_t * per_t
        term = term * (shape + j) / (j + 1) * since
        first = first + 1 / (shape + j)
        second = second - 1 / (shape + j) ** 2
    q_r, q_t = q_r / q, q_t / q
    return [q, q_r, q_t, q_rr / q - q_r * q_r, q_rt / q - q_r * q_t, q_tt / q - q_t * q_t]
