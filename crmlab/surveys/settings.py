"""What a study may set about surveys."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from crmlab.satisfaction import Direction

Wave = Literal["month", "quarter", "year"]


class SurveyParams(BaseModel):
    """How answers are weighted and judged."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    ces_direction: Direction = "high_is_easy"
    """Which end of the effort scale 1–7 is easy. 费力度 1–7 分：高分轻松，还是低分轻松。"""
    wave: Wave = "quarter"
    """What counts as one wave of a survey: month, quarter or year. 按月、季度或年划分调查批次。"""
    few: int = Field(default=30, ge=2)
    """Groups of fewer answers are shown with a caution and not tested. 回答少于该数只作提示，不作检验。"""
    targets: dict[str, dict[str, float]] = {}
    """Known shares to weight to: class (or another scheme), channel, value or a customer column → share.
    Labels go by their ids, value by low, middle, high; else the customers or orders of the time count.
    加权目标：维度（class 等分类方案、channel、value 或客户列）→ 取值 → 占比；类别写 id，
    value 写 low、middle、high；不填则用调查对象总体的构成。"""

    @field_validator("targets")
    @classmethod
    def _shares(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for name, shares in value.items():
            if not shares or any(not 0 < share <= 1 for share in shares.values()):
                raise ValueError(f"{name}: each share must lie above 0 and be at most 1")
            if abs(sum(shares.values()) - 1) > _ROUNDING:
                raise ValueError(f"{name}: the shares sum to {sum(shares.values()):g}; they must sum to 1")
        return value


_ROUNDING = 0.005
"""How far shares that were rounded to percent may be from 1 together."""
