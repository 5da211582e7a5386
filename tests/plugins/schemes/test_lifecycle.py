"""The lifecycle schemes: labels, the days on which stages began, and who had really left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.data.samples.company import company_blocks
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.lab import Lab
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.rules.staged import Staged
from crmlab_plugins.schemes.lifecycle import Lifecycle, LoyaltyStage, NeedStage
from crmlab_plugins.schemes.lifecycle_stages import LifecycleStages

TODAY = date(2024, 6, 30)
CUSTOMERS, SEED, DAY = 600, 7, date(2024, 12, 31)
NUMBERS = (
    *("order_count", "refund_count", "days_since_first_order", "days_since_last_order"),
    *("days_since_order_2", "days_since_order_4", "days_since_last_touch", "days_since_first_touch"),
    *("days_since_registration", "days_since_growth_changed", "days_since_first_growth"),
    *("days_since_first_steady_order", "growth_days", "touch_count"),
)
SCHEMA = dict.fromkeys(NUMBERS, pl.Int64) | {
    **dict.fromkeys(("growth_state", "last_touch", "last_touch_channel"), pl.String),
    "active_period_share": pl.Float64,
}
NOBODY = {"order_count": None, "days_since_registration": 40}
ONE = {"order_count": 1, "days_since_first_order": 120, "days_since_last_order": 120}
YOUNG = {
    "order_count": 2,
    "days_since_first_order": 90,
    "days_since_last_order": 5,
    "days_since_order_2": 5,
    "growth_state": "spend",
    "days_since_growth_changed": 5,
    "days_since_first_growth": 5,
    "growth_days": 90,
}
LOYAL = {
    "order_count": 4,
    "days_since_first_order": 400,
    "days_since_last_order": 60,
    "days_since_order_2": 350,
    "days_since_order_4": 60,
    "active_period_share": 0.25,
    "growth_state": "steady",
    "days_since_growth_changed": 70,
    "days_since_first_growth": 350,
    "days_since_first_steady_order": 60,
    "growth_days": 90,
    "days_since_registration": 410,
}
DORMANT = LOYAL | {"days_since_last_order": 100, "days_since_order_4": 100}
GONE = LOYAL | {"days_since_last_order": 181, "days_since_order_4": 181}
REFUND = {"order_count": 0, "refund_count": 1}
PEOPLE = pl.DataFrame([NOBODY, ONE, YOUNG, LOYAL, DORMANT, GONE, REFUND], schema=SCHEMA).with_columns(
    customer_id=pl.format("c{}", pl.int_range(pl.len()))
)


def _ago(scheme: Staged) -> list[int | None]:
    """Return the days since each customer entered the present stage."""
    entered = scheme.entered_on(PEOPLE, TODAY).to_list()
    return [(TODAY - day).days if day else None for day in entered]


def test_lifecycle() -> None:
    scheme = Lifecycle().fit(PEOPLE)
    expected = ["prospect", "new", "new", "existing", "existing", "lost", "unclassified"]
    assert scheme.predict(PEOPLE).to_list() == expected
    assert [label.zh for label in scheme.scheme.labels] == ["老客户", "新客户", "潜在客户", "流失客户"]
    # Existing from the later of the second order and day 91; lost from day 181 of silence on.
    assert _ago(scheme) == [40, 120, 90, 309, 309, 0, None]
    young = Lifecycle(new_within_days=0).fit(PEOPLE)
    assert young.predict(PEOPLE).to_list()[1:3] == ["new", "existing"]


def test_the_alias_has_no_lost_customers() -> None:
    scheme = NeedStage().fit(PEOPLE)
    assert scheme.predict(PEOPLE).to_list()[3:] == [*["existing"] * 3, "unclassified"]
    assert scheme.scheme.ids == ("existing", "new", "prospect")
    with_lost = NeedStage(counts_lost=True).fit(PEOPLE)
    assert with_lost.predict(PEOPLE).equals(Lifecycle().fit(PEOPLE).predict(PEOPLE))


def test_loyalty() -> None:
    scheme = LoyaltyStage().fit(PEOPLE)
    expected = ["prospect", "initial", "initial", "loyal", "initial", "lost", "unclassified"]
    assert scheme.predict(PEOPLE).to_list() == expected
    # Who falls dormant is initial again from day 91 of silence on.
    assert _ago(scheme) == [40, 120, 90, 60, 9, 0, None]
    for stricter in ({"loyal_orders": 2, "loyal_tenure_days": 401}, {"loyal_share": 0.3}):
        again = LoyaltyStage.from_params(stricter).fit(PEOPLE)
        assert again.predict(PEOPLE)[3] == "initial"


def test_stages() -> None:
    scheme = LifecycleStages().fit(PEOPLE)
    expected = ["contact", "acquisition", "development", "retention", "retention", "churn", "unclassified"]
    assert scheme.predict(PEOPLE).to_list() == expected
    assert _ago(scheme) == [40, 120, 5, 70, 70, 0, None]
    reached = scheme.reached_on(PEOPLE, TODAY).row(3, named=True)
    days = {"contact": 410, "acquisition": 400, "development": 350, "retention": 70, "churn": None}
    assert reached == {"customer_id": "c3"} | {
        label: None if ago is None else TODAY - timedelta(days=ago) for label, ago in days.items()
    }


def test_reasons() -> None:
    def said(scheme: Staged, *places: int) -> list[tuple[str, str]]:
        rows = scheme.fit(PEOPLE).explain(PEOPLE).rows()
        return [rows[place] for place in places]

    assert said(Lifecycle(), 1, 2, 5) == [
        ("仅购买 1 次，在 120 天前", "one order, 120 days ago"),
        (
            "已购买 2 次，首次在 90 天前，最近一次在 5 天前，首次购买不超过 90 天",
            "2 orders, the first 90 days ago, the last 5 days ago; first order within 90 days",
        ),
        (
            "距最近一次购买 181 天，超过流失界限 180 天",
            "181 days since the last order, beyond the 180-day limit for lost",
        ),
    ]
    dormant, irregular = said(LoyaltyStage(), 4)[0], said(LoyaltyStage(loyal_share=0.3), 3)[0]
    assert dormant[0].endswith("；超过休眠界限 90 天")
    assert irregular[1].endswith("; orders in 25% of the 30-day periods, less than 30%")
    assert said(LifecycleStages(), 2, 3) == [
        (
            "近 90 天消费增加，增长已持续 5 天；已购买 2 次",
            "growing for 5 days (spend grew in the last 90 days); 2 orders",
        ),
        (
            "近 90 天没有增长，已持续 70 天；已购买 4 次",
            "steady for 70 days (no growth in the last 90 days); 4 orders",
        ),
    ]
    assert said(LifecycleStages(), 5)[0][1].endswith("beyond the 180-day limit for churn")
    assert "Churn: more than 180 days" in LifecycleStages().definition().en
    assert said(Lifecycle(), 6) == [("缺少付款订单或客户登记", "missing: paid orders or a registration")]


def test_the_as_of_day_is_not_0_days_ago() -> None:
    today = PEOPLE[1:2].with_columns(days_since_first_order=0, days_since_last_order=0)
    for scheme, zh, en in (
        (Lifecycle(), "仅购买 1 次，就在观察日当天", "one order, on the as-of day"),
        (LifecycleStages(), "只在一天买过，就在观察日当天", "bought on one day only, on the as-of day"),
        (
            LoyaltyStage(),
            "已购买 1 次，首次就在观察日当天，最近一次就在观察日当天；不足 4 次",
            "1 order, the first on the as-of day, the last on the as-of day; fewer than 4 orders",
        ),
    ):
        assert scheme.fit(PEOPLE).explain(today).row(0) == (zh, en)


def test_confidence_goes_by_the_limits_in_days() -> None:
    assert Lifecycle().fit(PEOPLE).confidence(PEOPLE).to_list() == pytest.approx(
        [1.0, 0.5 + 60 / 180, 0.5, 1.0, 0.5 + 80 / 180, 0.5 + 1 / 180, None]
    )
    loyal = LoyaltyStage().fit(PEOPLE).confidence(PEOPLE).to_list()
    assert loyal[3:5] == pytest.approx([0.5 + 30 / 90, 0.5 + 10 / 90])


@pytest.mark.parametrize(
    ("scheme", "params"),
    [
        (Lifecycle, {"new_within_days": -1, "lost_after_days": 0}),
        (LoyaltyStage, {"loyal_orders": 1, "loyal_share": 2.0, "loyal_tenure_days": -1}),
    ],
)
def test_all_wrong_parameters_are_reported_at_once(scheme: type[Staged], params: dict[str, Any]) -> None:
    with pytest.raises(ParamsError) as caught:
        scheme.from_params(params)
    assert all(name in str(caught.value) for name in params)


@parametrize_with_checks([LoyaltyStage(method="shrunk_gap", evidence="touches", loyal_share=0.3)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def lab() -> Lab:
    """A study of the generated company without dirt."""
    company = {"source": "sample", "customers": CUSTOMERS, "seed": SEED, "dirt": False}
    return crmlab.open("segmentation", data=[company], as_of=DAY)


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    """Buyers of the company with one record each, and whether they had left."""
    (company,) = company_blocks(CUSTOMERS, SEED, dirt=False)
    records = company.truth["identities"].group_by("customer_id").len().filter(pl.col("len") == 1)
    people = company.truth["customers"].filter(pl.col("person_id").is_in(records["customer_id"].implode()))
    return people.drop_nulls("first_order_on").with_columns(left=pl.col("left_on").is_not_null())


def _found(lab: Lab, truth: pl.DataFrame, name: str, lost: str, **params: Any) -> tuple[float, float]:
    """Return precision and recall of a label among who had left."""
    both = truth.join(lab.classify(name, **params).labels, on="customer_id")
    flagged = both["label"] == lost
    hits = int((flagged & both["left"]).sum())
    return hits / int(flagged.sum()), hits / int(both["left"].sum())


@pytest.mark.parametrize("method", ["fixed_days", "population_gap", "own_gap", "shrunk_gap"])
def test_who_had_left_the_company_is_found(lab: Lab, truth: pl.DataFrame, method: str) -> None:
    base = float(truth["left"].mean())  # type: ignore[arg-type]
    assert 0.35 < base < 0.5
    for name, lost in (("status", "lost"), ("lifecycle", "lost"), ("lifecycle-stages", "churn")):
        precision, recall = _found(lab, truth, name, lost, method=method)
        assert precision > 0.7, name
        assert recall > 0.8, name
    precision, recall = _found(lab, truth, "behaviour", "churned", method=method)
    assert precision > 0.7
    # Who left may still open a mail: touches find fewer, orders more.
    assert 0.6 < recall < _found(lab, truth, "status", "lost", method=method)[1]


def test_stages_begin_when_they_truly_did(lab: Lab, truth: pl.DataFrame) -> None:
    lifecycle = lab.classify("lifecycle")
    scheme = lifecycle.classifier
    assert isinstance(scheme, Staged)
    reached = truth.join(scheme.reached_on(lifecycle.features, DAY), on="customer_id")
    assert reached["new"].equals(reached["first_order_on"], check_names=False)
    assert (reached["prospect"] <= reached["new"]).all()
    late = reached.filter("left").select((pl.col("lost") - pl.col("left_on")).dt.total_days())
    # Nobody is called lost later than the limit of 180 days allows; most of it is silence before leaving.
    assert late["lost"].drop_nulls().max() <= 181
    assert 60 < late["lost"].drop_nulls().median() < 181  # type: ignore[operator]
