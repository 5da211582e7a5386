"""The tables of aspects: which words find an aspect, and which say that it is good or bad.

``data/aspects/general.yaml`` describes the form of such a file. A word may stand for several words:
"等…久" is 等, at most six letters or digits of the same clause, then 久.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crmlab.documents import Document, parse
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Label
from crmlab_plugins.text.clauses import TURNS

FOLDER = Path(__file__).parents[1] / "data" / "aspects"

GAP = "…"
"""Stands in a Chinese word for up to six characters."""

OPINIONS = {"praise": 1, "blame": -1, "good": 1, "bad": -1}
"""List of opinion words → whether it speaks for or against the aspect."""

FINDING = ("cues", "praise", "blame")
"""The lists whose words find an aspect; ``good`` and ``bad`` speak only beside one of these."""

_LISTS = (*FINDING, "good", "bad", "except")
_NAMES = ("id", "zh", "en")
_KEYS = (*_NAMES, *_LISTS)
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")
_CUTS = re.compile(rf"[^\w\s{GAP}*'+-]|{'|'.join(TURNS)}")


@dataclass(frozen=True, slots=True, eq=False)
class Aspect:
    """One aspect: its label and, per list (``cues``, ``praise``, …), its Chinese and English words."""

    label: Label
    chinese: dict[str, tuple[str, ...]]
    english: dict[str, tuple[str, ...]]


def shipped() -> tuple[str, ...]:
    """Return the names of the taxonomies that come with crmlab, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def taxonomy(given: str) -> tuple[Aspect, ...]:
    """Return a shipped taxonomy by name or one's own by path; raise ParamsError with every problem."""
    if given in shipped():
        return read_taxonomy(FOLDER / f"{given}.yaml")
    if "/" not in given and "\\" not in given and "." not in given:
        raise ParamsError(
            f"There is no taxonomy {given!r}.{did_you_mean(given, shipped())} Shipped are: "
            f"{', '.join(shipped())}. For your own give the path of its YAML file."
        )
    return read_taxonomy(Path(given))


def read_taxonomy(path: Path) -> tuple[Aspect, ...]:
    """Read a table of aspects; raise ParamsError that lists every problem with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ParamsError(
            f"The taxonomy {path} cannot be read: {reason}. Give the path of a YAML file in UTF-8, "
            "relative to the folder of the study, in the form of crmlab_plugins/data/aspects/general.yaml, "
            f"or one of the names {', '.join(shipped())}."
        ) from None
    return _read(text, path.name)


@cache
def _read(text: str, name: str) -> tuple[Aspect, ...]:
    document = parse(text, name)
    problems = _problems(document)
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise ParamsError(f"The taxonomy {name} is not valid:\n{listed}")
    common = document.value.get("except", {})
    return tuple(_aspect(entry, common) for entry in document.value["aspects"])


def _problems(document: Document) -> list[str]:
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("aspects"), list) or not value["aspects"]:
        return [f"{document.name}: it must hold a list `aspects:` with at least one aspect."]
    problems = [
        f"{document.name}: unknown key {key!r}. Allowed: aspects, except."
        for key in value
        if key not in ("aspects", "except")
    ]
    problems += [
        f"{document.name}: {problem}" for problem in _list_problems("except", value.get("except", {}))
    ]
    seen = set()
    for place, entry in enumerate(value["aspects"]):
        where = document.place(("aspects", place))
        if not isinstance(entry, dict):
            problems.append(f"{where}an aspect has the keys {', '.join(_KEYS)}.")
            continue
        problems += [
            f"{where}unknown key {key!r}.{did_you_mean(str(key), _KEYS)} Allowed: {', '.join(_KEYS)}."
            for key in entry
            if key not in _KEYS
        ]
        problems += [f"{where}{key} must be a text." for key in _NAMES if not isinstance(entry.get(key), str)]
        if isinstance(entry.get("id"), str):
            if not _SNAKE_CASE.fullmatch(entry["id"]):
                problems.append(
                    f"{where}the id {entry['id']!r} must be snake_case, for example room_service."
                )
            if entry["id"] in seen:
                problems.append(f"{where}the id {entry['id']!r} appears twice.")
            seen.add(entry["id"])
        problems += [f"{where}{problem}" for problem in _word_problems(entry)]
    return problems


def _word_problems(entry: dict[Any, Any]) -> list[str]:
    problems = [problem for key in _LISTS for problem in _list_problems(key, entry.get(key, {}))]
    if not problems:
        problems += [
            f"{word!r} stands for and against the aspect: it is in {key} and {other}. Leave it in one list."
            for key, other in (("praise", "blame"), ("praise", "bad"), ("good", "blame"), ("good", "bad"))
            for language in ("zh", "en")
            for word in sorted(
                {*entry.get(key, {}).get(language, [])} & {*entry.get(other, {}).get(language, [])}
            )
        ]
    if not problems and not any(words for key in FINDING for words in entry.get(key, {}).values()):
        problems.append("cues must hold at least one word under zh or en.")
    return problems


def _list_problems(key: str, words: Any) -> list[str]:
    if not isinstance(words, dict) or any(language not in ("zh", "en") for language in words):
        return [f"{key} must hold lists of words under zh and en."]
    if any(
        not isinstance(listed, list)
        or any(not isinstance(word, str) or not word.strip(f"* {GAP}") for word in listed)
        for listed in words.values()
    ):
        return [f"{key} must hold lists of words; put words that look like numbers in quotes."]
    return [
        f"{key}: {word!r} would reach over the end of a clause (punctuation, {', '.join(TURNS)}); "
        "give its parts."
        for listed in words.values()
        for word in listed
        if _CUTS.search(word)
    ]


def _aspect(entry: dict[str, Any], common: dict[str, list[str]]) -> Aspect:
    chinese, english = (
        {key: tuple(word.lower() for word in entry.get(key, {}).get(language, [])) for key in _LISTS}
        for language in ("zh", "en")
    )
    for words, language in ((chinese, "zh"), (english, "en")):
        own = {word for listed in words.values() for word in listed}
        words["except"] += tuple(word.lower() for word in common.get(language, []) if word.lower() not in own)
    return Aspect(Label(entry["id"], entry["zh"], entry["en"]), chinese, english)
