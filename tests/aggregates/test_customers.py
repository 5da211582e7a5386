"""The mergeable state of customers: against plain Python, in any batches, on a second engine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rows import (
    AS_OF,
    LAYOUT,
    ROWS,
    TODAY,
    Row,
    collected,
    features_by_hand,
    frame,
    lazy,
)

from crmlab.aggregates.customers import combine, finish, lift, overlapping, windows
from crmlab.aggregates.layout import Layout
from crmlab.errors import DataError, ParamsError


@given(ROWS)
@settings(max_examples=25)
def test_as_plain_python_computes_it(rows: list[Row]) -> None:
    found = collected(finish(lift(lazy(rows), LAYOUT, AS_OF), LAYOUT, AS_OF)).to_dicts()
    assert found == features_by_hand(rows, LAYOUT)


@given(ROWS, st.integers(TODAY - 110, TODAY))
@settings(max_examples=25)
def test_batches_that_follow_each_other_combine_to_the_whole(rows: list[Row], cut: int) -> None:
    early = [row for row in rows if row[1] < cut]
    late = [row for row in rows if row[1] >= cut]
    # The day of the cut is in both: each batch has some of its orders.
    shared = [row for row in rows if row[1] == cut]
    early = [*early, *shared[::2]]
    late = [*(row for row in late if row[1] > cut), *shared[1::2]]
    whole = collected(lift(lazy(rows), LAYOUT, AS_OF))
    parts = [lift(lazy(batch), LAYOUT, AS_OF) for batch in (late, early)]
    assert collected(combine(*parts, layout=LAYOUT)).equals(whole)


@given(ROWS)
@settings(max_examples=25)
def test_partials_by_month_fold_to_the_whole(rows: list[Row]) -> None:
    orders = lazy(rows).with_columns(month=nw.col("day") // 30)
    by_month = lift(orders, LAYOUT, by=("month",))
    assert collected(combine(by_month, layout=LAYOUT)).equals(collected(lift(orders, LAYOUT)))
    again = combine(by_month, layout=LAYOUT, by=("month",))
    assert collected(again, "customer_id", "month").equals(collected(by_month, "customer_id", "month"))


@given(ROWS, ROWS)
@settings(max_examples=25)
def test_late_rows_are_named_and_nothing_is_made_up_of_them(rows: list[Row], late: list[Row]) -> None:
    states = lift(lazy(rows), LAYOUT), lift(lazy(late), LAYOUT)
    found = collected(combine(*states, layout=LAYOUT))
    whole = collected(lift(lazy(rows + late), LAYOUT))
    broken = collected(overlapping(*states))["customer_id"]
    gaps = ["purchase_days", "gap_squares", "longest_gap"]
    assert found.drop(gaps).equals(whole.drop(gaps))
    inside = pl.col("customer_id").is_in(broken.to_list())
    assert found.filter(~inside).equals(whole.filter(~inside))
    assert found.filter(inside).select(gaps).null_count().row(0) == (len(broken),) * 3
    lifted_anew = lift(lazy([row for row in rows + late if row[0] in set(broken)]), LAYOUT)
    mended = pl.concat([found.filter(~inside), collected(lifted_anew)]).sort("customer_id")
    assert mended.equals(whole)


def test_an_overlap_stays_known_when_more_is_combined() -> None:
    def of(*days: int) -> nw.LazyFrame[Any]:
        return lift(lazy([("a", TODAY - 100 + day, 5, None, None) for day in days]), LAYOUT)

    broken = combine(of(1, 9), of(5), layout=LAYOUT)
    assert collected(combine(broken, of(20), layout=LAYOUT))["longest_gap"].to_list() == [None]
    assert collected(overlapping(broken, of(20)))["customer_id"].to_list() == ["a"]


@given(ROWS, st.integers(0, 60))
@settings(max_examples=25)
def test_windows_of_another_day_are_those_of_a_new_state(rows: list[Row], back: int) -> None:
    day = AS_OF - timedelta(days=back)
    until = [row for row in rows if row[1] <= TODAY - back]
    state = lift(lazy(until), LAYOUT).join(windows(lazy(rows), LAYOUT, day), on="customer_id", how="left")
    found = collected(finish(state, LAYOUT, day)).to_dicts()
    assert found == features_by_hand(rows, LAYOUT, TODAY - back)


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_rows_and_what_comes_later_change_nothing(rows: list[Row], mixer: random.Random) -> None:
    mixed = [*mixer.sample(rows, len(rows)), ("z", TODAY + 1, 5, "web", "茶")]
    assert collected(lift(lazy(mixed), LAYOUT, AS_OF)).equals(collected(lift(lazy(rows), LAYOUT, AS_OF)))


@pytest.mark.parametrize("layout", [LAYOUT, Layout(gaps=False), replace(LAYOUT, windows=(), counted=0)])
def test_a_second_engine_gives_the_same_bits(layout: Layout) -> None:
    duckdb = pytest.importorskip("duckdb")
    draws = random.Random(1)
    rows = [
        (
            draws.choice("abc王"),
            TODAY - draws.randint(-3, 100),
            draws.choice([0, -500, 801, 10_005, 33]),
            draws.choice(["门店", "web", "app", None]),
            draws.choice(["茶", "米", "Tea", "tea", None]),
        )
        for _ in range(80)
    ]
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE orders "
        "(customer_id VARCHAR, day BIGINT, amount_hundredths BIGINT, channel VARCHAR, category VARCHAR)"
    )
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    other = nw.from_native(connection.table("orders"))
    half = nw.col("day") < TODAY - 50
    builds: list[Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]]] = [
        lambda orders: lift(orders, layout, AS_OF),
        lambda orders: finish(lift(orders, layout, AS_OF), layout, AS_OF),
        lambda orders: finish(
            combine(lift(orders.filter(half), layout), lift(orders.filter(~half), layout), layout=layout),
            layout,
            AS_OF,
        ),
        lambda orders: combine(
            *(lift(orders.filter(nw.col("channel") == name), layout) for name in ("web", "app")),
            layout=layout,
        ),
    ]
    for build in builds:
        mine, theirs = collected(build(lazy(rows))), collected(build(other))
        assert theirs.schema == mine.schema
        assert theirs.equals(mine)


def test_more_categories_than_a_column_has_bits() -> None:
    names = tuple(f"k{place}" for place in range(130))
    layout = Layout(categories=names, windows=(), counted=0)
    rows = [("a", TODAY, 5, None, names[place]) for place in (0, 61, 62, 129)]
    rows += [("b", TODAY, 5, None, names[129])]
    state = combine(lift(lazy(rows[:2]), layout), lift(lazy(rows[2:]), layout), layout=layout)
    assert collected(finish(state, layout, AS_OF))["category_count"].to_list() == [4, 1]


def test_states_that_do_not_fit_together_are_refused() -> None:
    orders = lazy([("a", TODAY, 5, "web", "茶")])
    other_day = lift(orders, LAYOUT, date(2024, 6, 29))
    with pytest.raises(DataError, match="spend_30_days_to_19903"):
        combine(lift(orders, LAYOUT, AS_OF), other_day, layout=LAYOUT)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"channels": ("a", "a")}, "twice"),
        ({"windows": (0,)}, "from 1 up"),
        ({"counted": -1}, "0 or more"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Layout(**settings)


def test_keys_may_be_numbers() -> None:
    orders = frame([("a", TODAY, 5, "web", "茶")]).with_columns(customer_id=pl.lit(7, pl.Int64))
    found = collected(lift(nw.from_native(orders.lazy()), LAYOUT, AS_OF))
    assert found["customer_id"].to_list() == [7]


def test_columns_have_names_in_both_languages() -> None:
    measures = LAYOUT.measures
    made = finish(lift(lazy([]), LAYOUT, AS_OF), LAYOUT, AS_OF).collect_schema().names()
    assert set(measures) <= set(made)
    assert (measures["channel_1_orders"].zh, measures["category_2_orders"].en) == (
        "经“门店”的付款订单数",
        "paid orders of 米",
    )
