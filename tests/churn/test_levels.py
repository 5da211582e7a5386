"""Levels by expected loss: shares of the loss, or break-even."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.churn.levels import levels
from crmlab.errors import ParamsError


def _scores(*losses: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [f"c{place:03}" for place in range(len(losses))],
            "churn_probability": [None if loss is None else 0.5 for loss in losses],
            "expected_loss": losses,
        },
        schema={"customer_id": pl.String, "churn_probability": pl.Float64, "expected_loss": pl.Float64},
    )


def test_shares_of_the_loss_by_hand() -> None:
    found = levels(_scores(40.0, 5.0, 20.0, 15.0, 10.0, 10.0, None))
    given_levels = dict(found.customers.select("customer_id", "level").iter_rows())
    # 40 + 20 pass half of 100; 15 and 10 and 10 (a tie with the one that reaches 80) are medium.
    assert given_levels == {
        "c000": "high", "c002": "high", "c003": "medium", "c004": "medium", "c005": "medium", "c001": "low"
    }  # fmt: skip
    assert found.lines == (20.0, 10.0)
    assert found.summary["customers"].to_list() == [2, 3, 1]
    assert found.summary["loss_share"].to_list() == pytest.approx([0.6, 0.35, 0.05])


@given(losses=st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_levels_fall_with_the_loss_and_lose_nobody(losses: list[float]) -> None:
    found = levels(_scores(*losses))
    assert found.customers.height == len(losses)
    order = {"high": 0, "medium": 1, "low": 2}
    ranks = [order[level] for level in found.customers["level"]]
    assert ranks == sorted(ranks)
    by_loss = found.customers.group_by("expected_loss").agg(pl.col("level").n_unique())
    assert (by_loss["level"] == 1).all()
    if sum(losses) > 0:
        assert found.summary["loss_share"][0] >= 0.5 - 1e-9


def test_break_even_by_hand() -> None:
    found = levels(_scores(45.0, 44.0, 5.0, 4.9), costs=(11.0, 1.0), success_rate=0.25)
    assert found.lines == (44.0, 4.0)
    assert found.customers["level"].to_list() == ["high", "high", "medium", "medium"]
    assert "盈亏平衡" in found.explain().zh
    assert "break-even" in found.explain().en


def test_nobody_and_no_loss() -> None:
    assert levels(_scores(None)).explain().zh == "没有可评级的客户。"
    assert levels(_scores(None)).table().plain() == "没有可评级的客户。"
    assert set(levels(_scores(0.0, 0.0)).customers["level"]) == {"low"}
    with pytest.raises(ParamsError, match="rise"):
        levels(_scores(1.0), shares=(0.8, 0.5))


def test_small_levels_are_not_shown() -> None:
    shown = levels(_scores(*[50.0] * 2, *[1.0] * 40), smallest=5).summary
    assert shown["customers"].null_count() >= 2
    assert shown["expected_loss"].null_count() == shown["customers"].null_count()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_table_names_levels(language: Any) -> None:
    rows = levels(_scores(40.0, 5.0, 20.0), language=language).table().payload()["rows"]  # type: ignore[union-attr]
    assert [row[0] for row in rows] == (["高", "中", "低"] if language == "zh" else ["High", "Medium", "Low"])
