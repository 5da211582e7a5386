"""What a study may set about the evaluation of improvements."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from crmlab.improvement.evaluation import FEWEST_AFTER
from crmlab.improvement.panel import PERIOD_DAYS

TargetMetric = Literal[
    "csat",
    "nps",
    "complaint_rate",
    "aspect_share",
    "negative_share",
    "resolution_hours",
    "handling_satisfaction",
]


def _as_day(value: object) -> object:
    """Take dates as people write them; a number would be read as seconds since 1970."""
    if isinstance(value, str) and re.fullmatch(r"(?:19|20)\d\d-\d\d-\d\d", value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("write a day as YYYY-MM-DD, for example 2024-06-30")


_Day = Annotated[date, BeforeValidator(_as_day)]


class MeasureParams(BaseModel):
    """One measure of the register, given in the study instead of a table."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    measure: str = Field(min_length=1)
    """What was changed. 改进措施。"""
    started_on: _Day
    """The day since which it holds. 开始日期。"""
    target_metric: TargetMetric
    """The figure that it was to move. 目标指标。"""
    improvement_id: str | None = None
    """Its number; Y1, Y2, … unless given. 改进编号。"""
    aspect: str | None = None
    """The aspect, or category of complaints, that it addresses. 改进主题或投诉类型。"""
    owner: str | None = None
    """Who is responsible. 负责人。"""
    ended_on: _Day | None = None
    """The day on which it was given up. 结束日期。"""
    target_value: float | None = None
    """What the figure was to become, in its unit; shares as 0.85 or 85. 目标值；占比写 0.85 或 85 均可。"""
    segment: str | None = None
    """The class of customers it was done for: a label of one of `schemes`. 实施客群。"""
    channel: str | None = None
    """The channel it was done in, as the data write it. 实施渠道。"""
    store: str | None = None
    """The store it was done in, as the data write it. 实施门店。"""
    status: Literal["planned", "in_progress", "done", "stopped"] | None = None
    """How far it is. 实施状态。"""
    note: str | None = None
    """A remark. 说明。"""

    @model_validator(mode="after")
    def _begins_first(self) -> MeasureParams:
        if self.ended_on is not None and self.ended_on < self.started_on:
            raise ValueError(f"ended_on ({self.ended_on}) is before started_on ({self.started_on})")
        return self


class ImprovementParams(BaseModel):
    """How the effect of a measure is judged."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    window_days: int = Field(default=180, ge=28, le=366)
    """The effect is the mean over at most so many days after the start. 评估窗口（开始后的天数）。"""
    period: Literal["week", "month"] = "week"
    """Length of a period of the series: 7 or 30 days, counted from the start. 时间序列的单位。"""
    placebos: int = Field(default=20, ge=0, le=200)
    """How many days before the start are tried as if the measure had begun then. 安慰剂日期个数。"""
    confidence: float = Field(default=0.95, ge=0.8, le=0.999)
    """Confidence of intervals and verdicts. 置信水平。"""
    mix: tuple[Literal["channel", "category", "segment"], ...] = ("channel", "category")
    """What the mix of before and after is adjusted for. 结构调整所用的维度。"""
    measures: tuple[MeasureParams, ...] = ()
    """Measures besides those of the table `improvements`. 在此补充登记的改进措施。"""

    @model_validator(mode="after")
    def _window_holds_periods(self) -> ImprovementParams:
        least = FEWEST_AFTER * PERIOD_DAYS[self.period]
        if self.window_days < least:
            raise ValueError(
                f"window_days ({self.window_days}) is too short: an evaluation needs {FEWEST_AFTER} periods "
                f"of a {self.period}, that is {least} days or more"
            )
        return self
