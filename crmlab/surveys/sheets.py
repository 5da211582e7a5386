"""Answer sheets: the rows of feedback that are a survey, and what kind of question each column was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.surveys.answers import JOINED, RANKED
from crmlab.errors import DataError
from crmlab.labels import Language, Text
from crmlab.satisfaction import SCALES, rated
from crmlab.surveys.wordings import cannot_judge, wording_of, wordings

Kind = Literal["single", "multiple", "rating", "labelled", "ranking", "open"]

KINDS: Mapping[Kind, Text] = {
    "single": Text("单选", "Single choice"),
    "multiple": Text("多选", "Multiple choice"),
    "rating": Text("评分", "Rating"),
    "labelled": Text("量表", "Scale in words"),
    "ranking": Text("排序", "Ranking"),
    "open": Text("开放题", "Open question"),
}

DURATION = "duration_seconds"
"""The column that says how long somebody took for the sheet, where a source delivers it."""

_BETWEEN = ("：", " – ")
"""What stands between the stem of a matrix and its row, in Chinese and in other languages."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One question and its answers.

    ``frame``: ``respondent_id``, ``person`` (the customer, or the respondent where it is unknown),
    ``answer`` (chosen options or the level in words), ``score`` (the place on the scale). ``scale`` is one
    of ``SCALES``, or the id of a wording for answers in words. ``stem`` and ``row`` are those of a matrix.
    """

    key: str
    title: str
    kind: Kind
    scale: str | None
    stem: str | None
    row: str
    frame: pl.DataFrame

    @property
    def n(self) -> int:
        """How many respondents answered."""
        return self.frame.height

    def levels(self, language: Language) -> dict[int, str]:
        """Return the places of the scale and what they are called; nothing for a question without one."""
        if self.kind == "rating" and self.scale:
            lowest, highest = SCALES[self.scale]
            return {place: str(place) for place in range(lowest, highest + 1)}
        for wording in wordings() if self.kind == "labelled" else ():
            if wording.id == self.scale:
                return {place: text.to(language) for place, text in enumerate(wording.levels, 1)}
        return {}


class Sheets:
    """The answer sheets of a study: one per ``respondent_id``.

    ``respondents`` has one row per sheet: ``respondent_id``, ``person``, ``customer_id``, ``given_on``,
    ``order_id``, ``channel``, and ``duration_seconds`` where it is known. ``repeated`` counts answers to a
    question that the same sheet had answered before; the first counts. Raises DataError for a score
    that its scale does not have.
    """

    def __init__(self, feedback: pl.DataFrame) -> None:
        of_survey = feedback.filter(pl.col("respondent_id").is_not_null() & pl.col("question").is_not_null())
        given = of_survey.with_columns(
            question=pl.col("question").str.strip_chars(),
            person=pl.coalesce("customer_id", pl.lit("sheet ") + pl.col("respondent_id")),
        )
        answers = without_repeats(given)
        self.repeated = given.height - answers.height
        known = [name for name in ("given_on", "order_id", "channel", DURATION) if name in answers.columns]
        self.respondents = (
            answers.group_by("respondent_id", maintain_order=True)
            .agg(pl.col("person", "customer_id", *known).drop_nulls().first())
            .sort("respondent_id")
        )
        self.questions = _questions(answers)

    @property
    def n(self) -> int:
        """How many sheets there are."""
        return self.respondents.height

    @property
    def people(self) -> int:
        """How many people filled them in, as far as one knows."""
        return self.respondents["person"].n_unique()


def without_repeats(feedback: pl.DataFrame) -> pl.DataFrame:
    """Leave out what a sheet answers to a question that it had answered before; keep what is of no sheet."""
    asked = pl.struct("respondent_id", pl.col("question").str.strip_chars(), "scale")
    of_sheet = pl.col("respondent_id").is_not_null() & pl.col("question").is_not_null()
    return feedback.filter(~of_sheet | asked.is_first_distinct())


def _questions(answers: pl.DataFrame) -> list[Asked]:
    """Return the questions in the order of the sheet: by the latest place that each has on any sheet."""
    if answers.is_empty():
        return []
    place = pl.int_range(pl.len()).over("respondent_id")
    order = (
        answers.with_columns(place=place)
        .group_by("question", "scale", maintain_order=True)
        .agg(pl.col("place").max(), pl.col("place").mean().alias("mean"))
        .sort("place", "mean", maintain_order=True)
    )
    scales = order.filter(pl.col("scale").is_not_null()).group_by("question").len()
    several = set(scales.filter(pl.col("len") > 1)["question"].to_list())
    found = []
    for question in order["question"].unique(maintain_order=True):
        rows = answers.filter(pl.col("question") == question)
        if question in several:
            found += [
                _asked(f"{question} [{scale}]", part, question)
                for (scale,), part in rows.filter(pl.col("scale").is_not_null())
                .sort("scale", maintain_order=True)
                .group_by("scale", maintain_order=True)
            ]
        else:
            found.append(_asked(question, rows, question))
    return found


def _asked(key: str, rows: pl.DataFrame, question: str) -> Asked:
    title, stem, row = mask_text(pl.Series([key, *_parts(question)])).to_list()
    kept = rows.select("respondent_id", "person", "answer", "score")
    scales = rows["scale"].drop_nulls().unique().to_list()
    if scales and kept["score"].is_not_null().any():
        if scales[0] not in SCALES:
            raise DataError(
                f"The question “{title}” has the scale {scales[0]!r}; known scales: {', '.join(SCALES)}."
            )
        rated(kept["score"], scales[0])  # an impossible score is an error
        return Asked(key, title, "rating", scales[0], stem, row, kept.filter(pl.col("score").is_not_null()))
    kept = kept.filter(pl.col("answer").str.strip_chars().str.len_chars() > 0)
    given = kept["answer"]
    if given.is_empty():
        return Asked(
            key, title, "open", None, stem, row, rows.select("respondent_id", "person", "answer", "score")
        )
    if given.str.contains(JOINED, literal=True).any():
        return Asked(key, title, "multiple", None, stem, row, kept)
    if given.str.contains(RANKED, literal=True).any():
        return Asked(key, title, "ranking", None, stem, row, kept)
    if wording := wording_of(set(given.unique().to_list())):
        places = {answer: wording.place(answer) for answer in given.unique().to_list()}
        judged = kept.with_columns(
            score=pl.col("answer").replace_strict(places, return_dtype=pl.Float64)
        ).filter(~pl.col("answer").map_elements(cannot_judge, return_dtype=pl.Boolean))
        return Asked(key, title, "labelled", wording.id, stem, row, judged)
    return Asked(key, title, "single", None, stem, row, kept)


def _parts(question: str) -> tuple[str | None, str]:
    """Return the stem of a matrix and the row, or None and the whole question."""
    for between in _BETWEEN:
        stem, dash, row = question.rpartition(between)
        if dash and stem and row:
            return stem, row
    return None, question
