"""The columns of a file as they were understood: type, share filled and readable, masked samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from crmlab.data import convert
from crmlab.data.canonical.columns import SHARE
from crmlab.data.intake.files import Intake
from crmlab.data.mapping.matching import How, Match
from crmlab.data.masking import KINDS, mask_values
from crmlab.data.schemas import CanonicalColumn, columns
from crmlab.data.surveys.answers import KINDS as QUESTION_KINDS
from crmlab.labels import Text

HOW: dict[How, Text] = {
    "params": Text("指定", "stated"),
    "name": Text("标准列名", "very name"),
    "preset": Text("预设", "preset"),
    "alias": Text("别名", "alias"),
    "guess": Text("猜测", "guess"),
}

_SAMPLES = 3
_OFTEN = 5
"""How often a text must be there to be shown: a category is, a name of somebody hardly ever."""
_ORDER = {"ordinary": 0, "code": 1, "free_text": 2, "personal": 3, "sensitive": 4}
_LONGEST = 16


@dataclass(frozen=True)
class MappedColumn:
    """One column of a file: what it was taken for, how surely, and how much of it can be used.

    ``column`` is None for one that is not mapped. ``filled`` is a share of the rows tried, ``readable`` one
    of the values that are there. ``samples`` are masked by the strictest class of the columns that the
    header stands for. Of free text, of texts that are rare, and of a column that is not known, only the
    shape of the values is shown.
    """

    header: str
    column: str | None
    title: Text | None
    type: Text | None
    how: How | None
    confidence: float | None
    filled: float
    readable: float | None
    samples: tuple[str, ...]


def mapped_columns(intake: Intake, head: pl.DataFrame, time_zone: str) -> list[MappedColumn]:
    """Describe every column in the order of the file, with the values as cleaning will see them."""
    assert intake.mapping is not None
    mapping = intake.mapping
    options = intake.file.options
    dates = {column: (form,) for column, form in options.dates.items()}
    values = mapping.apply(head.lazy(), options.values, dates).collect()
    canonical = {column.name: column for column in columns(intake.table)}
    strictest = _strictest(mapping.matches, canonical)
    by_header: dict[str, list[MappedColumn]] = {}
    for match in mapping.matches:
        known = canonical.get(match.column)
        series = values[match.column]
        filled = there(series)
        by_header.setdefault(match.headers[0], []).append(
            MappedColumn(
                match.header,
                match.column,
                known.text if known else None,
                _type_of(known) if known else Text("文字", "text"),
                match.how,
                match.confidence,
                filled.len() / max(series.len(), 1),
                _readable(filled, known, time_zone) if known and filled.len() else None,
                _masked(filled, known, strictest[match.headers[0]]),
            )
        )
    # The second part of a joined name is told with the first.
    joined = {header for match in mapping.matches for header in match.headers[1:]}
    for header in mapping.headers:
        if header not in by_header and header not in joined:
            by_header[header] = [unknown_column(head, header)]
    return [column for header in mapping.headers for column in by_header.get(header, ())]


def asked_questions(intake: Intake, head: pl.DataFrame) -> list[MappedColumn]:
    """Describe the questions of a survey, then the columns that are none."""
    assert intake.survey is not None
    survey = intake.survey
    found = []
    for question in survey.questions:
        kind = QUESTION_KINDS[question.kind]
        rated = Text(f"{kind.zh} {question.scale}", f"{kind.en} {question.scale}") if question.scale else kind
        column = {"rating": "score", "open": "text", "personal": None, "left_out": None}.get(
            question.kind, "answer"
        )
        found.append(
            MappedColumn(
                f"{question.number} {question.text}",
                column,
                None,
                rated,
                "params" if question.why == "params" else "preset",
                1.0 if question.why == "params" else 0.8,
                question.answered / max(survey.respondents, 1),
                None,
                (),
            )
        )
    return found + [unknown_column(head, header) for header in survey.left_out]


def unknown_column(head: pl.DataFrame, header: str) -> MappedColumn:
    """Describe a column of unknown meaning: anybody's name may be in it, so only shapes are shown."""
    filled = there(head[header])
    share = filled.len() / max(head.height, 1)
    return MappedColumn(header, None, None, None, None, None, share, None, _shapes(filled))


def there(series: pl.Series) -> pl.Series:
    """Return the values that hold anything."""
    text = convert.name(pl.col(series.name)) if series.dtype == pl.String else pl.col(series.name)
    return series.to_frame().select(text).to_series().drop_nulls()


def _strictest(matches: Sequence[Match], known: Mapping[str, CanonicalColumn]) -> dict[str, tuple[str, str]]:
    """Return header → class and name of the column that says most of a person, of those it stands for.

    The name of a customer may be that of a company as well.
    """
    found: dict[str, tuple[str, str]] = {}
    for match in matches:
        column = known.get(match.column)
        sensitivity = column.sensitivity if column else "free_text"
        if sensitivity == "ordinary" and match.column in KINDS:
            sensitivity = "personal"
        before = found.get(match.headers[0], ("ordinary", ""))
        found[match.headers[0]] = max(before, (sensitivity, match.column), key=lambda one: _ORDER[one[0]])
    return found


def _masked(filled: pl.Series, column: CanonicalColumn | None, strictest: tuple[str, str]) -> tuple[str, ...]:
    """Show three values as their class allows; a free text may name anybody, so only its shape."""
    sensitivity, name = strictest
    distinct = filled.unique(maintain_order=True)
    if sensitivity == "ordinary" and column and column.dtype == pl.String and not column.codes:
        counts = filled.to_frame("value").group_by("value", maintain_order=True).len()
        distinct = counts.filter(pl.col("len") >= _OFTEN)["value"]
    if sensitivity == "free_text" or distinct.is_empty():
        return _shapes(filled)
    shown = mask_values(distinct.head(_SAMPLES), sensitivity, KINDS.get(name)).cast(pl.String)
    texts = [re.sub(r"\s+", " ", text) for text in shown.drop_nulls().to_list()]
    return tuple(dict.fromkeys(t if len(t) <= _LONGEST else f"{t[:_LONGEST]}…" for t in texts))


def _shapes(filled: pl.Series) -> tuple[str, ...]:
    shapes = [_shape(value) for value in filled.unique(maintain_order=True).head(20).to_list()]
    return tuple(dict.fromkeys(shapes))[:_SAMPLES]


def _shape(value: object) -> str:
    """Write what a value looks like: Han characters as 某, letters as x, digits as 9."""
    text = re.sub(r"[\u3400-\u9fff]", "某", str(value)[:_LONGEST])
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_某]", "x", text))


def _type_of(column: CanonicalColumn) -> Text:
    if column.codes:
        return Text("代码", "code list")
    if column.sensitivity == "code":
        return Text("编号", "id")
    if column.column.endswith("_hundredths"):
        return Text("金额", "amount")
    if column.unit == SHARE:
        return Text("占比", "share")
    return {
        pl.Date: Text("日期", "date"),
        pl.Datetime: Text("时间", "time"),
        pl.Float64: Text("数字", "number"),
        pl.Boolean: Text("是/否", "yes/no"),
    }.get(column.dtype.base_type(), Text("文字", "text"))


def _readable(filled: pl.Series, column: CanonicalColumn, time_zone: str) -> float:
    """Return the share of values that can be read as the column's type."""
    if filled.dtype != pl.String:
        return 1.0
    value, kind = pl.col(filled.name), column.dtype.base_type()
    if column.codes:
        read = convert.listed(value, column.codes)
    elif kind in (pl.Date, pl.Datetime):
        read = convert.moment(value, time_zone)
    elif kind in (pl.Float64, pl.Int64):
        read = convert.share(value) if column.unit == SHARE else convert.number(value)
    elif kind == pl.Boolean:
        read = convert.boolean(value)
    else:
        return 1.0
    count: int = filled.to_frame().select(read.is_not_null().sum()).item()
    return count / filled.len()
