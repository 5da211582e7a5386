"""The texts of a report: headline findings, key figures, notes, headings, and what it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from crmlab.labels import Language, Text
from crmlab.view.html import View, escape

_FIGURE = re.compile(
    r"(?P<date>\d{4}[-–/]\d{1,2}(?:[-–/]\d{1,2})?|\d+\s?[年月日])|"
    r"(?<![A-Za-z0-9_.])[-+−]?[¥$€£]?\d[\d,]*(?:\.\d+)?"
    r"(?:\s?(?:%|‰|[kMB](?![A-Za-z])|个百分点|万元|亿元|万|亿|元|人|家|户|位|天|分|倍|条|单|个))?(?![A-Za-z0-9])"
    r"|(?P<aside>[（(][^（()）]*[）)])"
)
"""A number with its sign and unit, to be set in bold; dates and asides are left as they are."""


def _in(text: Text | str, language: Language) -> str:
    return text.to(language) if isinstance(text, Text) else text


def _emphasised(sentence: object) -> str:
    """Escape a sentence and set its numbers in bold."""
    text, parts, last = str(sentence), [], 0
    for match in _FIGURE.finditer(text):
        figure = escape(match.group())
        parts += [
            escape(text[last : match.start()]),
            figure if match["date"] or match["aside"] else f"<strong>{figure}</strong>",
        ]
        last = match.end()
    return "".join([*parts, escape(text[last:])])


@dataclass(frozen=True)
class Findings(View):
    """The few sentences that a manager would repeat, as a numbered list with bold figures."""

    sentences: Sequence[Text | str]
    language: Language = "zh"

    view: ClassVar[str] = "findings"

    def payload(self) -> dict[str, Any]:
        """Return the sentences in the chosen language."""
        return {"sentences": [_in(sentence, self.language) for sentence in self.sentences]}

    def plain(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self.payload()["sentences"])

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return an ordered list with the class ``findings``."""
        items = "".join(f"<li><p>{_emphasised(sentence)}</p></li>" for sentence in payload["sentences"])
        return f'<ol class="findings">{items}</ol>'


@dataclass(frozen=True)
class KeyFigures(View):
    """Big numbers side by side: (value as text, what it counts)."""

    figures: Sequence[tuple[str, Text | str]]
    language: Language = "zh"

    view: ClassVar[str] = "figures"

    def payload(self) -> dict[str, Any]:
        """Return value and label pairs."""
        return {"figures": [[value, _in(label, self.language)] for value, label in self.figures]}

    def plain(self) -> str:
        """Return the figures in one line."""
        return " · ".join(f"{label} {value}" for value, label in self.payload()["figures"])

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return a description list with the class ``figures``."""
        items = "".join(
            f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
            for value, label in payload["figures"]
        )
        return f'<dl class="figures">{items}</dl>'


@dataclass(frozen=True)
class Note(View):
    """A remark beside the results: how to read them, or (``warning``) what to be careful about."""

    text: Text | str
    language: Language = "zh"
    kind: Literal["note", "warning"] = "note"

    view: ClassVar[str] = "note"

    def payload(self) -> dict[str, Any]:
        """Return the text and its kind."""
        return {"text": _in(self.text, self.language), "kind": self.kind}

    def plain(self) -> str:
        """Return the text."""
        return _in(self.text, self.language)

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return an ``<aside>``."""
        kind = "warning" if payload["kind"] == "warning" else "note"
        return f'<aside class="crm-aside {kind}"><p>{escape(payload["text"])}</p></aside>'


@dataclass(frozen=True)
class Heading(View):
    """A heading of a part that code puts together; the report lists it among its contents."""

    text: Text | str
    language: Language = "zh"
    level: Literal[3, 4] = 3

    view: ClassVar[str] = "heading"

    def payload(self) -> dict[str, Any]:
        """Return the text and its level."""
        return {"text": _in(self.text, self.language), "level": self.level}

    def plain(self) -> str:
        """Return the text."""
        return _in(self.text, self.language)

    @classmethod
    def render(cls, payload: dict[str, Any], anchor: str | None = None) -> str:
        """Return a heading, with an id to link to where ``anchor`` is given."""
        level = 4 if payload["level"] == 4 else 3
        place = f' id="{escape(anchor)}"' if anchor else ""
        return f"<h{level}{place}>{escape(payload['text'])}</h{level}>"


class Sections:
    """Several results that one cell displays one below the other; None is left out."""

    def __init__(self, parts: Iterable[object]) -> None:
        self.parts = [part for part in parts if part is not None]

    def __repr__(self) -> str:
        return f"<Sections: {len(self.parts)} parts>"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for part in self.parts:
            display(part)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class SourceBox(View):
    """Which data a report stands on: (what, description) pairs such as origin, period, rows, terms."""

    items: Sequence[tuple[Text | str, Text | str]]
    language: Language = "zh"

    view: ClassVar[str] = "source"

    def payload(self) -> dict[str, Any]:
        """Return the heading and the pairs in the chosen language."""
        title = Text("数据来源与口径", "The data this stands on").to(self.language)
        pairs = [[_in(what, self.language), _in(text, self.language)] for what, text in self.items]
        return {"title": title, "items": pairs}

    def plain(self) -> str:
        """Return the pairs, one a line."""
        return "\n".join(f"{what}: {text}" for what, text in self.payload()["items"])

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return an ``<aside>`` with a description list."""
        items = "".join(
            f"<div><dt>{escape(what)}</dt><dd>{escape(text)}</dd></div>" for what, text in payload["items"]
        )
        return f'<aside class="crm-source"><h4>{escape(payload["title"])}</h4><dl>{items}</dl></aside>'


def together(*parts: object) -> Sections:
    """Show parts one below the other; a remark that several of them make is made once."""
    said: set[str] = set()
    shown = []
    for part in parts:
        words = part.plain().rstrip("。.") if isinstance(part, Note) else None
        if words is not None and words in said:
            continue
        said.add(words or "")
        shown.append(part)
    return Sections(shown)
