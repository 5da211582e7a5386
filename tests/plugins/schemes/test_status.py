"""Status: limits in days, by everybody's cadence and by one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import MissingFeaturesError, ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.status import METHODS, Status

GAPS = ("order_gap_count", "own_gap_days", "population_gap_days")


def _table(*rows: tuple[int | None, int | None, int | None], population: int | None = 60) -> pl.DataFrame:
    """Rows of days since the last order, gaps, own gap."""
    columns = ["days_since_last_order", "order_gap_count", "own_gap_days"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.Int64), orient="row").with_columns(
        customer_id=pl.format("c{}", pl.int_range(pl.len())),
        population_gap_days=pl.lit(population, pl.Int64),
    )


def _labels(method: str, table: pl.DataFrame, **params: Any) -> list[str]:
    return Status.from_params({"method": method, **params}).fit(table).predict(table).to_list()


def test_fixed_days_belong_to_the_better_side() -> None:
    table = _table(*((days, 0, None) for days in (0, 90, 91, 180, 181)))
    assert _labels("fixed_days", table) == ["active", "active", "dormant", "dormant", "lost"]
    other = _labels("fixed_days", table, dormant_after_days=0, lost_after_days=90)
    assert other == ["active", "dormant", "lost", "lost", "lost"]


def test_population_gap() -> None:
    table = _table(*((days, 9, 1) for days in (60, 61, 120, 121)))
    assert _labels("population_gap", table) == ["active", "dormant", "dormant", "lost"]
    assert _labels("population_gap", table, lost_multiple=1.5) == ["active", "dormant", "lost", "lost"]


def test_own_gap_with_few_gaps_is_everybodys() -> None:
    table = _table((30, 4, 20), (41, 4, 20), (41, 3, 20), (61, 0, None), (None, 0, None))
    assert _labels("own_gap", table) == ["dormant", "lost", "active", "dormant", "unclassified"]
    assert _labels("own_gap", table, min_gaps=3)[2] == "lost"


def test_shrunk_gap_lies_between_own_and_everybodys() -> None:
    # 4 gaps of 20 days and a weight of 4 for 60 days: the limit is 40, the second 80.
    table = _table((40, 4, 20), (41, 4, 20), (80, 4, 20), (81, 4, 20), (60, 0, None), (61, 0, None))
    assert _labels("shrunk_gap", table) == ["active", "dormant", "dormant", "lost", "active", "dormant"]
    assert _labels("shrunk_gap", table, shrinkage_gaps=0.001)[:2] == ["dormant", "lost"]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "fixed_days"])
def test_without_any_gap_the_fixed_days_hold(method: str) -> None:
    table = _table((90, 0, None), (91, 0, None), (181, 0, None), population=None)
    assert _labels(method, table) == ["active", "dormant", "lost"]
    definition = Status(method=method).fit(table).definition()  # type: ignore[arg-type]
    assert definition.zh.startswith("没有客户在两个不同的日子下过单")
    assert "90 days" in definition.en


def test_a_replay_compares_with_the_gap_that_was_learned() -> None:
    learned = Status(method="population_gap").fit(_table((10, 1, 5)))
    assert learned.population_gap_days_ == 60
    assert learned.predict(_table((61, 1, 5), population=500)).to_list() == ["dormant"]


def test_customers_without_orders_do_not_hide_the_gap() -> None:
    table = _table((10, 1, 5), (None, None, None)).with_columns(
        pl.when(pl.col("days_since_last_order").is_not_null()).then(pl.col("population_gap_days"))
    )
    assert Status(method="population_gap").fit(table).population_gap_days_ == 60


def test_only_what_the_method_needs_is_required() -> None:
    assert Status().requires == ("days_since_last_order",)
    assert Status(method="population_gap").requires == ("days_since_last_order", "population_gap_days")
    for method in ("own_gap", "shrunk_gap"):
        status = Status(method=method)  # type: ignore[arg-type]
        assert status.requires == ("days_since_last_order", *GAPS)
        with pytest.raises(MissingFeaturesError, match="own_gap_days"):
            status.fit(_table((1, 1, 1)).drop("own_gap_days"))


def test_reasons() -> None:
    table = _table((1, 4, 20), (45, 4, 20), (100, 4, 15), (None, 0, None))
    assert Status(method="shrunk_gap").fit(table).explain(table).rows() == [
        (
            "距最近一次购买 1 天，未超过休眠界限 40 天",
            "1 day since the last order, within the 40-day limit for dormant",
        ),
        (
            "距最近一次购买 45 天，超过休眠界限 40 天，未超过流失界限 80 天",
            "45 days since the last order, beyond the 40-day limit for dormant, "
            "within the 80-day limit for lost",
        ),
        (
            "距最近一次购买 100 天，超过流失界限 75 天",
            "100 days since the last order, beyond the 75-day limit for lost",
        ),
        ("缺少付款订单", "missing: paid orders"),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_definition_has_the_numbers(method: str) -> None:
    status = Status(method=method)  # type: ignore[arg-type]
    before, after = status.definition(), status.clone().fit(_table((1, 4, 20))).definition()
    if method == "fixed_days":
        assert before == after
        assert "90 天" in after.zh
        assert "180 days" in after.en
    else:
        assert "60" not in before.zh
        assert "全体客户的间隔：60 天。" in after.zh
        assert "Gap of all customers: 60 days." in after.en


def test_all_wrong_parameters_are_reported_at_once() -> None:
    wrong = {"dormant_after_days": 200, "lost_multiple": 1.0, "min_gaps": 0, "shrinkage_gaps": 0.0}
    with pytest.raises(ParamsError) as caught:
        Status.from_params(wrong)
    assert all(name in str(caught.value) for name in wrong)
    with pytest.raises(ParamsError, match=r"lost_multiple is inf.*shrinkage_gaps is inf"):
        Status.from_params({"lost_multiple": math.inf, "shrinkage_gaps": math.inf})
    with pytest.raises(ParamsError, match="Did you mean 'own_gap'"):
        Status(method="own_gaps").fit(_table((1, 1, 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
@given(
    gaps=st.integers(0, 9), own=st.integers(1, 90), population=st.integers(1, 90), days=st.integers(0, 400)
)
@settings(max_examples=30, deadline=None)
def test_nobody_gets_better_by_waiting(method: str, gaps: int, own: int, population: int, days: int) -> None:
    mine = own if gaps else None
    table = _table((days, gaps, mine), (days + 1, gaps, mine), population=population)
    order = ["active", "dormant", "lost"]
    first, second = (order.index(label) for label in _labels(method, table))
    assert first <= second


def _touched(*rows: tuple[int | None, int | None, str | None, str | None]) -> pl.DataFrame:
    """Rows of days since the last order, days since the last touch, its kind and channel."""
    columns = {"days_since_last_order": pl.Int64, "days_since_last_touch": pl.Int64}
    words = {"last_touch": pl.String, "last_touch_channel": pl.String}
    frame = pl.DataFrame(rows, schema=columns | words, orient="row")
    return frame.with_columns(customer_id=pl.format("c{}", pl.int_range(pl.len())))


def test_by_touches_a_complaint_is_a_sign_of_life() -> None:
    table = _touched(
        (200, 10, "complaint", "微信"),
        (200, 100, "feedback", None),
        (200, 200, "order", None),
        (None, 3, "interaction", "电话"),
    )
    status = Status(evidence="touches").fit(table)
    assert status.predict(table).to_list() == ["active", "dormant", "lost", "unclassified"]
    assert Status().fit(table).predict(table).to_list() == ["lost", "lost", "lost", "unclassified"]
    assert status.explain(table).rows()[:2] == [
        (
            "距最近一次往来（投诉，微信）10 天，未超过休眠界限 90 天",
            "10 days since the last touch (complaint, 微信), within the 90-day limit for dormant",
        ),
        (
            "距最近一次往来（反馈）100 天，超过休眠界限 90 天，未超过流失界限 180 天",
            "100 days since the last touch (feedback), beyond the 90-day limit for dormant, "
            "within the 180-day limit for lost",
        ),
    ]
    assert "往来" in status.definition().zh
    assert "touch" in status.definition().en


def test_where_there_are_only_orders_both_kinds_of_evidence_agree() -> None:
    table = _touched(*((days, days, "order", None) for days in (0, 90, 91, 180, 181)))
    by_touches = Status(evidence="touches").fit(table)
    assert by_touches.predict(table).equals(Status().fit(table).predict(table))
    assert by_touches.confidence(table).equals(Status().fit(table).confidence(table))


def test_a_label_is_surest_in_the_middle() -> None:
    table = _table(*((days, 0, None) for days in (90, 45, 0, 135, 180, 225, 900)))
    sure = Status().fit(table).confidence(table).to_list()
    assert sure == [0.5, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0]
    assert Status().fit(table).confidence(_table((100, 0, None)))[0] == pytest.approx(0.5 + 0.5 * 10 / 45)


@parametrize_with_checks([Status(method="shrunk_gap", evidence="touches")])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)
