"""Which columns of a survey export are one question: the header conventions of each survey tool.

Tools differ in header rows and in how they write an option or a row of a matrix; here all become
questions with a number, a stem, and one :class:`Part` per column. What kind of question it is shows in
the answers: see :mod:`crmlab.data.surveys.export`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from crmlab.data.presets import Survey, plain

_TAG = re.compile(r"<[^>]{1,200}>")
_NUMBERED = re.compile(r"^(\d{1,4})\s*[、.．:：]\s*(.*)$", re.S)
_PART_OF = re.compile(r"^第\s*(\d{1,4})\s*题\s*[(（](.*)[)）]$", re.S)
_SHORT_PART = re.compile(r"^(\d{1,4})\s*[、.．:：]?\s*[(（](.*)[)）]$", re.S)
_EXPORT_TAG = re.compile(r"^(.+?)(?:_(\d+))?(_TEXT)?$")
_OTHER = re.compile(r"^(?:other\b.*|其他.*|其它.*)$", re.I)
_FULL_WIDTH = str.maketrans({"?": "？", "!": "！", ";": "；"})
_OPEN_ENDED = "open-ended response"
_PLAIN_PART = ("response", _OPEN_ENDED)


@dataclass(frozen=True)
class Part:
    """One column of a question: the option or matrix row that it stands for, if any.

    ``fill_in`` columns hold what was written beside an option.
    """

    column: str
    label: str = ""
    fill_in: bool = False


@dataclass
class Question:
    """One question: its number as in the export, its stem, its columns in order."""

    number: str
    stem: str
    parts: list[Part] = field(default_factory=list)
    is_open: bool = False
    """The export says that it asks for an answer in one's own words."""


def questions(survey: Survey, headers: Sequence[Sequence[str]], frame: pl.DataFrame) -> list[Question]:
    """Return the questions of an export in order.

    ``headers`` are its header rows, each with one text per column of ``frame``; columns that the
    preset leaves out are no questions.
    """
    columns = [
        (column, tuple(clean(row[place]) for row in headers))
        for place, column in enumerate(frame.columns)
        if not is_left_out(survey, headers[0][place] or column)
    ]
    return _STYLES[survey.style](columns, frame)


def is_left_out(survey: Survey, header: str) -> bool:
    """Say whether a header is none of a question but about the answer sheet."""
    name = plain(header)
    for entry in survey.left_out:
        if entry.startswith("/"):
            if re.search(entry.strip("/"), header.strip(), re.I):
                return True
        elif plain(entry) == name:
            return True
    return False


def clean(header: str) -> str:
    """Return a header without markup and line breaks, Chinese ones with Chinese punctuation.

    Readers write headers in plain width; a question is read by people.
    """
    text = re.sub(r"\s+", " ", _TAG.sub("", header).replace("&nbsp;", " ")).strip()
    return text.translate(_FULL_WIDTH) if re.search(r"[\u3400-\u9fff]", text) else text


_Columns = Sequence[tuple[str, tuple[str, ...]]]


def _wjx(columns: _Columns, frame: pl.DataFrame) -> list[Question]:
    """``3、stem`` opens a question; ``第3题(option)`` or ``3(option)`` is one column of it."""
    found: dict[str, Question] = {}
    stems: dict[str, list[tuple[str, str]]] = {}
    for column, (header, *_) in columns:
        if part := _PART_OF.match(header) or _SHORT_PART.match(header):
            question = found.setdefault(part[1], Question(part[1], ""))
            question.parts.append(Part(column, part[2].strip(), bool(_OTHER.match(part[2].strip()))))
        else:
            whole = _NUMBERED.match(header)
            number, stem = (whole[1], whole[2].strip()) if whole else (header, header)
            found.setdefault(number, Question(number, "")).parts.append(Part(column))
            stems.setdefault(number, []).append((column, stem))
    for number, written in stems.items():
        found[number] = _with_stems(found[number], written, frame)
    for question in found.values():
        options = "、".join(part.label for part in question.parts[:3])
        question.stem = question.stem or f"第 {question.number} 题（{options}…）"
    return [question for question in found.values() if question.parts]


def _with_stems(question: Question, written: list[tuple[str, str]], frame: pl.DataFrame) -> Question:
    """Give a question its stem; where several columns carry one, what differs in them is the row."""
    texts = [stem for _, stem in written]
    if len(written) == 1:
        column, stem = written[0]
        # The stem of a matrix or of options in columns of their own has a column without any value.
        empty = (
            len(question.parts) > 1
            and frame[column].cast(pl.String).str.strip_chars().fill_null("").eq("").all()
        )
        parts = [part for part in question.parts if not (empty and part.column == column)]
        return Question(question.number, stem, parts)
    common = _shared_start(texts)
    rows = {column: stem[len(common) :].strip(" —-:：()（）") for column, stem in written}
    parts = [Part(part.column, rows.get(part.column, part.label), part.fill_in) for part in question.parts]
    return Question(question.number, common.rstrip(" —-:：(（"), parts)


def _shared_start(texts: Sequence[str]) -> str:
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in same)


def _surveymonkey(columns: _Columns, frame: pl.DataFrame) -> list[Question]:
    """A stem, then columns without one until the next; the second row has the option or matrix row."""
    found: list[Question] = []
    for column, (header, *below) in columns:
        label = below[0] if below else ""
        if header and not (found and header == found[-1].stem):
            found.append(Question(str(len(found) + 1), header))
        if not found:
            continue
        found[-1].is_open |= label.casefold() == _OPEN_ENDED
        label = "" if label.casefold() in _PLAIN_PART else label
        found[-1].parts.append(Part(column, label, bool(_OTHER.match(label))))
    return found


def _qualtrics(columns: _Columns, frame: pl.DataFrame) -> list[Question]:
    """The first row has tags (Q3, Q3_1, Q3_1_TEXT), the second ``stem - choice``."""
    tags = [headers[0] for _, headers in columns]
    found: dict[str, Question] = {}
    for column, (tag, *below) in columns:
        text = below[0] if below else tag
        whole = _EXPORT_TAG.match(tag)
        base, split = (whole[1], bool(whole[2] or whole[3])) if whole else (tag, False)
        alone = split and sum(other == base or other.startswith(f"{base}_") for other in tags) == 1
        stem, dash, label = text.rpartition(" - ") if split and not alone else (text, "", "")
        question = found.setdefault(base, Question(base, stem if dash else text))
        question.parts.append(Part(column, label if dash else "", tag.endswith("_TEXT")))
    return list(found.values())


def _typeform(columns: _Columns, frame: pl.DataFrame) -> list[Question]:
    """Columns whose every value is their own header are the options of one question, without its stem."""
    found: list[Question] = []
    within = False
    for column, (header, *_) in columns:
        values = frame[column].cast(pl.String).drop_nulls()
        given = {plain(value) for value in values.unique().to_list()} - {""}
        is_option = given <= {plain(header)} and (bool(given) or within)
        is_other = within and header.casefold() == "other"
        if not ((is_option or is_other) and within):
            found.append(Question(str(len(found) + 1), "" if is_option else header))
        found[-1].parts.append(Part(column, header if is_option or is_other else "", is_other))
        within = is_option
    for question in found:
        if not question.stem:
            question.stem = " / ".join(part.label for part in question.parts[:4])
    return found


_STYLES: dict[str, Callable[[_Columns, pl.DataFrame], list[Question]]] = {
    "wjx": _wjx,
    "surveymonkey": _surveymonkey,
    "qualtrics": _qualtrics,
    "typeform": _typeform,
}
