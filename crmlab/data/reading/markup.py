"""Take HTML apart into tags and text, in time proportional to its length.

The parser of the standard library needs minutes for a hundred kilobytes of tags that are never closed.
This one looks at each character a bounded number of times, and knows as much as tables need.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = re.compile(r"(/?)([A-Za-z][A-Za-z0-9:_-]{0,40})")
_PLAIN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:_-]{0,40})([^<>\"']*)>")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_SILENT = {tag: re.compile(rf"</{tag}\b", re.IGNORECASE) for tag in ("script", "style", "title", "textarea")}
_PATIENCE = 20
"""How many `>` are tried for a tag whose attributes seem to hold one in quotes."""


class Token(NamedTuple):
    """A tag in small letters with its attributes as ``text``, or, without ``tag``, text between tags."""

    tag: str | None
    closes: bool
    text: str


def tokens(page: str) -> Iterator[Token]:
    """Go through the tags and texts of ``page``; comments, scripts and styles are passed over.

    White space is one space, as in a browser. What is never closed ends the page.
    """
    at, end = 0, len(page)
    while at < end:
        opening = page.find("<", at)
        if opening != at:
            stop = end if opening < 0 else opening
            yield Token(None, False, _shown(page[at:stop]))
            at = stop
            continue
        plain = _PLAIN.match(page, at)
        if plain and (tag := plain[2].lower()) not in _SILENT:
            yield Token(tag, bool(plain[1]), plain[3])
            at = plain.end()
            continue
        if page.startswith("<!--", at):
            closing = page.find("-->", at + 4)
            at = end if closing < 0 else closing + 3
            continue
        name = _NAME.match(page, at + 1)
        if not name and page[at + 1 : at + 2] not in ("!", "?", "/"):
            yield Token(None, False, "<")
            at += 1
            continue
        closing = _closing(page, at)
        if closing < 0:
            return
        if name:
            tag, closes = name[2].lower(), bool(name[1])
            yield Token(tag, closes, page[name.end() : closing])
            if tag in _SILENT and not closes:
                silent_end = _SILENT[tag].search(page, closing)
                if not silent_end:
                    return
                closing = silent_end.start() - 1
        at = closing + 1


def _closing(page: str, at: int) -> int:
    """Return where the tag that opens at ``at`` is closed, or -1; quotes may hold a `>`."""
    first = closing = page.find(">", at)
    for _ in range(_PATIENCE):
        if closing < 0:
            break
        inside = page[at:closing]
        if inside.count('"') % 2 == 0 and ('"' in inside or inside.count("'") % 2 == 0):
            return closing
        closing = page.find(">", closing + 1)
    return first


def _shown(text: str) -> str:
    return html.unescape(_SPACES.sub(" ", text)) if "&" in text else _SPACES.sub(" ", text)
