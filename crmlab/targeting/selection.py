"""Whom to contact within a budget and a capacity, and whom to hold out by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

STRATUM = 20
"""Neighbours in the ranking among whom chance draws the control group, so that arms are worth the same."""


def ranked(gain: ArrayLike, cost: ArrayLike) -> NDArray[np.int64]:
    """Return the places of those worth contacting, best gain per cost first.

    Left out are gains that are not above 0. Without a cost the gain decides; equals keep their order.
    """
    import numpy as np

    value, price = np.asarray(gain, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    worth = np.flatnonzero(value > 0)
    with np.errstate(divide="ignore"):
        rate = np.where(price[worth] > 0, value[worth] / price[worth], np.inf)
    return np.asarray(worth[np.lexsort((-value[worth], -rate))], dtype=np.int64)


def held_out(n: int, share: float, seed: int | Sequence[int]) -> NDArray[np.bool_]:
    """Say which of ``n`` ranked customers chance holds out: ``share`` of every stratum of neighbours.

    Each customer has the same chance. A stratum whose part is no whole number has one more or one less in
    turn, from a random start, so that all together come to within one of the share.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    start = rng.random()
    stratum = np.arange(n) // STRATUM
    order = np.lexsort((rng.random(n), stratum))
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n) % STRATUM
    ends = np.minimum((np.arange(n // STRATUM + 1) + 1) * STRATUM, n)
    upto = np.floor(share * ends + start)
    drawn = np.diff(np.append(np.floor(start), upto))
    return np.asarray(place < drawn[stratum], dtype=np.bool_)


def within_limits(cost: ArrayLike, control: ArrayLike, budget: float | None, capacity: int | None) -> int:
    """Return how many of the ranked customers fit: the first of the contacted who does not ends the list.

    Customers held out cost nothing and take no capacity. None is no limit.
    """
    import numpy as np

    contacted = ~np.asarray(control).astype(np.bool_)
    spent = np.cumsum(np.where(contacted, np.asarray(cost, dtype=np.float64), 0.0))
    fits = np.full(len(contacted), True)
    if budget is not None:
        fits &= spent <= budget * (1 + 1e-12)
    if capacity is not None:
        fits &= np.cumsum(contacted) <= capacity
    return len(fits) if fits.all() else int(np.argmin(fits))
