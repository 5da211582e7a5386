"""What a study may set about complaints."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")


def _as_clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError(
            "write a time of day as HH:MM in quotes, from '00:00' to '24:00', for example '09:00'"
        )
    return value


Clock = Annotated[str, AfterValidator(_as_clock)]
Hours = Annotated[float, Field(gt=0)]
Weekday = Annotated[int, Field(ge=1, le=7)]

REST = "*"
"""Stands for every severity that is not named."""


class ComplaintParams(BaseModel):
    """Business hours and what was promised to customers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    opens: Clock = "09:00"
    """When work begins, in the study's time zone. 上班时间。"""
    closes: Clock = "18:00"
    """When work ends; '24:00' is midnight. 下班时间。"""
    workdays: tuple[Weekday, ...] = (1, 2, 3, 4, 5)
    """Days of the week that are worked, Monday is 1. 每周工作日，周一为 1。"""
    holidays: Literal["china", "none"] = "china"
    """`china`: public holidays are off, make-up workdays (调休) are worked. 法定节假日与调休补班。"""
    response_hours: dict[str, Hours] = {}
    """Hours promised until the first response, by severity; `*`: all others. 首次响应承诺时限（小时）。"""
    resolution_hours: dict[str, Hours] = {}
    """Hours promised until the resolution, by severity; `*`: all others. 解决承诺时限（小时）。"""
    promised_in: Literal["business", "calendar"] = "business"
    """Clock of the promises: business hours less pauses, or all hours. 承诺按工作时间还是自然时间。"""
    changed_on: date | None = None
    """Day since which complaints are handled differently; compared with before. 处理流程变更日。"""
    score_scale: Literal["csat_1_5", "csat_1_7"] = "csat_1_5"
    """Scale of satisfaction with handling. 处理满意度的量表。"""
    repurchase_days: int = Field(default=90, ge=1)
    """Days after a complaint within which buying again counts as staying. 多少天内再次购买算留住。"""

    @model_validator(mode="after")
    def _day_has_hours(self) -> ComplaintParams:
        if self.opens >= self.closes:
            raise ValueError(
                f"closes ({self.closes}) must be later than opens ({self.opens}); for a desk that never "
                "closes write opens: '00:00', closes: '24:00', workdays: [1, 2, 3, 4, 5, 6, 7] and "
                "holidays: none"
            )
        if not self.workdays:
            raise ValueError("workdays names no day; for Monday to Friday write [1, 2, 3, 4, 5]")
        return self
