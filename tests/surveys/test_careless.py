from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crmlab.lab import Lab
from crmlab.surveys.careless import careless, careless_summary
from crmlab.surveys.sheets import Sheets
from crmlab.view.tables import Table

Make = Callable[..., Lab]
ROWS = ("质量", "价格", "服务", "配送", "包装", "售后")


def sheets_csv_of(sheets_csv: Any, answers: list[list[int]]) -> str:
    sheets = [
        {f"请评价：{row}": (score, "csat_1_5") for row, score in zip(ROWS, each, strict=True)}
        for each in answers
    ]
    return str(sheets_csv(sheets))


def test_the_same_answer_all_along_is_flagged(make_lab: Make, sheets_csv: Any) -> None:
    answers = [[3] * 6] * 6 + [[5, 4, 3, 4, 5, 4]] * 30
    lab = make_lab({"feedback": sheets_csv_of(sheets_csv, answers)})
    flags = lab.surveys.careless
    assert flags["straight_line"].sum() == 6
    assert flags["long_string"].sum() == 6
    assert flags["speeder"].null_count() == 36
    table = lab.surveys.careless_table()
    assert isinstance(table, Table)
    assert "答题用时" in table.to_html()


def test_few_who_are_flagged_are_not_counted_out(make_lab: Make, sheets_csv: Any) -> None:
    answers = [[3] * 6] * 2 + [[5, 4, 3, 4, 5, 4]] * 30
    lab = make_lab({"feedback": sheets_csv_of(sheets_csv, answers)})
    row = careless_summary(lab.surveys.careless, 5).row(0, named=True)
    assert (row["judged"], row["sheets"]) == (32, None)


def test_a_third_of_the_median_time_is_too_fast() -> None:
    rows = [
        {"respondent_id": f"r{place}", "question": "哪个", "answer": "甲", "duration_seconds": seconds}
        for place, seconds in enumerate([30.0, 60.0, 90.0, 90.0, 100.0, 29.0, None])
    ]
    frame = pl.DataFrame(rows).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("customer_id", "scale")),
        score=pl.lit(None, pl.Float64),
    )
    # The median of 29, 30, 60, 90, 90, 100 is 75.
    flags = careless(Sheets(frame))
    assert flags["speeder"].to_list() == [False, False, False, False, False, False, None]
    faster = frame.with_columns(
        duration_seconds=pl.when(respondent_id="r5").then(24.9).otherwise("duration_seconds")
    )
    assert careless(Sheets(faster))["speeder"].to_list() == [False, False, False, False, False, True, None]


def test_reliability_of_a_matrix(make_lab: Make, sheets_csv: Any) -> None:
    answers = [[value] * 5 + [6 - value] for value in (1, 2, 3, 4, 5) for _ in range(10)]
    lab = make_lab({"feedback": sheets_csv_of(sheets_csv, answers)})
    found = {row["question"]: row for row in lab.surveys.reliability.iter_rows(named=True)}
    # Five questions that agree and one turned round: without it they are the same.
    assert found["售后"]["alpha"] == pytest.approx(1)
    assert found["售后"]["item_rest"] == pytest.approx(-1)
    assert found[None]["alpha"] < found["售后"]["alpha"]
    assert isinstance(lab.surveys.reliability_table(), Table)
