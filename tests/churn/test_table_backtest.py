"""The backtest of a flat table: real AUC on the Telco table, a leaky one refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crmlab.churn.table_backtest import EVERYBODY, SINGLE, TableBacktest, table_backtest
from crmlab.errors import DataError, ParamsError


def _telco(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "telco_ibm" / "Telco-Customer-Churn.csv", null_values=[" ", ""])


def _toy(rows: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    risk = rng.normal(size=rows)
    return pl.DataFrame(
        {
            "id": range(rows),
            "risk": risk,
            "second": rng.normal(size=rows) + risk,
            "plan": rng.choice(["月", "年"], rows),
            "left": rng.random(rows) < 1 / (1 + np.exp(-1.5 * risk)),
        }
    )


def test_telco_reaches_what_is_promised_without_leakage(shared_data: Path) -> None:
    table = _telco(shared_data)
    found = table_backtest(table, "Churn", key="customerID")
    assert found.figure("churn-logistic").value >= 0.845
    assert found.figure("churn-boosting").value >= 0.845
    assert not found.leakage.found
    assert found.success
    assert found.margin.low > 0.05
    assert found.figure(EVERYBODY).value == 0.5
    brier = {name: found.figure(name, "brier").value for name in found.names}
    assert brier["churn-logistic"] < brier[SINGLE] < brier[EVERYBODY]
    assert found.folds.filter(metric="auc", model="churn-logistic").height == 5
    assert "0.85" in found.explain().zh


def test_a_leaky_99_is_no_success(shared_data: Path) -> None:
    table = _telco(shared_data)
    rng = np.random.default_rng(1)
    leaky = table.with_columns(
        ClosingBalance=pl.Series((table["Churn"] == "Yes").to_numpy() * 3 + rng.random(table.height)),
    )
    found = table_backtest(leaky.head(1200), "Churn", key="customerID")
    assert max(found.figure(name).value for name in found.names) >= 0.99
    assert not found.success
    assert found.leakage.columns == ("ClosingBalance",)
    said = found.explain()
    assert said.zh.startswith("结果不予认可")
    assert said.en.startswith("This is not accepted as a success")
    assert "ClosingBalance" in said.zh
    assert "ClosingBalance" in said.en
    assert found.note().kind == "warning"


def test_two_honest_columns_that_together_tell_all_are_refused_too() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 2, 800), rng.integers(0, 2, 800)
    table = pl.DataFrame({"a": a.astype(str), "b": b.astype(str), "left": a != b})
    found = table_backtest(table, "left", folds=2)
    assert not found.leakage.found
    assert found.figure("churn-boosting").value >= 0.99
    assert not found.success
    assert "事后" in found.explain().zh


def test_every_row_is_judged_once_and_the_seed_decides() -> None:
    table = _toy()
    first, again = (table_backtest(table, "left", key="id", folds=3) for _ in range(2))
    assert_frame_equal(first.scores, again.scores, check_exact=True)
    assert first.scores["row"].sort().to_list() == list(range(table.height))
    rates = first.scores.group_by("fold").agg(pl.col("churned").mean())["churned"]
    assert rates.max() - rates.min() < 0.02  # type: ignore[operator]
    other = table_backtest(table, "left", key="id", folds=3, seed=1)
    assert other.scores["row"].to_list() != first.scores["row"].to_list()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_shows_itself(language: Any) -> None:
    found = table_backtest(_toy(), "left", key="id", folds=3, language=language)
    assert isinstance(found, TableBacktest)
    rows = found.table().payload()["rows"]
    assert len(rows) == len(found.names)
    assert "300" in found.note().plain()


def test_labels_in_words_dates_and_numbers_are_the_same() -> None:
    table = _toy()
    words = table.with_columns(left=pl.when("left").then(pl.lit(" 是")).otherwise(pl.lit("否")))
    dates = table.with_columns(left=pl.when("left").then(pl.lit("2024-01-01").str.to_date()))
    numbers = table.with_columns(pl.col("left").cast(pl.Int64))
    expected = table_backtest(table, "left", key="id", folds=2).scores
    for other in (words, dates, numbers):
        assert_frame_equal(table_backtest(other, "left", key="id", folds=2).scores, expected)


def test_problems_are_said_without_quoting_values() -> None:
    table = _toy()
    with pytest.raises(ParamsError, match=r"'lef'.*Did you mean 'left'"):
        table_backtest(table, "lef")
    with pytest.raises(ParamsError, match="'risks'"):
        table_backtest(table, "left", columns=["risks"])
    with pytest.raises(ParamsError, match="folds is 1"):
        table_backtest(table, "left", folds=1)
    with pytest.raises(DataError, match="3 customers have no value"):
        table_backtest(
            table.with_columns(pl.when(pl.int_range(pl.len()) > 2).then("left").alias("left")), "left"
        )
    strange = table.with_columns(left=pl.when("left").then(pl.lit("秘密")).otherwise(pl.lit("否")))
    with pytest.raises(DataError, match="neither yes nor no") as caught:
        table_backtest(strange, "left")
    assert "秘密" not in str(caught.value)
