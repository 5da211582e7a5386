"""Churn warning: bands of a probability, with what is missing said."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from crmlab.errors import DataError, ParamsError
from crmlab.estimators import Estimator
from crmlab.sample_tables import sample_features
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.churn_warning import ChurnWarning

SPREAD = sample_features(*ChurnWarning().requires).with_columns(
    lapse_probability=pl.when(pl.col("days_since_last_order").is_not_null()).then(
        (pl.int_range(pl.len()) % 11) / 10
    ),
    gone_score=(pl.int_range(pl.len()) % 5) / 4,
)


@parametrize_with_checks(
    [ChurnWarning(), ChurnWarning(column="gone_score", medium_from=0.25, high_from=0.75)], features=SPREAD
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _table(*rows: tuple[float | None, int | None, float | None]) -> pl.DataFrame:
    """Rows of probability, days since the last order, own rhythm."""
    schema = {"lapse_probability": pl.Float64, "days_since_last_order": pl.Int64, "cadence_days": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        customer_id=pl.format("c{}", pl.int_range(pl.len())),
        cadence_ratio=pl.col("days_since_last_order") / pl.col("cadence_days"),
        order_gap_count=pl.lit(3, pl.Int64),
    )


def test_a_probability_at_a_line_belongs_to_the_graver_level() -> None:
    table = _table(
        (0.0, 1, 30.0), (0.499, 1, 30.0), (0.5, 1, 30.0), (0.799, 1, 30.0), (0.8, 1, 30.0), (1.0, 1, 30.0)
    )
    labels = ChurnWarning().fit(table).predict(table).to_list()
    assert labels == ["low", "low", "medium", "medium", "high", "high"]
    assert ChurnWarning(medium_from=0.1, high_from=1.0).fit(table).predict(table).to_list()[-2:] == [
        "medium",
        "high",
    ]


def test_reasons() -> None:
    table = _table((0.82, 120, 40.0), (0.5, 1, None), (0.049, 0, 12.5), (None, 5, 10.0), (None, None, None))
    warning = ChurnWarning().fit(table)
    assert warning.predict(table).to_list() == ["high", "medium", "low", "unclassified", "unclassified"]
    assert warning.explain(table).rows() == [
        (
            "流失概率 82.0%，不低于高预警线 80%；距最近一次购买 120 天，是自身购买节奏（40 天）的 3 倍",
            "probability of lapse 82.0%, at or above the line for high, 80%; 120 days since the last order, "
            "3 times the customer's own rhythm of 40 days",
        ),
        (
            "流失概率 50.0%，不低于中预警线 50%，低于高预警线 80%；距最近一次购买 1 天",
            "probability of lapse 50.0%, at or above the line for medium, 50%, below that for high, 80%; "
            "1 day since the last order",
        ),
        (
            "流失概率 4.9%，低于中预警线 50%；距最近一次购买 0 天，是自身购买节奏（12.5 天）的 0 倍",
            "probability of lapse 4.9%, below the line for medium, 50%; 0 days since the last order, "
            "0 times the customer's own rhythm of 12.5 days",
        ),
        (
            "订单历史太短或久未购买，未给出流失概率；距最近一次购买 5 天，是自身购买节奏（10 天）的 0.5 倍",
            "no probability of lapse is given: the history is too short, or the silence too long; "
            "5 days since the last order, 0.5 times the customer's own rhythm of 10 days",
        ),
        ("缺少付款订单", "missing: paid orders"),
    ]


def test_who_bought_on_one_day_only_has_no_rhythm_of_his_own() -> None:
    once = _table((0.82, 120, 40.0)).with_columns(order_gap_count=pl.lit(0, pl.Int64))
    zh, en = ChurnWarning().fit(once).explain(once).row(0)
    assert zh.endswith("是全体客户购买节奏（40 天）的 3 倍")
    assert en.endswith("3 times everybody's rhythm of 40 days")


def test_confidence_grows_away_from_the_lines() -> None:
    table = _table(
        (0.5, 1, 1.0), (0.65, 1, 1.0), (0.8, 1, 1.0), (0.0, 1, 1.0), (None, 1, 1.0), (None, None, None)
    )
    sure = ChurnWarning().fit(table).confidence(table).to_list()
    assert sure == pytest.approx([0.5, 1.0, 0.5, 1.0, None, None])


def test_what_is_no_probability_is_refused_without_quoting_it() -> None:
    table = _table((12.5, 1, 1.0), (0.5, 1, 1.0))
    with pytest.raises(DataError, match=r"1 customers have a value outside 0–1") as caught:
        ChurnWarning().fit(table)
    assert "12.5" not in str(caught.value)
    words = table.with_columns(lapse_probability=pl.lit("high"))
    with pytest.raises(DataError, match="String"):
        ChurnWarning().fit(words)


def test_definition_names_the_column_and_the_lines() -> None:
    assert "90 天" in ChurnWarning().definition().zh
    other = ChurnWarning(column="p_gone", medium_from=0.25, high_from=0.625).definition()
    assert "p_gone" in other.zh
    assert "62.5%" in other.en
    assert "90" not in other.en


@pytest.mark.parametrize("lines", [(0.0, 0.5), (0.5, 0.5), (0.6, 0.5), (0.5, 1.1)])
def test_lines_must_rise_within_0_and_1(lines: tuple[float, float]) -> None:
    with pytest.raises(ParamsError, match="medium_from"):
        ChurnWarning.from_params({"medium_from": lines[0], "high_from": lines[1]})
