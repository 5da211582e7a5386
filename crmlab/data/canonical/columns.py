"""What a canonical column says of itself: names in both languages, aliases, unit, sensitivity."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import dataframely as dy
import polars as pl

from crmlab.labels import Text

FIRST_PLAUSIBLE_DAY = date(1990, 1, 1)
LAST_PLAUSIBLE_DAY = date(2098, 12, 31)
"""Programs write 2099-12-31 and 9999-12-31 for "not known" and "never"."""

Sensitivity = Literal["ordinary", "code", "personal", "sensitive", "free_text"]
"""How a value may leave the machine.

``ordinary`` as it is; ``code`` is an id that becomes a keyed code; ``personal`` names or reaches a
person and is masked; ``sensitive`` is what article 28 of the Personal Information Protection Law
(PIPL) protects, or what leads to it: masked, and kept out of features unless the study asks;
``free_text`` may hold anything and is scanned.
"""

SENSITIVITIES: Mapping[Sensitivity, Text] = {
    "ordinary": Text("一般", "ordinary"),
    "code": Text("编号（输出时换成代码）", "id (leaves as a code)"),
    "personal": Text("个人信息（输出时掩码）", "personal (leaves masked)"),
    "sensitive": Text("敏感个人信息（默认不入模）", "sensitive (masked, in no model by default)"),
    "free_text": Text("自由文本（输出前扫描）", "free text (scanned before it leaves)"),
}


def named(
    zh: str,
    en: str,
    *aliases: str,
    unit: Text | None = None,
    sensitivity: Sensitivity = "ordinary",
    codes: Mapping[str, tuple[str, ...]] | None = None,
    always: bool = False,
) -> dict[str, Any]:
    """Return the metadata of a column.

    ``aliases`` are headers that real exports use, matched without regard to case, spaces and
    underscores. ``codes`` maps each value that the column may have to the words that stand for
    it. A nullable column is in the table only where a source delivers it, unless ``always``.
    """
    return {
        "text": Text(zh, en),
        "aliases": (zh, en, *aliases),
        "unit": unit,
        "sensitivity": sensitivity,
        "codes": codes or {},
        "always": always,
    }


MONEY = Text("币种单位的百分之一", "hundredths of the currency unit")
SHARE = Text("占比（0–1，可写成百分数）", "share (0–1, may be written as a percentage)")
AS_THE_METRIC = Text(
    "同目标指标；占比写 0.85、85 或 85%", "that of the target metric; a share as 0.85, 85 or 85%"
)
MINUTES = Text("分钟", "minutes")
SECONDS = Text("秒", "seconds")
HOURS = Text("小时", "hours")


class Table(dy.Schema):
    """A canonical table; ``row`` numbers what the source delivered."""

    row = dy.UInt32(nullable=False, metadata=named("行", "Row"))
    """Position in what the source delivered, from 0."""


def moment(*, nullable: bool = True, metadata: dict[str, Any] | None = None) -> dy.Datetime:
    """Return a column of points in time, in UTC."""
    return dy.Datetime(nullable=nullable, time_unit="us", time_zone="UTC", metadata=metadata)


def is_plausible(day: pl.Expr) -> pl.Expr:
    """Say whether something can have come about on that day."""
    return day.is_between(FIRST_PLAUSIBLE_DAY, LAST_PLAUSIBLE_DAY)
