"""The closed questions of a survey, each as what it is: a choice, a scale, a matrix, a ranking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crmlab.surveys.choices import ChoiceQuestion
from crmlab.surveys.rankings import RankingQuestion
from crmlab.surveys.scales import ScaleQuestion

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Asked, Sheets

ClosedQuestion = ChoiceQuestion | ScaleQuestion | RankingQuestion

_BATTERY = 3
"""So many questions in the same words for an answer are shown as one matrix, also without a stem."""


def closed_questions(lab: Lab, sheets: Sheets) -> list[ClosedQuestion]:
    """Return the closed questions in the order of the sheet; the rows of a matrix are one."""
    return list(_built(lab, sheets))


def batteries(sheets: Sheets) -> list[list[Asked]]:
    """Return the questions that belong together: rows of one stem, or answered in the same words.

    Only questions on one scale, in the order of the sheet.
    """
    groups: dict[tuple[str | None, ...], list[Asked]] = {}
    for asked in sheets.questions:
        if asked.kind in ("rating", "labelled") and (asked.stem or asked.kind == "labelled"):
            groups.setdefault((asked.stem, asked.scale, asked.kind), []).append(asked)
        elif asked.kind == "rating" and asked.frame["answer"].is_not_null().any():
            groups.setdefault((None, asked.scale, "words"), []).append(asked)
    return [rows for (stem, *_), rows in groups.items() if len(rows) >= (2 if stem else _BATTERY)]


def _built(lab: Lab, sheets: Sheets) -> Iterator[ClosedQuestion]:
    rows_of = {rows[0].key: rows for rows in batteries(sheets)}
    within = {asked.key for rows in rows_of.values() for asked in rows}
    for asked in sheets.questions:
        if asked.key in rows_of:
            yield ScaleQuestion(lab, rows_of[asked.key], sheets.n)
        elif asked.key in within or asked.kind == "open" or not asked.n:
            continue
        elif asked.kind in ("rating", "labelled"):
            yield ScaleQuestion(lab, [asked], sheets.n)
        elif asked.kind == "ranking":
            yield RankingQuestion(lab, asked, sheets.n)
        else:
            yield ChoiceQuestion(lab, asked, sheets.n)
