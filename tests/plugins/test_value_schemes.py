"""What every scheme by orders keeps: the contract, what may change a label, and a known truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlab
from crmlab.data.samples.company import company_blocks
from crmlab.estimators import Classifier, Estimator
from crmlab.lab import Lab
from crmlab.sample_tables import build
from crmlab.testing import AS_OF, parametrize_with_checks
from crmlab_plugins.features.grades import ManualGrade
from crmlab_plugins.features.orders import OrderSummary
from crmlab_plugins.features.periods import OrderPeriods
from crmlab_plugins.features.purchase_mix import PurchaseMix
from crmlab_plugins.schemes.abc_value import AbcValue
from crmlab_plugins.schemes.grade import Grade
from crmlab_plugins.schemes.lifetime_value_bands import LifetimeValueBands
from crmlab_plugins.schemes.order_frequency import OrderFrequency
from crmlab_plugins.schemes.purchase_behaviour import PurchaseBehaviour
from crmlab_plugins.schemes.purchase_history import PurchaseHistory
from crmlab_plugins.schemes.rfm import CONVENTIONS, Rfm
from crmlab_plugins.schemes.spend_level import SpendLevel
from crmlab_plugins.schemes.value import Value
from crmlab_plugins.schemes.value_potential import ValuePotential
from crmlab_plugins.schemes.vip import Vip


@parametrize_with_checks(
    [
        Value(),
        Value(method="score"),
        Value(metric="spend_last_365_days", high_share=0.5, mid_share=0.9),
        Grade(),
        Grade(use="manual", words={"high": ("?",)}),
        Grade(use="derived"),
        OrderFrequency(),
        OrderFrequency(cut_points=(0.3, 0.6)),
        SpendLevel(),
        SpendLevel(level="spend_last_365_days", shares=(0.5, 0.9)),
        LifetimeValueBands(),
        LifetimeValueBands(method="simple", margin=0.3),
        LifetimeValueBands(score_column="spend_last_365_days"),
        PurchaseBehaviour(),
        PurchaseHistory(),
        Vip(),
        ValuePotential(),
        ValuePotential(peer_columns=("customer_type",), smallest_peers=3),
    ]
)
def test_the_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


Order = tuple[int, int, int, int]
"""Customer, days before the as-of day, amount in cents, category."""
ORDERS = st.lists(
    st.tuples(
        st.integers(0, 9), st.integers(0, 700), st.integers(1, 60).map(lambda x: 50 * x), st.integers(0, 2)
    ),
    min_size=4,
    max_size=30,
)

KEPT_WHEN_SPLIT = {
    "abc": AbcValue(),
    "value": Value(),
    "grade": Grade(),
    "order-frequency": OrderFrequency(),
    "spend-level by year": SpendLevel(level="spend_last_365_days"),
    "lifetime-value to date": LifetimeValueBands(),
    "value-potential": ValuePotential(smallest_peers=2),
}
"""Schemes that look at money or at days with a purchase, but at no number of orders."""
CHANGED_WHEN_SPLIT = {
    "value by score": Value(method="score", referral_weight=0),
    "spend-level": SpendLevel(),
    "lifetime-value, simple": LifetimeValueBands(method="simple"),
    "purchase-behaviour": PurchaseBehaviour(),
    "vip": Vip(top_share=0.5, min_orders=3),
    "rfm": Rfm(),
}
"""Schemes to which two orders are more than one."""
SCHEMES = KEPT_WHEN_SPLIT | CHANGED_WHEN_SPLIT


def _features(orders: Sequence[Order]) -> pl.DataFrame:
    numbers = [f"o{i}" for i in range(len(orders))]
    amounts = [amount for _, _, amount, _ in orders]
    day = [(AS_OF - timedelta(days=ago)).toordinal() - 719_163 for _, ago, _, _ in orders]
    people = [f"c{who}" for who, _, _, _ in orders]
    tables = {
        "orders": pl.DataFrame(
            {"order_id": numbers, "customer_id": people, "day": day, "amount_hundredths": amounts}
        ),
        "order_lines": pl.DataFrame(
            {
                "order_id": numbers,
                "category": [f"category {kind}" for *_, kind in orders],
                "amount_hundredths": amounts,
            }
        ),
    }
    features = pl.DataFrame({"customer_id": sorted(set(people))})
    for maker in (OrderSummary(), OrderPeriods(), PurchaseMix(), ManualGrade()):
        features = features.join(
            build(maker, tables, AS_OF), on="customer_id", how="left", maintain_order="left"
        )
    return features


def _labels(scheme: Classifier, features: pl.DataFrame) -> dict[str, str]:
    labels = scheme.clone().fit(features).predict(features)
    return dict(zip(features["customer_id"], labels, strict=True))


def _split(orders: Sequence[Order], which: set[int]) -> list[Order]:
    """Replace some orders by two of half the amount, on the same day, of the same category."""
    halves = [(who, ago, amount // 2, kind) for who, ago, amount, kind in orders]
    return [
        part for at, order in enumerate(orders) for part in ([halves[at]] * 2 if at in which else [order])
    ]


@given(orders=ORDERS, which=st.sets(st.integers(0, 29)))
@settings(max_examples=12, deadline=None)
def test_splitting_orders_in_two_changes_no_label_of_money_and_days(
    orders: list[Order], which: set[int]
) -> None:
    before, after = _features(orders), _features(_split(orders, which))
    for name, scheme in KEPT_WHEN_SPLIT.items():
        assert _labels(scheme, before) == _labels(scheme, after), name


@pytest.mark.parametrize("name", CHANGED_WHEN_SPLIT)
def test_splitting_orders_in_two_changes_labels_that_count_orders(name: str) -> None:
    orders = [(who, ago, 1000 * (who + 1), who % 3) for who in range(8) for ago in range(0, 60 * who + 1, 60)]
    orders += [(9, 500, 90_000, 1), (8, 400, 41_600, 0), (8, 20, 41_600, 0)]
    last, split = len(orders) - 1, orders
    for _ in range(5):  # the last one in two, five times over
        split = _split(split, set(range(last, len(split))))
    assert _labels(SCHEMES[name], _features(orders)) != _labels(SCHEMES[name], _features(split))


@given(orders=ORDERS, factor=st.sampled_from([2, 7, 100]))
@settings(max_examples=12, deadline=None)
def test_another_currency_changes_no_label(orders: list[Order], factor: int) -> None:
    dear = [(who, ago, factor * amount, kind) for who, ago, amount, kind in orders]
    before, after = _features(orders), _features(dear)
    for name, scheme in SCHEMES.items():
        assert _labels(scheme, before) == _labels(scheme, after), name


def test_limits_in_money_are_of_one_currency() -> None:
    orders = [(who, 10, 1000 * who, 0) for who in range(1, 9)]
    before, after = (
        _features(orders),
        _features([(who, ago, 7 * amount, 0) for who, ago, amount, _ in orders]),
    )
    fixed = SpendLevel(cut_points=(30, 60))
    assert _labels(fixed, before) != _labels(fixed, after)


@given(orders=ORDERS, data=st.data())
@settings(max_examples=8, deadline=None)
def test_the_order_of_orders_and_the_names_of_customers_change_nothing(
    orders: list[Order], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(orders))
    names = dict(zip((f"c{who}" for who in range(10)), data.draw(st.permutations(range(10))), strict=True))
    renamed = [(names[f"c{who}"], *rest) for who, *rest in mixed]
    before, after = _features(orders), _features(renamed)
    for name, scheme in SCHEMES.items():
        there = _labels(scheme, after)
        assert _labels(scheme, before) == {
            who: there[f"c{new}"] for who, new in names.items() if f"c{new}" in there
        }, name


@pytest.mark.parametrize("convention", [name for name in CONVENTIONS if name != "fixed"])
def test_the_confidence_of_rfm_is_lowest_at_a_cut_point(convention: str) -> None:
    rows = [(days, days // 7 + 1, 1.5 * days + 10) for days in range(2, 202, 2)]
    columns = ["days_since_last_order", "order_count", "total_spend"]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        customer_id=pl.int_range(pl.len()).cast(pl.String)
    )
    rfm = Rfm.from_params({"convention": convention}).fit(table)
    sure = rfm.confidence(table)
    assert sure.is_between(0.5, 1).all()
    assert sure.n_unique() > 5
    cut = rfm.cut_points_["recency"][0]
    at_cut = table.head(1).with_columns(pl.lit(cut).alias("days_since_last_order"))
    assert rfm.confidence(at_cut)[0] == 0.5


def test_an_alias_is_the_scheme_itself() -> None:
    features = _features([(who, 30 * who, 500 * who, 0) for who in range(1, 9)])
    assert PurchaseHistory.alias_of == "rfm"
    assert _labels(PurchaseHistory(), features) == _labels(Rfm(), features)


@pytest.fixture(scope="module")
def company() -> Lab:
    """The generated company, each person with one record."""
    return crmlab.open(
        "segmentation",
        data=[{"source": "sample", "customers": 600, "seed": 5, "dirt": False}],
        as_of="2024-12-31",
    )


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    (company,) = company_blocks(600, 5, dirt=False)
    return company.truth["customers"].select("customer_id", "left_on", "purchases_per_day", "mean_amount")


class TestTheGeneratedCompany:
    def test_frequency_ranks_who_stayed_as_their_true_rates_do(
        self, company: Lab, truth: pl.DataFrame
    ) -> None:
        found = company.classify("order-frequency")
        rate = found.features.select("customer_id", rate=found.classifier._value())  # type: ignore[attr-defined]
        known = truth.join(rate, on="customer_id").join(company.features("order_count"), on="customer_id")
        stayed = known.drop_nulls("rate").filter(pl.col("left_on").is_null())
        rates, counts = (
            stayed.select(pl.corr(column, "purchases_per_day", method="spearman")).item()
            for column in ("rate", "order_count")
        )
        assert rates > 0.88
        assert rates > counts + 0.05, "a rate ranks better than a count of orders"

    def test_the_confidence_of_a_frequency_is_how_often_it_is_right(
        self, company: Lab, truth: pl.DataFrame
    ) -> None:
        found = company.classify("order-frequency")
        low, high = (cut / 30 for cut in found.classifier.cut_points_)  # type: ignore[attr-defined]
        rate = pl.col("purchases_per_day")
        right = (
            pl.when(rate > high)
            .then(pl.lit("high"))
            .when(rate > low)
            .then(pl.lit("mid"))
            .otherwise(pl.lit("low"))
        )
        sure = found.labels.with_columns(found.classifier.confidence(found.features))
        stayed = (
            sure.join(truth, on="customer_id").filter(pl.col("left_on").is_null()).drop_nulls("confidence")
        )
        assert (stayed.select(pl.col("label") == right).to_series().mean()) == pytest.approx(
            stayed["confidence"].mean(), abs=0.05
        )

    def test_the_spend_level_ranks_as_the_true_amounts_do(self, company: Lab, truth: pl.DataFrame) -> None:
        found = company.classify("spend-level")
        known = truth.join(found.features, on="customer_id").drop_nulls("average_order_value")
        assert known.select(pl.corr("average_order_value", "mean_amount", method="spearman")).item() > 0.85
        medians = dict(
            truth.join(found.labels, on="customer_id")
            .group_by("label")
            .agg(pl.col("mean_amount").median())
            .iter_rows()
        )
        assert medians["high"] > 1.5 * medians["mid"] > 1.5 * 1.5 * medians["low"]

    def test_every_scheme_of_the_entry_points_labels_it(self, company: Lab) -> None:
        for name in ("value", "grade", "vip", "lifetime-value", "value-potential", "purchase-behaviour"):
            found = company.classify(name)
            reasons = found.explain()
            assert not reasons.select(pl.any_horizontal(pl.col("zh", "en").is_null()).any()).item()
            share = (found.labels["label"] == "unclassified").mean()
            assert share < 0.1, name
