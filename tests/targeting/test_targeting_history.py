"""The history before a contact is the customer summary of the day before it."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crmlab.lab import Lab
from crmlab.summary import day_number
from crmlab.targeting.history import COLUMNS, history_before


@pytest.mark.parametrize("day", [date(2023, 7, 20), date(2024, 9, 20), date(2024, 12, 31)])
def test_it_is_what_the_lab_says_of_the_day_before(company: Lab, day: date) -> None:
    then = company.features(*COLUMNS, as_of=day - timedelta(days=1))
    moments = then.select("customer_id", day=pl.lit(day_number(day), pl.Int64))
    found = history_before(company.tables["orders"], moments)
    assert_frame_equal(found.drop("day"), then, check_exact=True)
    assert found["order_count"].null_count() < found.height


def test_an_order_of_the_day_itself_is_not_before_it() -> None:
    orders = pl.DataFrame(
        {"customer_id": ["a", "a", "a"], "day": [5, 10, 10], "amount_hundredths": [100, 300, -50]}
    )
    moments = pl.DataFrame({"customer_id": ["a", "b", "a", "a"], "day": [10, 10, 11, 5]})
    found = history_before(orders, moments)
    assert found["customer_id"].to_list() == ["a", "b", "a", "a"]
    assert found["order_count"].to_list() == [1, None, 2, None]
    assert found["total_spend"].to_list() == [1.0, None, 3.5, None]
    assert found["days_since_last_order"].to_list() == [4, None, 0, None]
    assert found["days_since_first_order"].to_list() == [4, None, 5, None]
    assert found["average_order_value"].to_list() == [1.0, None, 1.75, None]
