"""Purchases to come, each discounted by when it is to be expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmlab_plugins.lifetime.blocks import blocks
from crmlab_plugins.lifetime.collapse import unique_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.processes import Process

    Floats = NDArray[np.float64]
    History = tuple[Floats, Floats, Floats]

YEAR = 365.0
STEP = 30
"""Days that are discounted alike, a month of 30 days; the last step may be shorter."""


def schedule(horizon_days: float, annual_discount: float, step_days: int = STEP) -> tuple[Floats, Floats]:
    """Return the ends of the steps in days, and what a purchase within each is worth today.

    A purchase counts as made in the middle of its step; the rate is that of a year of 365 days, compounded.
    """
    ends = np.append(np.arange(step_days, horizon_days, step_days, dtype=np.float64), float(horizon_days))
    middles = (ends + np.append(0.0, ends[:-1])) / 2
    return ends, (1 + annual_discount) ** (-middles / YEAR)


def weighted(factors: Floats) -> Floats:
    """Return the weights of purchases until each end that make the sum of those within each step × factor."""
    return np.asarray(factors - np.append(factors[1:], 0.0))


def weighted_purchases(process: Process, history: History, ends: Floats, weights: Floats) -> Floats:
    """Return sums over ``ends`` of weight times purchases to expect until then; shape (k, customers).

    ``weights`` has shape (k, ends). Where purchases come at random while a customer is there, the future of
    one who is still there depends on x and T alone: it is computed once for each distinct pair, of customers
    seen on the last day, and multiplied by the probability of being there.
    """
    x, t_x, T = history  # noqa: N806
    if _regular(process):
        return np.asarray(weights @ process.expected_purchases(x, t_x, T, ends))
    pair_x, pair_t, place = unique_pairs(x, T)
    seen = np.where(pair_x > 0, pair_t, 0.0)
    there = process.probability_alive(pair_x, seen, pair_t)
    ahead = weights @ process.expected_purchases(pair_x, seen, pair_t, ends)
    # Without a purchase after the first, the pair is the history.
    repeats = pair_x > 0
    given = np.divide(ahead, there, out=np.where(repeats, 0.0, ahead), where=repeats & (there > 0))
    result = np.empty((len(weights), x.size))
    for block in blocks(x.size):
        result[:, block] = given.take(place[block], axis=1)
        again = block.start + np.flatnonzero(x[block] > 0)
        result[:, again] *= process.probability_alive(x[again], t_x[again], T[again])
    return result


def _regular(process: Any) -> bool:
    """Say whether the time since the last purchase tells when the next one comes."""
    return getattr(process, "k", 1) > 1
