"""Packed counters give the bits of the state that is written once for all engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import narwhals as nw
import pytest
from hypothesis import given, settings
from order_rows import AS_OF, LAYOUT, ROWS, Row, collected, frame, lazy, many

from crmlab.aggregates import customers, packed
from crmlab.aggregates.layout import Layout

PLAIN = replace(LAYOUT, gaps=False)
LAYOUTS = [PLAIN, LAYOUT, Layout(gaps=False), replace(PLAIN, counted=0, windows=())]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("as_of", [AS_OF, None])
@given(rows=ROWS)
@settings(max_examples=15)
def test_equals_the_state_of_every_engine(layout: Layout, as_of: date | None, rows: list[Row]) -> None:
    found = packed.lift(frame(rows).lazy(), layout, as_of).sort("customer_id")
    assert found.equals(collected(customers.lift(lazy(rows), layout, as_of)))


@pytest.mark.parametrize("bits", [21, 3])
def test_a_counter_that_would_overflow_is_not_packed(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "BITS", bits)
    orders = many(500, 6_000)
    found = packed.lift(orders.lazy(), PLAIN, AS_OF).sort("customer_id")
    assert found["order_count"].max() >= 8  # type: ignore[operator]  # more than three bits hold
    assert found.equals(collected(customers.lift(nw.from_native(orders.lazy()), PLAIN, AS_OF)))
