"""Emoji, bracketed expressions of Chinese networks such as [赞], and faces typed with letters.

``data/emoji.yaml`` says which are happy and which are not. Symbols that go with both moods (😂, 🙏,
[微笑], which younger writers use coldly) are in neither list.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "data" / "emoji.yaml"

HAPPY, UNHAPPY = "\ue000", "\ue001"
"""What stands for a symbol in a levelled text; private characters that no text means."""

_TELLTALES = "_^:"
"""Each typed face in the table has one of these."""

_EXPRESSION = re.compile(r"[\[［][^\[\]［］\n]{1,8}[\]］]")


@cache
def symbols() -> dict[str, str]:
    """Return symbol → ``HAPPY`` or ``UNHAPPY``: single characters, typed faces, expressions."""
    import yaml

    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for mood, mark in (("happy", HAPPY), ("unhappy", UNHAPPY)):
        words = table[mood]
        found |= dict.fromkeys(words["emoji"].split(), mark)
        found |= dict.fromkeys(words["faces"], mark)
        found |= {f"[{word}]": mark for word in words["expressions"].split()}
    return found


def marked(text: str) -> str:
    """Return ``text`` with typed faces and expressions replaced by marks.

    An expression that is not in the table keeps its words without the brackets; private characters
    that look like marks are dropped.
    """
    text = text.replace(HAPPY, "").replace(UNHAPPY, "")
    if "[" in text or "［" in text:
        text = _EXPRESSION.sub(_mark, text)
    for telltale, faces in _faces():
        # Looking for a single character is much faster than for several.
        if telltale in text:
            for face, mark in faces:
                text = text.replace(face, mark)
    return text


def _mark(found: re.Match[str]) -> str:
    word = found[0][1:-1].lower()
    return symbols().get(f"[{word}]", word)


@cache
def _faces() -> list[tuple[str, list[tuple[str, str]]]]:
    """The typed faces by a character that each of them has, the longest first, so that none hides another."""
    faces = [(symbol, mark) for symbol, mark in symbols().items() if len(symbol) > 1 and symbol[0] != "["]
    by_telltale: dict[str, list[tuple[str, str]]] = {}
    for face, mark in sorted(faces, key=lambda face: (-len(face[0]), face[0])):
        telltale = next(letter for letter in _TELLTALES if letter in face)
        by_telltale.setdefault(telltale, []).append((face, mark))
    return list(by_telltale.items())
