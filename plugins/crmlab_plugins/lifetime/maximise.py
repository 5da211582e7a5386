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

ROUNDING = 1e-9
"""So near to its limit, a parameter is there."""

CLOSE = 0.01
"""Up to so long a step, the log-likelihood is a parabola for all purposes."""


class Maximum(NamedTuple):
    """Where the search ended: ``hessian`` is that of the last evaluation, ``gain`` what was left to win.

    ``at_limit`` are the places of parameters that would go beyond their limit; it has not ``converged``
    where that is ``FARTHEST``.
    """

    estimate: Floats
    value: float
    hessian: Floats
    evaluations: int
    converged: bool
    gain: float
    at_limit: tuple[int, ...] = ()


def maximise(
    objective: Objective,
    start: Floats,
    *,
    tolerance: float = 1e-6,
    most_steps: int = 200,
    farthest: float | Floats = FARTHEST,
) -> Maximum:
    """Return the maximum of ``objective``, whose parameters may be any numbers (mostly logarithms).

    Damped Newton: eigenvalues of the wrong sign are turned round, steps are limited and halved until the
    value rises. The search ends where one more step promises to raise the value by less than
    ``tolerance``, in units of log-likelihood; a short one is taken, and its promise added to the value, as
    Newton's error is then far below rounding. The order of evaluations is fixed, so the result is too.
    No parameter leaves -``farthest`` … ``farthest``; one that would is held there.
    """
    import numpy as np

    here = np.clip(np.asarray(start, dtype=np.float64), -farthest, farthest)
    value, gradient, hessian = objective(here)
    evaluations = 1
    if not np.isfinite(value):
        raise ValueError(f"The log-likelihood is {value} at the start; give a start where it is finite.")
    gain = np.inf
    stuck: tuple[int, ...] = ()
    for _ in range(most_steps):
        step, held = _step_within(farthest, here, gradient, hessian)
        gain = float(gradient @ step) / 2
        longest = float(np.abs(step).max())
        stuck = tuple(np.flatnonzero(held).tolist())
        if gain < tolerance:
            near = longest < CLOSE
            end = np.clip(here + step, -farthest, farthest) if near else here
            ended = bool((np.abs(end) < FARTHEST).all())
            return Maximum(end, value + gain * near, hessian, evaluations, ended, gain, stuck)
        # Shortened as a whole where it meets a limit: bent, it would leave a ridge.
        moves = step != 0
        room = (farthest - here * np.sign(step))[moves] / np.abs(step[moves])
        step *= min(1.0, LONGEST_STEP / longest, float(room.min()))
        share = 1.0
        while True:
            at = np.clip(here + share * step, -farthest, farthest)
            there = objective(at)
            evaluations += 1
            if np.isfinite(there[0]) and there[0] >= value + 1e-4 * float(gradient @ (at - here)):
                break
            share /= 4
            if share < 1e-8:  # Rounding hides what is left, on the flat top or on a ridge.
                return Maximum(here, value, hessian, evaluations, gain < 1e-9 * abs(value), gain, stuck)
        here = at
        value, gradient, hessian = there
    return Maximum(here, value, hessian, evaluations, False, gain, stuck)


def _step_within(
    farthest: float | Floats, here: Floats, gradient: Floats, hessian: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return Newton's step and which parameters are held, as they are at their limit and would go on."""
    import numpy as np

    at_limit = np.abs(here) >= np.subtract(farthest, ROUNDING)
    held = at_limit & (gradient * here > 0)
    while True:
        step = _newton_step(gradient, hessian, ~held)
        beyond = at_limit & (step * here > 0)
        if not beyond.any():
            return step, held
        held |= beyond


def _newton_step(gradient: Floats, hessian: Floats, free: NDArray[np.bool_]) -> Floats:
    """Return the step of the parameters that are ``free``, 0 for others."""
    import numpy as np

    step = np.zeros_like(gradient)
    curvature, axes = np.linalg.eigh(-hessian[np.ix_(free, free)])
    steepness = np.abs(curvature)
    steepness = np.maximum(steepness, 1e-10 * max(float(steepness.max(initial=0)), 1e-300))
    step[free] = axes @ ((axes.T @ gradient[free]) / steepness)
    return step
