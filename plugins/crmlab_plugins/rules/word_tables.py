"""Words to classes: the tables by which values that people type or choose are put into classes.

The tables are data, ``data/source.yaml`` and others; the first says how they are read. A study adds
words or overrides them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.data.validators import plain
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Label
from crmlab_plugins.sentiment.chinese import traditional

_DATA = Path(__file__).parents[1] / "data"
_WHOLE, _PART, _SEVERAL = 1.0, 0.9, 0.6
"""Confidence of a value that is a word, of one that holds a word, of one with words of several classes."""

_EDGE = r"(?-u:\b)"  # also between Chinese and Latin characters


@dataclass(frozen=True)
class WordTable:
    """Labels in order, and the words of each; of several in one value the first of ``priority`` wins.

    A word within a longer word of another label does not count.
    """

    labels: tuple[Label, ...]
    priority: tuple[str, ...]
    words: Mapping[str, str] = field(hash=False)
    whole: Mapping[str, str] = field(hash=False)
    media: Mapping[str, str] = field(hash=False)

    def extended(self, entries: Mapping[str, str] | None) -> WordTable:
        """Return the table with further words, each by the id or a name of its label."""
        if not entries:
            return self
        ids = {name: label.id for label in self.labels for name in (label.id, label.zh, label.en)}
        added = {}
        for word, name in entries.items():
            if not normal(word) or name not in ids:
                given = f"the word is {word!r}" if name in ids else f"it maps {word!r} to {name!r}"
                raise ParamsError(
                    f"entries maps words to classes; {given}.{did_you_mean(name, ids)} "
                    f"Classes: {', '.join(label.id for label in self.labels)}."
                )
            added[normal(word)] = ids[name]
        return WordTable(
            self.labels,
            tuple(dict.fromkeys([*self.priority, *added.values()])),
            {**self.words, **added},
            {**self.whole, **added},
            self.media,
        )

    def look_up(self, values: pl.Series) -> pl.DataFrame:
        """Return ``label``, the ``word`` that decided and ``confidence`` for each value, null for none."""
        given = values.cast(pl.String).alias("given").to_frame()
        distinct = given.unique(maintain_order=True).drop_nulls().with_columns(text=_level(pl.col("given")))
        text = pl.col("text")
        whole = text.replace_strict(self.whole, default=None, return_dtype=pl.String)
        parts = {
            label: _without(text, self._covers(label)).str.extract(pattern)
            for label, pattern in self._patterns.items()
        }
        distinct = distinct.with_columns(
            whole=whole, **{f"in {label}": part for label, part in parts.items()}
        )
        found = [pl.col(f"in {label}") for label in parts]
        several = pl.sum_horizontal([word.is_not_null().cast(pl.Int64) for word in found]) > 1
        part = pl.coalesce(
            [
                pl.when(word.is_not_null()).then(pl.lit(label))
                for label, word in zip(parts, found, strict=True)
            ]
        )
        is_whole = pl.col("whole").is_not_null()
        distinct = distinct.select(
            "given",
            label=pl.coalesce("whole", part),
            word=pl.when(is_whole).then("text").otherwise(pl.coalesce(found)),
            confidence=pl.when(is_whole)
            .then(_WHOLE)
            .when(several)
            .then(_SEVERAL)
            .when(part.is_not_null())
            .then(_PART),
        )
        return given.join(distinct, on="given", how="left", maintain_order="left").drop("given")

    @property
    def _patterns(self) -> dict[str, str]:
        """Return label → pattern that takes its longest word out of a text, in the order of priority."""
        patterns = {}
        for label in dict.fromkeys([*self.priority, *self.words.values()]):
            words = sorted((w for w, to in self.words.items() if to == label), key=lambda w: (-len(w), w))
            forms = [rf"{_EDGE}{re.escape(word)}{_EDGE}" if word.isascii() else word for word in words]
            if forms:
                patterns[label] = f"({'|'.join(forms)})"
        return patterns

    def _covers(self, label: str) -> list[str]:
        """Return the words of other labels that hold one of this: 商品推荐 for 推荐."""
        own = [word for word, to in self.words.items() if to == label]
        others = [word for word, to in self.words.items() if to != label]
        return sorted(other for other in others if any(word in other for word in own))


@cache
def word_table(name: str, part: str | None = None) -> WordTable:
    """Return the table ``data/name.yaml``, or the ``part`` of it."""
    import yaml

    document: dict[str, Any] = yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    table = document[part] if part else document
    words = _words(table["words"])
    return WordTable(
        labels=tuple(Label(id_, text["zh"], text["en"]) for id_, text in table["labels"].items()),
        priority=tuple(table["priority"]),
        words=words,
        whole={**words, **_words(table.get("whole", {}))},
        media=_words(table.get("media", {}), level=False),
    )


def _without(text: pl.Expr, words: list[str]) -> pl.Expr:
    return text.str.replace_many(words, ["\n"] * len(words), leftmost=True) if words else text


def normal(text: str) -> str:
    """Write a word as values are compared: plain, small, simplified, with single spaces."""
    return str(pl.select(_level(pl.lit(text))).item() or "")


def _level(text: pl.Expr) -> pl.Expr:
    level = plain(text).str.to_lowercase().str.replace_many(list(traditional()), list(traditional().values()))
    level = level.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    return level.str.replace_all(r"(\p{Han}) +", "$1").str.replace_all(r" +(\p{Han})", "$1")


def _words(lists: Mapping[str, str], *, level: bool = True) -> dict[str, str]:
    """Return word → label of lists with commas; raise ParamsError for a word of two labels."""
    pairs = [(word.strip(' "'), label) for label, listed in lists.items() for word in listed.split(",")]
    words = pl.DataFrame(pairs, schema=["word", "label"], orient="row")
    found: dict[str, str] = {}
    for word, label in words.select(_level(pl.col("word")) if level else "word", "label").iter_rows():
        if found.setdefault(word, label) != label:
            raise ParamsError(
                f"The word {word!r} stands for {found[word]!r} and for {label!r} in one table of words. "
                "Keep one of them."
            )
    return found
