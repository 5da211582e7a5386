"""Quotes: what customers typically wrote on an aspect or a theme, in their words."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import polars as pl

from crmlab.words import word_lists

MEDIUM = (10, 100)
"""Characters of a text that is long enough to say something and short enough to be read."""

DECIDED = 0.2
"""A quote's clause lies at least this far from one half."""

_TOO_SIMILAR = 0.5
_CANDIDATES = 400


def quotes(mentions: pl.DataFrame, feedback: pl.DataFrame, per_aspect: int = 2) -> pl.DataFrame:
    """Return up to ``per_aspect`` texts per aspect and polarity, typical of it and unlike each other.

    ``mentions`` comes from :meth:`crmlab_plugins.aspects.annotator.Aspects.mentions`. Typical is a text whose
    clause on the aspect is decided and shares its words with many others of that aspect and polarity; texts
    of medium length go first, and of two with half their words in common one is taken.
    Columns: ``aspect``, ``polarity`` ("positive", "negative"), ``feedback_id``, ``text`` (as written, not
    masked), ``clause``, ``positive_probability``; aspects in alphabetical order of their ids.
    """
    length = pl.col("text").str.len_chars()
    polarity = (
        pl.when(pl.col("positive_probability") >= 0.5 + DECIDED)
        .then(pl.lit("positive"))
        .when(pl.col("positive_probability") <= 0.5 - DECIDED)
        .then(pl.lit("negative"))
    )
    candidates = (
        mentions.join(feedback.select("feedback_id", "text"), on="feedback_id")
        .with_columns(polarity.alias("polarity"), medium=length.is_between(*MEDIUM))
        .drop_nulls("polarity")
        .sort("aspect", "polarity", "medium", "feedback_id", descending=[False, True, True, False])
        .unique(["aspect", "polarity", "text"], keep="first", maintain_order=True)
    )
    first = candidates.group_by("aspect", "polarity", maintain_order=True).head(_CANDIDATES)
    first = first.select(candidates.columns).with_columns(said=_words_of(first["clause"]))
    chosen = [
        _typical(group, per_aspect) for _, group in first.group_by("aspect", "polarity", maintain_order=True)
    ]
    columns = ["aspect", "polarity", "feedback_id", "text", "clause", "positive_probability"]
    return pl.concat([first.clear(), *chosen]).select(columns)


def theme_quotes(texts: pl.DataFrame, per_theme: int = 3) -> pl.DataFrame:
    """Return up to ``per_theme`` texts per theme that are near its middle and unlike each other.

    ``texts`` has ``feedback_id``, ``text``, ``theme``, ``theme_strength``, ``theme_confidence`` and, where
    known, ``customer_id``. Near is a text whose strength times confidence is high; texts of medium length
    go first, a customer is quoted once per theme. Other columns of ``texts`` are kept; themes stand in the
    order of their ids, quotes with the nearest first.
    """
    writer = pl.coalesce("customer_id", "feedback_id") if "customer_id" in texts.columns else "feedback_id"
    candidates = (
        texts.filter(pl.col("theme").is_not_null() & (pl.col("text").str.strip_chars() != ""))
        .with_columns(
            medium=pl.col("text").str.len_chars().is_between(*MEDIUM),
            near=pl.col("theme_strength") * pl.col("theme_confidence"),
            writer=writer,
        )
        .sort("theme", "medium", "near", "feedback_id", descending=[False, True, True, False])
        .unique(["theme", "text"], keep="first", maintain_order=True)
        .unique(["theme", "writer"], keep="first", maintain_order=True)
    )
    first = candidates.group_by("theme", maintain_order=True).head(_CANDIDATES).select(candidates.columns)
    first = first.with_columns(said=_words_of(first["text"]))
    chosen = [
        group[_unlike(_word_sets(group), list(range(group.height)), per_theme)]
        for _, group in first.group_by("theme", maintain_order=True)
    ]
    return pl.concat([first.clear(), *chosen]).drop("medium", "near", "writer", "said")


def _typical(group: pl.DataFrame, count: int) -> pl.DataFrame:
    """Choose rows of one aspect and polarity; medium texts are before the others already."""
    clauses = _word_sets(group)
    frequency = Counter(word for clause in clauses for word in clause)
    typical = [
        sum(frequency[word] for word in clause) / sqrt(len(clause) or 1) * abs(probability - 0.5)
        for clause, probability in zip(clauses, group["positive_probability"], strict=True)
    ]
    medium = group["medium"].to_list()
    order = sorted(range(group.height), key=lambda row: (not medium[row], -typical[row], row))
    return group[_unlike(clauses, order, count)]


def _unlike(said: list[frozenset[str]], order: list[int], count: int) -> list[int]:
    """Go through the rows in ``order`` and take those that repeat none of the taken, up to ``count``."""
    taken: list[int] = []
    for row in order:
        if len(taken) == count:
            break
        if all(_similarity(said[row], said[other]) < _TOO_SIMILAR for other in taken):
            taken.append(row)
    return taken


def _words_of(texts: pl.Series) -> pl.Series:
    """Return the words of each text, all cut in one go."""
    return word_lists(texts.fill_null(""))


def _word_sets(group: pl.DataFrame) -> list[frozenset[str]]:
    return [frozenset(words) for words in group["said"]]


def _similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's share of common words; two clauses without words are alike."""
    both = one | other
    return len(one & other) / len(both) if both else 1.0
