"""Scores by hand, what is not checked, row numbers, the quarantine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab.data.quality.scorecard import Scorecard, evaluate
from crmlab.data.quality.thresholds import QualityParams
from crmlab.data.tables import TableStore
from crmlab.errors import DataError
from crmlab.estimators import Source
from crmlab.intervals import wilson
from crmlab.labels import Text

from .conftest import AS_OF, Written

Card = Callable[..., Scorecard]

PEOPLE = {
    "customer_id": ["a", "b", "c", "d"],
    "mobile": ["13912345679", "1", "2", ""],
    "email": ["a@b.cn", "a@b.cn", "a@b.cn", "x"],
}


def _normativity(found: Scorecard) -> dict[str, Any]:
    return found.dimensions.row(by_predicate=pl.col("dimension") == "normativity", named=True)


def test_the_score_of_a_dimension_by_hand(card: Card) -> None:
    # Mobile (error, 3): 1 of 3 passes. E-mail (warning, 1): 3 of 4. Rejected codes (warning, 1): all of 4.
    row = _normativity(card({"customers": PEOPLE}))
    assert row["score"] == pytest.approx((3 * (1 / 3) + 3 / 4 + 1) / 5)
    assert (row["checked"], row["warnings"], row["errors"]) == (3, 1, 1)


def test_the_overall_score_is_the_mean_of_dimensions_that_have_one(card: Card) -> None:
    found = card({"customers": {"customer_id": ["a"]}})
    scores = dict(found.dimensions.select("dimension", "score").iter_rows())
    assert scores["timeliness"] is None  # nothing but notices could be checked there
    known = [score for score in scores.values() if score is not None]
    assert found.score == pytest.approx(sum(known) / len(known))


def test_severity_threshold_and_off(card: Card) -> None:
    loose = card({"customers": PEOPLE}, rules={"mobile_format": {"max_share": 0.7}})
    assert loose.result("mobile_format", "customers").status == "ok"
    hint = card({"customers": PEOPLE}, rules={"mobile_format": {"severity": "notice"}})
    assert hint.result("mobile_format", "customers").status == "notice"
    assert _normativity(hint)["score"] == pytest.approx((3 / 4 + 1) / 2)
    off = card({"customers": PEOPLE}, off=["mobile_format"])
    assert off.result("mobile_format", "customers") is None
    assert _normativity(off)["score"] == pytest.approx((3 / 4 + 1) / 2)


def test_shares_carry_wilson_intervals(card: Card) -> None:
    row = card({"customers": PEOPLE}).frame.row(by_predicate=pl.col("rule") == "mobile_format", named=True)
    assert (row["checked"], row["violated"], row["share"]) == (3, 2, pytest.approx(2 / 3))
    assert (row["low"], row["high"]) == pytest.approx(tuple(wilson(2, 3)))


def _why(found: Scorecard, rule: str, table: str) -> Text | None:
    return next(r.absent for r in found.results if (r.rule.id, r.rule.table) == (rule, table))


def test_what_is_not_there_is_not_checked_and_not_passed(card: Card) -> None:
    found = card(
        {
            "customers": {**PEOPLE, "name": [""] * 4},
            "feedback": {"text": ["好"], "score": ["5"], "scale": ["csat_1_5"]},
        },
        off=["text_garbled"],
    )
    assert (
        _why(found, "zodiac_birth_date", "customers").en == "the column is absent: Zodiac animal, Birth date"
    )
    assert _why(found, "amount_zero", "orders").zh == "没有数据表“订单”"
    assert _why(found, "registered_after_order", "customers").en == "there is no table of orders"
    assert _why(found, "name_placeholder", "customers").en == "no values to check, or too few"
    assert _why(found, "text_garbled", "customers").en == "switched off in the study"
    # A column that the table always has, and that no source delivered, is absent, too.
    assert _why(found, "feedback_undated", "feedback").zh == "缺少字段：反馈日期"
    assert _why(found, "mobile_format", "customers") is None
    frame = found.frame.filter(pl.col("not_checked").is_not_null())
    assert frame["share"].null_count() == frame.height
    assert (frame["status"] == "absent").all()
    assert found.frame.height == len(found.results)


def test_worst_first_errors_before_warnings(card: Card) -> None:
    found = card({"customers": {**PEOPLE, "postcode": ["x", "x", "x", "x"]}})
    assert [result.rule.id for result in found.over[:3]] == [
        "mobile_format",
        "postcode_format",
        "email_format",
    ]


def test_rows_are_numbered_as_the_source_delivered_them(card: Card) -> None:
    orders = {
        "order_id": ["o1", "o2", "o3", "o4"],
        "customer_id": ["x", "a", "b", "x"],
        "ordered_at": ["never", "2030-01-01", "2024-05-01", "2024-05-02"],
        "amount": ["1", "2", "3", "4"],
    }
    found = card({"customers": PEOPLE, "orders": orders})
    assert found.broken_rows("unknown_customer", "orders")["row"].to_list() == [3]
    assert found.result("after_as_of", "orders").violated == 1
    quarantine = found.quarantine()
    assert quarantine.filter(pl.col("table") == "orders").row(0) == ("orders", 4, "x", ["unknown_customer"])
    assert quarantine.filter(pl.col("row") == 2, pl.col("table") == "customers")["rules"].to_list() == [
        ["mobile_format"]
    ]


def test_a_notice_puts_nothing_into_quarantine(card: Card) -> None:
    orders = {"order_id": ["o"], "customer_id": ["a"], "ordered_at": ["2024-06-01"], "amount": ["-1"]}
    found = card({"orders": orders})
    assert found.result("amount_negative", "orders").violated == 1
    assert found.quarantine().is_empty()


def test_same_tables_same_bytes(card: Card, tmp_path: Any) -> None:
    for name in ("one", "two"):
        found = card({"customers": PEOPLE})
        found.frame.write_parquet(tmp_path / f"{name}.parquet")
        found.quarantine().write_parquet(tmp_path / f"{name}-rows.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert (tmp_path / "one-rows.parquet").read_bytes() == (tmp_path / "two-rows.parquet").read_bytes()


def test_orders_put_together_from_lines_have_no_rejected_rows_of_their_own() -> None:
    class Lines(Written):
        @property
        def provides(self) -> tuple[str, ...]:
            return ("orders", "order_lines")

    lines = {
        "order_id": ["1", "1", "2"],
        "customer_id": ["a", "a", "b"],
        "ordered_at": ["2024-05-01"] * 3,
        "amount": ["1", "2", "0"],
    }
    store = TableStore([Lines().holding({"order_lines": lines})], AS_OF, "Asia/Shanghai")
    found = evaluate(store, AS_OF, "Asia/Shanghai", QualityParams())
    assert found.broken_rows("amount_zero", "orders")["order_id"].to_list() == ["2"]
    assert found.result("order_total", "orders").violated == 0


class Broken(Source):
    """A source that cannot be read."""

    title: ClassVar[Text] = Text("坏", "Broken")
    provides: ClassVar[tuple[str, ...]] = ("orders",)

    def read(self) -> Mapping[str, pl.LazyFrame]:
        raise DataError("The file orders.csv cannot be read.")


def test_a_table_that_cannot_be_read_is_said_and_the_others_are_checked() -> None:
    store = TableStore([Broken(), Written().holding({"customers": PEOPLE})], AS_OF, "Asia/Shanghai")
    found = evaluate(store, AS_OF, "Asia/Shanghai", QualityParams())
    unreadable = found.result("table_unreadable", "orders")
    assert (unreadable.status, unreadable.broken_gate) == ("error", True)
    assert found.facts.unreadable == {"orders": "The file orders.csv cannot be read."}
    assert _why(found, "amount_zero", "orders").en == "the table of orders cannot be read"
    assert found.result("mobile_format", "customers").violated == 2


def test_no_tables_no_score() -> None:
    store = TableStore([], AS_OF, "Asia/Shanghai")
    found = evaluate(store, AS_OF, "Asia/Shanghai", QualityParams())
    assert (found.score, found.checked, found.over) == (None, [], [])
    assert found.quarantine().is_empty()


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        (
            {"rules": {"mobile_fromat": {}}},
            "no rule of data quality is named 'mobile_fromat'. Did you mean 'mobile_format'",
        ),
        ({"off": ["zodiac"]}, "Did you mean 'zodiac_birth_date'"),
        ({"rules": {"mobile_format": {"codes": ["x"]}}}, "the rule 'mobile_format' has no codes"),
        ({"rules": {"gender_code": {"days": 3}}}, "the rule 'gender_code' has no days"),
        ({"rules": {"gender_code": {"max_share": 5}}}, "less than or equal to 1"),
        ({"rules": {"gender_code": {"severity": "bad"}}}, "'notice', 'warning' or 'error'"),
        ({"min_score": 80}, "less than or equal to 1"),
    ],
)
def test_settings_that_mean_nothing_are_errors(quality: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("'", ".")):
        QualityParams(**quality)


def test_tables_and_columns_are_no_sample(card: Card) -> None:
    found = card({"customers": PEOPLE})
    assert found.result("table_unreadable", "customers").interval is None
    assert found.result("columns_unmapped", "customers").interval is None
    row = found.frame.filter(rule="table_unreadable", table="customers").row(0, named=True)
    assert (row["share"], row["low"], row["high"]) == (0.0, None, None)
