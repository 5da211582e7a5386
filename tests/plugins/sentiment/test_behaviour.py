"""Short sentences that a reader judges at once; the share judged right is printed by kind (``-s``)."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from crmlab_plugins.sentiment.chinese import shipped

HERE = Path(__file__).parent

# A few points below what the shipped weights reach.
FLOORS = {
    "plain": 0.95,
    "negation": 0.9,
    "double_negation": 0.75,
    "mixed": 0.85,
    "sarcasm": 0.75,
    "emoji": 0.95,
    "expression": 0.95,
    "traditional": 0.95,
    "repeated": 0.9,
    "comparison": 0.85,
    "question": 0.65,
    "price": 0.85,
    "latin": 0.85,
}


def judged(name: str) -> pl.DataFrame:
    kinds = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    sentences = pl.DataFrame(
        [
            (kind, polarity, sentence)
            for kind, polarities in kinds.items()
            for polarity, several in polarities.items()
            for sentence in several
        ],
        schema=["kind", "expected", "text"],
        orient="row",
    )
    positive = pl.Series("positive", shipped().probabilities(sentences["text"].to_list()) > 0.5)
    return sentences.with_columns(right=positive == (pl.col("expected") == "positive"))


def printed(sentences: pl.DataFrame) -> pl.DataFrame:
    rates = sentences.group_by("kind", maintain_order=True).agg(pl.len(), rate=pl.col("right").mean())
    for kind, count, rate in rates.rows():
        sys.stdout.write(f"{kind:16} {count:4} {rate:7.1%}\n")
    sys.stdout.write(f"{'all':16} {sentences.height:4} {sentences['right'].mean():7.1%}\n")
    return rates


def test_the_list_is_long_enough_and_says_nothing_twice() -> None:
    sentences = pl.concat([judged("behaviour.yaml"), judged("behaviour_unseen.yaml")])
    assert judged("behaviour.yaml").height >= 200
    assert sentences["text"].is_unique().all()
    assert set(sentences["expected"]) == {"positive", "negative"}
    assert set(sentences["kind"]) == set(FLOORS)


def test_sentences_of_each_kind_are_judged_right() -> None:
    sentences = judged("behaviour.yaml")
    for kind, _, rate in printed(sentences).rows():
        assert rate >= FLOORS[kind], kind
    assert sentences["right"].mean() >= 0.92  # type: ignore[operator]


def test_sentences_that_were_kept_aside_are_judged_right() -> None:
    sentences = judged("behaviour_unseen.yaml")
    printed(sentences)
    assert sentences["right"].mean() >= 0.8  # type: ignore[operator]


@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_neither_polarity_is_favoured(polarity: str) -> None:
    sentences = judged("behaviour.yaml").filter(pl.col("expected") == polarity)
    assert sentences["right"].mean() >= 0.9  # type: ignore[operator]
