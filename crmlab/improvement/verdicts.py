"""From effects to verdicts: improved, worse, or no evidence, with several measures judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isnan
from typing import TYPE_CHECKING, Literal

from crmlab.improvement.evaluation import FEWEST_AFTER, FEWEST_BEFORE, Evaluated, evaluate, lack
from crmlab.improvement.metrics import CAP_DAYS, METRICS, Metric
from crmlab.improvement.outcomes import Outcome, Outcomes
from crmlab.improvement.panel import PERIOD_DAYS, panel
from crmlab.labels import Text
from crmlab.view.numbers import count
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from datetime import date

    from crmlab.improvement.register import Measure
    from crmlab.lab import Lab

Verdict = Literal["improved", "no_evidence", "worse", "not_judged"]
VERDICTS: tuple[Verdict, ...] = ("improved", "no_evidence", "worse", "not_judged")


@dataclass(frozen=True, eq=False)
class Judged:
    """One measure with what is said of it; ``reason`` says why nothing is. ``adjusted_p`` is Holm's."""

    measure: Measure
    metric: Metric | None
    outcome: Outcome | None = None
    evaluated: Evaluated | None = None
    reason: Text | None = None
    verdict: Verdict = "not_judged"
    adjusted_p: float | None = None


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6:65–70).

    Calling those below α keeps the probability of any false call below α, however they depend on each other.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def verdict_of(value: float, p: float, better: int, confidence: float) -> Verdict:
    """Return the verdict on an effect: told from nothing at the confidence, and which way it points."""
    if isnan(p) or p >= 1 - confidence:
        return "no_evidence"
    return "improved" if value * better > 0 else "worse"


def judge(lab: Lab, register: Sequence[Measure]) -> tuple[Judged, ...]:
    """Judge every measure of the register by what was known on the as-of day."""
    outcomes = Outcomes(lab)
    found = [_judged(lab, outcomes, measure, register) for measure in register]
    told = [(place, each.evaluated) for place, each in enumerate(found) if each.evaluated is not None]
    adjusted = holm([evaluated.effect.p for _, evaluated in told])
    for (place, evaluated), p in zip(told, adjusted, strict=True):
        each = found[place]
        assert each.metric is not None
        verdict = verdict_of(evaluated.effect.value, p, each.metric.better, lab.study.improvement.confidence)
        found[place] = Judged(each.measure, each.metric, each.outcome, evaluated, None, verdict, p)
    return tuple(found)


def _judged(lab: Lab, outcomes: Outcomes, measure: Measure, register: Sequence[Measure]) -> Judged:
    params, as_of = lab.study.improvement, lab.study.as_of
    if measure.target_metric is None:
        return Judged(measure, None, reason=texts()["improvement_no_metric"])
    metric = METRICS[measure.target_metric]
    if measure.started_on > as_of:
        return Judged(measure, metric, reason=say("improvement_not_started", day=measure.started_on))
    if metric.id == "aspect_share" and not measure.aspect:
        return Judged(measure, metric, reason=texts()["improvement_needs_aspect"])
    outcome = outcomes.of(measure, register)
    if isinstance(outcome, Text):
        return Judged(measure, metric, reason=outcome)
    days = PERIOD_DAYS[params.period]
    last = _last(measure, metric, outcome, as_of)
    made = panel(
        outcome.rows, outcome.own, outcome.others, measure.started_on, last, days, params.window_days
    )
    lacking = lack(made)
    if lacking is None:
        return Judged(measure, metric, outcome, evaluate(made, params.confidence, params.placebos))
    own = outcome.rows.filter(group=outcome.own)
    later = CAP_DAYS if metric.table == "complaints" and metric.id != "complaint_rate" else 0
    enough = measure.started_on + timedelta(days=FEWEST_AFTER * days + later)
    why: str = lacking
    if lacking == "after" and measure.ended_on and last == measure.ended_on:
        why = "while_it_ran"
    elif lacking == "after" and enough <= as_of:
        why = "later_records"
    reason = say(
        f"improvement_lacks_{why}",
        first=own["day"].min() or "–",
        final=own["day"].max() or "–",
        start=measure.started_on,
        end=measure.ended_on or "–",
        before=FEWEST_BEFORE,
        after=FEWEST_AFTER,
        period=texts()[f"improvement_{params.period}s"],
        day=enough,
        metric=metric.text,
        n=count(min(float(part) for part in _sizes(made.own.size, made.after))),
    )
    return Judged(measure, metric, outcome, reason=reason)


def _last(measure: Measure, metric: Metric, outcome: Outcome, as_of: date) -> date:
    """Return the last day of the effect: of the records, of the as-of day, or of the measure."""
    import datetime

    days = [as_of, outcome.rows["day"].max(), measure.ended_on]
    if metric.id in ("resolution_hours", "handling_satisfaction"):
        days[0] = as_of - timedelta(days=CAP_DAYS)
    return min(day for day in days if isinstance(day, datetime.date))


def _sizes(size: object, after: object) -> tuple[float, float]:
    """Return how many observations there are before and after."""
    import numpy as np

    size, after = np.asarray(size), np.asarray(after)
    return float(size[~after].sum()), float(size[after].sum())
