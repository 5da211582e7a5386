"""Values without a model: facts and formulas checked by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from crmlab.value.baselines import (
    cohort_curve,
    cohort_forecast,
    historic,
    retention_formula,
    simple_formula,
)


def _orders(rows: list[tuple[str, int, float]]) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64}
    return pl.DataFrame([(who, day, round(100 * x)) for who, day, x in rows], schema=schema, orient="row")


def _steady(customers: int = 40, days: int = 360, every: int = 30, amount: float = 10.0) -> pl.DataFrame:
    """Return customers of whom each buys for 10 on the first day and at the end of every month."""
    months = range(0, days + 1, every)
    return _orders([(f"c{place:03}", day, amount) for place in range(customers) for day in months])


def test_historic_is_what_was_spent() -> None:
    orders = _orders([("a", 0, 100), ("a", 50, -30), ("b", 60, 5)])
    assert historic(orders) == 75
    assert historic(orders, since=50) == -25


def test_the_simple_formula_goes_on_as_so_far() -> None:
    """Two customers of a year and of half a year who spent 300 together: 200 a year each."""
    orders = _orders([("a", 0, 150), ("a", 100, 50), ("b", 182, 100)])
    told = simple_formula(orders, 365, years=2)
    assert told.value == pytest.approx(300 / (1 + 183 / 365) * 2 * 2)
    assert told.low < told.value < told.high


def test_the_retention_formula_by_hand() -> None:
    """Three of four come back in the second year; the active spend 90 in it."""
    first = [(f"c{place}", 10, 20.0) for place in range(4)]
    second = [(f"c{place}", 400, 30.0) for place in range(3)]
    orders = _orders([("old", -5, 1.0), *first, *second])
    told = retention_formula(orders, 730, years=2, annual_discount=0.1)
    step = 0.75 / 1.1
    assert told.value == pytest.approx(90 * (step + step**2))
    assert told.low < told.value < told.high
    half = retention_formula(orders, 730, years=0.5)
    assert half.value == pytest.approx(90 * 0.75 / 2)


def test_the_retention_formula_takes_two_years() -> None:
    assert math.isnan(retention_formula(_orders([("a", 0, 10), ("a", 500, 10)]), 700, years=1).value)


def test_the_cohort_curve_adds_up_and_hides_nothing_as_nothing() -> None:
    curve = cohort_curve(_steady(), 360)
    assert curve["age"].to_list() == list(range(13))
    assert curve["value"].to_list() == pytest.approx([10.0 * (age + 1) for age in range(13)])
    assert curve["low"].to_list() == pytest.approx(curve["high"].to_list())
    # Customers who came yesterday do not lower the ages that they have not reached.
    young = _orders([(f"y{place}", 355, 10.0) for place in range(100)])
    both = cohort_curve(pl.concat([_steady(), young]), 360)
    assert both["value"].to_list() == pytest.approx(curve["value"].to_list())
    assert both["customers"].to_list() == [140] + [40] * 12


def test_the_cohort_curve_ends_where_few_are_left() -> None:
    assert cohort_curve(_steady(customers=29), 360).is_empty()
    old = _orders([(f"o{place}", -360, 10.0) for place in range(29)])
    assert cohort_curve(pl.concat([_steady(), old]), 360)["age"].max() == 12


def test_the_interval_of_the_curve_holds_the_truth() -> None:
    """Of 60 samples the interval at the last age holds the true mean about 95 times in 100."""
    rng, inside = np.random.default_rng(2), 0
    for _ in range(60):
        rows = []
        for place in range(80):
            wealth = rng.gamma(2.0, 5.0)
            born = int(rng.integers(0, 150))
            rows.append((f"c{place}", born, 1.0))
            rows += [(f"c{place}", born + 30 * k, wealth) for k in range(1, 7) if born + 30 * k <= 300]
        last = cohort_curve(_orders(rows), 300).filter(age=5).row(0, named=True)
        inside += last["low"] <= 1 + 5 * 10 <= last["high"]
    assert inside >= 53


def test_the_cohort_forecast_goes_on_like_older_customers() -> None:
    told = cohort_forecast(_steady(), 360, 90)
    assert told.value == pytest.approx(40 * 30)
    young = _orders([(f"y{place}", 360, 10.0) for place in range(10)])
    more = cohort_forecast(pl.concat([_steady(), young]), 360, 90)
    assert more.value == pytest.approx(50 * 30)
    assert math.isnan(cohort_forecast(_steady(customers=5), 360, 90).value)


def test_refunds_lower_and_customers_without_a_purchase_do_not_count() -> None:
    orders = _orders([("a", 0, 100), ("a", 10, -20), ("b", 5, -50)])
    assert simple_formula(orders, 365, 1).value == pytest.approx(80)
    assert math.isnan(simple_formula(_orders([("b", 5, -50)]), 365, 1).value)
