"""Answers as counts: the figures of the ratings, in any batches, on a second engine."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import collected

from crmlab.aggregates.feedback import combine, finish, lift
from crmlab.satisfaction import SCALES, rated

BY = ("segment", "month", "channel")
SCHEMA = {
    "segment": pl.String,
    "month": pl.Int64,
    "channel": pl.String,
    "scale": pl.String,
    "score": pl.Float64,
    "sentiment": pl.String,
}


@st.composite
def _answer(draw: st.DrawFn) -> tuple[Any, ...]:
    scale = draw(st.sampled_from([*SCALES, None]))
    low, high = SCALES.get(scale or "", (0, 0))
    score = draw(st.one_of(st.none(), st.integers(low, high).map(float))) if scale else None
    feeling = draw(st.sampled_from(["positive", "neutral", "negative", None]))
    return (
        draw(st.sampled_from("ab")),
        draw(st.integers(1, 2)),
        draw(st.sampled_from("xy")),
        scale,
        score,
        feeling,
    )


ANSWERS = st.lists(_answer(), max_size=40)


def _lazy(rows: list[tuple[Any, ...]]) -> nw.LazyFrame[Any]:
    return nw.from_native(pl.LazyFrame(rows, schema=SCHEMA, orient="row"))


@given(ANSWERS, st.sampled_from(["high_is_easy", "low_is_easy"]))
@settings(max_examples=50)
def test_the_figures_are_those_of_the_ratings(rows: list[tuple[Any, ...]], direction: Any) -> None:
    found = collected(finish(lift(_lazy(rows)), ces_direction=direction), "scale").to_dicts()
    assert sum(row["rows"] for row in found) == len(rows)
    for row in found:
        scores = pl.Series([r[4] for r in rows if r[3] == row["scale"]], dtype=pl.Float64)
        answers = [int(score) for score in scores.drop_nulls()]
        assert (row["answers"], row["score_sum"]) == (len(answers), sum(answers))
        assert row["bad"] + row["neither"] + row["good"] == len(answers)
        if not answers:
            assert (row["nps"], row["share_good"], row["mean_score"]) == (None, None, None)
            continue
        rating = rated(scores, row["scale"], direction)
        value = row["nps"] if rating.unit == "points" else row["share_good"]
        assert value == pytest.approx(rating.value, abs=1e-12)
        assert row["mean_score"] == pytest.approx(rating.mean, abs=1e-12)


@given(ANSWERS, ANSWERS)
@settings(max_examples=30)
def test_batches_combine_to_the_whole(first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]) -> None:
    keys = (*BY, "scale", "score", "sentiment")
    parts = combine(lift(_lazy(second), BY), lift(_lazy(first), BY), by=BY)
    assert collected(parts, *keys).equals(collected(lift(_lazy(first + second), BY), *keys))


def test_net_sentiment_counts_texts_with_a_feeling() -> None:
    feelings = ["positive", "positive", "neutral", "negative", None]
    found = collected(finish(lift(_lazy([("a", 1, "x", None, None, each) for each in feelings]))), "scale")
    assert found.select("rows", "positive", "net_sentiment").row(0) == (5, 2, 0.25)


def test_feedback_without_scores_or_sentiment() -> None:
    table = nw.from_native(pl.LazyFrame({"channel": ["x", "x", "y"]}))
    found = collected(finish(lift(table, ("channel",)), ("channel",)), "channel")
    assert found.select("channel", "rows", "answers").rows() == [("x", 2, 0), ("y", 1, 0)]


def test_a_second_engine_gives_the_same_bits() -> None:
    duckdb = pytest.importorskip("duckdb")
    rows = [
        (
            "ab"[i % 2],
            i % 3,
            "xy"[i % 5 % 2],
            [*SCALES, None][i % 6],
            None,
            ["positive", "negative", None][i % 3],
        )
        for i in range(300)
    ]
    scored = [
        (*row[:4], float(SCALES[row[3]][0] + i % 2) if row[3] and i % 7 else None, row[5])
        for i, row in enumerate(rows)
    ]
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE f (segment VARCHAR, month BIGINT, channel VARCHAR, scale VARCHAR, score DOUBLE, "
        "sentiment VARCHAR)"
    )
    connection.executemany("INSERT INTO f VALUES (?, ?, ?, ?, ?, ?)", scored)
    other = nw.from_native(connection.table("f"))
    keys = (*BY, "scale")
    mine = collected(finish(lift(_lazy(scored), BY), BY), *keys)
    theirs = collected(finish(lift(other, BY), BY), *keys)
    assert theirs.schema == mine.schema
    assert theirs.equals(mine)
