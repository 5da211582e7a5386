"""Grade: what people wrote, what the orders say, and where the two disagree."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.features.grades import ManualGrade
from crmlab_plugins.schemes.grade import Grade


def _table(*rows: tuple[str | None, float | None]) -> pl.DataFrame:
    schema = {"manual_grade": pl.String, "total_spend": pl.Float64}
    table = pl.DataFrame(list(rows), schema=schema, orient="row")
    return table.select(pl.format("c{}", pl.int_range(pl.len())).alias("customer_id"), *schema)


TABLE = _table(
    ("高", 100.0), ("ｖｉｐ 客户", 40.0), ("低", 100.0), (None, 15.0), ("五星", 5.0), ("银卡会员", None)
)


def _labels(**params: Any) -> list[str]:
    return Grade.from_params(params).fit(TABLE).predict(TABLE).to_list()


def test_which_grade_counts() -> None:
    assert _labels(use="manual") == ["high", "high", "low", "unclassified", "unclassified", "mid"]
    assert _labels(use="derived") == ["high", "mid", "high", "low", "low", "unclassified"]
    assert _labels() == ["high", "high", "low", "low", "low", "mid"]


def test_words_can_be_added_and_replaced() -> None:
    assert _labels(use="manual", words={"high": ["五星"], "mid": ["VIP"]})[:5] == [
        "high", "mid", "low", "unclassified", "high",
    ]  # fmt: skip
    with pytest.raises(ParamsError, match="words has the grades top; allowed: high, mid, low"):
        Grade.from_params({"words": {"top": ["VIP"]}})


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("A级", "high"),
        (" Gold ", "high"),
        ("重点客户", "high"),
        ("B类客户", "mid"),
        ("普通会员", "low"),
        ("3", None),
    ],
)
def test_the_table_of_words(word: str, grade: str | None) -> None:
    row = _table((word, 1.0))
    assert Grade().fit(TABLE).grades(row)["manual"].to_list() == [grade]


def test_the_reason_names_both_and_never_the_word_itself() -> None:
    learned = Grade().fit(TABLE)
    reasons = learned.explain(TABLE)
    assert reasons["zh"].to_list() == [
        "手工等级：高；推算等级：高（累计消费 100.00）",
        "手工等级：高；推算等级：中（累计消费 40.00）；两者不一致",
        "手工等级：低；推算等级：高（累计消费 100.00）；两者不一致",
        "手工等级：无；推算等级：低（累计消费 15.00）",
        "手工等级：不在对照表中；推算等级：低（累计消费 5.00）",
        "手工等级：中；推算等级：无（缺少付款订单）",
    ]
    assert reasons["en"][1] == "manual grade: High; derived grade: Mid (total spend 40.00); they disagree"
    assert learned.confidence(TABLE).to_list() == [1.0, 0.5, 0.5, 0.75, 0.75, 0.75]
    assert "有 1 位客户的手工等级不在对照表中" in learned.definition().zh


def test_a_study_without_grades_derives_them() -> None:
    orders = pl.LazyFrame({"customer_id": ["a", "a", "b"], "day": [0, 1, 99_999]})
    customers = pl.LazyFrame({"customer_id": ["a", "b"], "grade": ["A", None], "day": [0, 99_999]})
    built = {
        name: ManualGrade()
        .build({key: nw.from_native(table) for key, table in tables.items()}, date(2024, 1, 1))
        .to_native()
        .collect()
        .rows()
        for name, tables in {
            "orders": {"orders": orders},
            "no grade": {"customers": customers.drop("grade"), "orders": orders},
            "grade": {"customers": customers, "orders": orders},
        }.items()
    }
    assert built == {"orders": [("a", None)], "no grade": [("a", None)], "grade": [("a", "A")]}
    bare = TABLE.with_columns(manual_grade=pl.lit(None, pl.String))
    assert Grade().fit(bare).predict(bare).to_list()[:4] == ["high", "mid", "high", "low"]
