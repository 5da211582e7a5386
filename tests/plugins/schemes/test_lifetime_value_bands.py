"""Lifetime value bands: a fact, or a simple formula that says that it overshoots."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.lifetime_value_bands import LifetimeValueBands

TABLE = pl.DataFrame(
    {
        "customer_id": [f"c{i:02}" for i in range(100)],
        "total_spend": [float(i) for i in range(100)],
        "average_order_value": [10.0] * 100,
        "orders_last_365_days": list(range(99, -1, -1)),
    }
)


def test_bands_are_the_top_5_then_15_then_30_percent() -> None:
    labels = LifetimeValueBands().fit(TABLE).predict(TABLE)
    assert dict(labels.value_counts().iter_rows()) == {"top": 5, "high": 15, "mid": 30, "base": 50}
    assert labels[99] == "top"
    other = LifetimeValueBands(shares=(0.2, 0.4, 0.9)).fit(TABLE).predict(TABLE)
    assert dict(other.value_counts().iter_rows()) == {"top": 10, "high": 50, "mid": 20, "base": 20}


def test_who_is_worth_nothing_is_base_even_where_most_are_worth_less() -> None:
    poor = TABLE.with_columns(total_spend=pl.int_range(-96, 4).cast(pl.Float64))
    labels = LifetimeValueBands().fit(poor).predict(poor)
    assert labels.filter(poor["total_spend"] <= 0).unique().to_list() == ["base"]
    assert labels.filter(poor["total_spend"] > 0).unique().to_list() == ["top"]


def test_the_margin_scales_values_and_moves_nobody() -> None:
    plain, earned = LifetimeValueBands().fit(TABLE), LifetimeValueBands(margin=0.25).fit(TABLE)
    assert earned.predict(TABLE).equals(plain.predict(TABLE))
    assert earned.explain(TABLE).row(80) == (
        "历史价值 20.00，属高价值客户",
        "value to date 20.00: High value",
    )
    assert "按收入计" in plain.definition().zh
    assert "毛利率按 25% 计" in earned.definition().zh
    assert "不是预测" in earned.definition().zh


def test_the_simple_formula_warns() -> None:
    simple = LifetimeValueBands(method="simple", margin=0.5, years=2).fit(TABLE)
    assert simple.predict(TABLE)[0] == "top"
    assert simple.explain(TABLE).row(98) == (
        "平均每单 10.00，近 365 天 1 单，简单生命周期价值 10.00（偏高估），属基础价值客户",
        "average order 10.00, 1 order in the last 365 days, simple lifetime value 10.00 (overshoots): Base "
        "value",
    )
    assert "明显高估" in simple.definition().zh
    assert "overshoots" in simple.definition().en


def test_a_score_can_take_its_place() -> None:
    scored = LifetimeValueBands(score_column="my_score")
    table = TABLE.with_columns(my_score=-pl.col("total_spend"))
    assert scored.requires == ("my_score",)
    assert scored.fit(table).predict(table)[0] == "top"
    assert scored.definition().en.startswith("The value is my_score.")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"margin": 0.0}, "margin is 0"),
        ({"margin": 30.0}, "at most 1"),
        ({"years": 0.0}, "years is 0"),
        ({"shares": (0.5,)}, "4 tiers need 3"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        LifetimeValueBands.from_params(params)
