"""Which aspects a text or clause mentions, and whether its words speak for or against each.

All Chinese words of a taxonomy are looked for in one pass (Aho & Corasick 1975, "Efficient string
matching"), English words by one pattern per list of words, in texts with Latin letters alone.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import polars as pl

from crmlab_plugins.aspects.taxonomy import FINDING, GAP, OPINIONS, Aspect
from crmlab_plugins.text.clauses import TURNS

# Each of these right before an opinion word turns it round. "不要太好吃" and "好不好吃" do not.
_CHINESE_NEGATIONS = (
    *(
        "不",
        "不太",
        "不够",
        "不是",
        "不是很",
        "不是太",
        "不怎么",
        "不咋",
        "不算",
        "不算太",
        "不会",
        "没",
        "没有",
    ),
    *(
        "没那么",
        "没有那么",
        "不那么",
        "并不",
        "并不是",
        "并没有",
        "毫不",
        "一点不",
        "一点也不",
        "一点都不",
        "谈不上",
    ),
    *("算不上", "称不上", "不见得", "不觉得", "没觉得", "没什么"),
)
_NOT_NEGATED = ("不要太", "好不", "是不是", "会不会", "能不能", "不得不", "不仅", "不但", "不光")
_ENGLISH_NEGATION = (
    r"(?:\b(?:not|no|never|hardly|isn't|wasn't|aren't|weren't|don't|didn't)(?: [a-z']+){0,2} )?"
)
_LONGEST_GAP = 6
_BATCHES = range(2_000, 100_001)
"""Texts looked through at once: fewer cost more than they save, more take room."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The Chinese words of a taxonomy: ``roles`` has ``word``, ``rank``, and what it does there."""

    roles: pl.DataFrame
    gaps: tuple[tuple[str, int, bool, int], ...]


def mentioned(level: pl.Series, aspects: tuple[Aspect, ...], *, judged: bool = True) -> pl.DataFrame:
    """Return the aspects of each levelled text: ``row``, ``rank`` of the aspect, ``opinion``.

    ``opinion`` is the number of words for less the number of words against the aspect. Sorted by row,
    rank. Give whole texts to learn what they mention, and clauses to learn what is said about it; without
    ``judged`` all opinions are 0, which takes half the time.
    """
    cores = os.cpu_count() or 1
    size = max(_BATCHES[0], min(-(-len(level) // cores), _BATCHES[-1]))

    def found(start: int) -> pl.DataFrame:
        part = _mentioned(level.slice(start, size), aspects, judged)
        return part.with_columns(pl.col("row") + pl.lit(start, dtype=pl.UInt32))

    # polars leaves Python's lock to others.
    with ThreadPoolExecutor(cores) as pool:
        return pl.concat(pool.map(found, range(0, max(len(level), 1), size)))


def _mentioned(level: pl.Series, aspects: tuple[Aspect, ...], judged: bool) -> pl.DataFrame:
    rows = pl.concat([_chinese(level, _words(aspects), judged), _english(level, aspects)])
    return (
        rows.group_by("row", "rank")
        .agg(pl.any("finds"), opinion=pl.sum("sign").cast(pl.Int32))
        .filter("finds")
        .drop("finds")
        .sort("row", "rank")
    )


def _chinese(level: pl.Series, words: _Words, judged: bool) -> pl.DataFrame:
    text = pl.col("text").str.replace_many(list(TURNS), ["\n"] * len(TURNS))
    texts = level.alias("text").to_frame().select(text).with_row_index("row")
    parts = []
    roles, careful = words.roles, texts
    if not judged:
        roles = words.roles.filter("needed")
        there = (
            texts.select(
                "row", word=pl.col("text").str.extract_many(_patterns(roles), overlapping=True).list.unique()
            )
            .explode("word", empty_as_null=True)
            .join(roles, on="word")
        )
        # Where a word may be a part of an exception, its place decides.
        careful = texts.join(there.filter("skipped"), on="row", how="semi")
        sure = there.join(careful, on="row", how="anti").filter("finds")
        parts.append(sure.with_columns(sign=pl.lit(0, pl.Int32)).select(_EMPTY.columns).unique())
    wanted = [*_patterns(roles), *_CHINESE_NEGATIONS, *_NOT_NEGATED]
    hits = (
        careful.select(
            "row",
            word=pl.col("text").str.extract_many(wanted, overlapping=True),
            start=pl.col("text").str.find_many(wanted, overlapping=True).cast(pl.List(pl.Int64)),
        )
        .filter(pl.col("word").list.len() > 0)
        .explode("word", "start", empty_as_null=True)
        .with_columns(end=pl.col("start") + pl.col("word").str.len_bytes())
    )
    sorts = ["row", "rank", "start", "end"]
    told = hits.join(roles, on="word").sort(sorts, descending=[False, False, False, True])
    # A word inside an opinion or an exception of the same aspect is a part of it: 贵 in 不贵.
    told = told.filter((pl.col("end") > _reach(told)) & ~pl.col("skipped"))
    turned = told.join(_ends(hits, _CHINESE_NEGATIONS), on=["row", "start"], how="left").join(
        _ends(hits, _NOT_NEGATED).rename({"there": "kept"}), on=["row", "start"], how="left"
    )
    turn = pl.when(pl.col("there").is_not_null() & pl.col("kept").is_null()).then(-1).otherwise(1)
    found = turned.with_columns(sign=(pl.col("sign") * turn).cast(pl.Int32)).select(_EMPTY.columns)
    parts.append(found if judged else found.with_columns(sign=pl.lit(0, pl.Int32)))
    for pattern, rank, finds, sign in words.gaps:
        there = texts.filter(pl.col("text").str.contains(pattern)).select("row")
        parts.append(
            there.with_columns(rank=pl.lit(rank, pl.UInt32), finds=pl.lit(finds), sign=pl.lit(sign, pl.Int32))
        )
    return pl.concat(parts)


def _patterns(roles: pl.DataFrame) -> list[str]:
    return roles["word"].unique(maintain_order=True).to_list()


def _reach(told: pl.DataFrame) -> pl.Series:
    """Return how far the covering words before each word of the same text and aspect reach; 0 without any."""
    # A maximum within groups is one over all where each group lies above the one before it.
    group = pl.struct("row", "rank").rle_id().cast(pl.Int64)
    ground = group * (pl.col("end").max() + 1)
    so_far = (ground + pl.when("covers").then("end").otherwise(0)).cum_max().shift(1)
    return told.select((so_far - ground).clip(lower_bound=0).fill_null(0).alias("reach")).to_series()


def _ends(hits: pl.DataFrame, words: tuple[str, ...]) -> pl.DataFrame:
    """Return where some words end, as ``row`` and the ``start`` of what comes next."""
    ends = hits.filter(pl.col("word").is_in(words)).select("row", start="end")
    return ends.unique().with_columns(there=pl.lit(value=True))


def _english(level: pl.Series, aspects: tuple[Aspect, ...]) -> pl.DataFrame:
    texts = level.alias("text").to_frame().with_row_index("row")
    latin = texts.filter(pl.col("text").str.contains("[a-z]{2}"))
    parts = [_EMPTY]
    if latin.is_empty():
        return _EMPTY
    # Chinese texts have Latin letters too; one pattern leaves those out that no aspect can know.
    every = sorted({word for aspect in aspects for listed in aspect.english.values() for word in listed})
    if not every:
        return _EMPTY
    # Boundaries of words are slow to tell in Chinese; most texts do not even have the letters.
    latin = latin.filter(pl.col("text").str.contains_any([word.rstrip("*") for word in every]))
    latin = latin.filter(pl.col("text").str.contains(_pattern(tuple(every))))
    if latin.is_empty():
        return _EMPTY
    for rank, aspect in enumerate(aspects):
        for key, listed in aspect.english.items():
            if not listed or key == "except":
                continue
            skipped = aspect.english["except"]
            text = pl.col("text").str.replace_all(_pattern(skipped), " ") if skipped else pl.col("text")
            there = latin.select("row", pl.lit(rank, pl.UInt32).alias("rank"), text)
            there = there.filter(pl.col("text").str.contains(_pattern(listed)))
            sign = pl.lit(0, pl.Int32)
            if key in OPINIONS:
                said = pl.col("text").str.extract(rf"({_ENGLISH_NEGATION}){_pattern(listed)}", 1)
                sign = pl.when(said != "").then(-OPINIONS[key]).otherwise(OPINIONS[key]).cast(pl.Int32)
            parts.append(
                there.select("row", "rank", pl.lit(key in FINDING).alias("finds"), sign.alias("sign"))
            )
    return pl.concat(parts)


def _pattern(words: tuple[str, ...]) -> str:
    written = [re.escape(word.rstrip("*")) + (r"[a-z]*" if word.endswith("*") else "") for word in words]
    return rf"\b(?:{'|'.join(written)})\b"


@cache
def _words(aspects: tuple[Aspect, ...]) -> _Words:
    roles: dict[tuple[str, int], tuple[bool, int, bool, bool]] = {}
    gaps = []
    for rank, aspect in enumerate(aspects):
        # What comes later overwrites: a word may be both a cue and an opinion.
        for word in aspect.chinese["cues"]:
            if GAP not in word:
                roles[word, rank] = (True, 0, False, False)
        for key, sign in OPINIONS.items():
            for word in aspect.chinese[key]:
                if GAP in word:
                    continue
                finds = key in FINDING or roles.get((word, rank), (False,))[0]
                roles[word, rank] = (finds, sign, True, False)
        for word in aspect.chinese["except"]:
            roles[word, rank] = (False, 0, True, True)
        gaps += [
            (word.replace(GAP, rf"\w{{0,{_LONGEST_GAP}}}"), rank, key in FINDING, OPINIONS.get(key, 0))
            for key, listed in aspect.chinese.items()
            for word in listed
            if GAP in word and key != "except"
        ]
    # To find an aspect takes the words that do, and the exceptions that hold one of them.
    found: dict[int, list[str]] = {}
    for (word, rank), role in roles.items():
        if role[0]:
            found.setdefault(rank, []).append(word)
    rows = [
        (word, rank, *role, role[0] or (role[3] and any(part in word for part in found.get(rank, ()))))
        for (word, rank), role in roles.items()
    ]
    schema = {
        "word": pl.String,
        "rank": pl.UInt32,
        "finds": pl.Boolean,
        "sign": pl.Int32,
        "covers": pl.Boolean,
        "skipped": pl.Boolean,
        "needed": pl.Boolean,
    }
    return _Words(pl.DataFrame(rows, schema=schema, orient="row"), tuple(gaps))


_EMPTY = pl.DataFrame(schema={"row": pl.UInt32, "rank": pl.UInt32, "finds": pl.Boolean, "sign": pl.Int32})
