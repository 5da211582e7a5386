from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.rules import wording


def written(values: list[float | None], decimals: int) -> list[str | None]:
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    return frame.select(wording.number(pl.col("x"), decimals)).to_series().to_list()


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1))
def test_whole_numbers_are_written_as_python_does(values: list[int]) -> None:
    assert written([float(value) for value in values], 0) == [f"{value:,}" for value in values]


@given(st.integers(-(10**11), 10**11))
def test_hundredths_are_exact(hundredths: int) -> None:
    assert written([hundredths / 100], 2) == [f"{hundredths / 100:,.2f}".replace("-0.00", "0.00")]


def test_what_is_no_number_is_null_and_rounding_to_zero_has_no_sign() -> None:
    assert written([None, float("nan"), float("inf"), -0.001], 2) == [None, None, None, "0.00"]


@pytest.mark.parametrize(("value", "shown"), [(7.0, "7"), (7.25, "7.2"), (1200.0, "1,200"), (100.0, "100")])
def test_short_numbers_have_no_zeros_at_the_end(value: float, shown: str) -> None:
    assert pl.select(wording.short(pl.lit(value))).item() == shown


def test_counts_and_shares() -> None:
    frame = pl.DataFrame({"n": [1, 2, 1200]})
    assert frame.select(wording.counted(pl.col("n"), "order")).to_series().to_list() == [
        "1 order",
        "2 orders",
        "1,200 orders",
    ]
    assert pl.select(wording.percent(pl.lit(0.256))).item() == "26%"


def test_day_0_is_the_as_of_day() -> None:
    zh, en = wording.ago(pl.col("days"))
    said = pl.DataFrame({"days": [0, 1, 1200, None]}).select(zh=zh, en=en)
    assert said["zh"].to_list() == ["就在观察日当天", "在 1 天前", "在 1,200 天前", None]
    assert said["en"].to_list() == ["on the as-of day", "1 day ago", "1,200 days ago", None]
