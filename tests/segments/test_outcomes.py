from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.segments.outcomes import outcomes


def test_what_everybody_known_did_afterwards(make_lab: Callable[..., Any], shop: dict[str, str]) -> None:
    lab = make_lab(shop)
    done = outcomes(lab, date(2024, 5, 31), 30)
    assert done.rows() == [
        ("ann", 108.06, 2, "米"),  # two lines of 米, one of 茶
        ("bob", 0.0, 0, None),
        ("cai", 0.0, 0, None),
        ("dan", 0.0, 0, None),
        ("eve", 0.0, 0, None),  # listed, without a day of registration; ordered in July only
        ("fay", 0.0, 0, None),
    ]
    assert outcomes(lab, date(2023, 6, 15), 30).filter(customer_id="cai").rows() == [("cai", -5.0, 0, None)]


def test_days_that_are_not_over_are_refused(make_lab: Callable[..., Any], shop: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match="end on 2024-07-01, the study's as_of is 2024-06-30"):
        outcomes(make_lab(shop), date(2024, 6, 1), 30)


def test_without_lines_there_is_no_category(make_lab: Callable[..., Any], shop: dict[str, str]) -> None:
    del shop["order_lines"]
    done = outcomes(make_lab(shop), date(2024, 5, 31), 30)
    assert done["next_category"].null_count() == done.height == 6
