"""Texts of customers, composed from the written grammars; what each says of which aspect is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from crmlab.data.samples.draws import Bools, Floats, Ints, pick, weighted
from crmlab.data.samples.parameters import DRIVERS
from crmlab.data.samples.vocabulary import clauses, grammar

SENTIMENTS = ("negative", "neutral", "positive")
NOTHING = -1
"""Stands for no aspect."""
_INDIFFERENT = 0.3
"""An experience nearer to 0 than this is spoken of neutrally."""
_MENTIONS = (0.08, 0.34, 0.40, 0.18)
"""Shares of texts that name no aspect, one, two, three."""
_EMOJI = 0.12


def draw_mentions(experiences: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Choose what each text is about: strong experiences first.

    Takes texts × drivers; returns aspect (place in ``DRIVERS``, or ``NOTHING``) and sentiment (place
    in ``SENTIMENTS``), both texts × 3.
    """
    urge = np.abs(experiences) + rng.gumbel(0, 0.4, experiences.shape)
    aspect = np.argsort(-urge, axis=1)[:, :3].astype(np.int64)
    felt = np.take_along_axis(experiences, aspect, axis=1)
    sentiment = (1 + np.sign(felt) * (np.abs(felt) >= _INDIFFERENT)).astype(np.int64)
    named = weighted(rng, _MENTIONS, len(experiences))
    aspect[np.arange(3) >= named[:, None]] = NOTHING
    return aspect, sentiment


def compose(
    aspect: Ints, sentiment: Ints, overall: Ints, english: Bools, rng: np.random.Generator
) -> pl.Series:
    """Write one text per row; ``overall`` is the place in ``SENTIMENTS`` of the closing words."""
    texts = [
        _compose(language, aspect, sentiment, overall, stream)
        for language, stream in zip(("zh", "en"), rng.spawn(2), strict=True)
    ]
    return texts[1].zip_with(pl.Series(english), texts[0])


def complain(aspect: Ints, rng: np.random.Generator) -> pl.Series:
    """Write the text of a complaint about each aspect: what is wrong, what is asked for."""
    lexicon = grammar("zh")
    opener = pick(rng, lexicon["openers"], len(aspect))
    clause = _clause("zh", aspect, np.zeros_like(aspect), rng)
    return opener + clause + pick(rng, lexicon["demands"], len(aspect)) + "。"


def inquire(product: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Write what a customer wanted to know about each product."""
    before, after = (pl.Series(part) for part in zip(*grammar("zh")["inquiries"], strict=True))
    which = rng.integers(0, len(before), len(product))
    return before.gather(which) + product + after.gather(which) + "。"


def _compose(
    language: str, aspect: Ints, sentiment: Ints, overall: Ints, rng: np.random.Generator
) -> pl.Series:
    lexicon, n = grammar(language), len(aspect)
    body = _by_sentiment(lexicon["generic"], overall, rng)
    for place in range(3):
        there = aspect[:, place] != NOTHING
        clause = _clause(language, np.maximum(aspect[:, place], 0), sentiment[:, place], rng)
        if place:
            turn = sentiment[:, place] * sentiment[:, place - 1] == 0
            turn &= sentiment[:, place] + sentiment[:, place - 1] == 2
            joint = pick(rng, lexicon["against"], n).zip_with(pl.Series(turn), pick(rng, lexicon["same"], n))
            clause = body + joint + clause
        body = clause.zip_with(pl.Series(there), body)
    closer = _by_sentiment(lexicon["closers"], overall, rng)
    emoji = _by_sentiment(lexicon["emoji"], overall, rng)
    emoji = emoji.zip_with(pl.Series(rng.random(n) < _EMOJI), pl.Series([""]).gather(np.zeros(n, np.int64)))
    text = pick(rng, lexicon["openers"], n) + body + closer + pick(rng, lexicon["ends"], n) + emoji
    return text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1)


def _clause(language: str, aspect: Ints, sentiment: Ints, rng: np.random.Generator) -> pl.Series:
    all_clauses, first, count = _shelf(language)
    place = aspect * len(SENTIMENTS) + sentiment
    return all_clauses.gather(first[place] + np.floor(rng.random(len(place)) * count[place]).astype(np.int64))


def _by_sentiment(lexicon: dict[str, list[str]], sentiment: Ints, rng: np.random.Generator) -> pl.Series:
    chosen = [pick(rng, lexicon[name], len(sentiment)) for name in SENTIMENTS]
    text = chosen[0].zip_with(pl.Series(sentiment == 0), chosen[1])
    return chosen[2].zip_with(pl.Series(sentiment == 2), text)


@cache
def _shelf(language: str) -> tuple[pl.Series, Ints, Ints]:
    """Return all clauses in one row; of each aspect and sentiment where they begin, and their number."""
    parts = [clauses(language, aspect, sentiment) for aspect in DRIVERS for sentiment in SENTIMENTS]
    count = np.array([len(part) for part in parts])
    return pl.concat(parts), np.cumsum(count) - count, count
