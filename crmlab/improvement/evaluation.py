"""Did one measure work: the primary effect, what other methods say, placebo dates, and what could be seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Literal

from crmlab.improvement import methods
from crmlab.improvement.segmented import TREND, Effect, Fit

if TYPE_CHECKING:
    from crmlab.improvement.panel import Panel

FEWEST_BEFORE, FEWEST_AFTER = 12, 4
"""Periods with data before and after the start that an evaluation needs."""
FEWEST_ROWS = 30
"""Observations before and after that it needs."""
POWER = 0.8

Method = Literal[
    "controlled",
    "interrupted",
    "interrupted_raw",
    "newey_west",
    "differences",
    "year_before",
    "before_after",
    "before_after_raw",
]
Lack = Literal["before", "after", "rows", "noise"]


@dataclass(frozen=True)
class Placebo:
    """What is found for a start ``place`` periods from the true one.

    ``effect`` is the primary method's, ``differences`` that of difference-in-differences where there
    are groups enough.
    """

    place: int
    effect: Effect
    differences: Effect | None


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What the methods say of a measure.

    ``effects`` are in the metric's unit, the ``primary`` method's first. ``before`` and ``after`` are the
    figure as it was in the window after the start and in as many periods before, ``pretrend`` the trend per
    year that the primary method found before the start. ``rows`` counts observations before and after.
    """

    panel: Panel
    primary: Method
    fit: Fit
    effects: dict[Method, Effect]
    placebos: tuple[Placebo, ...]
    pretrend: Effect
    before: float
    after: float
    rows: tuple[int, int]

    @property
    def effect(self) -> Effect:
        """What the verdict rests on."""
        return self.effects[self.primary]

    @property
    def detectable(self) -> float:
        """The smallest true effect that would be seen four times in five, at this noise."""
        return detectable(self.effect.error, self.fit.confidence)

    def times_as_many(self, difference: float) -> float:
        """Return how many times as many observations show such a difference four times in five.

        Where noise is that of sampling; NaN for no difference.
        """
        return (self.detectable / abs(difference)) ** 2 if difference else nan

    @property
    def placebo_p(self) -> float:
        """Share of the placebo effects that are as large as the effect, it counted among them."""
        if not self.placebos:
            return nan
        size = abs(self.effect.value)
        as_large = sum(abs(each.effect.value) >= size for each in self.placebos)
        return (1 + as_large) / (1 + len(self.placebos))

    @property
    def false_alarms(self) -> int:
        """How many placebo dates would have been called a change."""
        return sum(each.effect.p < 1 - self.fit.confidence for each in self.placebos)

    @property
    def differences_alarms(self) -> tuple[int, int]:
        """How many placebo dates difference-in-differences would have called a change, and of how many."""
        told = [each.differences.p for each in self.placebos if each.differences is not None]
        return sum(p < 1 - self.fit.confidence for p in told), len(told)


def lack(panel: Panel) -> Lack | None:
    """Say of what there is too little for an evaluation; None where there is enough.

    Where no period before the start differs from another, nothing says how much periods differ by themselves.
    """
    import numpy as np

    after, size = panel.after, panel.own.size
    if np.count_nonzero(size[~after] > 0) < FEWEST_BEFORE:
        return "before"
    if np.count_nonzero(size[after] > 0) < FEWEST_AFTER:
        return "after"
    if min(size[~after].sum(), size[after].sum()) < FEWEST_ROWS:
        return "rows"
    usual = panel.own.raw[~after & (size > 0)]
    return "noise" if np.ptp(usual) <= 1e-9 * np.abs(usual).max() else None


def evaluate(panel: Panel, confidence: float = 0.95, placebos: int = 20) -> Evaluated:
    """Judge a measure by its panel, which lacks nothing.

    The primary method is settled before any result: segmented regression at one mix, of the difference to
    what the measure left alone where there is such a thing (controlled interrupted time series, Lopez Bernal,
    Cummins & Gasparrini 2018, International Journal of Epidemiology 47:2082–2093), else of the series itself.
    Unlike before and after it is fooled neither by a trend that was there already nor by a change of mix;
    unlike difference-in-differences it needs no two groups that would have moved alike.
    """
    compared = _comparable(panel)
    fit = methods.segmented(panel, confidence, compared=compared)
    primary: Method = "controlled" if compared else "interrupted"
    effects: dict[Method, Effect] = {primary: fit.effect()}
    if compared:
        effects["interrupted"] = methods.segmented(panel, confidence, compared=False).effect()
    effects["interrupted_raw"] = methods.segmented(
        panel, confidence, compared=compared, adjusted=False
    ).effect()
    effects["newey_west"] = fit.newey_west()
    for name, found in (
        ("differences", methods.differences(panel, confidence)),
        ("year_before", methods.year_before(panel, confidence)),
    ):
        if found is not None:
            effects[name] = found  # type: ignore[index]
    effects["before_after"] = methods.before_after(panel, confidence, adjusted=True)
    effects["before_after_raw"] = methods.before_after(panel, confidence, adjusted=False)
    after, own = panel.after, panel.own
    before_then, after_then = (
        float(own.num[part].sum() / own.den[part].sum()) for part in (panel.window, after)
    )
    return Evaluated(
        panel,
        primary,
        fit,
        effects,
        _placebos(panel, confidence, placebos, compared=compared),
        fit.effect(TREND),
        before_then,
        after_then,
        rows=(round(float(own.size[~after].sum())), round(float(own.size[after].sum()))),
    )


def detectable(error: float, confidence: float) -> float:
    """Return the effect that a two-sided test finds with a power of 80 % (Cohen 1988, chapter 1)."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2) + ndtri(POWER)) * error


def _comparable(panel: Panel) -> bool:
    """Say whether the groups left alone are together large enough to be compared with.

    Their noise would else be larger than what they explain.
    """
    import numpy as np

    after = panel.after
    there = [
        each for each in panel.others.values() if min(each.size[after].sum(), each.size[~after].sum()) > 0
    ]
    together = np.sum([each.size for each in there], axis=0) if there else np.zeros(len(panel.time))
    known = (panel.own.size > 0) & (together > 0)
    enough = (
        np.count_nonzero(known & ~after) >= FEWEST_BEFORE and np.count_nonzero(known & after) >= FEWEST_AFTER
    )
    return bool(enough and together.sum() >= panel.own.size.sum())


def _placebos(panel: Panel, confidence: float, count: int, *, compared: bool) -> tuple[Placebo, ...]:
    """Judge days before the start as if the measure had begun then, on the periods before the start alone.

    The days are spread evenly; each has so many periods before it as an evaluation needs, and after it as
    many as the measure has, or as there are.
    """
    import numpy as np

    length = int(np.count_nonzero(panel.after))
    first = int(panel.time[0]) + FEWEST_BEFORE
    places = np.arange(first, -FEWEST_AFTER + 1)
    if not count or not len(places):
        return ()
    chosen = np.unique(places[np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)])
    found = []
    for place in map(int, chosen):
        past = panel.until(place, min(place + length - 1, -1))
        # Groups that are compared with may be younger than the measure's.
        if lack(past) is None and (not compared or _comparable(past)):
            effect = methods.segmented(past, confidence, compared=compared).effect()
            found.append(Placebo(place, effect, methods.differences(past, confidence)))
    return tuple(found)
