"""Markdown to markup that cannot act: raw HTML is shown as text, links leave only their address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import mistune

from crmlab.view.html import escape

_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading for the contents list: level 1–6, the id to link to, its text."""

    level: int
    id: str
    text: str


class _Renderer(mistune.HTMLRenderer):
    """Numbers headings, and keeps addresses out of ``href`` and ``src`` unless they stay in the page."""

    def __init__(self, headings: list[Heading] | None) -> None:
        super().__init__(escape=True)
        self.headings = headings

    def heading(self, text: str, level: int, **_: Any) -> str:
        if self.headings is None:  # from an output: made of data, so not part of the contents
            return f"<h{level}>{text}</h{level}>\n"
        heading = Heading(level, f"s{len(self.headings) + 1}", _untagged(text))
        self.headings.append(heading)
        return f'<h{level} id="{heading.id}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if re.fullmatch(r"#[\w-]+", url):
            return f'<a href="{escape(url)}">{text}</a>'
        address = escape(url)
        return text if address == text else f'{text} <span class="url">({address})</span>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if _DATA_IMAGE.fullmatch(url):
            return f'<img src="{escape(url)}" alt="{_untagged(text)}">'
        return _untagged(text)


def _untagged(text: str) -> str:
    """Return rendered text, in which everything is escaped already, without its tags."""
    return re.sub(r"<[^>]*>", "", text)


def render(text: str, headings: list[Heading] | None = None) -> str:
    """Return the markup of Markdown with tables; headings get ids and are added to ``headings``.

    A page opens offline and asks nobody for anything, so an address is written out beside the text
    of its link instead of being clickable.
    """
    convert = mistune.create_markdown(renderer=_Renderer(headings), plugins=["table", "strikethrough"])
    return str(convert(text))
