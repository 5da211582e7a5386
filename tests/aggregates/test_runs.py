"""The walk along sorted rows gives the bits of the state that is written once for all engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import AS_OF, LAYOUT, ROWS, TODAY, Row, collected, frame, lazy, many

from crmlab.aggregates import customers, runs
from crmlab.aggregates.layout import Layout

LAYOUTS = [LAYOUT, Layout(), replace(LAYOUT, gaps=False, counted=0), replace(LAYOUT, channels=(), windows=())]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("as_of", [AS_OF, None])
@given(rows=ROWS)
@settings(max_examples=25)
def test_equals_the_state_of_every_engine(layout: Layout, as_of: date | None, rows: list[Row]) -> None:
    found = runs.lift(frame(rows).sort("customer_id", "day"), layout, as_of)
    assert found.equals(collected(customers.lift(lazy(rows), layout, as_of)))
    assert found.columns == list(customers.columns(layout, as_of))


def test_equals_it_for_many_orders() -> None:
    orders = many(3_000, 40_000)
    found = runs.lift(orders.sort("customer_id", "day"), LAYOUT, AS_OF)
    assert found.equals(collected(customers.lift(nw.from_native(orders.lazy()), LAYOUT, AS_OF)))


@given(rows=ROWS, size=st.integers(1, 9), pieces=st.integers(1, 5))
@settings(max_examples=60)
def test_no_border_of_a_block_or_a_piece_of_memory_matters(rows: list[Row], size: int, pieces: int) -> None:
    orders = frame(rows).sort("customer_id", "day")
    whole = runs.lift(orders, LAYOUT, AS_OF)
    cut = [orders[start : start + pieces] for start in range(0, orders.height, pieces)]
    in_pieces = pl.concat([orders.clear(), *cut], rechunk=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BLOCK_ROWS", size)
        assert runs.lift(in_pieces, LAYOUT, AS_OF).equals(whole)


@pytest.mark.parametrize("rows", [300, 70_000])
def test_a_customer_with_more_orders_than_a_narrow_counter_holds(rows: int) -> None:
    others = many(40, 500, seed=2).with_columns(pl.format("D{}", "customer_id").alias("customer_id"))
    orders = pl.concat([many(1, rows), others])
    found = runs.lift(orders.sort("customer_id", "day"), LAYOUT, AS_OF)
    assert found["order_count"].max() > rows * 0.9
    assert found.equals(collected(customers.lift(nw.from_native(orders.lazy()), LAYOUT, AS_OF)))


def test_the_largest_and_smallest_amounts_that_there_are() -> None:
    ends = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1]
    rows = [(f"c{first}{second}", 7, ends[first], None, None) for first in range(6) for second in range(6)]
    rows += [(f"c{first}{second}", 8, ends[second], None, None) for first in range(6) for second in range(6)]
    found = runs.lift(frame(sorted(rows)), Layout())
    for name, extreme in (("smallest_hundredths", min), ("largest_hundredths", max)):
        expected = [
            extreme((amount for amount in (ends[first], ends[second]) if amount > 0), default=None)
            for first in range(6)
            for second in range(6)
        ]
        assert found[name].to_list() == expected


def test_who_has_never_paid_and_windows_of_any_order() -> None:
    layout = replace(LAYOUT, windows=(90, 5, 30))
    rows: list[Row] = [(who, TODAY - back, -5, "web", "茶") for who in "abc" for back in (40, 20, 1)]
    for given_rows in (rows, [*rows, ("d", TODAY, 7, None, None)]):
        found = runs.lift(frame(given_rows), layout, AS_OF)
        assert found.equals(collected(customers.lift(lazy(given_rows), layout, AS_OF)))
        assert found["first_day"].null_count() == 3


def test_several_threads_at_once() -> None:
    orders = many(300, 4_000).sort("customer_id", "day")
    whole = runs.lift(orders, LAYOUT, AS_OF)
    with ThreadPoolExecutor(4) as pool:
        assert all(
            each.equals(whole) for each in pool.map(lambda _: runs.lift(orders, LAYOUT, AS_OF), range(8))
        )


def test_more_categories_than_a_column_has_bits() -> None:
    layout = Layout(categories=tuple(f"k{place}" for place in range(130)), windows=(), counted=0)
    rows = [("a", 7, 5, None, f"k{place}") for place in (0, 61, 62, 129)]
    found = runs.lift(frame(rows), layout)
    assert found.equals(collected(customers.lift(lazy(rows), layout)))
    assert found["category_bits_1"].to_list() == [1 + 2**61]


def test_types_are_those_of_the_state() -> None:
    schema = runs.lift(frame([]), LAYOUT, AS_OF).schema
    assert schema == runs.lift(frame([("a", 7, 5, "web", "茶")]), LAYOUT, AS_OF).schema
    assert set(schema.dtypes()) == {pl.String, pl.Int64}


def test_amounts_of_any_width_and_customers_that_are_null() -> None:
    rows = pl.DataFrame(
        {
            "customer_id": [None, None, "b"],
            "day": pl.Series([1, 2, 3], dtype=pl.Int32),
            "amount_hundredths": pl.Series([5, 7, 9], dtype=pl.Int16),
        },
        schema_overrides={"customer_id": pl.String},
    )
    made = runs.lift(rows, Layout(gaps=False))
    found = made.select("customer_id", "order_count", "spend_hundredths").rows()
    assert found == [(None, 2, 12), ("b", 1, 9)]
    apart = pl.concat([rows.slice(0, 1), rows.slice(1, 2)], rechunk=False)
    assert runs.lift(apart, Layout(gaps=False)).equals(made)
