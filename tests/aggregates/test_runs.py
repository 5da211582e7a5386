"""The walk along sorted rows gives the bits of the state that is written once for all engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from order_rows import AS_OF, LAYOUT, ROWS, Row, collected, frame, lazy, many

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
