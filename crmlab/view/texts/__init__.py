"""Every text that a reader sees, in both languages: ``zh.toml`` and ``en.toml``, key by key."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from crmlab.labels import Language, Text


@cache
def texts() -> dict[str, Text]:
    """Return key → text, from both files."""
    here = files("crmlab.view.texts")
    zh, en = (
        tomllib.loads(here.joinpath(f"{name}.toml").read_text(encoding="utf-8")) for name in ("zh", "en")
    )
    return {key: Text(zh[key], en[key]) for key in zh}


def say(key: str, **values: Any) -> Text:
    """Return the text of ``key`` with ``{names}`` filled in; a Text fills in its own language."""
    text = texts()[key]
    return Text(
        *(_fill(template, language, values) for template, language in zip(text, _LANGUAGES, strict=True))
    )


def joined(*notes: Text | None) -> Text:
    """Put sentences after each other; None is no sentence. Where another follows, each has its full stop."""
    said = [note for note in notes if note is not None]
    ended = [Text(_ended(note.zh, "。"), _ended(note.en, ".")) for note in said[:-1]] + said[-1:]
    return Text("".join(note.zh for note in ended), " ".join(note.en for note in ended))


def _ended(sentence: str, stop: str) -> str:
    return sentence if sentence.endswith(stop) else sentence + stop


_LANGUAGES: tuple[Language, Language] = ("zh", "en")


def _fill(template: str, language: Language, values: dict[str, Any]) -> str:
    return template.format(
        **{name: value.to(language) if isinstance(value, Text) else value for name, value in values.items()}
    )
