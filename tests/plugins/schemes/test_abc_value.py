"""ABC: cumulative shares, ties, and values that count for nothing."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.abc_value import AbcValue


def _table(values: list[float | None]) -> pl.DataFrame:
    ids = [f"c{i:03}" for i in range(len(values))]
    return pl.DataFrame({"customer_id": ids, "total_spend": pl.Series(values, dtype=pl.Float64)})


def _labels(values: list[float | None], **params: float) -> str:
    table = _table(values)
    return "".join(label[0] for label in AbcValue(**params).fit(table).predict(table))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([50, 30, 10, 5, 5], "aabcc"),  # running shares .5 .8 .9 then the tie at 1
        ([5, 10, 50, 5, 30], "cbaca"),
        ([40, 20, 20, 10, 10], "aaacc"),  # the tie at .8 is A whole, the tie at 1 is C whole
        ([40, 25, 25, 10], "abbc"),  # the tie ends at .9, past .8, so it is B whole
        ([90, 6, 4], "acc"),  # one customer alone passes 80 %
        ([7], "a"),
        ([3, 3, 3], "aaa"),
        ([80, 10, 0, -5, 5, 5], "abcccc"),  # nothing and refunds count for nothing
        ([0, 0, -1], "ccc"),
        ([80.0, None, 20.0], "auc"),
        ([0.1] * 8 + [0.05] * 3 + [0.05], "aaaaaaaacccc"),
    ],
)
def test_tiers(values: list[float | None], expected: str) -> None:
    assert _labels(values) == expected


def test_shares_are_parameters() -> None:
    assert _labels([40, 30, 20, 10], a_share=0.7, b_share=0.9) == "aabc"


def test_the_metric_is_a_parameter() -> None:
    table = _table([1, 1, 1]).with_columns(order_count=pl.Series([8, 1, 1]))
    orders = AbcValue(metric="order_count").fit(table)
    assert orders.requires == ("order_count",)
    assert orders.predict(table).to_list() == ["a", "c", "c"]
    assert "付款订单数从高到低" in orders.definition().zh
    assert "highest my_margin down" in AbcValue(metric="my_margin").definition().en


def test_later_customers_are_placed_by_their_own_value() -> None:
    learned = AbcValue().fit(_table([50, 30, 10, 5, 5]))
    assert learned.thresholds_ == {"a": 30.0, "b": 10.0}
    assert learned.predict(_table([31, 29.99, 9.99, -1])).to_list() == ["a", "b", "c", "c"]


def test_words() -> None:
    learned = AbcValue().fit(_table([5_000, 3_000, 1_000, 500, 500]))
    assert learned.definition().zh.endswith("本次切分点：A 类不低于 3,000.00，B 类不低于 1,000.00。")
    assert learned.definition().en.endswith("Cut-points: A from 3,000.00, B from 1,000.00.")
    assert "80%" in AbcValue().definition().zh
    assert "切分点" not in AbcValue().fit(_table([0.0])).definition().zh
    reasons = learned.explain(_table([1_234.5, None]))
    assert reasons.rows() == [
        ("累计消费 1,234.50，属 B 类", "total spend 1,234.50, tier B"),
        ("缺少付款订单", "missing: paid orders"),
    ]
    assert learned.scheme.names("zh")["a"] == "A 类（高价值）"


@pytest.mark.parametrize("shares", [(0.9, 0.8), (0.0, 0.5), (0.8, 1.1), (0.8, 0.8)])
def test_shares_must_rise_within_one(shares: tuple[float, float]) -> None:
    with pytest.raises(ParamsError, match="0 < a_share < b_share ≤ 1"):
        AbcValue.from_params({"a_share": shares[0], "b_share": shares[1]})


@given(st.lists(st.integers(-200, 2_000).map(float), min_size=1, max_size=60))
def test_tiers_follow_the_value(values: list[float | None]) -> None:
    labels = _labels(values)
    ranked = sorted(zip(values, labels, strict=True), reverse=True)
    assert "".join(label for _, label in ranked) == "".join(sorted(labels))
    assert len({*ranked}) == len(set(values)), "equal values share a tier"
    whole = sum(value for value in values if value > 0)
    in_a = [value for value, label in ranked if label == "a"]
    assert sum(in_a) <= 0.8 * whole + 1e-9 or set(in_a) == {max(values)}
    assert all(label == "c" for value, label in ranked if value <= 0)
