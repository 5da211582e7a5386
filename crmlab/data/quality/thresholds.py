"""What a study may set about data quality: thresholds, severities, gates."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class QualityRuleParams(BaseModel):
    """How strict one rule of data quality is; what is left out stays as the rule has it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    max_share: float | None = Field(default=None, ge=0, le=1)
    """Largest share of violations that is allowed. 允许的最大违规占比。"""
    severity: Literal["notice", "warning", "error"] | None = None
    """What more than that means; a notice does not count in the score. 超限的严重程度，notice 不计分。"""
    gate: bool | None = None
    """Whether more than that stops the run (exit code 3). 超限时是否中止运行（退出码 3）。"""
    codes: list[str] | None = Field(default=None, min_length=1)
    """The values that a code-list rule allows. 代码表允许的取值。"""
    days: int | None = Field(default=None, ge=1)
    """The age from which a timeliness rule calls a record old. 超过多少天视为过时。"""


class QualityParams(BaseModel):
    """How good the data has to be, and when a run stops because it is not."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    max_rejected_share: float = Field(default=0.2, ge=0, le=1)
    """Largest share of rejected rows in any table. 任一表被拒行的最大占比。"""
    min_score: float | None = Field(default=None, ge=0, le=1)
    """Lowest overall score (0–1) with which a run goes on. 数据质量总分低于此值即中止运行（0–1）。"""
    rules: dict[str, QualityRuleParams] = {}
    """Thresholds by rule. 各条规则的门槛。"""
    off: list[str] = []
    """Rules that are not checked. 不检查的规则。"""

    @field_validator("rules", "off")
    @classmethod
    def _known_rules(cls, value: Any) -> Any:
        if value:
            from crmlab.data.quality.rules import unknown

            problems = [problem for problem in map(unknown, value) if problem]
            if problems:
                raise ValueError("; ".join(problems))
        return value

    @field_validator("off")
    @classmethod
    def _no_gate_is_off(cls, value: list[str], info: ValidationInfo) -> list[str]:
        rules: dict[str, QualityRuleParams] = info.data.get("rules") or {}
        for name in value:
            if name in rules and rules[name].gate:
                raise ValueError(f"the rule {name!r} is a gate under `rules`, so it cannot be off")
        return value

    @field_validator("rules")
    @classmethod
    def _only_what_they_take(cls, value: dict[str, QualityRuleParams]) -> dict[str, QualityRuleParams]:
        for name, given in value.items():
            from crmlab.data.quality.rules import takes

            for setting in {"codes", "days"} - takes(name):
                if getattr(given, setting) is not None:
                    raise ValueError(f"the rule {name!r} has no {setting}; leave it out")
        return value
