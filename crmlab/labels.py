"""What a plugin's input and output are called: bilingual texts, measures, labels, schemes, scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Language = Literal["zh", "en"]
Axis = Literal["need", "revenue", "loyalty"]


class Text(NamedTuple):
    """One text in both languages that a reader may choose."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """Return the text in ``language``."""
        return self.zh if language == "zh" else self.en


Unit = Literal["count", "days", "currency", "share", "rate", "number", "boolean", "text", "date"]


class Measure(NamedTuple):
    """What readers call a column of features, and the unit of its values.

    ``currency`` amounts are in units of the study's currency, ``share`` is within 0–1, ``rate`` is per
    30 days unless the name says otherwise.
    """

    zh: str
    en: str
    unit: Unit

    @property
    def text(self) -> Text:
        """The name in both languages."""
        return Text(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class Label:
    """One class of customers: a stable snake_case id and its names."""

    id: str
    zh: str
    en: str

    @property
    def text(self) -> Text:
        """The names as one bilingual text."""
        return Text(self.zh, self.en)


UNCLASSIFIED = Label("unclassified", "未分类", "Unclassified")
"""The label of a customer for whom a scheme's data is missing; part of every scheme."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The ordered labels of one classification, best first, and the axes that it separates.

    ``axes`` names which differences between customers the scheme claims to separate:
    need, revenue, loyalty. A report can test the claim. ``of_data`` says that the names come from the
    study's own data, such as its categories, and may be in one language.
    """

    id: str
    zh: str
    en: str
    labels: tuple[Label, ...]
    axes: tuple[Axis, ...] = ()
    of_data: bool = False

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            raise ValueError(f"The scheme {self.id!r} has two labels of one id: {self.ids}.")

    @property
    def ids(self) -> tuple[str, ...]:
        """The label ids in order, without ``unclassified``."""
        return tuple(label.id for label in self.labels)

    @property
    def text(self) -> Text:
        """The name of the scheme in both languages."""
        return Text(self.zh, self.en)

    def __iter__(self) -> Iterator[Label]:
        """Go through the declared labels in order, then ``unclassified``."""
        yield from self.labels
        if UNCLASSIFIED.id not in self.ids:
            yield UNCLASSIFIED

    def __contains__(self, label_id: object) -> bool:
        return label_id == UNCLASSIFIED.id or label_id in self.ids

    def __getitem__(self, label_id: str) -> Label:
        """Return the label of that id, or raise ``KeyError``."""
        for label in self:
            if label.id == label_id:
                return label
        raise KeyError(label_id)

    def names(self, language: Language) -> dict[str, str]:
        """Return label id → name in ``language``, in order."""
        return {label.id: label.text.to(language) for label in self}


@dataclass(frozen=True, slots=True)
class Score:
    """One number per customer or per text: its id, unit and names.

    ``unit`` is ``"probability"`` (within 0–1), ``"currency"`` (minor-unit free amounts in the
    study's currency), ``"days"``, ``"count"`` or ``"ratio"``.
    """

    id: str
    unit: Literal["probability", "currency", "days", "count", "ratio"]
    zh: str
    en: str

    @property
    def text(self) -> Text:
        """The name of the score in both languages."""
        return Text(self.zh, self.en)
