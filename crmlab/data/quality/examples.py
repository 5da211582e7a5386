"""Examples that name nobody: a row number and a masked value."""

from __future__ import annotations

import re

import polars as pl

from crmlab.data.masking import HIDDEN, KINDS, mask_values
from crmlab.data.schemas import sensitivity_of
from crmlab.labels import Language, Text

PER_RULE = 3

OFTEN = 5
"""A short value that so many rows share is a code and no person's."""

_LONGEST_CODE = 12
_LONGEST_SHAPE = 20


def examples(
    table: str,
    broken: pl.DataFrame,
    whole: pl.DataFrame,
    shows: tuple[str, ...],
    language: Language,
    key: bytes | None,
) -> list[str]:
    """Return up to three examples of rows that break a rule: the row from 1, and the masked value.

    Values are masked by their class. Of a text that is ordinary only what at least five rows of the
    ``whole`` table share is shown, since anything may be typed anywhere; of any other its first
    character; of free text its length; of what is hidden altogether its form. Ids become codes with
    the ``key``; without one they are shown.
    """
    first = broken.head(PER_RULE)
    parts: list[list[str]] = [[] for _ in first["row"]]
    for name in shows:
        if name in first.columns:
            shown = _shown(table, name, first[name], whole[name], key)
            for part, value in zip(parts, shown, strict=True):
                part.append(value or "–")
    return [
        _ROW.to(language).format(number + 1) + (_COLON.to(language) + " ".join(part) if part else "")
        for number, part in zip(first["row"], parts, strict=True)
    ]


def _shown(table: str, name: str, values: pl.Series, whole: pl.Series, key: bytes | None) -> list[str | None]:
    sensitivity = sensitivity_of(table, name)
    if name.endswith("_hundredths"):
        return [None if value is None else f"{value / 100:,.2f}" for value in values]
    if values.dtype.is_temporal() and sensitivity == "ordinary":
        return values.dt.to_string("%Y-%m-%d").to_list()
    if sensitivity == "free_text":
        return [None if value is None else "*" * min(len(str(value)), _LONGEST_CODE) for value in values]
    if sensitivity == "code" and key is None:
        return values.cast(pl.String).to_list()
    masked = mask_values(values, sensitivity, KINDS.get(name), key).cast(pl.String).to_list()
    masked = [
        _shape(str(value)) if shown == HIDDEN else shown for value, shown in zip(values, masked, strict=True)
    ]
    if sensitivity != "ordinary" or values.dtype != pl.String:
        return masked
    return [
        shown if _is_code(value, whole) else _first(value)
        for value, shown in zip(values, masked, strict=True)
    ]


def _shape(value: str) -> str:
    """Write 1391234 as 9999999: the form without the content."""
    for kind, sign in ((r"\d", "9"), (r"[A-Za-z]", "A"), (r"[^\x00-\x7f]", "字")):
        value = re.sub(kind, sign, value)
    return value[:_LONGEST_SHAPE]


def _is_code(value: str | None, whole: pl.Series) -> bool:
    return value is not None and len(value) <= _LONGEST_CODE and int((whole == value).sum()) >= OFTEN


def _first(value: str | None) -> str | None:
    return None if value is None else value[:1] + "*" * min(len(value) - 1, _LONGEST_CODE)


_ROW, _COLON = Text("第 {:,} 行", "Row {:,}"), Text("：", ": ")
