"""What each customer's feedback amounts to: scores, else texts, and complaints that are open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by, nobody, one, optional

if TYPE_CHECKING:
    from crmlab_plugins.features.rows import Columns

VERDICTS: dict[str, tuple[int, int]] = {
    "nps_0_10": (6, 9),
    "csat_1_5": (2, 4),
    "csat_1_7": (3, 5),
    "ces_1_7": (3, 5),
    "binary_0_1": (0, 1),
}
"""Scale → the highest answer that is dissatisfied, the lowest that is satisfied.

Those of :mod:`crmlab.satisfaction`: promoters and detractors of the NPS, above the middle of the scale
for CSAT and CES, and below it.
"""


class FeedbackSummary(Feature):
    """The weight of satisfied, neutral and dissatisfied feedback, and complaints open on the day.

    Feedback of the last ``window_days`` counts, by scores; one ``half_life_days`` old weighs half, so
    that the latest prevails. Customers without a score in the window are judged by their
    ``texts_per_customer`` latest texts (none with 0): the plugin ``sentiment`` says positive,
    uncertain or negative, and a text weighs ``text_weight`` of a score. On a scale of effort
    ``ces_direction`` says whether a high answer means easy. A complaint is open until it is resolved
    or closed; one that is marked so without a time counts as closed.
    """

    title: ClassVar[Text] = Text("反馈汇总", "Feedback summary")
    optional_tables: ClassVar[tuple[str, ...]] = ("feedback", "complaints")
    produces: ClassVar[tuple[str, ...]] = (
        "feedback_count",
        "days_since_last_feedback",
        "latest_satisfaction",
        "satisfied_weight",
        "neutral_weight",
        "dissatisfied_weight",
        "feedback_by_text",
        "open_complaint_count",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "feedback_count": Measure("计入的反馈数", "feedback that counts", "count"),
        "days_since_last_feedback": Measure("距最近一次反馈的天数", "days since the last feedback", "days"),
        "latest_satisfaction": Measure(
            "最近一次反馈的评价（1 满意，-1 不满意）", "latest verdict (1 satisfied, -1 not)", "number"
        ),
        "satisfied_weight": Measure("满意反馈的权重", "weight of satisfied feedback", "number"),
        "neutral_weight": Measure("中立反馈的权重", "weight of neutral feedback", "number"),
        "dissatisfied_weight": Measure("不满意反馈的权重", "weight of dissatisfied feedback", "number"),
        "feedback_by_text": Measure("仅凭文本判断", "judged by texts alone", "boolean"),
        "open_complaint_count": Measure("未解决投诉数", "open complaints", "count"),
    }

    window_days: int = 365
    half_life_days: int = 90
    texts_per_customer: int = 3
    text_weight: float = 0.5
    ces_direction: Literal["high_is_easy", "low_is_easy"] = "high_is_easy"

    def _check_params(self) -> None:
        problems = [
            f"{name} is {value}; it must be 1 or more."
            for name, value in (("window_days", self.window_days), ("half_life_days", self.half_life_days))
            if value < 1
        ]
        if self.texts_per_customer < 0:
            problems.append(f"texts_per_customer is {self.texts_per_customer}; it must be 0 or more.")
        if not 0 < self.text_weight <= 1:
            problems.append(f"text_weight is {self.text_weight:g}; it must be above 0 and at most 1.")
        if problems:
            raise ParamsError(" ".join(problems))

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody with feedback in the window or an open complaint."""
        today = day_number(as_of)
        any_table = next(iter(tables.values()))
        given, waiting = nobody(any_table, _SUMMARY), nobody(any_table, _WAITING)
        if "feedback" in tables:
            given = self._summarised(known_by(tables["feedback"], today), today)
        if "complaints" in tables:
            waiting = _open(known_by(tables["complaints"], today), today)
        people = nw.concat([given.select(KEY), waiting.select(KEY)]).unique()
        both = people.join(given, on=KEY, how="left").join(waiting, on=KEY, how="left")
        weights = ("satisfied_weight", "neutral_weight", "dissatisfied_weight")
        return both.with_columns(
            nw.col("feedback_count", "open_complaint_count").fill_null(0), nw.col(*weights).fill_null(0.0)
        ).select(KEY, *self.produces)

    def _summarised(self, feedback: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
        recent = feedback.filter(nw.col("day") > today - self.window_days)
        recent = optional(optional(recent, "scale", "text"), "score", dtype=nw.Float64)
        rows = recent.select(KEY, "day", "text", verdict=self._verdict())
        scored = rows.filter(~nw.col("verdict").is_null()).select(
            KEY, "day", nw.lit(None, nw.String).alias("text"), "verdict"
        )
        texts = rows.filter(~nw.col("text").is_null()).join(scored.select(KEY), on=KEY, how="anti")
        latest = texts.with_columns(one=nw.lit(1, nw.Int64), back=today - nw.col("day")).with_columns(
            place=nw.col("one").cum_sum().over(KEY, order_by=["back", "text"])
        )
        latest = latest.filter(nw.col("place") <= self.texts_per_customer)
        both = nw.concat([scored, latest.select(KEY, "day", "text", "verdict")])
        judged = by_batches(both, partial(self._judged, today), _JUDGED)
        last = judged.group_by(KEY).agg(last=nw.col("day").max().cast(nw.Int64))
        verdict, weight = nw.col("verdict"), nw.col("weight")
        none = nw.lit(0, nw.Int64)
        is_latest = nw.col("day") == nw.col("last")
        sums = (
            judged.join(last, on=KEY, how="left")
            .with_columns(
                one=nw.lit(1, nw.Int64),
                latest=nw.when(is_latest).then(verdict).otherwise(none),
                latest_count=one(is_latest),
                **{
                    name: nw.when(verdict == at).then(weight).otherwise(none) for name, at in _WEIGHTS.items()
                },
            )
            .group_by(KEY)
            .agg(
                *(
                    nw.col(name).sum().cast(nw.Int64)
                    for name in ("one", "latest", "latest_count", "by_text", *_WEIGHTS)
                ),
                nw.col("last").max().cast(nw.Int64),
            )
        )
        return sums.select(
            KEY,
            feedback_count=nw.col("one"),
            days_since_last_feedback=today - nw.col("last"),
            latest_satisfaction=nw.col("latest") / nw.col("latest_count"),
            feedback_by_text=nw.col("by_text") > 0,
            **{name: nw.col(name).cast(nw.Float64) * (1 / _MILLION) for name in _WEIGHTS},
        )

    def _verdict(self) -> nw.Expr:
        """Return 1 satisfied, 0 neutral, -1 dissatisfied (Int64), null without a score on a known scale."""
        score, scale = nw.col("score"), nw.col("scale")
        unknown = nw.lit(None, nw.Int64)
        answer = unknown
        for name, (bad, good) in VERDICTS.items():
            worst = 1 if name == "ces_1_7" and self.ces_direction == "low_is_easy" else -1
            verdict = (
                nw.when(score >= good)
                .then(nw.lit(-worst, nw.Int64))
                .otherwise(
                    nw.when(score <= bad)
                    .then(nw.lit(worst, nw.Int64))
                    .otherwise(nw.when(~score.is_null()).then(nw.lit(0, nw.Int64)).otherwise(unknown))
                )
            )
            answer = nw.when(scale == name).then(verdict).otherwise(answer)
        return answer

    def _judged(self, today: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Judge what has a text by it; leave out what cannot be judged, and weigh the rest.

        Texts by the plugin ``sentiment``; weights in whole millionths, so that their sum depends on no order.
        """
        by_text = pl.col("text").is_not_null()
        known = _probabilities(rows["text"].drop_nulls().unique().sort().to_list())
        positive = pl.col("text").replace_strict(known, default=None, return_dtype=pl.Float64)
        told = (positive > 0.5 + _UNCERTAIN).cast(pl.Int64) - (positive < 0.5 - _UNCERTAIN).cast(pl.Int64)
        age = (today - pl.col("day")).cast(pl.Float64)
        weight = (age * (-log(2) / self.half_life_days)).exp() * pl.when(by_text).then(
            self.text_weight
        ).otherwise(1.0)
        return rows.select(
            KEY,
            "day",
            verdict=pl.when(by_text).then(told).otherwise("verdict"),
            by_text=by_text.cast(pl.Int64),
            weight=(weight * _MILLION).round().cast(pl.Int64),
        ).filter(pl.col("verdict").is_not_null())


_MILLION = 1_000_000
_WEIGHTS = {"satisfied_weight": 1, "neutral_weight": 0, "dissatisfied_weight": -1}
_JUDGED = {KEY: pl.String, **dict.fromkeys(("day", "verdict", "by_text", "weight"), pl.Int64)}
_SUMMARY: Columns = {
    KEY: nw.String,
    "feedback_count": nw.Int64,
    "days_since_last_feedback": nw.Int64,
    "latest_satisfaction": nw.Float64,
    "feedback_by_text": nw.Boolean,
    **dict.fromkeys(_WEIGHTS, nw.Float64),
}
_WAITING: Columns = {KEY: nw.String, "open_complaint_count": nw.Int64}
_ENDS = ("resolved_day", "closed_day")
_ENDED = ("resolved", "closed")


def _open(complaints: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Count the complaints that nobody had resolved or closed by then."""
    rows = optional(optional(complaints, "stage"), *_ENDS, dtype=nw.Int64)
    ended, stage = nw.min_horizontal(*_ENDS), nw.col("stage")
    undated = ended.is_null() & (stage.is_null() | ~stage.is_in(_ENDED))
    is_open = undated | (~ended.is_null() & (ended > today))
    return rows.filter(is_open).group_by(KEY).agg(open_complaint_count=nw.len().cast(nw.Int64))


_UNCERTAIN = 0.1
"""As the plugin ``sentiment`` does by default: uncertain is what lies within this of one half."""
_MOST_KEPT = 200_000
_KEPT: dict[str, float | None] = {}
"""Texts judged before: the same customers are looked at on several days."""


def _probabilities(texts: list[str]) -> dict[str, float | None]:
    from crmlab_plugins.sentiment.annotator import score

    if new := [text for text in texts if text not in _KEPT]:
        if len(_KEPT) + len(new) > _MOST_KEPT:
            _KEPT.clear()
            new = texts
        values = pl.Series(score(new), dtype=pl.Float64).fill_nan(None)
        _KEPT.update(zip(new, values, strict=True))
    return {text: _KEPT[text] for text in texts}
