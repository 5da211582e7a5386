"""The threshold of status that does best by a declared precision, or by declared costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.segments.threshold_rules import Counts, Rule
from crmlab.view.numbers import decimal, percent
from crmlab.view.tables import MISSING
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.segments.backtest import Backtest

_FEWEST = 30
"""Customers whom a rule must flag, and leave, to be chosen: fewer reach any precision by chance."""


@dataclass(frozen=True)
class Recommendation:
    """The rule that does best by what was declared, chosen on one day and measured on another.

    ``flagged_share``, ``precision`` and ``recall`` are of ``measured_on``; None where they would tell of
    fewer customers than the study's ``privacy.smallest_group``. ``cost`` is per customer, in units of one
    contact in vain, beside what contacting everybody and nobody costs; None where a precision was
    asked for. ``reached`` says whether the precision was reached where the rule was chosen.
    """

    rule: Rule
    horizon: int
    chosen_on: date
    measured_on: date
    flagged_share: float | None
    precision: Estimate | None
    recall: Estimate | None
    cost: float | None
    cost_of_everybody: float | None
    cost_of_nobody: float | None
    reached: bool
    text: Text

    @property
    def params(self) -> dict[str, Any]:
        """What to write under ``classifiers: {status: …}`` of the study to use the rule."""
        return dict(self.rule.params)


def recommend(
    backtest: Backtest,
    target_precision: float | None = None,
    cost_ratio: float | None = None,
    horizon: int | None = None,
) -> Recommendation:
    """Return the rule that does best by what is declared: a precision, or a ratio of costs.

    With ``target_precision`` the rule with the highest recall among those that reach it; with
    ``cost_ratio``, what missing a lapse costs over what a contact in vain costs, the cheapest. Candidates
    are all fixed numbers of days and the methods by gaps, where they flag 30 customers and leave as
    many. The rule is chosen ``2 · horizon`` days before the study's day and measured ``horizon`` days
    before it, where the history is long enough, else both on the latter day. Raises ParamsError where
    not exactly one of both is given, or nothing can be chosen.
    """
    days = _checked(backtest, target_precision, cost_ratio, horizon)
    measured_on = backtest.lab.study.as_of - timedelta(days=days)
    chosen_on = measured_on - timedelta(days=days) if backtest.reaches(3 * days) else measured_on
    smallest = backtest.lab.study.privacy.smallest_group
    fewest = max(smallest, _FEWEST)
    candidates = _candidates(backtest, chosen_on, days, fewest)
    if not candidates:
        raise ParamsError(
            f"As of {chosen_on} no rule flags {fewest} customers and leaves as many; there is nothing to "
            "choose from. Take another horizon, or a longer history."
        )
    rule, reached = _best(candidates, target_precision, cost_ratio)
    counts = Counts.of(backtest.flags(rule, measured_on, days))
    told = counts.told(smallest)
    precision, recall = (counts.precision, counts.recall) if told else (None, None)
    kept = counts.customers - counts.lapsed
    compared = (counts, Counts(counts.lapsed, kept, 0, 0), Counts(0, 0, counts.lapsed, kept))
    costs = [_cost(one, cost_ratio) if cost_ratio and told else None for one in compared]
    cost, everybody, nobody = costs
    key = "backtest_by_cost" if cost_ratio else "backtest_by_precision" if reached else "backtest_unreached"
    said = say(
        key,
        rule=rule.name,
        days=days,
        target=percent(target_precision, 0),
        ratio=f"{cost_ratio or 0:g}",
        chosen=chosen_on,
        measured=measured_on,
        precision=percent(precision.value if precision else None),
        recall=percent(recall.value if recall else None),
        **{
            name: MISSING if value is None else decimal(value)
            for name, value in (("cost", cost), ("everybody", everybody), ("nobody", nobody))
        },
    )
    same_day = texts()["backtest_same_day"] if chosen_on == measured_on else None
    return Recommendation(
        rule=rule,
        horizon=days,
        chosen_on=chosen_on,
        measured_on=measured_on,
        flagged_share=counts.flagged / counts.customers if told else None,
        precision=precision,
        recall=recall,
        cost=cost,
        cost_of_everybody=everybody,
        cost_of_nobody=nobody,
        reached=reached,
        text=joined(said, same_day),
    )


def _checked(
    backtest: Backtest, target_precision: float | None, cost_ratio: float | None, horizon: int | None
) -> int:
    """Return the horizon, or raise ParamsError for what does not fit."""
    if (target_precision is None) == (cost_ratio is None):
        raise ParamsError("Give either target_precision, for example 0.6, or cost_ratio, for example 5.")
    if target_precision is not None and not 0 < target_precision <= 1:
        raise ParamsError(f"target_precision is {target_precision}; it must be above 0 and at most 1.")
    if cost_ratio is not None and not 0 < cost_ratio < float("inf"):
        raise ParamsError(f"cost_ratio is {cost_ratio}; it must be a number above 0, for example 5.")
    days = horizon or backtest.main
    if days is None or days not in backtest.horizons:
        allowed = ", ".join(map(str, backtest.horizons)) or "none, it is too short"
        raise ParamsError(f"horizon is {days}; the history of this study allows: {allowed}.")
    return days


def _candidates(backtest: Backtest, day: date, horizon: int, fewest: int) -> list[tuple[Rule, Counts]]:
    """Return each rule that flags some and leaves some with what it would have said."""
    known = backtest.replay(day, horizon)
    lapsed, everybody = int(known["lapsed"].sum()), known.height
    # Customers by the days of their silence: whoever is silent for more days than a limit is flagged.
    silent = known.group_by("silence").agg(n=pl.len(), gone=pl.col("lapsed").sum()).sort("silence")
    limits = silent.select("silence", n=pl.col("n").cum_sum(), gone=pl.col("gone").cum_sum())
    found = [
        (limit, Counts(lapsed - gone, everybody - n - lapsed + gone, gone, n - gone))
        for limit, n, gone in limits.iter_rows()
        if limit > 0
    ]
    rules = [(Rule.fixed(limit), counts) for limit, counts in found]
    by_gap = [rule for rule in backtest.rules if rule.params["method"] != "fixed_days"]
    rules += [(rule, Counts.of(backtest.flags(rule, day, horizon))) for rule in by_gap]
    return [one for one in rules if fewest <= one[1].flagged <= everybody - fewest]


def _best(
    candidates: list[tuple[Rule, Counts]], target_precision: float | None, cost_ratio: float | None
) -> tuple[Rule, bool]:
    """Return the best rule, of equal ones that which flags fewer, and whether the target is reached."""
    if cost_ratio is not None:
        return min(candidates, key=lambda one: (_cost(one[1], cost_ratio), one[1].flagged))[0], True
    enough = [one for one in candidates if one[1].precision.value >= (target_precision or 0)]
    if enough:
        return min(enough, key=lambda one: (-one[1].hits, one[1].flagged))[0], True
    return max(candidates, key=lambda one: (one[1].precision.value, -one[1].flagged))[0], False


def _cost(counts: Counts, ratio: float) -> float:
    """Return the cost per customer: ``ratio`` for each lapse missed, 1 for each contact in vain."""
    return (ratio * counts.missed + counts.in_vain) / counts.customers
