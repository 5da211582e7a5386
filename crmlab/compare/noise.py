"""Which differences of two runs' figures chance explains, and which it does not.

The difference of two estimates gets its 95 % interval from the intervals of both, without going back to
the data (the method of variance estimates recovery, MOVER: Zou & Donner 2008, Statistics in Medicine
27:1693–1702; for two shares with Wilson intervals it is Newcombe's hybrid score interval, 1998,
Statistics in Medicine 17:873–890). The p value is that of the normal whose 95 % interval is the same on
the side of zero.

Customers who are in both runs make the estimates depend on each other. For shares of classes and means
of scores, which tables keep customer by customer, the correlation is computed from who is in both (partially
overlapping samples: Derrick, Dobson-McKittrick, Toher & White 2015, Journal of Applied Quantitative Methods
10(3):1–14): of their deviations from each run's own mean, as for ratio estimates (Cochran 1977, Sampling
Techniques, chapter 6), since those who stay differ from those who come and go. For every other figure it
is taken as zero; the same customers' figures go up and down together, so the interval is then too wide,
and a change that is there may be called chance, rarely the other way round.

Several figures are looked at at once: p values are adjusted by Benjamini & Hochberg (1995, JRSS B
57:289–300), so that of those called beyond chance one in twenty is expected to be wrong. It is proven
for figures that are independent or move together (Benjamini & Yekutieli 2001, Annals of Statistics
29:1165–1188); shares of classes, which add to one, are neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, floor, sqrt
from typing import Any, Literal, NamedTuple

from crmlab.intervals import z_value

Verdict = Literal[
    "same", "chance", "beyond", "rule", "counted", "model", "hidden", "defined", "added", "removed"
]
"""``rule``: both runs saw the same rows, so chance has no part in it. ``counted``: no interval is known.
``model``: the interval leaves out who happened to be the customers. ``hidden``: too few customers to be
told of. ``defined``: they are not the same figure, or in other units."""

LEVEL = 0.05


class Difference(NamedTuple):
    """A difference with its 95 % interval and p value."""

    value: float
    low: float
    high: float
    p: float


def difference(
    before: tuple[float, float, float], after: tuple[float, float, float], correlation: float = 0.0
) -> Difference:
    """Return ``after`` − ``before`` of two (value, low, high) with 95 % intervals (MOVER)."""
    (one, one_low, one_high), (two, two_low, two_high) = before, after
    value = two - one
    below = _reach(two - two_low, one_high - one, correlation)
    above = _reach(two_high - two, one - one_low, correlation)
    reach = below if value > 0 else above
    if value == 0:
        p = 1.0
    elif reach == 0:
        p = 0.0
    else:
        p = erfc(z_value(0.95) * abs(value) / reach / sqrt(2))
    return Difference(value, value - below, value + above, p)


def correlation_of_means(together: float, first: float, second: float) -> float:
    """Return the correlation of two means of customers some of whom are counted in both.

    ``first`` and ``second`` are the sums of squared deviations from each run's mean, ``together`` the sum
    of the products of both deviations over those in both. Zero where nothing deviates.
    """
    spread = sqrt(first) * sqrt(second)
    return max(-1.0, min(1.0, together / spread)) if spread else 0.0


def correlation_of_shares(
    both: tuple[int, int, int, int], first: tuple[int, int], second: tuple[int, int], coarse: int = 1
) -> float:
    """Return the correlation of two shares of customers some of whom are counted in both.

    ``first`` and ``second`` are (in the class, all) of each run; ``both`` counts who is in both runs: all,
    in the class both times, in the class the first time, and the second. The sum over them is rounded down
    to a multiple of ``coarse`` customers, on the careful side, so that it does not give small groups away.
    """
    (n_both, twice, once, again), (x, n), (y, m) = both, first, second
    if not n or not m:
        return 0.0
    p, q = x / n, y / m
    together = twice - p * again - q * once + p * q * n_both
    if coarse > 1:
        together = coarse * floor(together / coarse)
    return correlation_of_means(together, x * (1 - p), y * (1 - q))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for their number, in order (Benjamini & Hochberg 1995)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place], reverse=True)
    found, lowest = [1.0] * len(p_values), 1.0
    for rank, place in enumerate(order):
        lowest = min(lowest, p_values[place] * (len(p_values) / (len(p_values) - rank)))
        found[place] = lowest
    return found


def judged(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each pair of figures with its difference, interval, ``p``, ``q`` (adjusted) and ``verdict``.

    A pair has ``before`` and ``after`` (value, low and high, or None where the run does not have it). It
    may have ``correlation``; ``comparable`` is false where they are not one figure, ``sampled`` where an
    interval is not that of a sample of customers, ``same_rows`` true where both runs saw the same data.
    """
    told = [{**pair, **_compared(pair)} for pair in pairs]
    tested = [entry for entry in told if entry["p"] is not None]
    for entry, q in zip(tested, adjusted([entry["p"] for entry in tested]), strict=True):
        entry["q"] = q
        if entry["difference"]:
            entry["verdict"] = "beyond" if q < LEVEL else "chance"
    return told


def _compared(pair: dict[str, Any]) -> dict[str, Any]:
    before, after = pair["before"], pair["after"]
    nothing = dict.fromkeys(("difference", "low", "high", "p", "q"))
    if before is None or after is None:
        return {**nothing, "verdict": "added" if before is None else "removed"}
    if before["value"] is None or after["value"] is None:
        return {**nothing, "verdict": "hidden"}
    if not pair.get("comparable", True):
        return {**nothing, "verdict": "defined"}
    nothing["difference"] = after["value"] - before["value"]
    same_rows = pair.get("same_rows", False)
    if same_rows or _counted(before) or _counted(after):
        same = before["value"] == after["value"]
        return {**nothing, "verdict": "same" if same else "rule" if same_rows else "counted"}
    if not pair.get("sampled", True):
        return {**nothing, "verdict": "model" if nothing["difference"] else "same"}
    names = ("value", "low", "high")
    found = difference(
        tuple(before[name] for name in names),
        tuple(after[name] for name in names),
        pair.get("correlation") or 0.0,
    )
    return {**nothing, "low": found.low, "high": found.high, "p": found.p, "verdict": "same"}


def _counted(figure: dict[str, Any]) -> bool:
    return figure["low"] is None or figure["high"] is None


def _reach(towards: float, away: float, correlation: float) -> float:
    return sqrt(max(0.0, towards**2 + away**2 - 2 * correlation * towards * away))
