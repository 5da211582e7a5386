"""Records found by the id itself give the bits of the state that is written once for all engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import AS_OF, LAYOUT, ROWS, SCHEMA, TODAY, Row, collected, many

from crmlab.aggregates import addressed, customers, rfm
from crmlab.aggregates.layout import Layout
from crmlab.errors import DataError

PLAIN = replace(LAYOUT, gaps=False)
LAYOUTS = [
    PLAIN,
    Layout(gaps=False),
    replace(PLAIN, counted=0, windows=(90, 30)),
    replace(PLAIN, channels=(), categories=(*map(str, range(61)), "茶", "米", "Tea")),
]
NUMBERS = {"a": 0, "b": 7, "王": 3, "d": 16}


def numbered(rows: Sequence[Row], low: int = 0, dtype: Any = pl.Int64) -> pl.LazyFrame:
    """Return the rows as orders whose customers are numbers from ``low`` on."""
    schema = {**SCHEMA, "customer_id": dtype}
    return pl.LazyFrame([(low + NUMBERS[row[0]], *row[1:]) for row in rows], schema=schema, orient="row")


def as_numbers(orders: pl.DataFrame) -> pl.DataFrame:
    """Give the customers of :func:`order_rows.many` numbers."""
    return orders.with_columns(pl.col("customer_id").str.slice(1).cast(pl.Int64))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("as_of", [AS_OF, None])
@given(rows=ROWS, low=st.sampled_from([0, -5, 10**15]))
@settings(max_examples=15)
def test_equals_the_state_of_every_engine(
    layout: Layout, as_of: date | None, rows: list[Row], low: int
) -> None:
    orders = numbered(rows, low)
    found = addressed.lift(orders, layout, as_of)
    if not rows:
        assert found is None
        return
    assert found is not None
    assert found.equals(collected(customers.lift(nw.from_native(orders), layout, as_of)))


@given(rows=ROWS, low=st.sampled_from([0, -5, 10**15]))
@settings(max_examples=40)
def test_rfm_equals_the_state_of_every_engine(rows: list[Row], low: int) -> None:
    orders = numbered(rows, low)
    found = addressed.rfm(orders, AS_OF)
    assert found is not None
    expected = collected(rfm.lift(nw.from_native(orders), AS_OF))
    assert found.equals(expected.select(found.columns))


def test_a_table_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = as_numbers(many(3_000, 20_000)).lazy()
    whole = addressed.lift(orders, PLAIN, AS_OF)
    assert whole is not None
    monkeypatch.setattr(addressed, "_most", lambda record: 700)
    found = addressed.lift(orders, PLAIN, AS_OF)
    assert found is not None
    assert found.equals(whole)


@pytest.mark.parametrize("descending", [False, True])
def test_a_table_that_grows_gives_the_same(descending: bool, tmp_path: Path) -> None:
    orders = as_numbers(many(3_000, 20_000))
    whole = addressed.rfm(orders.lazy(), AS_OF)
    assert whole is not None
    file = tmp_path / "orders.parquet"
    orders.sort("customer_id", descending=descending).write_parquet(file, row_group_size=64)
    found = addressed.rfm(pl.scan_parquet(file), AS_OF)
    assert found is not None
    assert found.equals(whole)


def test_more_rows_and_records_than_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = as_numbers(many(3_000, 20_000)).lazy()
    whole = collected(rfm.lift(nw.from_native(orders), AS_OF))
    monkeypatch.setattr(addressed, "_ROWS", 7)
    monkeypatch.setattr(addressed, "_BLOCK", 11)
    found = addressed.rfm(orders, AS_OF)
    assert found is not None
    assert found.equals(whole.select(found.columns))


@pytest.mark.parametrize("low", [-(2**63), 2**63 - 17])
def test_ids_at_the_ends_of_64_bits(low: int) -> None:
    rows: list[Row] = [("d", 3, 9, None, None), ("a", 5, 7, None, None), ("a", 4, -2, None, None)]
    found = addressed.rfm(numbered(rows, low), AS_OF)
    assert found is not None
    assert found.rows() == [(low, 1, 5, 5), (low + 16, 1, 9, 3)]


def test_sums_beyond_32_bits_refunds_and_days_before_1970() -> None:
    rows: list[Row] = [("a", day, amount, None, None) for day in (-9, -7) for amount in (2**52, -(2**51))]
    orders = numbered([*rows, ("b", TODAY, -(2**53), None, None), ("d", TODAY, 0, None, None)])
    found = addressed.rfm(orders, AS_OF)
    assert found is not None
    assert found.rows() == [(0, 2, 2**52, -7), (7, 0, -(2**53), None), (16, 0, 0, None)]


@pytest.mark.parametrize("amount", [5, -5])
@pytest.mark.parametrize("day", [-(2**31) + 2, -(2**31) + 1, -(2**31), -(2**31) - 1, -(2**63)])
def test_days_that_do_not_fit_are_refused_and_never_wrong(day: int, amount: int) -> None:
    orders = numbered([("a", day, amount, "web", "茶")])
    if day == -(2**31) + 2:
        for found in (addressed.rfm(orders, AS_OF), addressed.lift(orders, PLAIN, AS_OF)):
            assert found is not None
            assert found["last_day"].to_list() == [day if amount > 0 else None]
        return
    with pytest.raises(DataError, match="lack day, or have a day that does not fit"):
        addressed.rfm(orders, AS_OF)
    with pytest.raises(DataError, match="lack day, or have a day that does not fit"):
        addressed.lift(orders, PLAIN, AS_OF)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt32, pl.Int64])
def test_ids_keep_their_type(dtype: Any) -> None:
    found = addressed.lift(numbered([("a", 7, 5, "web", "茶")], dtype=dtype), PLAIN, AS_OF)
    assert found is not None
    assert found.schema["customer_id"] == dtype


def test_what_does_not_lend_itself_is_left_to_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, far = many(50, 300), as_numbers(many(50, 300)).with_columns(pl.col("customer_id") * 10**9)
    for orders in (texts.lazy(), far.lazy()):
        assert addressed.lift(orders, PLAIN, AS_OF) is None
        assert addressed.rfm(orders, AS_OF) is None
    assert addressed.lift(as_numbers(texts).lazy(), LAYOUT, AS_OF) is None  # gaps
    monkeypatch.setattr(addressed, "_most", lambda record: 1)
    assert addressed.lift(as_numbers(texts).lazy(), PLAIN, AS_OF) is None
    assert addressed.rfm(as_numbers(texts).lazy(), AS_OF) is None


@pytest.mark.parametrize("amount", [5, 0, -5])
@pytest.mark.parametrize("as_of", [AS_OF, None])
@pytest.mark.parametrize("name", ["customer_id", "day", "amount_hundredths"])
def test_rows_that_were_not_cleaned_are_refused(name: str, as_of: date | None, amount: int) -> None:
    orders = numbered([("a", 7, amount, "web", "茶"), ("b", 8, 5, None, None)])
    holes = orders.with_columns(pl.when(pl.col("customer_id") > 0).then(name))
    with pytest.raises(DataError, match=f"lack {name}"):
        addressed.lift(holes, PLAIN, as_of)
    with pytest.raises(DataError, match=f"lack {name}"):
        addressed.rfm(holes, AS_OF)


def test_labels_do_not_depend_on_how_customers_are_found() -> None:
    texts = many(2_000, 12_000)
    found = rfm.of_orders(nw.from_native(as_numbers(texts).lazy()), AS_OF)
    expected = rfm.of_orders(nw.from_native(texts.lazy()), AS_OF).sort("customer_id")
    assert found.drop("customer_id").equals(expected.drop("customer_id"))
