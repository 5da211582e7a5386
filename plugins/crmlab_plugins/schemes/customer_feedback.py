"""Feedback classes: satisfied, neutral, dissatisfied."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import wording


class CustomerFeedback(Classifier):
    """Judges customers by their scores, where there are none by their texts, and by open complaints.

    A complaint that is not resolved on the day makes a customer dissatisfied, whatever the scores.
    Else the balance decides: the weight of satisfied feedback less that of dissatisfied, over all;
    from ``satisfied_from`` on a customer is satisfied, at ``dissatisfied_to`` or below dissatisfied.
    Feedback weighs less the older it is, see the feature ``feedback-summary``.
    """

    title: ClassVar[Text] = Text("客户反馈分类", "Feedback")
    needs: ClassVar[Text] = Text("近期反馈记录", "recent feedback")
    sureness: ClassVar[Text] = Text(
        "同一评价在全部反馈中的加权占比，另加一份三类均分的先验反馈（狄利克雷后验均值）：反馈越少、越早，"
        "置信度越低；有未解决投诉时为 1",
        "weighted share of the feedback that says the same, with one piece of feedback added that is split "
        "evenly among the classes (Dirichlet posterior mean): the less and the older the feedback, the "
        "lower; 1 with an open complaint",
    )
    accepts_nulls: ClassVar[bool] = True
    scheme: ClassVar[Scheme] = Scheme(
        id="feedback",
        zh="客户反馈分类",
        en="Feedback",
        labels=(
            Label("satisfied", "满意客户", "Satisfied"),
            Label("neutral", "中立客户", "Neutral"),
            Label("dissatisfied", "不满意客户", "Dissatisfied"),
        ),
        axes=("loyalty",),
    )

    watch: ClassVar[tuple[str, ...]] = ("dissatisfied",)

    satisfied_from: float = 0.34
    dissatisfied_to: float = -0.34

    @property
    def requires(self) -> tuple[str, ...]:
        """The feature ``feedback-summary``."""
        return (
            *("feedback_count", "days_since_last_feedback", *_WEIGHTS),
            *("feedback_by_text", "open_complaint_count"),
        )

    def definition(self) -> Text:
        """Return the rule with its thresholds."""
        names = [label.text for label in self.scheme.labels]
        return Text(
            "CSAT（5 分制）4–5 分为满意、3 分为中间、1–2 分为不满意，NPS 9–10 分、7–8 分、0–6 分同理；"
            "没有评分的客户按文本情感判断。越早的反馈权重越低。满意与不满意的加权差额占全部反馈的比重"
            f"不低于 {self.satisfied_from:g} 为{names[0].zh}，不高于 {self.dissatisfied_to:g} "
            f"为{names[2].zh}，其余为{names[1].zh}；有未解决投诉的一律为{names[2].zh}，没有反馈记录的不分类。",
            "CSAT of five points: 4–5 satisfied, 3 in between, 1–2 dissatisfied; NPS 9–10, 7–8 and 0–6 "
            "likewise; customers without a score by the sentiment of their texts. The older feedback is, the "
            f"less it weighs. Satisfied less dissatisfied over all feedback: {self.satisfied_from:g} or more "
            f"is {names[0].en.lower()}, {self.dissatisfied_to:g} or less {names[2].en.lower()}, the rest "
            f"{names[1].en.lower()}. An open complaint always makes {names[2].en.lower()}; without any "
            "feedback there is no class.",
        )

    def _check_params(self) -> None:
        if not -1 <= self.dissatisfied_to < self.satisfied_from <= 1:
            raise ParamsError(
                f"dissatisfied_to is {self.dissatisfied_to:g} and satisfied_from is "
                f"{self.satisfied_from:g}; they must lie within -1 and 1, the first below the second, for "
                "example -0.34 and 0.34."
            )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only who gave feedback, or waits for an answer to a complaint, has a class."""
        return features.select(((_TOTAL > 0) | _WAITING).fill_null(value=False)).to_series()

    def _label(self) -> pl.Expr:
        return (
            pl.when(_WAITING)
            .then(pl.lit("dissatisfied"))
            .when(self.satisfied_from <= _BALANCE)
            .then(pl.lit("satisfied"))
            .when(self.dissatisfied_to >= _BALANCE)
            .then(pl.lit("dissatisfied"))
            .otherwise(pl.lit("neutral"))
        )

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return features.select(label=self._label()).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        same = pl.coalesce(pl.when(self._label() == name).then(f"{name}_weight") for name in self.scheme.ids)
        sure = pl.when(_WAITING).then(1.0).otherwise((same + 1 / 3) / (_TOTAL + 1))
        return features.select(confidence=sure).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        days, waiting = pl.col("days_since_last_feedback"), pl.col("open_complaint_count")
        # Written once for both languages: numbers are what takes time.
        told = features.select(
            waits=_WAITING,
            told=_TOTAL > 0,
            by_text="feedback_by_text",
            count=wording.number(pl.col("feedback_count")),
            days=wording.number(days),
            ago=wording.counted(days, "day"),
            open=wording.number(waiting),
            complaints=wording.counted(waiting, "complaint"),
            **{name: wording.percent(pl.col(name) / _TOTAL) for name in _WEIGHTS},
        )
        middle = self.scheme["neutral"].text
        between = middle.zh.removesuffix("客户")
        basis_zh = pl.when("by_text").then(pl.lit("文本反馈")).otherwise(pl.lit("评分反馈"))
        basis_en = pl.when("by_text").then(pl.lit("by text")).otherwise(pl.lit("by score"))
        said_zh = pl.format(
            f"{{}} {{}} 条，最近一次在 {{}} 天前；加权后满意 {{}}、{between} {{}}、不满意 {{}}",
            *(basis_zh, "count", "days", *_WEIGHTS),
        )
        said_en = pl.format(
            "feedback {}: {}, the last {} ago; weighted, {} satisfied, {} "
            f"{middle.en.lower()}, {{}} dissatisfied",
            *(basis_en, "count", "ago", *_WEIGHTS),
        )
        open_zh, open_en = (
            pl.format("有 {} 宗投诉尚未解决", "open"),
            pl.format("{} not resolved yet", "complaints"),
        )
        both = pl.col("waits") & pl.col("told")
        return wording.reasons(
            told,
            pl.when(both).then(open_zh + "；" + said_zh).when("waits").then(open_zh).otherwise(said_zh),
            pl.when(both).then(open_en + "; " + said_en).when("waits").then(open_en).otherwise(said_en),
        )


class ServiceFeedback(CustomerFeedback):
    """The feedback classes in the words of service reports: 满意, 一般, 不满意."""

    title: ClassVar[Text] = Text("服务反馈分类", "Service feedback")
    alias_of: ClassVar[str | None] = "feedback"
    scheme: ClassVar[Scheme] = Scheme(
        id="service_feedback",
        zh="服务反馈分类",
        en="Service feedback",
        labels=(
            Label("satisfied", "满意客户", "Satisfied"),
            Label("neutral", "一般客户", "So-so"),
            Label("dissatisfied", "不满意客户", "Dissatisfied"),
        ),
        axes=("loyalty",),
    )


_WEIGHTS = ("satisfied_weight", "neutral_weight", "dissatisfied_weight")
_TOTAL = pl.sum_horizontal(_WEIGHTS)
_WAITING = (pl.col("open_complaint_count") > 0).fill_null(value=False)
_BALANCE = (pl.col("satisfied_weight") - pl.col("dissatisfied_weight")) / _TOTAL
