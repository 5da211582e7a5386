"""Renewal of contracts by hand, apart from purchases, and its projection on drawn contracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.special import beta as beta_function

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.retention import Retention
from crmlab.retention.curves import sentence
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {"privacy": {"smallest_group": 1}}
AS_OF = date(2024, 6, 30)
HEAD = "customer_id,contract_started_on,contract_ended_on\n"


def _contract(who: str, begun: int, lasted: int | None) -> str:
    start = AS_OF - timedelta(days=begun)
    return f"{who},{start},{'' if lasted is None else start + timedelta(days=lasted)}\n"


BY_HAND = HEAD + "".join(
    [
        _contract("ann", 100, 30),  # not renewed at the end of the first period
        _contract("bob", 100, 31),  # ended in the second
        _contract("cai", 100, None),  # three periods complete
        _contract("dan", 59, None),  # one complete
        _contract("eve", 100, 130),  # ends after the as-of day: unknown, three complete
        _contract("fay", 5, None),
        _contract("gil", 10, -3),  # backwards
        _contract("hal", -20, None),  # begins after the as-of day
        "ivy,,\n",
    ]
)


def test_renewals_by_hand(make_lab: MakeLab) -> None:
    contracts = Retention(make_lab({"customers": BY_HAND}, **OPEN)).contracts()
    rows = contracts.summary
    assert rows["period"].to_list() == [1, 2, 3]
    assert rows["at_risk"].to_list() == [5, 3, 2]
    assert rows["ended"].to_list() == [1, 1, 0]
    assert rows["renewed"].to_list() == pytest.approx([4 / 5, 2 / 3, 1])
    assert rows["survival"].to_list() == pytest.approx([4 / 5, 8 / 15, 8 / 15])
    assert contracts.terms is not None
    assert (len(contracts.terms.started), contracts.terms.backwards) == (6, 1)
    assert "另有 1 份合同" in contracts.note().plain()


def test_the_period_is_that_of_the_study_and_of_the_call(make_lab: MakeLab) -> None:
    lab = make_lab({"customers": BY_HAND}, models={"sbg": {"period_days": 50}}, **OPEN)
    retention = Retention(lab)
    assert retention.contracts().summary["at_risk"].to_list() == [5, 2]
    assert retention.contracts(100).summary["at_risk"].to_list() == [4]
    with pytest.raises(ParamsError, match="period_days is -1"):
        retention.contracts(-1)


def test_cohorts_of_contracts(make_lab: MakeLab) -> None:
    rows = HEAD + (
        "a,2024-01-10,2024-01-20\nb,2024-01-10,2024-03-31\nc,2024-01-31,\n"
        "d,2024-02-01,2024-12-31\ne,2024-02-01,2024-04-01\n"
    )
    cohorts = Retention(make_lab({"customers": rows}, as_of="2024-04-30", **OPEN)).contracts().cohorts
    assert cohorts is not None
    january = cohorts.summary.filter(cohort="2024-01")["active"].to_list()
    assert january[:5] == [2, 2, 1, 1, None]  # the contract that ended on 31 March did not outlive it
    assert cohorts.summary.filter(cohort="2024-02")["active"].to_list()[:4] == [2, 2, 1, None]
    assert cohorts.kinds == ("bounded",)


def _drawn(customers: int, seed: int, alpha: float, beta: float) -> str:
    """Draw contracts of the shifted beta-geometric, renewed every 30 days."""
    rng = np.random.default_rng(seed)
    begun = 30 * rng.integers(1, 25, customers)
    periods = rng.geometric(rng.beta(alpha, beta, customers))
    return HEAD + "".join(
        _contract(f"c{i:05d}", int(days), int(30 * length) if 30 * length <= days else None)
        for i, (days, length) in enumerate(zip(begun, periods, strict=True))
    )


def test_survival_holds_the_truth_and_models_beat_one_rate(
    make_lab: MakeLab, check_chart: Callable[..., None]
) -> None:
    alpha, beta = 0.9, 4.0
    retention = Retention(make_lab({"customers": _drawn(3000, 5, alpha, beta)}))
    contracts = retention.contracts()
    for period in (1, 3, 6, 12, 18):
        truth = beta_function(alpha, beta + period) / beta_function(alpha, beta)
        row = contracts.summary.row(period - 1, named=True)
        assert row["survival_low"] <= truth <= row["survival_high"]
    judged = {row["model"]: row for row in contracts.projection.summary.iter_rows(named=True)}
    assert {"baseline", "sbg", "beta-discrete-weibull"} == set(judged)
    assert abs(judged["baseline"]["error"]) > 0.1
    for name in ("sbg", "beta-discrete-weibull"):
        assert judged[name]["kept_low"] <= judged[name]["expected"] <= judged[name]["kept_high"]
    check_chart(contracts.chart(), "zh", without=("c00000",))
    names = {row["name"] for rows in contracts.chart().to_dict()["datasets"].values() for row in rows}
    assert len(names) == 3
    assert len(contracts.projection.table().payload()["rows"]) == 3
    check_chart(contracts.cohort_chart(), "zh")
    assert contracts.table().payload()["rows"]
    assert {"contract_renewals", "contract_cohorts", "contract_projection"} <= set(retention.saved_tables())
    assert sentence(contracts.explain()) in retention.findings()


def test_too_few_ended_for_a_projection(make_lab: MakeLab) -> None:
    contracts = Retention(make_lab({"customers": BY_HAND}, **OPEN)).contracts()
    assert contracts.projection.summary.is_empty()
    assert isinstance(contracts.projection.table(), Note)


def test_purchases_are_kept_apart(make_lab: MakeLab, shop: dict[str, str]) -> None:
    plain = Retention(make_lab(shop, **OPEN))
    before = plain.second_purchase.summary
    assert len(plain.findings()) > 1
    assert "contract_started_on" in plain.contracts().note().plain()
    with_contracts = shop | {"customers": HEAD + _contract("ann", 100, None) + _contract("bob", 100, 40)}
    both = Retention(make_lab(with_contracts, **OPEN))
    assert both.second_purchase.summary.equals(before)
    assert "100.0%" in both.contracts().title().zh  # Ann's and Bob's, both renewed once
    assert len(both.findings()) == len(plain.findings()) + 1


def test_small_groups_are_not_told(make_lab: MakeLab) -> None:
    rows = HEAD + "".join(_contract(f"c{i}", 70, 45 if i < 2 else None) for i in range(20))
    contracts = Retention(make_lab({"customers": rows})).contracts()
    assert contracts.summary["ended"].to_list() == [0, None]
    few = HEAD + "".join(_contract(f"c{i}", 70, None) for i in range(3))
    assert Retention(make_lab({"customers": few})).contracts().summary.is_empty()


def test_few_that_ended_at_once_are_not_told(make_lab: MakeLab) -> None:
    rows = [_contract(f"a{i}", 300, 20) for i in range(3)] + [
        _contract(f"b{i}", 300, None) for i in range(60)
    ]
    contracts = Retention(make_lab({"customers": HEAD + "".join(rows)})).contracts()
    assert contracts.summary["renewed"][0] is None
    assert contracts.well_seen == 10
    for text in contracts.explain():
        assert "None" not in text
        assert "10" in text
    assert contracts.note().plain()


def test_a_long_life_is_listed_in_steps(make_lab: MakeLab) -> None:
    rows = [_contract(f"a{i}", 900, 30 * (1 + i % 29) if i % 2 else None) for i in range(60)]
    contracts = Retention(make_lab({"customers": HEAD + "".join(rows)}, **OPEN)).contracts()
    assert contracts.summary["period"].to_list() == list(range(1, 31))
    table = contracts.table()
    assert not isinstance(table, Note)
    assert [row[0] for row in table.payload()["rows"]] == [*range(1, 13), 18, 24, 30]
