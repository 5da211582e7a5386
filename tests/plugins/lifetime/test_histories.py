from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.summary import day_number
from crmlab_plugins.lifetime.histories import Histories, PurchaseHistory, summarise

ORDERS = st.lists(
    st.tuples(
        st.sampled_from([3, 4, 7, 1_000_000_007, -12]),
        st.integers(19_000, 19_040),
        st.integers(-500, 900),
    ),
    max_size=40,
)
AS_OF = 19_030


def _arrays(orders: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(orders, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _by_hand(orders: list[tuple[int, int, int]], as_of: int) -> dict[int, tuple[int, int, int, float]]:
    """The definition, one customer after the other."""
    days: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    net: dict[int, int] = defaultdict(int)
    for customer, day, amount in orders:
        if day <= as_of:
            net[customer] += amount
            if amount > 0:
                days[customer][day] += amount
    found = {}
    for customer, bought in days.items():
        first, last, x = min(bought), max(bought), len(bought) - 1
        gross = sum(bought.values())
        value = float("nan")
        if x and net[customer] > 0:
            value = (gross - bought[first]) / x * (net[customer] / gross)
        found[customer] = (x, last - first, as_of - first, value)
    return found


def _as_dict(found: Histories) -> dict[int, tuple[int, int, int, float]]:
    assert found.average is not None
    columns = (found.customers, found.x, found.t_x, found.T, found.average)
    return {row[0]: row[1:] for row in zip(*(column.tolist() for column in columns), strict=True)}


@given(ORDERS)
def test_histories_are_those_of_the_definition(orders: list[tuple[int, int, int]]) -> None:
    found = _as_dict(summarise(*_arrays(orders), AS_OF))
    expected = _by_hand(orders, AS_OF)
    assert list(found) == sorted(expected)
    for customer, row in found.items():
        assert row == pytest.approx(expected[customer], rel=1e-15, nan_ok=True)


@pytest.mark.parametrize("most", [10**9, 2**47], ids=["packed into the key", "too wide for the key"])
def test_whole_amounts_are_summed_exactly_and_in_any_order(most: int) -> None:
    rng = np.random.default_rng(5)
    n = 80_000
    customers, days = rng.integers(0, 3_000, n), rng.integers(18_000, 18_700, n).astype(np.int32)
    customers[rng.random(n) < 0.3] = 1_700  # one wholesaler, longer than a block
    amounts = rng.integers(1, most, n)
    found = summarise(customers, days, amounts, 18_700)
    shuffled = rng.permutation(n)
    again = summarise(customers[shuffled], days[shuffled], amounts[shuffled], 18_700)
    frame = pl.DataFrame({"customer": customers, "day": days, "amount": amounts})
    by_day = frame.group_by("customer", "day").agg(pl.col("amount").sum()).sort("customer", "day")
    expected = (
        by_day.group_by("customer", maintain_order=True)
        .agg(
            x=pl.len().cast(pl.Int64) - 1,
            t_x=pl.col("day").max() - pl.col("day").min(),
            T=18_700 - pl.col("day").min(),
            total=pl.col("amount").slice(1).sum(),
        )
        .with_columns(average=pl.when(pl.col("x") > 0).then(pl.col("total") / pl.col("x")))
    )
    for one in (found, again):
        assert one.average is not None
        assert np.array_equal(one.customers, expected["customer"])
        assert np.array_equal(one.x, expected["x"])
        assert np.array_equal(one.t_x, expected["t_x"])
        assert np.array_equal(one.T, expected["T"])
        assert np.array_equal(one.average, expected["average"].fill_null(float("nan")), equal_nan=True)


def test_great_amounts_with_refunds_give_the_same_bits_in_any_order() -> None:
    rng = np.random.default_rng(6)
    customers, days = rng.integers(0, 20, 4_000), rng.integers(18_000, 18_700, 4_000)
    amounts = rng.integers(-(2**46), 2**52, 4_000)
    found = summarise(customers, days, amounts, 18_700)
    shuffled = rng.permutation(4_000)
    again = summarise(customers[shuffled], days[shuffled], amounts[shuffled], 18_700)
    assert found.average is not None
    assert again.average is not None
    assert found.average.tobytes() == again.average.tobytes()


def test_refunds_lower_the_average_in_proportion_and_what_they_take_away_is_counted() -> None:
    orders = [
        *[(1, 10, 1000), (1, 20, 400), (1, 30, 600), (1, 31, -500)],  # a quarter came back
        *[(2, 10, 500), (2, 20, 500), (2, 21, -1000)],  # all of it came back
        *[(3, 10, 500), (3, 12, -600)],  # so it did, but there is no repeat
        (4, 10, -100),  # no purchase
        (5, 10, 0),
    ]
    found = summarise(*_arrays(orders), 40)
    assert found.customers.tolist() == [1, 2, 3]
    assert found.x.tolist() == [2, 1, 0]
    assert found.average is not None
    assert found.average[0] == 500 * (1500 / 2000)
    assert np.isnan(found.average[1:]).all()
    assert found.refunded_away == 1


@given(ORDERS)
def test_days_far_apart_take_wider_keys(orders: list[tuple[int, int, int]]) -> None:
    customers, days, amounts = _arrays(orders)
    near, far = (
        summarise(customers, days, amounts, AS_OF),
        summarise(customers, days * 10**8, amounts, AS_OF * 10**8),
    )
    assert np.array_equal(near.x, far.x)
    assert np.array_equal(near.t_x * 10**8, far.t_x)
    assert near.average is not None
    assert far.average is not None
    assert np.array_equal(near.average, far.average, equal_nan=True)


def test_without_amounts_every_row_is_a_purchase() -> None:
    found = summarise(np.array([1, 1, 1, 2]), np.array([3, 3, 9, 5]), None, 10)
    assert (found.x.tolist(), found.t_x.tolist(), found.T.tolist()) == ([1, 0], [6, 0], [7, 5])
    assert found.average is None
    assert found.refunded_away == 0


def test_nobody_has_no_history() -> None:
    empty = np.empty(0, np.int64)
    for amounts in (None, empty):
        found = summarise(empty, empty, amounts, 10)
        assert found.x.size == 0


def _orders(rows: list[tuple[int, int, int]]) -> pl.LazyFrame:
    customers, days, amounts = _arrays(rows)
    return pl.LazyFrame({"customer_id": customers, "day": days, "amount_hundredths": amounts}).with_columns(
        pl.col("customer_id").cast(pl.String)
    )


@given(ORDERS)
def test_the_feature_is_the_function_and_knows_nothing_later(orders: list[tuple[int, int, int]]) -> None:
    as_of = date(1970, 1, 1) + timedelta(days=AS_OF)
    assert day_number(as_of) == AS_OF
    built = (
        PurchaseHistory().build({"orders": nw.from_native(_orders(orders))}, as_of).to_native()
    ).collect()
    assert built.columns == ["customer_id", *PurchaseHistory.produces]
    assert built["customer_id"].is_sorted()
    expected = _by_hand(orders, AS_OF)
    assert [int(customer) for customer in built["customer_id"]] == sorted(expected, key=str)
    for customer, x, t_x, value in built.fill_null(float("nan")).rows():
        row = expected[int(customer)]
        # Hundredths become units of the currency.
        assert (x, t_x, value) == pytest.approx((*row[:2], row[3] / 100), nan_ok=True)


def test_cdnow(cdnow_orders: pl.DataFrame) -> None:
    """Counts of the CDNOW sample as published (Fader, Hardie & Lee 2005, Marketing Science 24:275)."""
    customers = cdnow_orders["customer_id"].cast(pl.Int64).to_numpy()
    days = cdnow_orders["ordered_at"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    cents = (cdnow_orders["amount"] * 100).round().cast(pl.Int64).to_numpy()
    assert cdnow_orders.height == 6_919
    assert len(set(zip(customers.tolist(), days.tolist(), strict=True))) == 6_696
    calibration = day_number(date(1997, 9, 30))
    found = summarise(customers, days, None, calibration)
    assert (found.x.size, found.x.sum(), np.count_nonzero(found.x)) == (2_357, 2_457, 946)
    # A free order is no purchase here, whereas the published counts include it.
    paid = summarise(customers, days, cents, calibration)
    assert paid.average is not None
    values = paid.average[paid.x > 0] / 100
    figures = [values.mean(), values.std(ddof=1), values.min(), np.median(values), values.max()]
    assert [round(float(figure)) for figure in figures] == [35, 30, 3, 27, 300]
