"""Simulated customers who buy at Erlang gaps and may leave at each purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def simulate_purchases(
    rng: np.random.Generator,
    k: int,
    rate: Floats,
    leaves: Floats,
    events: Floats,
    there: NDArray[np.bool_],
    end: Floats,
) -> tuple[Floats, Floats]:
    """Return the purchases until ``end`` and the time of the last, of customers who are ``there`` at 0.

    ``k`` events at ``rate`` make a purchase, the first one takes ``events`` more; at each, a customer leaves
    with probability ``leaves``. Shape (customers,) each.
    """
    import numpy as np

    count, last = np.zeros(end.size), np.zeros(end.size)
    who = np.flatnonzero(there)
    clock, wait = np.zeros(who.size), events[who].astype(np.float64)
    while who.size:
        with np.errstate(divide="ignore", over="ignore"):
            clock = clock + rng.gamma(wait) / rate[who]
        bought = clock <= end[who]
        who, clock = who[bought], clock[bought]
        count[who] += 1
        last[who] = clock
        stays = rng.random(who.size) >= leaves[who]
        who, clock = who[stays], clock[stays]
        wait = np.full(who.size, float(k))
    return count, last
