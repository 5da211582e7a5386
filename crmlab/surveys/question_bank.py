"""The question bank: questions of surveys in Chinese and English, each with its scale and what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Language, Text
from crmlab.satisfaction import SCALES, Direction
from crmlab.surveys.wordings import wordings

QuestionKind = Literal["rating", "single", "multiple", "ranking", "open"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lines(_Strict):
    """Several texts in both languages, in the same order."""

    zh: list[str]
    en: list[str]

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.zh) != len(self.en):
            raise ValueError(f"{len(self.zh)} texts in Chinese and {len(self.en)} in English")
        return self

    def to(self, language: Language) -> list[str]:
        """Return the texts in one language."""
        return self.zh if language == "zh" else self.en


class Why(_Strict):
    """What a question is for, and how to ask it."""

    zh: str
    en: str


class BankQuestion(_Strict):
    """One question of the bank.

    ``scale`` is one of a feedback table's scales, ``words`` an order of answers in words; ``rows`` make it
    a matrix. A choice has ``options``; an open question nothing.
    """

    id: str
    topic: str
    zh: str
    en: str
    why: Why
    kind: QuestionKind = "single"
    scale: str | None = None
    words: str | None = None
    direction: Direction | None = None
    ends: Lines | None = None
    rows: Lines | None = None
    options: Lines | None = None

    @model_validator(mode="after")
    def _has_answers(self) -> Self:
        if self.scale is not None and self.scale not in SCALES:
            raise ValueError(f"no scale is named {self.scale!r}")
        if self.words is not None and self.words not in [wording.id for wording in wordings()]:
            raise ValueError(f"no order of answers is named {self.words!r}")
        given = [name for name in ("scale", "words", "options") if getattr(self, name) is not None]
        if len(given) != (0 if self.kind == "open" else 1):
            raise ValueError(
                f"{self.id}: a question has a scale, words or options, an open one none; given: {given}"
            )
        if (self.scale == "ces_1_7") != (self.direction is not None):
            raise ValueError(f"{self.id}: an effort question states its direction, others have none")
        return self

    @property
    def text(self) -> Text:
        """The question in both languages."""
        return Text(self.zh, self.en)

    @property
    def asks_for(self) -> QuestionKind:
        """What kind of answer it asks for."""
        return "rating" if self.scale else self.kind

    def answers(self, language: Language) -> list[str]:
        """Return the options, the levels in words, or the numbers of the scale."""
        if self.scale:
            lowest, highest = SCALES[self.scale]
            return [str(place) for place in range(lowest, highest + 1)]
        for wording in wordings():
            if wording.id == self.words:
                return [level.to(language) for level in wording.levels]
        return self.options.to(language) if self.options else []


@cache
def question_bank() -> tuple[BankQuestion, ...]:
    """Return all questions, in the order of the files."""
    folder = files("crmlab.surveys").joinpath("bank")
    found = []
    for file in sorted(folder.iterdir(), key=lambda each: _ORDER.index(each.name)):
        for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            found.append(BankQuestion.model_validate({"id": name, **entry}))
    return tuple(found)


_ORDER = ("ratings.yaml", "experience.yaml", "needs.yaml")


def topics() -> tuple[str, ...]:
    """Return the topics of the bank, in order."""
    return tuple(dict.fromkeys(question.topic for question in question_bank()))


def chosen_questions(names: Sequence[str]) -> list[BankQuestion]:
    """Return the questions of these topics or ids, each once, in the order asked for.

    Raises ParamsError for a name that is neither.
    """
    bank, found = question_bank(), []
    ids = [question.id for question in bank]
    for name in names:
        matching = [question for question in bank if name == question.topic]
        matching = matching or [question for question in bank if name == question.id]
        if not matching:
            raise ParamsError(
                f"The question bank has no topic or question {name!r}."
                f"{did_you_mean(name, [*topics(), *ids])} Topics: {', '.join(topics())}."
            )
        found += matching
    return list({question.id: question for question in found}.values())
