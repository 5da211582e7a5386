"""What a study may set about many runs: the matrix that fans out, and which runs are kept."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from crmlab.data.conditions import column_of

MOST_CELLS = 1000
"""More combinations than anybody reads are a mistake, as where an axis is a customer's number."""
MONTH = "month"
"""The axis whose values are months, ``2024-06``; the study then looks from the last day of each."""
_NAME = re.compile(r"[\w.-]{1,60}")

Scalar = str | bool | int | float


class Axis(BaseModel):
    """One axis of a matrix: what it sets, and to which values.

    It sets a column, so that a cell is the part of the data that has the value, or a setting of the study.
    Its values are listed, or those that the column has, or those that a query gives.
    """

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    column: Annotated[str, AfterValidator(column_of)] | None = None
    """Column that tells the parts of the data apart: `customers.province`. 按该列取值拆分数据：表.列。"""
    setting: str | None = None
    """Setting of the study, with dots: `classifiers.rfm.map`. 要改变的设置项，用点号分层。"""
    values: list[Scalar] | None = Field(default=None, min_length=1)
    """The values; all that the column has, unless given. 取值列表，不写则取该列的全部取值。"""
    query: str | None = None
    """SQL over the study's tables whose one column has the values. 返回取值的 SQL 查询（只取一列）。"""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Axis:
        if self.column and self.setting:
            raise ValueError("give `column` or `setting`, not both")
        if self.values and self.query:
            raise ValueError("give `values` or `query`, not both")
        if not (self.column or self.values or self.query):
            raise ValueError("give `values`, a `query`, or a `column` such as customers.province")
        if self.values and len({str(value) for value in self.values}) < len(self.values):
            raise ValueError("a value is given twice")
        return self


def _as_axis(value: object) -> object:
    return {"values": value} if isinstance(value, list) else value


def _checked(matrix: dict[str, Axis]) -> dict[str, Axis]:
    for name, axis in matrix.items():
        if not _NAME.fullmatch(name):
            raise ValueError("the name of an axis has 1 to 60 letters, digits, `_`, `.` and `-`")
        if not (axis.column or axis.setting) and "." in name and not _is_setting(name):
            axis.column = column_of(name)
    sets = [axis.column or setting_of(name, axis) or "" for name, axis in matrix.items()]
    sets = ["as_of" if setting == MONTH else setting for setting in sets]
    if twice := [setting for setting, n in Counter(sets).items() if n > 1]:
        raise ValueError(f"two axes set {twice[0]}, so the second would undo the first; keep one of them")
    return matrix


def _is_setting(name: str) -> bool:
    try:
        column_of(name)
    except ValueError:
        return True
    return False


Matrix = Annotated[dict[str, Annotated[Axis, BeforeValidator(_as_axis)]], AfterValidator(_checked)]
"""Name of an axis → its values, or what tells them."""


class KeepParams(BaseModel):
    """Which runs stay, for each combination of a matrix; one that any rule keeps stays.

    The last finished run, the baseline of a run that stays, and what a running one uses stay in any case.
    """

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    last: int = Field(default=10, ge=1, le=100_000)
    """The last so many runs. 保留最近多少次运行。"""
    days: int = Field(default=30, ge=0, le=36_500)
    """All of the last so many days. 保留最近多少天内的全部运行。"""
    months: int = Field(default=12, ge=0, le=1_200)
    """The last finished run of each of so many months. 最近多少个月中，每月保留最后一次成功的运行。"""


def setting_of(name: str, axis: Axis) -> str | None:
    """Return the setting that an axis sets; None for one that sets a column."""
    return None if axis.column else axis.setting or name


def problems(matrix: dict[str, Axis], allowed: list[str]) -> dict[str, Any]:
    """Return axis → the unknown setting that it names; ``allowed`` are the settings of a study."""
    named = {name: setting_of(name, axis) for name, axis in matrix.items()}
    return {
        name: setting
        for name, setting in named.items()
        if setting not in (None, MONTH) and str(setting).split(".")[0] not in allowed
    }
