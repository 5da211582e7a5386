from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import DataError, ParamsError
from crmlab.labelling.sampling import choose, distinct, text_id


def texts(n: int) -> pl.DataFrame:
    words = ["房间", "早餐", "送货", "客服", "价格", "味道", "包装", "店员", "环境", "排队"]
    made = [f"{words[i % 10]}{words[i // 10 % 10]}的第{i}次反馈" for i in range(n)]
    p = np.random.default_rng(1).beta(0.5, 0.5, n)
    return pl.DataFrame({"text": made, "positive_probability": p})


def test_the_chosen_are_distinct_as_many_as_asked_and_always_the_same() -> None:
    table = texts(600)
    rows = choose(table, 50)
    assert rows.columns == ["text_id", "text", "positive_probability", "selection_probability"]
    assert rows.height == rows["text_id"].n_unique() == 50
    assert rows.equals(choose(table.reverse(), 50))
    assert not rows.equals(choose(table, 50, seed=1))
    assert rows["selection_probability"].is_between(0, 1, closed="right").all()


def test_uncertain_texts_are_chosen_more_often_and_every_text_can_be() -> None:
    table = texts(600)
    p = choose(table, 60).with_columns(edge=(pl.col("positive_probability") - 0.5).abs())
    near = p.filter(pl.col("edge") < 0.1)["selection_probability"].mean()
    far = p.filter(pl.col("edge") > 0.4)["selection_probability"].mean()
    assert isinstance(near, float)
    assert isinstance(far, float)
    assert near > 2 * far >= 2 * 0.5 * 60 / 600


def test_weighted_counts_are_right_on_average() -> None:
    table = texts(300)
    truth = distinct(table)["positive_probability"].mean()
    assert isinstance(truth, float)
    found = []
    for seed in range(60):
        rows = choose(table, 40, seed=seed)
        found.append(np.average(rows["positive_probability"], weights=1 / rows["selection_probability"]))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - truth) < 3 * error
    assert error < 0.01


@given(st.integers(1, 40), st.integers(1, 30))
def test_never_more_than_there_are(n: int, asked: int) -> None:
    rows = choose(texts(n), asked)
    assert rows.height == min(n, asked)
    if n <= asked:
        assert (rows["selection_probability"] == 1).all()


def test_repeated_blank_and_unjudged_texts() -> None:
    table = pl.DataFrame(
        {"text": ["好", " 好 ", None, "とても", "差"], "positive_probability": [0.9, 0.9, None, None, 0.1]}
    )
    assert sorted(choose(table, 9)["text"]) == sorted(["好", "差"])
    assert text_id("好") == text_id(" 好 ")
    with pytest.raises(DataError, match="no text to label"):
        choose(table.filter(pl.col("positive_probability").is_null()))
    with pytest.raises(ParamsError, match="0 rows were asked for"):
        choose(table, 0)
