"""Raking: weights that make a sample match known shares of several traits at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmlab.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST = 5.0
"""No answer counts for more than so many times the average one."""
_TOLERANCE = 1e-6
_ROUNDS = 500
_TRIMMINGS = 50


@dataclass(frozen=True, eq=False)
class Raked:
    """Weights of mean 1 and how good they are.

    ``converged`` says that every share is met within 1e-6 before any weight was trimmed; ``gap`` is the
    largest difference of shares in the end, ``trimmed`` how many weights are at their limit.
    """

    weights: Floats
    converged: bool
    rounds: int
    gap: float
    trimmed: int

    @property
    def design_effect(self) -> float:
        """How many times larger weighting makes the variance: 1 + CV² (Kish 1965, Survey Sampling, 11.7)."""
        return design_effect(self.weights)

    @property
    def effective(self) -> float:
        """How many unweighted answers tell as much."""
        return effective(self.weights)


def rake(codes: Sequence[Ints], targets: Sequence[Floats], most: float = MOST) -> Raked:
    """Fit weights to the shares of each trait in turn until all are met.

    Iterative proportional fitting (Deming & Stephan 1940, Annals of Mathematical Statistics 11:427–444).
    ``codes`` holds for each trait the place of each answer in its ``targets``; −1 where it is unknown, and
    the answer keeps its weight in that step. Weights above ``most`` times the mean are cut to that and the
    rest fitted again (Potter 1990, ASA Survey Research Methods). Raises DataError for a share without any
    answer, which no weight can meet.
    """
    import numpy as np

    n = len(codes[0]) if codes else 0
    shares = [np.asarray(target, dtype=np.float64) / np.sum(target) for target in targets]
    for place, target in zip(codes, shares, strict=True):
        present = np.bincount(place[place >= 0], minlength=len(target))
        if n and ((target > 0) & (present == 0)).any():
            raise DataError(
                "A target share has no answer that could be weighted to it. Leave it out, or put it together "
                "with another."
            )
    weights, rounds, converged = _fitted(np.ones(n), codes, shares)
    for _ in range(_TRIMMINGS):
        if not n or weights.max() <= most * (1 + 1e-9):
            break
        weights, more, _ = _fitted(_cut(weights, most), codes, shares)
        rounds += more
    weights = _cut(weights, most)
    trimmed = int((weights >= most * (1 - 1e-6)).sum()) if n else 0
    return Raked(weights, converged, rounds, _gap(weights, codes, shares), trimmed)


def design_effect(weights: Floats) -> float:
    """Return n Σw² / (Σw)², 1 for equal weights; NaN without any."""
    total = float(weights.sum())
    return len(weights) * float(weights @ weights) / total**2 if total else float("nan")


def effective(weights: Floats) -> float:
    """Return (Σw)² / Σw²; 0 without any."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _fitted(weights: Floats, codes: Sequence[Ints], shares: Sequence[Floats]) -> tuple[Floats, int, bool]:
    import numpy as np

    rounds, met = 0, _gap(weights, codes, shares) < _TOLERANCE
    while not met and rounds < _ROUNDS:
        rounds += 1
        for place, target in zip(codes, shares, strict=True):
            known = place >= 0
            now = np.bincount(place[known], weights[known], minlength=len(target))
            factor = np.divide(target * now.sum(), now, out=np.ones_like(target), where=now > 0)
            weights = np.where(known, weights * factor[np.where(known, place, 0)], weights)
        met = _gap(weights, codes, shares) < _TOLERANCE
    return weights * (len(weights) / weights.sum()) if len(weights) else weights, rounds, met


def _cut(weights: Floats, most: float) -> Floats:
    """Cut the largest weights, keeping the mean at 1."""
    import numpy as np

    for _ in range(_TRIMMINGS):
        if not len(weights) or weights.max() <= most * (1 + 1e-9):
            break
        weights = np.minimum(weights, most)
        weights = weights * (len(weights) / weights.sum())
    return weights


def _gap(weights: Floats, codes: Sequence[Ints], shares: Sequence[Floats]) -> float:
    """Return the largest difference between a share and its target."""
    import numpy as np

    gaps = [0.0]
    for place, target in zip(codes, shares, strict=True):
        known = place >= 0
        now = np.bincount(place[known], weights[known], minlength=len(target))
        if now.sum():
            gaps.append(float(np.abs(now / now.sum() - target).max()))
    return max(gaps)
