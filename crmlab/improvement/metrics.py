"""What a measure can be judged by: each figure with its definition, its unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Literal

from crmlab.labels import Text
from crmlab.view.numbers import decimal, percent
from crmlab.view.tables import MINUS, MISSING

Unit = Literal["share", "points", "per_1000", "hours"]

CAP_DAYS = 14
"""Every complaint is followed for so many days, so that open ones bias nothing."""

_CHANGES: dict[Unit, Text] = {
    "share": Text(" 个百分点", " points"),
    "points": Text(" 分", " points"),
    "per_1000": Text(" 件/千单", " per 1,000 orders"),
    "hours": Text(" 小时", " hours"),
}
_DIGITS: dict[Unit, int] = {"share": 1, "points": 1, "per_1000": 2, "hours": 1}
"""Decimals; complaints are rare."""
_AXES: dict[Unit, Text] = {
    "share": Text("%", "%"),
    "points": Text("分", "points"),
    "per_1000": Text("件/千单", "per 1,000 orders"),
    "hours": Text("小时", "hours"),
}


def written(confidence: float) -> str:
    """Write a confidence such as 0.95 as 95%."""
    return f"{round(confidence * 100, 1):g}%"


def written_p(p: float | None) -> str:
    """Write a p value with three decimals; one below a thousandth as <0.001."""
    if p is None or isnan(p):
        return MISSING
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


@dataclass(frozen=True)
class Metric:
    """One figure. ``better`` is 1 where more is better, −1 where less is; ``table`` is what it is made of."""

    id: str
    text: Text
    unit: Unit
    better: Literal[1, -1]
    table: str
    definition: Text

    def value(self, value: float) -> Text:
        """Write a value with its unit."""
        if isnan(value):
            return Text(MISSING, MISSING)
        if self.unit == "share":
            return Text(percent(value), percent(value))
        said = decimal(value, _DIGITS[self.unit]).replace("-", MINUS)
        unit = _CHANGES[self.unit]
        return Text(said + unit.zh, said + unit.en)

    def change(self, value: float) -> Text:
        """Write a difference with sign and unit: percentage points for shares."""
        unit = _CHANGES[self.unit]
        said = self.number(value)
        return Text(said + unit.zh, said + unit.en)

    def amount(self, size: float) -> Text:
        """Write how large a difference is, with its unit and without a sign."""
        said = self.change(abs(size))
        return Text(said.zh.removeprefix("+"), said.en.removeprefix("+"))

    def between(self, low: float, high: float) -> Text:
        """Write an interval of differences with its unit."""
        ends, unit = self.ends(low, high), _CHANGES[self.unit]
        return Text(ends.zh + unit.zh, ends.en + unit.en)

    def ends(self, low: float, high: float) -> Text:
        """Write an interval of differences beside an effect that has the unit."""
        if isnan(low):
            return Text(MISSING, MISSING)
        one, other = self.number(low), self.number(high)
        return Text(f"{one} 至 {other}", f"{one} to {other}")

    def number(self, value: float) -> str:
        """Write a difference with its sign, in :attr:`scale`.

        One that would be rounded to nothing has a digit more, so that no interval looks as if it ended at 0.
        """
        if isnan(value):
            return MISSING
        digits = _DIGITS[self.unit]
        scaled = value * self.scale
        if not round(scaled, digits):
            digits += 1
        rounded = round(scaled, digits) + 0.0
        return f"{rounded:+,.{digits}f}".replace("-", MINUS) if rounded else "0.0"

    @property
    def axis(self) -> Text:
        """Name the metric with the unit that it is drawn in."""
        zh, en = _AXES[self.unit]
        return Text(f"{self.text.zh}（{zh}）", f"{self.text.en}, {en}")

    @property
    def scale(self) -> float:
        """What a value is multiplied with to be drawn: shares are drawn in percent."""
        return 100.0 if self.unit == "share" else 1.0


METRICS = {
    metric.id: metric
    for metric in (
        Metric(
            "csat",
            Text("满意度（CSAT）", "Satisfaction (CSAT)"),
            "share",
            1,
            "feedback",
            Text("评分高于量表中点的回答占比。", "Share of answers above the middle of their scale."),
        ),
        Metric(
            "nps",
            Text("净推荐值（NPS）", "Net Promoter Score (NPS)"),
            "points",
            1,
            "feedback",
            Text(
                "推荐者占比减贬损者占比，乘以 100。", "Share of promoters less that of detractors, times 100."
            ),
        ),
        Metric(
            "complaint_rate",
            Text("投诉率", "Complaint rate"),
            "per_1000",
            -1,
            "complaints",
            Text("每 1,000 笔已付订单的投诉件数。", "Complaints per 1,000 paid orders."),
        ),
        Metric(
            "aspect_share",
            Text("提及率", "Share of texts that mention it"),
            "share",
            -1,
            "feedback",
            Text(
                "提到该方面的文本占全部文本的比例；视为问题主题，越少越好。",
                "Share of all texts that mention the aspect; taken as a problem, so less is better.",
            ),
        ),
        Metric(
            "negative_share",
            Text("负面占比", "Negative share"),
            "share",
            -1,
            "feedback",
            Text(
                "提到该方面的文本中，相关分句更可能为负面的比例；未写明方面时按全文情感。",
                "Share of the texts that mention the aspect whose clauses on it are more likely negative; "
                "without an aspect by the sentiment of whole texts.",
            ),
        ),
        Metric(
            "resolution_hours",
            Text("投诉解决时长", "Time to resolve complaints"),
            "hours",
            -1,
            "complaints",
            Text(
                f"从受理到解决的平均小时数，每件最多计 {CAP_DAYS} 天（{CAP_DAYS * 24} 小时）；"
                f"只计观察日前已满 {CAP_DAYS} 天的投诉，未解决的按上限计，因此不会因尚未结案而偏低。",
                f"Mean hours from reception to resolution, at most {CAP_DAYS} days ({CAP_DAYS * 24} hours) "
                f"each; only complaints {CAP_DAYS} days old by the as-of day count, open ones with that "
                "limit, so that recent open ones make nothing look faster.",
            ),
        ),
        Metric(
            "handling_satisfaction",
            Text("处理满意度", "Satisfaction with handling"),
            "share",
            1,
            "complaints",
            Text(
                f"对投诉处理打 4–5 分（满分 5）的占比；只计观察日前已满 {CAP_DAYS} 天的投诉。",
                f"Share of scores of 4–5 of 5 for the handling of complaints {CAP_DAYS} days old or more.",
            ),
        ),
    )
}
