"""Key figures: the few numbers of a report that its manifest keeps, so that runs can be compared.

``lab.save()`` writes them into the summary of the report, under ``figures``, and the run copies the list
as it is into its manifest, under ``reports[].figures``. Each is a JSON object:

``id`` (stable, unique in the report), ``zh`` and ``en`` (name), ``value``, ``low``, ``high`` (95 % interval;
null where the figure is counted and not estimated), ``n`` (observations behind it, or null), ``unit``
(count, share within 0–1, currency, days, hours, points, number), ``definition`` ({zh, en}), ``key``:
whether a list of runs shows it, and ``sampled``: false where the interval leaves out the luck of which
customers were there, so that two runs cannot be held against each other by it. A class of customers has the
id ``class:PLUGIN:LABEL``, its ``value`` null where too few are in it to be told; the mean of a score has
``score:PLUGIN:SCORE``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose, isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab.results import Scores, Segmentation
from crmlab.segments.separation import Estimate
from crmlab.summary import HUNDREDTHS
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

Unit = Literal["count", "share", "currency", "days", "hours", "points", "number"]

CLASS, SCORE = "class", "score"
"""What the ids of figures on classes of customers, and on the means of scores, begin with."""
_UNITS: dict[str, Unit] = {
    "probability": "share",
    "currency": "currency",
    "days": "days",
    "count": "count",
    "ratio": "number",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report with its 95 % interval; NaN where it, or an end of that, is not known."""

    id: str
    name: Text
    unit: Unit
    definition: Text
    estimate: Estimate
    n: int | None = None
    key: bool = True
    sampled: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of the manifest."""
        return {
            "id": self.id,
            **self.name._asdict(),
            **{name: end if isfinite(end) else None for name, end in self.estimate._asdict().items()},
            "n": self.n,
            "unit": self.unit,
            "definition": self.definition._asdict(),
            "key": self.key,
            "sampled": self.sampled,
        }


def figures(lab: Lab) -> list[Figure]:
    """Return the figures of the lab's report, most important first; classes and scores last.

    Only what the report has computed for its findings and tables is read.
    """
    found = list(_OF_REPORT[lab.report](lab)) if lab.report in _OF_REPORT else []
    results = [result for key, result in lab.results.items() if lab.is_own(key)]
    classes = [result for result in results if isinstance(result, Segmentation)]
    for place, each in enumerate(classes):
        found += _of_classes(each, key=place == 0 and lab.report in ("segmentation", None))
    for result in results:
        if isinstance(result, Scores):
            # A mean that the report tells by itself, with the model's own interval, is not told twice.
            found += [score for score in _of_scores(result) if not any(_same(score, each) for each in found)]
    return found


def _same(one: Figure, two: Figure) -> bool:
    return two.key and one.unit == two.unit and isclose(one.estimate.value, two.estimate.value, rel_tol=1e-9)


def _of_classes(result: Segmentation, *, key: bool) -> Iterator[Figure]:
    """Yield the share of customers per class; of the report's first classification the best is ``key``."""
    told = {row["label"]: row for row in result.summary.iter_rows(named=True)}
    shown = [label for label in result.scheme if label.id in told or label.id in result.few]
    for place, label in enumerate(shown):
        row = told.get(label.id, {})
        yield Figure(
            f"{CLASS}:{result.name}:{label.id}",
            say("figure_class", scheme=result.scheme.text, label=label.text),
            "share",
            texts()["figure_class_text"],
            _estimate(row, "customer_share", "share_low", "share_high"),
            result.labels.height,
            key=key and place == 0,
        )


def _of_scores(result: Scores) -> Iterator[Figure]:
    ends = {f"{score.id}{end}" for score in result.model.scores for end in ("_low", "_high")}
    for score in result.model.scores:
        if score.id in ends:  # the mean of one end of each customer's interval is nobody's interval
            continue
        values = result.scores[score.id].drop_nulls().cast(pl.Float64).drop_nans().sort()
        n = values.len()
        if n < max(result.lab.study.privacy.smallest_group, 2):
            continue
        mean, spread = float(values.mean()), float(values.std())  # type: ignore[arg-type]
        reach = z_value(0.95) * spread / sqrt(n)
        yield Figure(
            f"{SCORE}:{result.name}:{score.id}",
            say("figure_score", score=score.text),
            _UNITS[score.unit],
            texts()["figure_score_text"],
            Estimate(mean, mean - reach, mean + reach),
            n,
            key=False,
        )


def _of_quality(lab: Lab) -> Iterator[Figure]:
    words, card = texts(), lab.quality.scorecard
    if card.score is not None:
        n = len(card.checked)
        errors = sum(result.status == "error" for result in card.over)
        score, over = words["figure_quality_score"], words["figure_quality_errors"]
        told = words["quality_term_score_text"]
        yield Figure("quality.score", score, "share", told, _exact(card.score), n)
        told = words["figure_quality_errors_text"]
        yield Figure("quality.errors", over, "count", told, _exact(errors), n)


def _of_orders(lab: Lab) -> Iterator[Figure]:
    if "orders" not in lab.tables or not lab.concentration.spend.len():
        return
    words, concentration = texts(), lab.concentration
    n = concentration.spend.len()
    net = int(lab.tables["orders"]["amount_hundredths"].sum()) / HUNDREDTHS
    few = concentration.share_for(0.8)
    told = words["figure_customers_text"]
    yield Figure("customers", words["figure_customers"], "count", told, _exact(n))
    yield Figure("revenue", words["figure_revenue"], "currency", words["term_revenue_text"], _exact(net), n)
    if few:
        yield Figure("few", words["figure_few"], "share", words["figure_few_text"], _exact(few), n)
    gini = Estimate(concentration.gini, *concentration.gini_interval)
    yield Figure("gini", words["figure_gini"], "number", words["figure_gini_text"], gini, n)


def _of_value(lab: Lab) -> Iterator[Figure]:
    value, words = lab.value, texts()
    if "orders" not in lab.tables or value.missing or value.worth.missing:
        return
    days, total = value.worth.days, value.worth.total
    n, told = total.customers, say("figure_worth_text", days=days)
    worth = Estimate(total.value, total.low, total.high)
    yield Figure("worth", say("figure_worth", days=days), "currency", told, worth, n)
    mean = Estimate(*(end / n for end in worth))
    yield Figure("worth.mean", words["figure_worth_mean"], "currency", told, mean, n)
    if not value.slipping.missing:
        risk, told = value.slipping.at_risk, words["figure_slipping_text"]
        lost = Estimate(risk.value, risk.low, risk.high)
        name = words["figure_slipping"]
        yield Figure("slipping", name, "currency", told, lost, risk.customers, sampled=False)


def _of_lifecycle(lab: Lab) -> Iterator[Figure]:
    if "orders" not in lab.tables:
        return
    words, smallest = texts(), lab.study.privacy.smallest_group
    if not lab.churn.problem and not lab.churn.refused:
        customers = lab.churn.levels().customers
        if (n := customers.height) >= max(smallest, 1):
            leave = float(customers["churn_probability"].sort().mean())  # type: ignore[arg-type]
            loss = float(customers["expected_loss"].sort().sum())
            told = words["figure_churn_text"]
            yield Figure("churn", words["figure_churn"], "share", told, _exact(leave), n)
            yield Figure("churn.loss", words["figure_churn_loss"], "currency", told, _exact(loss), n)
    told = words["figure_survival_text"]
    if curves := lab.retention.second_purchase.curves:
        again = lab.retention.second_purchase.by(90)
        yield Figure("again", words["figure_again"], "share", told, again, curves["all"].customers)
    if (curve := lab.retention.lapse.curve) is not None:
        half = curve.quantile(0.5, smallest)
        yield Figure("lapse", words["figure_lapse"], "days", told, half, curve.customers)


def _of_complaints(lab: Lab) -> Iterator[Figure]:
    words, complaints = texts(), lab.complaints
    if "complaints" not in lab.tables or complaints.log is None:
        return
    n, told = complaints.log.frame.height, words["figure_complaints_text"]
    yield Figure("complaints", words["figure_complaints"], "count", told, _exact(n))
    rate, told = complaints.volume.overall, words["term_complaints_rate_text"]
    orders = complaints.volume.orders
    yield Figure("complaints.rate", words["term_complaints_rate"], "number", told, rate, orders)
    if complaints.speed.problem is None:
        row = complaints.speed.row("resolution", "business", "all")
        half = _estimate(row, "median", "median_low", "median_high")
        name, told = words["figure_complaints_hours"], words["term_complaints_wait_text"]
        yield Figure("complaints.hours", name, "hours", told, half, int(row["complaints"] or 0))
    if complaints.promise.problem is None:
        told = words["term_complaints_promise_text"]
        whole = complaints.promise.summary.filter(pl.col("severity").is_null())
        for kept in whole.iter_rows(named=True):
            resolved = kept["measure"] == "resolution"
            name = words["figure_complaints_kept" if resolved else "figure_complaints_answered"]
            share = _estimate(kept, "share", "low", "high")
            yield Figure(f"complaints.promise.{kept['measure']}", name, "share", told, share, kept["due"])
    if complaints.backlog.problem is None:
        still = complaints.backlog.open.height
        name, told = words["figure_complaints_open"], words["term_complaints_backlog_text"]
        yield Figure("complaints.open", name, "count", told, _exact(still))


def _of_improvement(lab: Lab) -> Iterator[Figure]:
    words, verdicts = texts(), [each.verdict for each in lab.improvement.judged]
    told, n = words["figure_improvement_text"], len(verdicts)
    worked, harmed = verdicts.count("improved"), verdicts.count("worse")
    yield Figure("improvement.worked", words["figure_improved"], "count", told, _exact(worked), n)
    yield Figure("improvement.harmed", words["figure_worsened"], "count", told, _exact(harmed), n)


def _of_feedback(lab: Lab) -> Iterator[Figure]:
    if "feedback" not in lab.tables or not lab.voice.feedback.height:
        return
    words, voice = texts(), lab.voice
    for place, rating in enumerate(voice.ratings):
        asked = f":{_short(rating.question)}" if rating.question else ""
        name = rating.name
        if rating.question:
            name = Text(f"{name.zh}（{rating.question}）", f"{name.en} ({rating.question})")
        ends = Estimate(rating.value, rating.low, rating.high)
        figure, told = f"rating:{rating.scale}{asked}", rating.definition
        yield Figure(figure, name, rating.unit, told, ends, rating.n, key=place == 0)
    n = int(voice.sentiment["texts"].sum())
    shares = {row["sentiment"]: row for row in voice.sentiment.iter_rows(named=True)}
    for sentiment, key in (("positive", "figure_positive"), ("negative", "figure_negative")):
        share, told = _estimate(shares[sentiment], "share", "low", "high"), words["figure_sentiment_text"]
        yield Figure(f"sentiment.{sentiment}", words[key], "share", told, share, n)


_OF_REPORT = {
    "data-quality": _of_quality,
    "segmentation": _of_orders,
    "value": _of_value,
    "lifecycle": _of_lifecycle,
    "complaints": _of_complaints,
    "improvement": _of_improvement,
    "feedback": _of_feedback,
}


def _short(question: str) -> str:
    """Return what stands for a question in an id: a text may hold anything."""
    return hashlib.sha256(question.encode()).hexdigest()[:8]


def _exact(value: float) -> Estimate:
    """Return a figure that is counted, not estimated."""
    return Estimate(value, nan, nan)


def _estimate(row: Mapping[str, Any], *names: str) -> Estimate:
    """Return the value and the ends of a row of a summary; NaN for what it does not tell."""
    return Estimate(*(nan if row.get(name) is None else row[name] for name in names))
