"""What campaigns changed: counted by hand, left out with a count, and true as often as stated."""

from __future__ import annotations

from math import inf, isnan
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.data.samples.campaigns import assign
from crmlab.data.samples.draws import Draws
from crmlab.data.samples.lives import draw_lives
from crmlab.data.samples.purchases import draw_orders
from crmlab.errors import ParamsError
from crmlab.targeting.evaluation import evaluate
from crmlab.targeting.experiment import experiment

DAY = 100


def _contacts(*rows: tuple[str, str, int, str | None, int | None]) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "campaign_id": pl.String,
        "customer_id": pl.String,
        "day": pl.Int64,
        "arm": pl.String,
        "cost_hundredths": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _orders(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64},
        orient="row",
    )


def test_the_window_is_the_days_after_the_contact() -> None:
    contacts = _contacts(
        *(("c", name, DAY, "treatment", 100) for name in "abcdefg"), ("c", "z", DAY, "control", 0)
    )
    orders = _orders(
        ("a", DAY, 500),  # of the day itself: it may have come first
        ("b", DAY + 1, 500),
        ("c", DAY + 30, 500),
        ("d", DAY + 31, 500),
        ("e", DAY + 5, -500),  # a refund is no purchase
        ("f", DAY + 5, 0),
        ("g", DAY - 1, 700),
    )
    found = experiment(contacts, orders, DAY + 30).customers
    told = dict(found.select("customer_id", "returned").iter_rows())
    assert [name for name, back in told.items() if back] == ["b", "c"]
    by_name = {row["customer_id"]: row for row in found.iter_rows(named=True)}
    assert by_name["e"]["revenue"] == -5
    assert (by_name["g"]["order_count"], by_name["g"]["total_spend"]) == (1, 7)
    assert by_name["g"]["days_since_last_order"] == 0
    assert by_name["a"]["order_count"] is None
    assert found.height == 8
    assert by_name["a"]["propensity"] == pytest.approx(7 / 8)


def test_who_is_not_counted_is_counted() -> None:
    contacts = _contacts(
        ("c", "a", DAY, "treatment", 100),
        ("c", "a", DAY + 9, "treatment", 50),  # again: one customer, from the first day, both costs
        ("c", "b", DAY, "control", None),
        ("c", "both", DAY, "treatment", 100),
        ("c", "both", DAY + 1, "control", 0),
        ("c", "none", DAY, None, 100),
        ("d", "late", DAY + 20, "treatment", 100),
        ("d", "future", DAY + 60, "treatment", 100),
    )
    found = experiment(contacts, _orders(("a", DAY + 2, 900)), DAY + 40)
    assert found.left_out == {"both_arms": 1, "no_arm": 1, "not_over": 1}
    assert found.customers["customer_id"].to_list() == ["a", "b"]
    effect = evaluate(found).effects["c"]
    assert (effect.contacted, effect.control, effect.cost) == (1, 1, 1.5)
    assert (effect.contacted_rate.value, effect.control_rate.value) == (1, 0)
    assert effect.uplift.value == 1
    with pytest.raises(ParamsError, match="window_days"):
        experiment(contacts, _orders(), DAY, 0)


def test_without_a_control_group_there_is_a_rate_and_no_effect() -> None:
    contacts = _contacts(("c", "a", DAY, None, 100), ("c", "b", DAY, "treatment", 100))
    for table in (contacts, contacts.drop("arm", "cost_hundredths")):
        found = evaluate(experiment(table, _orders(("a", DAY + 2, 900)), DAY + 40))
        effect = found.effects["c"]
        assert effect.contacted_rate.value == 0.5
        assert not effect.is_causal
        assert all(isnan(end) for end in (*effect.uplift, *effect.cost_per_won_back, *effect.won_back))
        assert found.pooled is None


def test_cost_and_revenue_of_a_campaign_by_hand() -> None:
    rows = [("c", f"t{i:03}", DAY, "treatment", 200) for i in range(200)]
    rows += [("c", f"k{i:03}", DAY, "control", 0) for i in range(100)]
    orders = [(f"t{i:03}", DAY + 3, 5_000) for i in range(40)] + [
        (f"k{i:03}", DAY + 3, 5_000) for i in range(5)
    ]
    effect = evaluate(experiment(_contacts(*rows), _orders(*orders), DAY + 99)).effects["c"]
    assert effect.uplift.value == pytest.approx(0.15)
    assert effect.won_back.value == pytest.approx(30)
    assert effect.cost == 400
    assert effect.cost_per_won_back.value == pytest.approx(400 / 30)
    assert effect.cost_per_won_back.low == pytest.approx(400 / effect.won_back.high)
    assert effect.revenue.value == pytest.approx(200 * (10 - 2.5))
    assert effect.revenue.low > 0
    none = evaluate(experiment(_contacts(*rows), _orders(), DAY + 99)).effects["c"]
    assert none.cost_per_won_back.high == inf


def test_an_unknown_cost_makes_the_cost_unknown() -> None:
    contacts = _contacts(
        ("c", "a", DAY, "treatment", None), ("c", "b", DAY, "treatment", 5), ("c", "z", DAY, "control", None)
    )
    effect = evaluate(experiment(contacts, _orders(), DAY + 99)).effects["c"]
    assert isnan(effect.cost)
    assert isnan(effect.cost_per_won_back.high)


def test_arms_that_are_not_alike_are_found() -> None:
    rows = [("c", f"t{i:03}", DAY, "treatment", 0) for i in range(300)]
    rows += [("c", f"k{i:03}", DAY, "control", 0) for i in range(300)]
    buyers = [(f"t{i:03}", DAY - 5, 900) for i in range(150)] + [
        (f"k{i:03}", DAY - 5, 900) for i in range(60)
    ]
    unlike = evaluate(experiment(_contacts(*rows), _orders(*buyers), DAY + 99), {"c": 0.8, "elsewhere": 0.5})
    assert unlike.unlike == {"c": ["order_count", "total_spend"]}
    assert unlike.mismatched["c"] < 1e-9
    assert list(unlike.mismatches) == ["c"]
    alike = evaluate(experiment(_contacts(*rows), _orders(*buyers[90:]), DAY + 99), {"c": 0.5})
    assert alike.mismatches["c"] == pytest.approx(1)
    assert (alike.mismatched, alike.unlike) == ({}, {})


def test_a_control_group_picked_by_hand_is_found_among_customers_long_silent() -> None:
    """Nobody ordered in the months before the contact; those held out had been silent for longer."""
    rows = [("c", f"t{i:03}", 900, "treatment", 0) for i in range(200)]
    rows += [("c", f"k{i:03}", 900, "control", 0) for i in range(50)]
    rows += [("fine", name, *rest) for _, name, *rest in rows[:100:2]]
    rows += [("fine", name, day, "control", 0) for _, name, day, *_ in rows[1:100:2]]
    orders = [(f"t{i:03}", 700 - i, 900) for i in range(200)] + [
        (f"k{i:03}", 300 - i, 900) for i in range(50)
    ]
    found = evaluate(experiment(_contacts(*rows), _orders(*orders), 999))
    assert found.unlike == {"c": ["days_since_last_order"]}


def test_arms_of_other_weeks_are_found_and_of_the_next_days_are_not() -> None:
    def held(days: int) -> dict[str, list[str]]:
        rows = [("c", f"t{i:03}", DAY + days, "treatment", 0) for i in range(100)]
        rows += [("c", f"k{i:03}", DAY, "control", 0) for i in range(100)]
        return evaluate(experiment(_contacts(*rows), _orders(), DAY + 99)).unlike

    assert held(20) == {"c": ["day"]}
    assert held(2) == {}


def test_an_arm_too_small_is_no_part_of_the_whole() -> None:
    rows = [("big", f"t{i:03}", DAY, "treatment", 100) for i in range(50)]
    rows += [("big", f"k{i:03}", DAY, "control", 0) for i in range(20)]
    rows += [("tiny", f"t{i:03}", DAY, "treatment", 100) for i in range(50)]
    rows += [("tiny", "k000", DAY, "control", 0)]
    found = experiment(_contacts(*rows), _orders(("k000", DAY + 1, 500)), DAY + 99)
    whole, large = evaluate(found).pooled, evaluate(found, smallest_arm=5).pooled
    assert whole is not None
    assert large is not None
    assert (whole.control, large.control) == (21, 20)
    assert large.uplift == evaluate(found).effects["big"].uplift
    assert evaluate(found, smallest_arm=30).pooled is None


def test_held_out_and_nobody_contacted_is_no_effect() -> None:
    rows = [("c", f"k{i}", DAY, "control" if i < 5 else None, 0) for i in range(10)]
    found = evaluate(experiment(_contacts(*rows), _orders(), DAY + 99))
    assert not found.effects["c"].is_causal
    assert found.pooled is None
    assert found.experiment.left_out["no_arm"] == 5


def _drawn(seed: int, people: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return contacts, orders and the truth of the campaigns of a generated company."""
    draws = Draws(seed, 0)
    lives = draw_lives(people, draws)
    assigned = assign(lives, np.ones(people, bool), draws)
    who = pl.col("person").cast(pl.String).alias("customer_id")
    orders = draw_orders(lives, assigned, draws).select(
        who, pl.col("day").cast(pl.Int64), amount_hundredths=pl.lit(100, pl.Int64)
    )
    arm = pl.when("treated").then(pl.lit("treatment")).otherwise(pl.lit("control"))
    contacts = assigned.select(
        who, pl.col("campaign").cast(pl.String).alias("campaign_id"), pl.col("day").cast(pl.Int64), arm=arm
    )
    truth = assigned.group_by(campaign_id=pl.col("campaign").cast(pl.String)).agg(
        uplift=(pl.col("p_treated") - pl.col("p_control")).mean(), treated=pl.col("treated").sum()
    )
    return contacts, orders, truth


def test_the_truth_lies_in_the_intervals_as_often_as_they_say() -> None:
    """Six campaigns in each of eighty companies: their true effect is a number of the generator."""
    campaigns, together = [], []
    for seed in range(80):
        contacts, orders, truth = _drawn(seed, 400)
        found = evaluate(experiment(contacts, orders, 1_000))
        for name, uplift, _ in truth.iter_rows():
            ends = found.effects[name].uplift
            campaigns.append(ends.low <= uplift <= ends.high)
        overall = truth.select((pl.col("uplift") * pl.col("treated")).sum() / pl.col("treated").sum()).item()
        assert found.pooled is not None
        together.append(found.pooled.uplift.low <= overall <= found.pooled.uplift.high)
    assert len(campaigns) == 480
    assert 0.92 < np.mean(campaigns) < 0.98
    assert 0.89 < np.mean(together) <= 1
