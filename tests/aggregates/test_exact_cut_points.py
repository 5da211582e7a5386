"""Order statistics by radix histograms equal those of a sort, on every engine; so do labels made by them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import AS_OF, many

from crmlab.aggregates import cut_points, rfm
from crmlab.aggregates.cut_points import order_statistics, quantiles, quantiles_of, select
from crmlab.errors import DataError, ParamsError
from crmlab.registry import classifiers
from crmlab.summary import finish, lift

_MADE = {
    "days_since_last_order": pl.Int64,
    "order_count": pl.Int64,
    "total_spend": pl.Float64,
    "recency_score": pl.Int64,
    "frequency_score": pl.Int64,
    "monetary_score": pl.Int64,
    "rfm": pl.String,
}
VALUES = st.lists(
    st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**52), 2**52)), min_size=1, max_size=60
).filter(lambda values: any(value is not None for value in values))


@given(VALUES)
def test_every_rank_is_that_of_a_sort(values: list[int | None]) -> None:
    ordered = sorted(value for value in values if value is not None)
    table = nw.from_native(pl.LazyFrame({"x": values}, schema={"x": pl.Int64}))
    assert order_statistics(table, "x", range(len(ordered))) == dict(enumerate(ordered))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50), st.integers(2, 10))
@settings(max_examples=50)
def test_quantiles_are_those_of_the_classifier(values: list[int], parts: int) -> None:
    from crmlab_plugins.schemes.rfm_scoring import quantiles as reference

    table = nw.from_native(pl.LazyFrame({"x": values}, schema={"x": pl.Int64}))
    shares = [Fraction(part, parts) for part in range(1, parts)]
    money = [value / 100 for value in sorted(values)]
    assert quantiles(table, "x", shares, 100) == reference(money, parts)


@given(
    st.lists(st.one_of(st.integers(-9, 9), st.integers(-(2**62), 2**62 - 1)), min_size=1, max_size=60),
    st.integers(2, 10),
    st.sampled_from([1, 100]),
)
def test_quantiles_in_memory_are_those_of_any_engine(values: list[int], parts: int, divisor: int) -> None:
    table = nw.from_native(pl.LazyFrame({"x": values}, schema={"x": pl.Int64}))
    shares = [Fraction(part, parts) for part in range(1, parts)]
    assert quantiles_of(np.array(values), shares, divisor) == quantiles(table, "x", shares, divisor)


@pytest.mark.parametrize("spread", [1, 1 << 14, 1 << 30])
def test_quantiles_of_more_values_than_are_counted_at_once(
    spread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(1).integers(-spread, spread, 3_001)
    values[:700] = values[0]  # ties, and one value far from all others
    values[-1] = 5 * spread
    shares = [Fraction(part, 5) for part in range(1, 5)]
    monkeypatch.setattr(cut_points, "_BLOCK", 64)
    assert quantiles_of(values, shares) == np.sort(values)[[600, 1200, 1800, 2400]].tolist()


def test_of_nobody() -> None:
    table = nw.from_native(pl.LazyFrame({"x": [None]}, schema={"x": pl.Int64}))
    assert order_statistics(table, "x", []) == {}
    assert quantiles(table, "x", [Fraction(1, 2)]) == []


def test_a_rank_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="rank 2 is not one of 2 values"):
        select(lambda first, last, width: {0: 1, 1: 1}, 0, 1, [2])


def test_a_second_engine_finds_the_same() -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT (i * 7919) % 100003 - 500 AS x FROM range(5000) r(i)")
    ordered = sorted((i * 7919) % 100003 - 500 for i in range(5000))
    ranks = [0, 1, 2499, 4998, 4999]
    found = order_statistics(nw.from_native(connection.table("t")), "x", ranks)
    assert found == {rank: ordered[rank] for rank in ranks}


@pytest.mark.parametrize("settings", [{}, {"bins": 10}, {"bins": 3, "map": "shopify"}])
def test_labels_are_those_that_the_classifier_gives(settings: dict[str, Any]) -> None:
    refunds = pl.DataFrame({"customer_id": ["r"], "day": [19_000], "amount_hundredths": [-5]})
    orders = pl.concat([many(2_000, 12_000).select(refunds.columns), refunds])
    summary = finish(lift(nw.from_native(orders.lazy())), AS_OF).to_native().collect().sort("customer_id")
    reference = classifiers["rfm"](**settings).fit(summary)
    found = rfm.of_orders(nw.from_native(orders.lazy()), AS_OF, settings).sort("customer_id")
    assert found["customer_id"].equals(summary["customer_id"])
    assert found["rfm"].equals(reference.predict(summary).alias("rfm"))
    assert found.select(rfm.SCORES).equals(reference.scores(summary).select(rfm.SCORES))  # type: ignore[attr-defined]
    assert found["total_spend"].equals(summary["total_spend"])


def test_customers_who_paid_for_nothing_have_no_label_and_move_no_cut() -> None:
    orders = many(200, 1_000)
    refund = pl.DataFrame({"customer_id": ["r"], "day": [19_000], "amount_hundredths": [-5]})
    with_refund = pl.concat([orders.select(refund.columns), refund])
    before = rfm.of_orders(nw.from_native(orders.lazy()), AS_OF).sort("customer_id")
    after = rfm.of_orders(nw.from_native(with_refund.lazy()), AS_OF).sort("customer_id")
    assert after.filter(customer_id="r")["rfm"].to_list() == ["unclassified"]
    assert after.filter(pl.col("customer_id") != "r").equals(before)


@pytest.mark.parametrize("block", [1, 64, 1 << 16])
def test_labels_do_not_depend_on_how_many_are_made_at_once(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = nw.from_native(many(150, 400).lazy())
    whole = rfm.of_orders(orders, AS_OF).sort("customer_id")
    assert whole.schema == {"customer_id": pl.String, **_MADE}
    monkeypatch.setattr(rfm, "_BLOCK", block)
    assert rfm.of_orders(orders, AS_OF).sort("customer_id").equals(whole)


def test_labels_of_nobody() -> None:
    found = rfm.of_orders(nw.from_native(many(5, 9).lazy().head(0)), AS_OF)
    assert found.is_empty()
    assert found.schema == {"customer_id": pl.String, **_MADE}


def test_other_maps_and_no_other_convention() -> None:
    orders = nw.from_native(many(100, 500).lazy())
    labels = set(rfm.of_orders(orders, AS_OF, {"map": "shopify"})["rfm"])
    assert labels <= {*classifiers["rfm"](map="shopify").scheme.ids, "unclassified"}
    with pytest.raises(ParamsError, match="value_quintile"):
        rfm.of_orders(orders, AS_OF, {"convention": "nested"})


def test_values_too_far_apart_for_64_bits_are_refused() -> None:
    values = np.array([-(2**62) - 1, 0, 5, 2**62])
    with pytest.raises(DataError, match="no money"):
        quantiles_of(values, [Fraction(1, 2)])
    with pytest.raises(DataError, match="no money"):
        quantiles(nw.from_native(pl.LazyFrame({"v": values})), "v", [Fraction(1, 2)])
