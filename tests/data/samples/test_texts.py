"""Texts from the grammars: many, in both languages, with what makes real ones hard."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from crmlab.data.samples.company import Company
from crmlab.data.samples.parameters import DRIVERS
from crmlab.data.samples.texts import NOTHING, SENTIMENTS, complain, compose
from crmlab.data.samples.vocabulary import clauses, grammar


@pytest.fixture(scope="module")
def texts(clean_company: Company) -> pl.DataFrame:
    return clean_company.tables["feedback"].drop_nulls("text").select("feedback_id", "text", "language")


def test_there_are_thousands_of_texts_in_two_languages(texts: pl.DataFrame) -> None:
    assert texts["text"].n_unique() > 8_000
    english = texts.filter(language="en")
    assert 0.02 < english.height / texts.height < 0.09
    assert not english["text"].str.contains(r"\p{Han}").any()
    assert texts.filter(language="zh")["text"].str.contains(r"\p{Han}").all()
    assert not texts["text"].str.contains(r"[{}]").any()


def test_they_negate_turn_and_smile(texts: pl.DataFrame) -> None:
    for pattern, share in (
        (r"不|没", 0.2),
        (r"，(?:但是|不过|可惜|就是|只是|然而)", 0.05),
        (r"\p{So}", 0.05),
    ):
        assert texts["text"].str.contains(pattern).mean() > share, pattern  # type: ignore[operator]
    assert texts.filter(language="en")["text"].str.contains(r"\bnot\b").any()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("aspect", DRIVERS)
@pytest.mark.parametrize("sentiment", SENTIMENTS)
def test_a_clause_says_one_thing_only(language: str, aspect: str, sentiment: str) -> None:
    own = set(clauses(language, aspect, sentiment))
    others = {
        clause
        for other in DRIVERS
        for feeling in SENTIMENTS
        if (other, feeling) != (aspect, sentiment)
        for clause in clauses(language, other, feeling)
    }
    assert len(own) >= 5
    assert not own & others


def test_a_text_holds_its_clauses_and_turns_between_praise_and_blame() -> None:
    aspect = np.array([[0, 2, NOTHING]] * 200)
    sentiment = np.array([[2, 0, 1]] * 200)
    overall = np.zeros(200, dtype=np.int64)
    english = np.arange(200) % 2 == 1
    texts = compose(aspect, sentiment, overall, english, np.random.default_rng(1))
    for language, rows in (("zh", texts.gather_every(2)), ("en", texts.gather_every(2, 1))):
        words = grammar(language)
        for text in rows.str.to_lowercase():
            parts = [
                clauses(language, driver, feeling)
                for driver, feeling in (("quality", "positive"), ("delivery", "negative"))
            ]
            joints = [joint.lower() for joint in words["against"] if joint.lower() in text]
            assert any(clause.lower() in text for clause in parts[0])
            assert any(clause.lower() in text for clause in parts[1])
            assert joints


def test_a_complaint_names_the_fault_and_asks_for_something() -> None:
    about = np.array([list(DRIVERS).index("packaging")] * 50)
    for text in complain(about, np.random.default_rng(1)):
        assert any(clause in text for clause in clauses("zh", "packaging", "negative"))
        assert any(demand in text for demand in grammar("zh")["demands"])
