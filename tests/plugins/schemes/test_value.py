"""Customer value: the cut of ABC under other names, or a mean of ranks."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.rules import ranks
from crmlab_plugins.schemes.abc_value import AbcValue
from crmlab_plugins.schemes.value import Value


def _table(spend: list[float], orders: list[int], referrals: list[int | None] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [f"c{i:03}" for i in range(len(spend))],
            "total_spend": pl.Series(spend, dtype=pl.Float64),
            "order_count": orders,
            "referral_count": pl.Series(referrals or [None] * len(spend), dtype=pl.Int64),
        }
    )


@given(st.lists(st.integers(-200, 2_000).map(float), min_size=1, max_size=40))
def test_the_part_in_the_total_is_cut_as_abc_cuts_it(spend: list[float]) -> None:
    table = _table(spend, [1] * len(spend))
    renamed = AbcValue().fit(table).predict(table).replace({"a": "high", "b": "mid", "c": "low"})
    assert Value().fit(table).predict(table).to_list() == renamed.to_list()


def test_the_score_weighs_ranks() -> None:
    table = _table([10, 20, 30, 40, 50], [5, 4, 3, 2, 1])
    spend = Value(method="score", frequency_weight=0, referral_weight=0).fit(table)
    assert spend.requires == ("total_spend",)
    assert spend.predict(table).to_list() == ["low", "low", "low", "mid", "high"]
    orders = Value(method="score", spend_weight=0.1, frequency_weight=0.9).fit(table)
    assert orders.predict(table).to_list() == ["high", "mid", "low", "low", "low"]


def test_unknown_referrals_count_neither_for_nor_against() -> None:
    known = _table([10, 20, 30, 40], [1, 2, 3, 4], [0, 1, 2, 3])
    learned = Value(method="score", referral_weight=0.5).fit(known)
    row = known.slice(2, 1)
    unknown = row.with_columns(referral_count=pl.lit(None, pl.Int64))
    assert learned._scores(unknown)["score"][0] == pytest.approx(learned._scores(row)["score"][0])
    assert "推荐来的客户数未知，不计入" in learned.explain(unknown)["zh"][0]
    more = row.with_columns(referral_count=pl.lit(9, pl.Int64))
    assert learned._scores(more)["score"][0] > learned._scores(unknown)["score"][0]


def test_words() -> None:
    table = _table([5_000, 3_000, 1_000, 500, 500], [1] * 5)
    learned = Value().fit(table)
    assert learned.explain(table).row(0) == (
        "累计消费 5,000.00，属高价值客户",
        "total spend 5,000.00: High value",
    )
    assert learned.definition().zh.endswith("本次切分点：高价值不低于 3,000.00，中等价值不低于 1,000.00。")
    score = Value(method="score").definition()
    assert "累计消费 60%、付款订单数 30%、推荐来的客户数 10%" in score.zh
    assert "cut-points" not in score.en.lower()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"high_share": 0.95, "mid_share": 0.8}, "0 < high_share < mid_share"),
        ({"spend_weight": 0.0}, "that of spend must be above 0"),
        ({"referral_weight": -1.0}, "none may be negative"),
        ({"score_shares": (0.8, 0.5)}, "rising shares"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        Value.from_params(params)


@given(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=60))
def test_ranks_are_shares_below_with_half_of_the_equal(values: list[float]) -> None:
    series = pl.Series(values)
    found = ranks.of(series, ranks.learn(series))
    for value, rank in zip(values, found, strict=True):
        exact = (sum(v < value for v in values) + 0.5 * values.count(value)) / len(values)
        assert rank == pytest.approx(exact, abs=0.5 / len(values) + 0.01)
    assert ranks.of(pl.Series([None, 3.0]), []).to_list() == [None, 0.5]
