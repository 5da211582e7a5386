"""Survey exports, one row per respondent, become feedback: one row per respondent and question.

What kind a question is follows from its columns and answers (:class:`Kind`); on which scale a rating
was given only where the stem says what is rated and the answers fit one scale. Where they do not, the
answers stay answers and a note asks for the scale; nothing is put on a scale by a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args
from zoneinfo import available_timezones

import polars as pl

from crmlab.data import convert
from crmlab.data.cleaning import ORIGIN
from crmlab.data.mapping.values import iso
from crmlab.data.presets import Survey, first_present, plain
from crmlab.data.surveys.answers import Kind, answers_to, is_coded, rows_of_matrices
from crmlab.data.surveys.questions import Question, questions
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab.satisfaction import SCALES

_WITH_UNITS = (
    r"^(?:(?<h>\d+)\s*(?:小时|时|h))?\s*(?:(?<m>\d+)\s*(?:分钟|分|min|m))?\s*"
    r"(?:(?<s>\d+(?:\.\d+)?)\s*(?:秒|sec|s)?)?$"
)
_WITH_COLONS = r"^(?:(?<h>\d+):)?(?<m>\d{1,2}):(?<s>\d\d)$"


@dataclass(frozen=True)
class AskedQuestion:
    """One question as it was understood: a row of a matrix counts as one.

    ``why`` names what decided: what the study says, or what was seen. ``answered`` counts
    respondents, ``skipped`` those with a code for "skipped" or "left empty".
    """

    number: str
    text: str
    kind: Kind
    scale: str | None
    headers: tuple[str, ...]
    why: Literal["params", "seen"]
    answered: int
    skipped: int
    asks_for_scale: bool


@dataclass(frozen=True)
class SurveyTable:
    """The feedback of a survey as a source delivers it, and how it was understood.

    ``extra`` has the columns that are not in ``frame``, one row per answer sheet.
    """

    frame: pl.DataFrame
    extra: pl.DataFrame
    questions: tuple[AskedQuestion, ...]
    left_out: tuple[str, ...]
    respondents: int
    dropped: int
    notes: tuple[Text, ...]


def read_survey(
    survey: Survey,
    headers: Sequence[Sequence[str]],
    frame: pl.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    asked: Mapping[str, str] | None = None,
    dates: Mapping[str, str] | None = None,
    scale: str | None = None,
    prefix: str = "",
) -> SurveyTable:
    """Return one row per respondent and answered question, all text.

    ``frame`` has one row per respondent; ``headers`` are its header rows. ``columns`` maps columns of
    the table feedback to headers (``customer_id``); ``asked`` a question's number or stem to a kind or
    a scale; ``dates`` the format of a column. ``scale`` is for ratings on no other. ``prefix`` goes
    before respondent ids, which are unique within one file only. Raises DataError and ParamsError for
    names that are not there.
    """
    asked = asked or {}
    text = frame.with_columns(pl.exclude(ORIGIN).cast(pl.String, strict=False))
    names = [name for name in text.columns if name not in ORIGIN]
    text, dropped = _without_dropped(survey, headers, text, names)
    data = text.select(names)
    about = _about(survey, headers, names, columns or {})
    base = _about_respondents(survey, headers, text, about, dates or {}, prefix)
    untimed = 0
    if "duration_seconds" in about:
        written = text.select(convert.text(pl.col(about["duration_seconds"]))).to_series()
        untimed = int((written.is_not_null() & base["duration_seconds"].is_null()).sum())
    # What the study takes for a column is no question any more.
    mapped = {about[column] for column in columns or {}}
    found = [_without(question, mapped) for question in questions(survey, headers, data)]
    found = [question for question in found if question.parts]
    coded = is_coded(data, survey)
    rows, understood = [], []
    for question in rows_of_matrices(survey, found, data, asked):
        answers, skipped = answers_to(survey, question, data, _said(question, asked), scale, coded)
        given = answers.frame.with_columns(
            feedback_id=base["respondent_id"] + f"-{question.number}", question=pl.lit(question.stem)
        )
        filled = given.select(pl.any_horizontal(pl.col("answer", "text", "score").is_not_null())).to_series()
        if answers.kind not in ("personal", "left_out"):
            rows.append(pl.concat([base, given], how="horizontal").filter(filled))
        understood.append(
            AskedQuestion(
                question.number,
                question.stem,
                answers.kind,
                answers.scale,
                tuple(part.column for part in question.parts),
                answers.why,
                int(filled.sum()),
                skipped,
                answers.asks_for_scale,
            )
        )
    _check_numbers(asked, understood, found)
    answered = {part.column for question in found for part in question.parts}
    left_out = tuple(name for name in names if name not in answered and name not in about.values())
    unread = [h for q in understood if q.kind in ("personal", "left_out") for h in q.headers]
    # Rows of one answer sheet stand together, in the order of the file.
    order = base.select("respondent_id").with_row_index("sheet")
    long = pl.concat(rows) if rows else base.clear()
    return SurveyTable(
        long.join(order, on="respondent_id", how="left", maintain_order="left")
        .sort("sheet", maintain_order=True)
        .drop("sheet"),
        pl.concat(
            [base.select(*_origin(text), "respondent_id"), text.select(*left_out, *unread)], how="horizontal"
        ),
        tuple(understood),
        left_out,
        base.height,
        dropped,
        _notes(understood, left_out, dropped, untimed),
    )


def _origin(frame: pl.DataFrame) -> list[str]:
    return [name for name in ORIGIN if name in frame.columns]


def _about_respondents(
    survey: Survey,
    headers: Sequence[Sequence[str]],
    text: pl.DataFrame,
    about: Mapping[str, str],
    dates: Mapping[str, str],
    prefix: str,
) -> pl.DataFrame:
    """Return what is known of each answer sheet: where it stands, whose it is, when it was given."""
    known = {
        column: convert.text(pl.col(header)) for column, header in about.items() if column != "respondent_id"
    }
    if "given_on" in known:
        stated = dates.get("given_on")
        formats = [stated] if stated else survey.dates
        given_on = iso(known["given_on"], formats, certain=stated is not None)
        known["given_on"] = _with_zone(given_on, _zone(headers, text, about["given_on"]))
    if "duration_seconds" in known:
        known["duration_seconds"] = _seconds(known["duration_seconds"])
    return text.select(*_origin(text), _respondents(text, about.get("respondent_id"), prefix), **known)


def _seconds(took: pl.Expr) -> pl.Expr:
    """Read how long a sheet took: a number of seconds, or with units as 125秒, 2分5秒, 0:02:05."""
    by_unit, by_colon = took.str.extract_groups(_WITH_UNITS), took.str.extract_groups(_WITH_COLONS)
    parts = [
        (pl.coalesce(by_unit.struct.field(unit), by_colon.struct.field(unit)).cast(pl.Float64) * seconds)
        for unit, seconds in (("h", 3600), ("m", 60), ("s", 1))
    ]
    known = pl.any_horizontal(part.is_not_null() for part in parts)
    return pl.when(known).then(pl.sum_horizontal(parts)).cast(pl.String)


def _zone(headers: Sequence[Sequence[str]], text: pl.DataFrame, name: str) -> str | None:
    """Return the time zone that the headers of a column name: ``(UTC)``, or ``"timeZone":"…"``."""
    place = [column for column in text.columns if column not in ORIGIN].index(name)
    written = " ".join(row[place] for row in headers if place < len(row))
    if "(UTC)" in written:
        return "UTC"
    named = re.search(r'"timeZone"\s*:\s*"([^"]+)"', written)
    zone = "UTC" if named and named[1] == "Z" else named[1] if named else None
    return zone if zone in available_timezones() else None


def _with_zone(moment: pl.Expr, zone: str | None) -> pl.Expr:
    """Write local times of a zone as UTC with its mark, so that the study's zone decides on the day."""
    if zone is None:
        return moment
    plain = pl.when(moment.str.contains(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")).then(moment)
    local = plain.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    marked = convert.to_utc(local, zone).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return pl.coalesce(marked, moment)


def _check_numbers(
    asked: Mapping[str, str], understood: Sequence[AskedQuestion], found: Sequence[Question]
) -> None:
    known = {name for q in understood for name in (q.number, q.text)}
    known |= {name for q in found for name in (q.number, q.stem)}
    for name in asked:
        if name not in known:
            numbers = [question.number for question in understood]
            raise ParamsError(
                f"`questions` names {name!r}, and the survey has no such question."
                f"{did_you_mean(name, numbers)} It has: {', '.join(numbers)}."
            )


def check_asked(asked: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the kinds and scales that a study gives its questions."""
    allowed = (*get_args(Kind), *SCALES)
    return [
        f"questions.{name}: no kind or scale is named {said!r}.{did_you_mean(said, allowed)} "
        f"Allowed: {', '.join(allowed)}."
        for name, said in asked.items()
        if said not in allowed
    ]


def _without_dropped(
    survey: Survey, headers: Sequence[Sequence[str]], text: pl.DataFrame, names: Sequence[str]
) -> tuple[pl.DataFrame, int]:
    height = text.height
    as_written = _as_written(headers, names)
    for header, values in survey.drop.items():
        if column := as_written.get(plain(header)):
            text = text.filter(~pl.col(column).str.strip_chars().is_in(values).fill_null(value=False))
    return text, height - text.height


def _as_written(headers: Sequence[Sequence[str]], names: Sequence[str]) -> dict[str, str]:
    """Return normalised header → column of the frame; a column goes by its own name, too."""
    by_name = {plain(name): name for name in reversed(names)}
    return by_name | {plain(headers[0][place]): name for place, name in reversed(list(enumerate(names)))}


def _about(
    survey: Survey, headers: Sequence[Sequence[str]], names: Sequence[str], given: Mapping[str, str]
) -> dict[str, str]:
    as_written = _as_written(headers, names)
    about = {
        column: header
        for column, ranked in survey.about.items()
        if (header := first_present(ranked, as_written))
    }
    for column, header in given.items():
        if plain(header) not in as_written:
            shown = ", ".join(names)
            raise DataError(
                f"The survey has no column {header!r}.{did_you_mean(header, names)} It has: {shown}."
            )
        about[column] = as_written[plain(header)]
    return about


def _respondents(text: pl.DataFrame, header: str | None, prefix: str) -> pl.Series:
    """Name the answer sheets: by the export's id, or by row where that is missing or not unique."""
    rows = pl.Series("respondent_id", [f"row-{row}" for row in range(1, text.height + 1)], dtype=pl.String)
    given = text.select(convert.code(pl.col(header))).to_series() if header else None
    ids = rows if given is None or given.null_count() or given.n_unique() < given.len() else given
    return (prefix + ids).alias("respondent_id") if prefix else ids.alias("respondent_id")


def _without(question: Question, used: set[str]) -> Question:
    """Leave out columns that the study takes for something else."""
    return replace(question, parts=[part for part in question.parts if part.column not in used])


def _said(question: Question, asked: Mapping[str, str]) -> str | None:
    return (
        asked.get(question.number) or asked.get(question.stem) or asked.get(question.number.partition(".")[0])
    )


def _notes(
    understood: Sequence[AskedQuestion], left_out: Sequence[str], dropped: int, untimed: int
) -> tuple[Text, ...]:
    notes = []
    if dropped:
        notes.append(
            Text(f"略去 {dropped} 份预览或测试答卷。", f"{dropped} previews or tests were left out.")
        )
    if left_out:
        names = "、".join(left_out), ", ".join(left_out)
        notes.append(
            Text(
                f"不是题目的列，不进入反馈表：{names[0]}。",
                f"Columns that are no questions and stay out of the feedback: {names[1]}.",
            )
        )
    if untimed:
        notes.append(
            Text(
                f"{untimed} 份答卷的用时读不出来，按未知处理；请写成秒数，例如 125 或 125秒。",
                f"How long {untimed} sheets took cannot be read and counts as unknown; "
                "write seconds, for example 125.",
            )
        )
    personal = [question.number for question in understood if question.kind == "personal"]
    if personal:
        notes.append(
            Text(
                f"第 {'、'.join(personal)} 题询问个人信息，未读入。",
                f"Questions that ask for personal data are left out: {', '.join(personal)}.",
            )
        )
    unscaled = [question.number for question in understood if question.asks_for_scale]
    if unscaled:
        example = f"questions: {{{unscaled[0]!r}: csat_1_5}}"
        notes.append(
            Text(
                f"第 {'、'.join(unscaled)} 题像是评分，但量表不明，暂按选项读入。请指明，例如 {example}。",
                f"Questions {', '.join(unscaled)} look like ratings on a scale that is not certain, and are "
                f"read as answers. State it, for example {example}.",
            )
        )
    skipped = sum(question.skipped for question in understood)
    if skipped:
        notes.append(
            Text(
                f"跳过或未答共 {skipped} 处，不计为行。",
                f"{skipped} answers were skipped or empty and are no rows.",
            )
        )
    return tuple(notes)
