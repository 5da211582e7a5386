"""The customer summary, against plain Python, on every engine that is here."""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.summary import combine, day_number, finish, gap_percentiles, gaps, lift, until

AS_OF = date(2024, 6, 30)
TODAY = day_number(AS_OF)
SCHEMA = {"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64}
Rows = list[tuple[str, int, int]]

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "王", "d"]),
        st.integers(TODAY - 40, TODAY + 5),
        st.one_of(st.sampled_from([0, 1, -1, 801, 10_005, -801]), st.integers(-(10**9), 10**9)),
    ),
    max_size=40,
)


def _lazy(rows: Rows) -> nw.LazyFrame[Any]:
    return nw.from_native(pl.LazyFrame(rows, schema=SCHEMA, orient="row"))


def _rows(frame: nw.LazyFrame[Any], *by: str) -> list[dict[str, Any]]:
    collected = frame.collect(backend="polars").to_native()
    return collected.sort(*(by or ("customer_id",))).to_dicts()


def _reference(rows: Rows, today: int) -> list[dict[str, Any]]:
    """Compute the summary with Python's exact numbers."""
    found = []
    for customer in sorted({row[0] for row in rows if row[1] <= today}):
        mine = [(day, amount) for who, day, amount in rows if who == customer and day <= today]
        paid = [day for day, amount in mine if amount > 0]
        spend = Fraction(sum(amount for _, amount in mine), 100)
        n = len(paid)
        found.append(
            {
                "customer_id": customer,
                "order_count": n,
                "refund_count": sum(amount < 0 for _, amount in mine),
                "total_spend": float(spend),
                "days_since_last_order": today - max(paid) if paid else None,
                "days_since_first_order": today - min(paid) if paid else None,
                "average_order_value": float(spend / n) if n else None,
                "average_days_between_orders": float(Fraction(max(paid) - min(paid), n - 1))
                if n > 1
                else None,
            }
        )
    return found


@given(ORDERS)
def test_as_plain_python_computes_it(rows: Rows) -> None:
    assert _rows(finish(lift(until(_lazy(rows), AS_OF)), AS_OF)) == _reference(rows, TODAY)


@given(ORDERS, ORDERS, ORDERS)
@settings(max_examples=50)
def test_batches_combine_to_the_whole(first: Rows, second: Rows, third: Rows) -> None:
    whole = _rows(lift(_lazy(first + second + third)))
    parts = [lift(_lazy(rows)) for rows in (first, second, third)]
    assert _rows(combine(*parts)) == whole
    assert _rows(combine(combine(parts[2], parts[0]), parts[1])) == whole


@given(ORDERS, ORDERS, st.integers(0, 30))
@settings(max_examples=50)
def test_what_comes_later_changes_nothing(rows: Rows, more: Rows, back: int) -> None:
    as_of = AS_OF - timedelta(days=back)
    later = [(who, day_number(as_of) + 1 + abs(day - TODAY), amount) for who, day, amount in more]
    for build in (
        lambda orders: finish(lift(until(orders, as_of)), as_of),
        lambda orders: gap_percentiles(until(orders, as_of), 90),
    ):
        assert _rows(build(_lazy(rows + later))) == _rows(build(_lazy(rows)))


@given(ORDERS, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_changes_nothing(rows: Rows, random: Any) -> None:
    mixed = random.sample(rows, len(rows))
    assert _rows(finish(lift(_lazy(mixed)), AS_OF)) == _rows(finish(lift(_lazy(rows)), AS_OF))
    assert _rows(gap_percentiles(_lazy(mixed), 50)) == _rows(gap_percentiles(_lazy(rows), 50))


def test_refunds_zeros_and_orders_of_one_day() -> None:
    rows = [("a", TODAY - 10, 10_005), ("a", TODAY - 10, 801), ("a", TODAY - 3, -801), ("a", TODAY, 0)]
    rows += [("b", TODAY - 1, -500)]
    a, b = _rows(finish(lift(_lazy(rows)), AS_OF))
    assert a == {
        "customer_id": "a",
        "order_count": 2,
        "refund_count": 1,
        "total_spend": 100.05,
        "days_since_last_order": 10,
        "days_since_first_order": 10,
        "average_order_value": 50.025,
        "average_days_between_orders": 0.0,
    }
    assert (b["order_count"], b["refund_count"], b["total_spend"]) == (0, 1, -5.0)
    assert b["days_since_last_order"] is None
    assert b["average_order_value"] is None


@given(st.lists(st.integers(1, 2**51), min_size=1, max_size=20, unique=True))
def test_money_is_exact(amounts: list[int]) -> None:
    rows = [(str(i), TODAY, amount) for i, amount in enumerate(amounts)]
    found = {row["customer_id"]: row for row in _rows(finish(lift(_lazy(rows)), AS_OF))}
    assert [found[str(i)]["total_spend"] for i in range(len(amounts))] == [
        float(Fraction(amount, 100)) for amount in amounts
    ]
    assert [found[str(i)]["average_order_value"] for i in range(len(amounts))] == [
        float(Fraction(amount, 100)) for amount in amounts
    ]


def test_every_cent_up_to_ten_thousand() -> None:
    cents = list(range(1, 1_000_001))
    orders = pl.LazyFrame(
        {"customer_id": [str(cent) for cent in cents], "day": TODAY, "amount_hundredths": cents},
        schema=SCHEMA,
    )
    summary = finish(lift(nw.from_native(orders)), AS_OF).to_native().collect()
    exact = pl.Series([f"{cent // 100}.{cent % 100:02}" for cent in cents]).cast(pl.Float64)
    by_cent = summary.sort(pl.col("customer_id").cast(pl.Int64))
    assert by_cent["total_spend"].equals(exact.alias("total_spend"), check_names=False)


def test_gaps_are_between_days_with_a_paid_order() -> None:
    rows = [("a", 10, 1), ("a", 10, 2), ("a", 13, -5), ("a", 14, 0), ("a", 15, 3), ("a", 22, 1), ("b", 3, 1)]
    assert _rows(gaps(_lazy(rows)), "customer_id", "day") == [
        {"customer_id": "a", "day": 15, "gap_days": 5},
        {"customer_id": "a", "day": 22, "gap_days": 7},
    ]


def _percentile(values: list[int], percent: int) -> int | None:
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1] if values else None


@given(ORDERS, st.integers(1, 100))
def test_gap_percentiles_as_plain_python_computes_them(rows: Rows, percent: int) -> None:
    days = defaultdict(set)
    for who, day, amount in rows:
        if amount > 0:
            days[who].add(day)
    own = {}
    for who, mine in days.items():
        ordered = sorted(mine)
        own[who] = [later - before for before, later in pairwise(ordered)]
    everybody = _percentile([gap for found in own.values() for gap in found], percent)
    assert _rows(gap_percentiles(_lazy(rows), percent)) == [
        {
            "customer_id": who,
            "order_gap_count": len(own[who]),
            "own_gap_days": _percentile(own[who], percent),
            "population_gap_days": everybody,
        }
        for who in sorted(own)
    ]


def test_nobody() -> None:
    assert _rows(finish(lift(_lazy([])), AS_OF)) == []
    assert _rows(gap_percentiles(_lazy([]), 90)) == []


def test_types_are_declared_ones() -> None:
    schema = finish(lift(_lazy([("a", TODAY, 1)])), AS_OF).to_native().collect_schema()
    assert dict(schema) == {
        "customer_id": pl.String,
        "order_count": pl.Int64,
        "refund_count": pl.Int64,
        "total_spend": pl.Float64,
        "days_since_last_order": pl.Int64,
        "days_since_first_order": pl.Int64,
        "average_order_value": pl.Float64,
        "average_days_between_orders": pl.Float64,
    }
    percentiles = gap_percentiles(_lazy([("a", TODAY, 1)]), 90).to_native().collect_schema()
    assert set(percentiles.dtypes()) == {pl.String, pl.Int64}


@pytest.mark.skipif(importlib.util.find_spec("duckdb") is None, reason="duckdb is not installed")
@given(ORDERS)
@settings(max_examples=15, deadline=None)
def test_a_second_engine_gives_the_same_bits(rows: Rows) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute("CREATE TABLE orders (customer_id VARCHAR, day BIGINT, amount_hundredths BIGINT)")
    if rows:
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    builds: list[Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]]] = [
        lambda orders: finish(lift(until(orders, AS_OF)), AS_OF),
        lambda orders: gap_percentiles(until(orders, AS_OF), 90),
    ]
    for build in builds:
        other = build(nw.from_native(connection.table("orders"))).to_native()
        names = [name for name, *_ in other.description]
        found = [dict(zip(names, row, strict=True)) for row in other.order("customer_id").fetchall()]
        assert found == _rows(build(_lazy(rows)))
