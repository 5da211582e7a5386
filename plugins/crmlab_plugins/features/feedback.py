"""What each customer's feedback amounts to: scores, else texts, and complaints that are open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, known_by, optional

if TYPE_CHECKING:
    import narwhals as nw

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
        import narwhals as nw

        today = day_number(as_of)
        given = pl.LazyFrame(schema=_SUMMARY)
        if "feedback" in tables:
            given = self._summarised(known_by(tables["feedback"], today), today)
        waiting = pl.LazyFrame(schema={KEY: pl.String, "open_complaint_count": pl.Int64})
        if "complaints" in tables:
            waiting = _open(known_by(tables["complaints"], today), today)
        both = given.join(waiting, on=KEY, how="full", coalesce=True)
        counts = (
            "feedback_count",
            "satisfied_weight",
            "neutral_weight",
            "dissatisfied_weight",
            "open_complaint_count",
        )
        return nw.from_native(both.with_columns(pl.col(counts).fill_null(0)).select(KEY, *self.produces))

    def _summarised(self, feedback: pl.LazyFrame, today: int) -> pl.LazyFrame:
        recent = optional(
            feedback.filter(pl.col("day") > today - self.window_days), "scale", "text", "channel"
        )
        recent = (
            recent
            if "score" in recent.collect_schema().names()
            else recent.with_columns(score=pl.lit(None, pl.Float64))
        )
        rows = recent.select(KEY, "day", "text", verdict=self._verdict()).collect()
        scored = rows.filter(pl.col("verdict").is_not_null()).select(
            KEY, "day", "verdict", by_text=pl.lit(value=False)
        )
        texts = rows.filter(pl.col("text").is_not_null()).join(scored, on=KEY, how="anti")
        judged = pl.concat([scored, _read(texts, self.texts_per_customer)])
        age = (today - pl.col("day")).cast(pl.Float64)
        weight = (age * (-log(2) / self.half_life_days)).exp() * pl.when("by_text").then(
            self.text_weight
        ).otherwise(1.0)
        # Whole millionths, so that the sum depends on no order.
        weighed = judged.lazy().with_columns(
            weight=(weight * _MILLION).round().cast(pl.Int64), last=pl.col("day").max().over(KEY)
        )
        latest = pl.col("verdict").filter(pl.col("day") == pl.col("last"))
        sums = {
            f"{name}_weight": pl.col("weight").filter(pl.col("verdict") == verdict).sum() / _MILLION
            for name, verdict in (("satisfied", 1), ("neutral", 0), ("dissatisfied", -1))
        }
        summary = weighed.group_by(KEY).agg(
            feedback_count=pl.len().cast(pl.Int64),
            days_since_last_feedback=today - pl.col("last").first(),
            latest_satisfaction=latest.sum() / latest.len(),
            feedback_by_text=pl.col("by_text").any(),
            **sums,
        )
        return summary.select(list(_SUMMARY))

    def _verdict(self) -> pl.Expr:
        """Return 1 satisfied, 0 neutral, -1 dissatisfied (Int64), null without a score on a known scale."""
        score, answer = pl.col("score"), pl.lit(None, pl.Int64)
        for scale, (bad, good) in VERDICTS.items():
            verdict = (score >= good).cast(pl.Int64) - (score <= bad).cast(pl.Int64)
            if scale == "ces_1_7" and self.ces_direction == "low_is_easy":
                verdict = -verdict
            answer = pl.when(pl.col("scale") == scale).then(verdict).otherwise(answer)
        return answer


_MILLION = 1_000_000
_SUMMARY = {
    KEY: pl.String,
    "feedback_count": pl.Int64,
    "days_since_last_feedback": pl.Int64,
    "latest_satisfaction": pl.Float64,
    "satisfied_weight": pl.Float64,
    "neutral_weight": pl.Float64,
    "dissatisfied_weight": pl.Float64,
    "feedback_by_text": pl.Boolean,
}
_ENDS = ("resolved_day", "closed_day")
_ENDED = ("resolved", "closed")


def _open(complaints: pl.LazyFrame, today: int) -> pl.LazyFrame:
    """Count the complaints that nobody had resolved or closed by then."""
    names = complaints.collect_schema().names()
    rows = optional(optional(complaints, "stage"), *_ENDS, dtype=pl.Int64)
    ended = pl.min_horizontal(*_ENDS)
    undated = pl.col("stage").is_in(_ENDED) if "stage" in names else pl.lit(value=False)
    is_open = pl.when(ended.is_null()).then(~undated.fill_null(value=False)).otherwise(ended > today)
    return rows.filter(is_open).group_by(KEY).agg(open_complaint_count=pl.len().cast(pl.Int64))


def _read(texts: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the verdicts of each customer's latest texts, as far as these can be judged."""
    latest = (
        texts.sort(KEY, "day", "text", descending=[False, True, False])
        .group_by(KEY, maintain_order=True)
        .head(most)
    )
    known = _probabilities(latest["text"].unique().sort().to_list())
    positive = pl.col("text").replace_strict(known, default=None, return_dtype=pl.Float64)
    verdict = (positive > 0.5 + _UNCERTAIN).cast(pl.Int64) - (positive < 0.5 - _UNCERTAIN).cast(pl.Int64)
    judged = latest.with_columns(verdict=verdict).filter(pl.col("verdict").is_not_null())
    return judged.select(KEY, "day", "verdict", by_text=pl.lit(value=True))


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
