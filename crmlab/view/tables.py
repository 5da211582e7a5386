"""A table of a report: rounded, aligned, sortable, readable on a phone and in print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from crmlab.errors import DataError, did_you_mean
from crmlab.labels import Language, Text
from crmlab.view.html import View, escape

if TYPE_CHECKING:
    import polars as pl

Format = Literal["text", "integer", "decimal", "percent", "money", "date", "interval"]

MISSING = "–"
MINUS = "\u2212"
SYMBOLS = {"CNY": "¥", "EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
"""Currencies whose sign readers know; others are written by their ISO 4217 code."""

_NUMBERS = ("integer", "decimal", "percent", "money")
_SHORT = 8.0
"""The em up to which a text is never broken over two lines."""
_ROOM = 14.0
"""The em that a column of long texts keeps for itself where the table is wider than the screen."""
_DECIMALS = {"integer": 0, "decimal": 2, "percent": 1}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: which frame column it shows, under which title, written how.

    ``percent`` takes fractions (0.25 is written 25.0%). ``interval`` takes a list or struct of two
    numbers, each written like ``of``. ``decimals`` overrides the default: 2 for ``decimal``, 1 for
    ``percent``, none for ``money`` once amounts reach a thousand. ``note`` is small print under the
    title (the unit, for example). ``bar`` draws the value as a bar inside the cell, relative to
    the largest of the column, or to 100% in a ``percent`` column.
    """

    id: str
    title: Text
    format: Format = "text"
    note: Text | None = None
    decimals: int | None = None
    bar: bool = False
    of: Format = "decimal"

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise DataError(
                f"The column {self.id!r} has the format {self.format!r}."
                f"{did_you_mean(self.format, get_args(Format))} Allowed: {', '.join(get_args(Format))}."
            )


@dataclass(frozen=True)
class Table(View):
    """A polars frame shown as an HTML table; one row of the frame is one row of the table.

    Only ``columns`` are shown and stored. Texts of the frame are written as they are (translate
    labels before), everything is escaped, nulls and values that are not finite become "–".
    ``currency`` is an ISO 4217 code. Raises DataError where the frame lacks a column.
    """

    frame: pl.DataFrame
    columns: Sequence[Column]
    caption: Text
    note: Text | None = None
    language: Language = "zh"
    currency: str = "CNY"

    view: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for column in self.columns:
            if column.id not in self.frame.columns:
                raise DataError(
                    f"The table has no column {column.id!r}.{did_you_mean(column.id, self.frame.columns)} "
                    f"It has: {', '.join(self.frame.columns)}."
                )

    def payload(self) -> dict[str, Any]:
        """Return caption, columns and rows as JSON values."""
        language = self.language
        cells = [[_json(value) for value in self.frame[column.id].to_list()] for column in self.columns]
        return {
            "language": language,
            "currency": self.currency,
            "caption": self.caption.to(language),
            "note": self.note.to(language) if self.note else None,
            "columns": [
                {
                    "title": column.title.to(language),
                    "note": column.note.to(language) if column.note else None,
                    "format": column.format,
                    "decimals": column.decimals,
                    "bar": column.bar,
                    "of": column.of,
                }
                for column in self.columns
            ],
            "rows": [list(row) for row in zip(*cells, strict=True)],
        }

    def plain(self) -> str:
        """Return the caption and the number of rows."""
        rows = Text(f"（{self.frame.height} 行）", f" ({self.frame.height} rows)")
        return self.caption.to(self.language) + rows.to(self.language)

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return the ``<figure>`` with the table."""
        columns = payload["columns"]
        rows = payload["rows"]
        currency = str(payload["currency"])
        writers = [_Writer(column, [row[i] for row in rows], currency) for i, column in enumerate(columns)]
        head = "".join(writer.header(column) for writer, column in zip(writers, columns, strict=True))
        body = "".join(
            "<tr>"
            + "".join(
                writer.cell(value, first=i == 0)
                for i, (writer, value) in enumerate(zip(writers, row, strict=True))
            )
            + "</tr>\n"
            for row in rows
        )
        caption = escape(payload["caption"])
        note = (
            f'<figcaption class="crm-note">{escape(payload["note"])}</figcaption>' if payload["note"] else ""
        )
        return (
            f'<figure class="crm-table"><div class="crm-scroll" tabindex="0" role="region" '
            f'aria-label="{caption}"><table><caption>{caption}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>{note}</figure>"
        )


class _Writer:
    """Writes the header and the cells of one column."""

    def __init__(self, column: dict[str, Any], values: list[Any], currency: str) -> None:
        self.format = column["format"]
        if self.format not in get_args(Format):
            raise ValueError(f"unknown format {self.format!r}")
        self.of = column["of"] if self.format == "interval" else self.format
        self.symbol = SYMBOLS.get(currency, f"{currency}\u00a0")
        numbers = [abs(x) for value in values for x in _numbers(value)]
        self.decimals = column["decimals"]
        if self.decimals is None:
            self.decimals = _DECIMALS.get(self.of, 0 if max(numbers, default=0) >= 1000 else 2)
        self.full = None
        if column["bar"] and self.format in _NUMBERS:
            self.full = 1.0 if self.format == "percent" else max(numbers, default=0)
        self.kind = self.format if self.format in ("text", "date") else "number"
        self.room = min(_ROOM, max((_width(value) for value in values), default=0.0))

    def header(self, column: dict[str, Any]) -> str:
        note = f"<small>{escape(column['note'])}</small>" if column["note"] else ""
        room = self.room if self.kind == "text" else min(5.0, _width(column["title"]))
        style = f' style="--room:{room + 0.5:.1f}em"'
        return f'<th scope="col" class="{self.kind}"{style}>{escape(column["title"])}{note}</th>'

    def cell(self, value: Any, *, first: bool) -> str:
        tag, scope = ("th", ' scope="row"') if first else ("td", "")
        text, sort, kind = self.text(value), "", self.kind
        numbers = _numbers(value) if self.kind == "number" else []
        if numbers:
            sort = f' data-sort="{numbers[0]!r}"'
            if self.full and numbers[0] >= 0:
                width = min(100.0, 100 * numbers[0] / self.full)
                sort += f' style="--bar:{width:.1f}%"'
                kind += " bar"
        elif self.kind == "number":
            sort = ' data-sort=""'
        if kind == "text" and _width(text) <= _SHORT:
            kind += " short"
        return f'<{tag}{scope} class="{kind}"{sort}>{escape(text)}</{tag}>'

    def text(self, value: Any) -> str:
        if self.kind == "number":
            numbers = _numbers(value)
            if self.format == "interval" and len(numbers) == 2:
                return f"{self.number(numbers[0])} – {self.number(numbers[1])}"
            return self.number(numbers[0]) if len(numbers) == 1 else MISSING
        return MISSING if value is None or value == "" else str(value)

    def number(self, value: float) -> str:
        if self.of == "percent":
            value *= 100
        digits = f"{abs(value):,.{self.decimals}f}"
        sign = MINUS if value < 0 and any(digit in digits for digit in "123456789") else ""
        if self.of == "money":
            return f"{sign}{self.symbol}{digits}"
        return f"{sign}{digits}%" if self.of == "percent" else sign + digits


def _json(value: Any) -> Any:
    """Return a frame's value as a JSON value: dates as ISO 8601, numbers as int or float."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return [_json(item) for item in value.values()]
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None


def _numbers(value: Any) -> list[int | float]:
    """Return the numbers in a cell: one, the two of an interval, or none where any is missing."""
    items = value if isinstance(value, list) else [value]
    known = all(isinstance(item, int | float) and math.isfinite(item) for item in items)
    return items if known else []


def _width(value: Any) -> float:
    """Return about how many em a text takes on one line; Chinese characters are 1 em wide."""
    return sum(0.58 if ord(char) < 0x2E80 else 1.0 for char in str(value or ""))
