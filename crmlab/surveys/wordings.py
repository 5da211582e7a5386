"""Answers in words that stand in an order: very dissatisfied, dissatisfied … very satisfied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from crmlab.labels import Text

_NONE = {
    "不适用",
    "不清楚",
    "不了解",
    "没用过",
    "n/a",
    "na",
    "not applicable",
    "don't know",
    "does not apply",
}
"""What says that somebody cannot judge; it is no place in any order."""


@dataclass(frozen=True)
class Wording:
    """One order of answers, lowest first, with the spellings of each level."""

    id: str
    levels: tuple[Text, ...]
    spellings: dict[str, int]

    def place(self, answer: str) -> int | None:
        """Return the place of an answer from 1; None where it is none of the levels."""
        return self.spellings.get(plain(answer))


@cache
def wordings() -> tuple[Wording, ...]:
    """Return all orders of answers that are known, the likeliest first."""
    text = files("crmlab.surveys").joinpath("ordered_answers.yaml").read_text(encoding="utf-8")
    entries: dict[str, list[list[Any]]] = yaml.safe_load(text)
    return tuple(
        Wording(
            name,
            tuple(Text(level[0], level[1]) for level in levels),
            {plain(word): place for place, level in enumerate(levels, 1) for word in level},
        )
        for name, levels in entries.items()
    )


def wording_of(answers: set[str]) -> Wording | None:
    """Return the order in which all of these answers stand; None where there is none, or one answer only.

    Answers such as "not applicable" are no matter.
    """
    judged = {answer for answer in answers if not cannot_judge(answer)}
    for wording in wordings():
        places = {wording.place(answer) for answer in judged}
        if len(places) > 1 and None not in places:
            return wording
    return None


def cannot_judge(answer: str) -> bool:
    """Say whether an answer is that one cannot judge."""
    return plain(answer) in _NONE


def plain(answer: str) -> str:
    """Return an answer without case and outer blanks."""
    return answer.strip().casefold()
