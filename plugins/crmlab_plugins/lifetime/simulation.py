"""Simulated customers: who buy at Erlang gaps and may leave at each purchase, and totals of purchases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    History = tuple[Floats, Floats, Floats]

SIMULATED = 20_000
"""Of more customers, so many are simulated in each draw of a total."""


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


def simulate_totals(
    fitted: Any,
    parts: Sequence[tuple[Floats, NDArray[np.intp], History]],
    days: float,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Return ``draws`` totals of purchases within ``days``; the parameters are drawn in each as well.

    ``parts`` are the covariates, rows and histories of customers who share their parameters. Of more than
    20,000 customers, a fresh sample of so many is simulated in each draw, and its deviation from what the
    drawn parameters expect of it is scaled to everybody's.
    """
    import numpy as np

    rows = np.argsort(np.concatenate([rows for _, rows, _ in parts]))
    history = [np.concatenate([part[at] for *_, part in parts])[rows] for at in range(3)]
    covariates = np.repeat([pattern for pattern, _, _ in parts], [len(part) for _, part, _ in parts], axis=0)
    covariates = covariates[rows]
    totals = np.zeros(draws)
    for at in range(draws):
        drawn = fitted.draw(rng)
        some = np.arange(rows.size)
        everybody = told = 0.0
        if rows.size > SIMULATED:
            some = np.sort(rng.choice(rows.size, SIMULATED, replace=False))
            expected = np.empty(rows.size)
            for pattern, place, part in parts:
                expected[place] = fitted.at(pattern, drawn).expected_purchases(*part, days)
            everybody, told = float(expected.sum()), float(expected[some].sum())
        process = fitted.of_each(covariates[some], drawn)
        simulated = float(process.draw_future(rng, *(column[some] for column in history), days).sum())
        totals[at] = max(everybody + (simulated - told) * np.sqrt(rows.size / some.size), 0.0)
    return totals
