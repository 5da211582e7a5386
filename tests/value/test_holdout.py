"""The sample of the test: what is learned from, what it is judged on, who is left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from crmlab import registry
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.value.holdout import MEAN_RATE, SAME_RATE, tells_purchases
from crmlab.view.findings import Note

FIRST = date(2024, 1, 1)


def orders(days_of: dict[str, list[int]]) -> str:
    """Write orders of 10 each on days counted from 2024-01-01."""
    lines = ["order_id,customer_id,ordered_at,amount"]
    for customer, days in days_of.items():
        lines += [f"{customer}-{at},{customer},{FIRST + timedelta(days=at)},10" for at in days]
    return "\n".join(lines)


@pytest.fixture
def company(make_lab: Callable[..., Lab]) -> Lab:
    """Sixty who buy every 20 days up to day 100, five of them to the end, and seven who come late."""
    days_of = {f"a{at}": list(range(at % 7, 100, 20)) for at in range(55)}
    days_of |= {f"b{at}": list(range(0, 200, 20)) for at in range(5)}
    days_of |= {f"late{at}": [150] for at in range(7)}
    end = FIRST + timedelta(days=200)
    return make_lab({"orders": orders(days_of)}, "value", as_of=str(end), timezone="UTC", language="en")


def test_half_of_the_history_is_held_out_and_new_customers_are_counted(company: Lab) -> None:
    row = company.value.holdout().summary.row(0, named=True)
    assert row == {
        "cutoff": FIRST + timedelta(days=100),
        "days": 100,
        "customers": 60,
        "repeat_buyers": 60,
        "purchases": 5 * 4,  # days 120, 140, 160, 180; day 100 was known
        "born": 7,
    }
    said = company.value.holdout().explain().en
    assert "60 customers" in said
    assert "The 7 customers who first bought" in said


def test_the_horizon_of_the_study_bounds_it(company: Lab) -> None:
    study = company.study.model_copy(update={"models": {"clv": {"horizon_days": 60}}})
    assert Lab(study, "value").value.holdout().days == 60


def test_baselines_by_hand(company: Lab) -> None:
    holdout = company.value.holdout(100)
    rows = holdout.customers.with_row_index().filter(customer_id="b0")
    place = rows["index"][0]
    assert rows["repeat_purchase_days"][0] == 5
    assert holdout.expected[SAME_RATE][place] == pytest.approx(5)
    x, age = (
        holdout.customers["repeat_purchase_days"].sum(),
        holdout.customers["days_since_first_order"].sum(),
    )
    assert np.ptp(holdout.expected[MEAN_RATE]) == 0
    assert holdout.expected[MEAN_RATE][0] == pytest.approx(100 * x / age)


def test_every_registered_model_of_purchases_is_in_it(company: Lab) -> None:
    offered = {name for name in registry.models if tells_purchases(registry.models[name])}
    assert {"bg-nbd", "pareto-nbd"} <= offered
    holdout = company.value.holdout()
    assert set(holdout.names) | set(holdout.failed) == offered
    assert "pareto-nbd" in holdout.names
    for name in holdout.names:
        told = holdout.expected[name]
        assert told.shape == (60,)
        assert (told >= 0).all()


@pytest.mark.parametrize("days", [0, -3])
def test_a_holdout_has_days(company: Lab, days: int) -> None:
    with pytest.raises(ParamsError, match="1 day or more"):
        company.value.holdout(days)


def test_an_unknown_model_is_an_error_with_a_hint(company: Lab) -> None:
    with pytest.raises(ParamsError, match="Did you mean 'pareto-nbd'"):
        company.value.calibration("pareto_nbd").explain()


def nothing_shown(lab: Lab) -> list[Any]:
    """Return what the notebook shows of the parts that stand on a holdout or on a fitted model."""
    value = lab.value
    parts = [value.holdout(), value.comparison(), value.tracking(), value.calibration(), value.assumptions()]
    shown = [part.note() for part in parts]
    shown += [value.holdout().table(), value.comparison().chart(), value.comparison().table()]
    shown += [value.tracking().chart(), value.tracking().increments_chart(), value.calibration().table()]
    shown += [
        value.calibration().chart(),
        value.calibration().decile_chart(),
        value.calibration().alive_chart(),
    ]
    shown += [value.matrices().chart(), value.matrices().alive_chart(), value.heterogeneity().chart()]
    shown += [value.heterogeneity().table(), value.heterogeneity().note(), value.note()]
    return shown


def test_with_few_customers_every_part_is_a_note(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab(shop, "value", language="en")
    shown = nothing_shown(lab)
    assert {type(part) for part in shown} == {Note}
    assert all("repeat buyers" in part.plain() for part in shown)
    assert lab.value.saved_tables() == {}


def test_without_orders_every_part_says_so(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    lab = make_lab({"customers": shop["customers"]}, "value", language="zh")
    shown = nothing_shown(lab)
    assert {type(part) for part in shown} == {Note}
    assert all("没有订单" in part.plain() for part in shown)


def test_a_history_of_some_weeks_is_too_short(make_lab: Callable[..., Lab]) -> None:
    days_of = {f"a{at}": [at % 5, 20, 30] for at in range(60)}
    end = FIRST + timedelta(days=40)
    lab = make_lab({"orders": orders(days_of)}, "value", as_of=str(end), timezone="UTC", language="en")
    assert "too short" in lab.value.holdout().note().plain()
    assert "too short" in lab.value.note().plain()
