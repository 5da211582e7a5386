from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.sentiment.english import WEIGHTS, EnglishSentiment, shipped, terms_of
from crmlab_plugins.sentiment.vader import CHARACTERS, SentimentVader, compounds


def test_the_card_describes_the_shipped_file() -> None:
    card = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["file_sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert card["file_bytes"] == WEIGHTS.stat().st_size <= 60_000
    assert card["terms"] == len(shipped().terms) == len(shipped().weights)
    assert "C.J. Hutto" in WEIGHTS.with_suffix(".LICENSE").read_text(encoding="utf-8")
    for name, figures in card["evaluation"].items():
        if "tweets" not in name or "airline" in name:
            assert figures["accuracy"] > card["vader_baseline"][name]["accuracy"], name


def test_a_saved_model_scores_the_same_and_saves_the_same_bytes(tmp_path: Path) -> None:
    texts = ["wonderful staff", "terrible", "the parcel is on the table"]
    shipped().save(tmp_path / "one.npz")
    again = EnglishSentiment.load(tmp_path / "one.npz")
    np.testing.assert_allclose(again.probabilities(texts), shipped().probabilities(texts), atol=1e-3)
    again.save(tmp_path / "two.npz")
    EnglishSentiment.load(tmp_path / "two.npz").save(tmp_path / "three.npz")
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "three.npz").read_bytes()


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", numbers=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        EnglishSentiment.load(tmp_path / "evil.npz")


def test_a_model_by_hand() -> None:
    model = EnglishSentiment(("late", "not late"), np.array([-1, 3], dtype=np.float32), 2.0, 0.5)
    found = model.probabilities(["late late", "not late", "qux", "wonderful"])
    wonderful = compounds(["wonderful"])[0]
    log_odds = np.array([-1 + 0.5, (3 - 1) / 2**0.5 + 0.5, 0, 2 * wonderful + 0.5])
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-log_odds)))
    assert model.probabilities([]).shape == (0,)


def test_terms_are_words_marks_and_pairs() -> None:
    assert list(terms_of("Don’t wait!")) == ["don't", "wait", "!", "don't wait", "wait !"]
    assert list(terms_of("")) == []


@given(st.lists(st.text(max_size=80), max_size=8))
def test_a_text_scores_the_same_alone_as_among_others(texts: list[str]) -> None:
    found = shipped().probabilities(texts)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.tolist() == [shipped().probabilities([text])[0] for text in texts]


WORDS = """
    good bad not never no least at very kind of sort so this without doubt but GREAT Awful :) :( the bomb
    shit bad ass yeah right to die for 😀 😡 n't isn't hardly ok! why?? nor or beautiful, 'nice' love
"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=30).map(" ".join))
def test_vader_is_asked_word_by_word_and_says_the_same(text: str) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    rules = test_vader_is_asked_word_by_word_and_says_the_same.__dict__.setdefault(
        "rules", SentimentIntensityAnalyzer()
    )
    assert compounds([text])[0] == rules.polarity_scores(text)["compound"]


def test_vader_says_the_same_of_real_tweets(shared_data: Path) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    path = shared_data / "feedback" / "en" / "us_airline_tweets.csv"
    tweets = pl.read_csv(path, encoding="utf8-lossy")["text"].head(1_500).to_list()
    texts = [*tweets, " ".join(tweets[:25])]
    rules = SentimentIntensityAnalyzer()
    assert compounds(texts).tolist() == [rules.polarity_scores(text)["compound"] for text in texts]


def test_only_the_beginning_of_a_text_is_read() -> None:
    text = "fine " * (CHARACTERS // 5)
    assert shipped().probabilities([text + "awful " * 9_000]) == shipped().probabilities([text])


def test_vader_alone_judges_english_and_nothing_else() -> None:
    texts = ["wonderful staff", "awful", "the parcel", "很好", None]
    table = pl.DataFrame({"feedback_id": list("abcde"), "text": texts})
    found = SentimentVader().fit(table).predict(table)["sentiment"].to_list()
    assert found == ["positive", "negative", "uncertain", "none", "none"]


def test_the_stack_beats_vader_on_sentences_that_it_never_saw(shared_data: Path) -> None:
    path = shared_data / "feedback" / "en" / "us_airline_tweets.csv"
    tweets = (
        pl.read_csv(path, encoding="utf8-lossy").filter(pl.col("airline_sentiment") != "neutral").head(3_000)
    )
    table = tweets.select("text", feedback_id=pl.int_range(pl.len()).cast(pl.String))
    good = (tweets["airline_sentiment"] == "positive").to_numpy()
    alone = SentimentVader().fit(table).predict(table)["positive_probability"].fill_null(0.5).to_numpy()
    both = shipped().probabilities(table["text"].to_list())
    assert ((both > 0.5) == good).mean() > ((alone > 0.5) == good).mean() + 0.02
