"""The threshold that does best by a declared precision or by declared costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.segments.backtest import Backtest
from crmlab.segments.threshold_rules import Counts


@pytest.fixture(scope="module")
def company() -> Backtest:
    """The backtest on the generated company."""
    return Backtest(crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31"), [90, 300])


def _costs(backtest: Backtest, ratio: float, day: date, horizon: int) -> dict[int, float]:
    """Return the cost per customer of every fixed number of days that flags and leaves 30."""
    known, costs = backtest.replay(day, horizon), {}
    for limit in known["silence"].unique().sort():
        gone = known["silence"] > limit
        if limit and 30 <= gone.sum() <= known.height - 30:
            missed, in_vain = (~gone & known["lapsed"]).sum(), (gone & ~known["lapsed"]).sum()
            costs[limit] = (ratio * missed + in_vain) / known.height
    return costs


@pytest.mark.parametrize("ratio", [0.5, 1, 3])
def test_the_cheapest_is_chosen_on_the_earlier_day(company: Backtest, ratio: float) -> None:
    best = company.recommended(cost_ratio=ratio)
    assert (best.horizon, best.chosen_on, best.measured_on) == (90, date(2024, 7, 4), date(2024, 10, 2))
    costs = _costs(company, ratio, best.chosen_on, 90)
    chosen = company.flags(best.rule, best.chosen_on, 90)
    counts = Counts.of(chosen)
    assert (ratio * counts.missed + counts.in_vain) / counts.customers <= min(costs.values())
    assert best.cost is not None
    assert best.cost_of_everybody is not None
    assert best.cost_of_nobody is not None
    base = company.replay(best.measured_on, 90)["lapsed"].mean()
    assert best.cost_of_nobody == pytest.approx(ratio * base)
    assert best.cost_of_everybody == pytest.approx(1 - base)  # type: ignore[operator]


def test_it_pays_on_days_that_it_was_not_chosen_on(company: Backtest) -> None:
    best = company.recommended(cost_ratio=1)
    assert best.cost < min(best.cost_of_everybody, best.cost_of_nobody)  # type: ignore[operator,type-var]
    assert "建议用" in best.text.zh


def test_the_dearer_a_lapse_the_more_are_flagged(company: Backtest) -> None:
    shares = [company.recommended(cost_ratio=ratio).flagged_share for ratio in (0.3, 1, 3)]
    assert shares == sorted(shares)  # type: ignore[type-var]
    assert len(set(shares)) == 3


def test_a_precision_is_reached_where_chosen_with_the_highest_recall(company: Backtest) -> None:
    best = company.recommended(target_precision=0.85)
    counts = Counts.of(company.flags(best.rule, best.chosen_on, 90))
    assert best.reached
    assert counts.precision.value >= 0.85
    assert best.precision == Counts.of(company.flags(best.rule, best.measured_on, 90)).precision
    assert best.cost is best.cost_of_nobody is None
    known = company.replay(best.chosen_on, 90)
    for limit in known["silence"].unique():
        flagged = known.filter(known["silence"] > limit)
        if flagged.height >= 30 and flagged["lapsed"].mean() >= 0.85:  # type: ignore[operator]
            assert flagged["lapsed"].sum() <= counts.hits


def test_a_precision_out_of_reach_is_said(make_lab: Callable[..., Lab]) -> None:
    # Of 50 customers who had been silent for 100 days, 30 stayed away; of 50 who had for 30 days, 10 did.
    groups = (("s", 160, 20), ("f", 90, 40))
    ago = {
        f"{kind}{i}": [days, *([10] if i < back else [])] for kind, days, back in groups for i in range(50)
    }
    rows = [f"{c}{d},{c},{date(2024, 6, 30) - timedelta(days=d)},10" for c, days in ago.items() for d in days]
    orders = "\n".join(["order_id,customer_id,ordered_at,amount", *rows])
    nearest = Backtest(make_lab({"orders": orders}), [60]).recommended(target_precision=0.9)
    assert not nearest.reached
    assert nearest.precision.value == 0.6  # type: ignore[union-attr]
    assert nearest.rule.id == "fixed_30"
    assert "没有方法" in nearest.text.zh
    assert "No rule reached a precision of 90%" in nearest.text.en


def test_its_parameters_make_the_same_rule(company: Backtest) -> None:
    best = company.recommended(target_precision=0.85)
    status = company.lab.classify(
        "status", as_of=best.measured_on, learned_on=best.measured_on, **best.params
    )
    flagged = status.labels.filter(status.labels["label"].is_in(["dormant", "lost"])).height
    known = company.replay(best.measured_on, 90).height
    assert best.flagged_share == pytest.approx(flagged / known)


def test_a_history_for_one_replay_alone_is_said(company: Backtest) -> None:
    best = company.recommended(cost_ratio=1, horizon=300)
    assert best.chosen_on == best.measured_on
    assert "同一段数据" in best.text.zh
    assert "expect a little less" in best.text.en


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "Give either"),
        ({"cost_ratio": 2, "target_precision": 0.5}, "Give either"),
        ({"cost_ratio": 0}, "cost_ratio"),
        ({"target_precision": 1.2}, "target_precision"),
        ({"cost_ratio": 1, "horizon": 45}, "allows: 90, 300"),
    ],
)
def test_what_does_not_fit_is_named(company: Backtest, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        company.recommended(**wanted)


def test_nothing_is_recommended_from_a_handful(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match="nothing to choose from"):
        Backtest(make_lab(shop), [30]).recommended(cost_ratio=2)
