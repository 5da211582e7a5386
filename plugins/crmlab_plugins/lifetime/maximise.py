"""The maximum of a smooth log-likelihood, by Newton's method with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Objective = Callable[[Floats], tuple[float, Floats, Floats]]
    """Parameters → value, gradient, and the Hessian or minus an information matrix."""

LONGEST_STEP = 2.0
"""No parameter moves further in one step: a factor of e² where the parameters are logarithms."""

FARTHEST = 50.0
"""No parameter leaves this range, so that on a ridge nothing overflows."""

CLOSE = 0.01
"""Up to so long a step, the log-likelihood is a parabola for all purposes."""


class Maximum(NamedTuple):
    """Where the search ended: ``hessian`` is that of the last evaluation, ``gain`` what was left to win."""

    estimate: Floats
    value: float
    hessian: Floats
    evaluations: int
    converged: bool
    gain: float


def maximise(
    objective: Objective, start: Floats, *, tolerance: float = 1e-6, most_steps: int = 200
) -> Maximum:
    """Return the maximum of ``objective``, whose parameters may be any numbers (mostly logarithms).

    Damped Newton: eigenvalues of the wrong sign are turned round, steps are limited and halved until the
    value rises. The search ends where one more step promises to raise the value by less than
    ``tolerance``, in units of log-likelihood; a short one is taken, and its promise added to the value, as
    Newton's error is then far below rounding. The order of evaluations is fixed, so the result is too.
    """
    import numpy as np

    here = np.asarray(start, dtype=np.float64)
    value, gradient, hessian = objective(here)
    evaluations = 1
    if not np.isfinite(value):
        raise ValueError(f"The log-likelihood is {value} at the start; give a start where it is finite.")
    gain = np.inf
    for _ in range(most_steps):
        step = _newton_step(gradient, hessian)
        gain = float(gradient @ step) / 2
        longest = float(np.abs(step).max())
        if gain < tolerance:
            near = longest < CLOSE
            return Maximum(
                here + step if near else here, value + gain * near, hessian, evaluations, True, gain
            )
        step *= min(1.0, LONGEST_STEP / longest)
        share = 1.0
        while True:
            at = np.clip(here + share * step, -FARTHEST, FARTHEST)
            there = objective(at)
            evaluations += 1
            if np.isfinite(there[0]) and there[0] >= value + 1e-4 * share * float(gradient @ step):
                break
            share /= 4
            if share < 1e-8:  # Rounding hides what is left, on the flat top or on a ridge.
                return Maximum(here, value, hessian, evaluations, gain < 1e-9 * abs(value), gain)
        here = at
        value, gradient, hessian = there
    return Maximum(here, value, hessian, evaluations, False, gain)


def _newton_step(gradient: Floats, hessian: Floats) -> Floats:
    import numpy as np

    curvature, axes = np.linalg.eigh(-hessian)
    steepness = np.abs(curvature)
    steepness = np.maximum(steepness, 1e-10 * max(float(steepness.max()), 1e-300))
    step: Floats = axes @ ((axes.T @ gradient) / steepness)
    return step
