"""Best customers: every condition of the rule, and the top by value."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.best_customers import BestCustomers


@parametrize_with_checks(
    [BestCustomers(), BestCustomers(metric="average_order_value", min_orders=1, top_share=0.5)]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@parametrize_with_checks([BestCustomers(mind_feedback=True, min_orders=1)])
def test_contract_with_feedback(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _table(*rows: tuple[int | None, int | None, float | None]) -> pl.DataFrame:
    """Rows of paid orders, days since the last, total spend."""
    schema = {"order_count": pl.Int64, "days_since_last_order": pl.Int64, "total_spend": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        customer_id=pl.format("c{}", pl.int_range(pl.len()))
    )


def test_all_conditions_must_hold() -> None:
    # Cut at the median of five values: above 30.
    table = _table((3, 90, 50.0), (2, 1, 50.0), (9, 91, 30.0), (9, 1, 30.0), (9, 1, 10.0), (0, None, 0.0))
    best = BestCustomers(top_share=0.5).fit(table)
    assert best.cuts_ == [30.0]
    assert best.predict(table).to_list() == ["best", "other", "other", "other", "other", "unclassified"]


def test_a_top_customer_in_the_red_is_not_best() -> None:
    table = _table((3, 1, -10.0), (3, 1, -20.0), (3, 1, -30.0))
    best = BestCustomers(top_share=0.5).fit(table)
    assert best.predict(table).to_list() == ["other"] * 3
    assert "不符合：累计消费 -10.00（须大于 0）" in best.explain(table)["zh"][0]


def test_equal_values_share_a_side() -> None:
    table = _table(*[(5, 1, 10.0)] * 8)
    assert BestCustomers().fit(table).predict(table).to_list() == ["other"] * 8


def test_reasons_say_which_conditions_hold_and_which_fail() -> None:
    table = _table((3, 1, 1250.0), (1, 200, 10.0), (5, 10, 10.0), (None, None, None))
    reasons = BestCustomers(top_share=0.4).fit(table).explain(table)
    assert reasons.rows() == [
        (
            "符合：付款订单 3 单（须不少于 3 单）、最近购买在 1 天前（须在 90 天内）、"
            "累计消费 1,250.00（须居前 40%，高于 258.00）",
            "holds: 3 paid orders (at least 3), last order 1 day ago (within 90 days), "
            "total spend 1,250.00 (the top 40%: above 258.00)",
        ),
        (
            "不符合：付款订单 1 单（须不少于 3 单）、最近购买在 200 天前（须在 90 天内）、"
            "累计消费 10.00（须居前 40%，高于 258.00）",
            "fails: 1 paid order (at least 3), last order 200 days ago (within 90 days), "
            "total spend 10.00 (the top 40%: above 258.00)",
        ),
        (
            "符合：付款订单 5 单（须不少于 3 单）、最近购买在 10 天前（须在 90 天内）；"
            "不符合：累计消费 10.00（须居前 40%，高于 258.00）",
            "holds: 5 paid orders (at least 3), last order 10 days ago (within 90 days); "
            "fails: total spend 10.00 (the top 40%: above 258.00)",
        ),
        ("缺少付款订单", "missing: paid orders"),
    ]


def test_the_dissatisfied_are_not_best_and_the_unknown_may_be() -> None:
    table = _table(*[(5, 1, 100.0)] * 4, (5, 1, 1.0)).with_columns(
        satisfied_weight=pl.Series([1.0, 0.5, None, 1.0, None]),
        dissatisfied_weight=pl.Series([0.5, 1.0, None, 0.0, None]),
        open_complaint_count=pl.Series([0, 0, None, 1, None]),
    )
    best = BestCustomers(mind_feedback=True, top_share=0.9).fit(table)
    assert best.predict(table).to_list() == ["best", "other", "best", "other", "other"]
    assert "不符合：没有不满意的记录" in best.explain(table)["zh"][1]
    plain = BestCustomers(top_share=0.9).fit(table)
    assert plain.predict(table).to_list() == ["best"] * 4 + ["other"]
    assert "投诉" in best.definition().zh
    assert "投诉" not in plain.definition().zh


def test_confidence_is_lowest_at_the_line_of_value() -> None:
    table = _table((5, 1, 100.0), (5, 1, 31.0), (5, 1, 30.0), (1, 1, 29.0), (5, 1, 0.5))
    sure = BestCustomers(top_share=0.5).fit(table).confidence(table)
    assert sure[2] == 0.5
    assert sure[3] == 1.0
    assert 0.5 < sure[1] < sure[0] <= 1.0


def test_definition_has_the_line() -> None:
    fitted = BestCustomers(top_share=0.4).fit(_table((3, 1, 1250.0), (1, 1, 10.0), (5, 1, 10.0)))
    assert "高于 258.00" in fitted.definition().zh
    assert "above 258.00" in fitted.definition().en
    assert "258" not in BestCustomers().definition().zh


@pytest.mark.parametrize(
    "params", [{"top_share": 0.0}, {"top_share": 1.0}, {"min_orders": 0}, {"active_days": -1}]
)
def test_wrong_parameters_are_named(params: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=next(iter(params))):
        BestCustomers.from_params(params)
