"""What counts as a sale: every choice of the policy, on orders and on order lines."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from crmlab.data.cleaning import Cleaned, clean
from crmlab.data.policy import Policy
from crmlab.errors import DataError

ZONE = "Asia/Shanghai"


def _orders(currency: str | None = None, **policy: Any) -> Cleaned:
    raw = pl.LazyFrame(
        {
            "order_id": list("abcdefg"),
            "customer_id": ["ann"] * 7,
            "ordered_at": ["2024-03-05"] * 7,
            "amount": ["10", "20", "-5", "0", "30", "40", "50"],
            "status": ["已完成", "已取消", None, "paid", "待付款", "已退款", "Closed Won"],
            "currency": ["人民币", "CNY", "", "￥", "rmb", "CNY", "USD"],
        }
    )
    return clean("orders", raw, ZONE, Policy(**policy), currency)


def _kept(cleaned: Cleaned) -> str:
    return "".join(cleaned.table["order_id"])


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ({}, "acdg"),
        ({"refunds": "exclude"}, "adg"),
        ({"cancellations": "keep"}, "abcdg"),
        ({"pending": "keep"}, "acdeg"),
        ({"zero_amounts": "exclude"}, "acg"),
    ],
)
def test_each_choice(policy: dict[str, Any], kept: str) -> None:
    cleaned = _orders(**policy)
    assert _kept(cleaned) == kept
    assert cleaned.rows_read == 7
    assert sum(cleaned.counts.values()) == cleaned.rejected.height == 7 - len(kept)


def test_what_the_policy_leaves_out_is_no_fault_of_the_data() -> None:
    cleaned = _orders()
    assert dict(cleaned.counts) == {"cancelled": 1, "pending": 1, "refund": 1}
    assert (cleaned.faulty, cleaned.rejected_share) == (0, 0.0)


def test_amounts_in_another_currency_are_never_added() -> None:
    cleaned = _orders(currency="CNY")
    assert _kept(cleaned) == "acd"
    assert cleaned.counts["other_currency"] == 1
    assert cleaned.faulty == 1


def _signed(amounts: list[str], currency: str | None, currencies: list[str] | None = None) -> Cleaned:
    raw = {
        "order_id": [str(place) for place in range(len(amounts))],
        "customer_id": ["a"] * len(amounts),
        "ordered_at": ["2024-03-05"] * len(amounts),
        "amount": amounts,
    }
    if currencies:
        raw["currency"] = currencies
    return clean("orders", pl.LazyFrame(raw), ZONE, currency=currency)


def test_the_sign_at_an_amount_is_its_currency() -> None:
    cleaned = _signed(["$5", "￥5", "5元", "€5", "5"], "CNY")
    assert cleaned.table["order_id"].to_list() == ["1", "2", "4"]
    assert cleaned.counts == {"other_currency": 2}
    # One sign may stand for several currencies, the study's among them.
    cleaned = _signed(["$5", "5元", "￥5"], "HKD")
    assert cleaned.table.select("order_id", "currency").rows() == [("0", "HKD"), ("1", "HKD")]
    # Where no currency is said, as when a file is imported, the signs are kept as currencies.
    assert _signed(["$5", "￥5", "5"], None).table["currency"].to_list() == ["USD", "CNY", None]
    assert "currency" not in _signed(["¥5", "5元"], None).table.columns


def test_the_sign_at_an_amount_fills_in_a_blank_currency() -> None:
    cleaned = _signed(["1", "$5", "2", "￥3"], "CNY", ["CNY", "", "USD", ""])
    assert cleaned.table.select("order_id", "currency").rows() == [("0", "CNY"), ("3", "CNY")]
    assert cleaned.counts == {"other_currency": 2}


def test_another_currency_is_a_fault_of_the_data_even_where_the_order_is_cancelled() -> None:
    raw = {"customer_id": ["a"], "ordered_at": ["2024-03-05"], "amount": ["$5"], "status": ["已取消"]}
    assert clean("orders", pl.LazyFrame(raw), ZONE, currency="CNY").counts == {"other_currency": 1}


def test_the_sign_at_a_unit_price_is_the_currency_of_the_line() -> None:
    raw = pl.LazyFrame({"order_id": ["1", "2"], "quantity": ["1", "1"], "unit_price": ["$2", "￥3"]})
    assert clean("order_lines", raw, ZONE, currency="CNY").table["order_id"].to_list() == ["2"]


def test_an_unknown_status_is_rejected_and_its_column_named() -> None:
    raw = pl.LazyFrame(
        {
            "customer_id": ["a", "a"],
            "ordered_at": ["2024-03-05"] * 2,
            "amount": ["1", "2"],
            "status": ["备货中", "完成"],
        }
    )
    cleaned = clean("orders", raw, ZONE)
    assert cleaned.rejected.select("row", "reason", "rejected_column", "status").rows() == [
        (0, "unknown_code", "status", "备货中")
    ]
    assert cleaned.unreadable.rows() == [("status", "unknown_code", 1)]


def test_repeated_lines() -> None:
    raw = pl.LazyFrame({"order_id": ["1"] * 3, "product": ["茶"] * 3, "amount": ["5", "5", "6"]})
    assert clean("order_lines", raw, ZONE).table.height == 3
    once = clean("order_lines", raw, ZONE, Policy(repeated_lines="exclude"))
    assert once.table["amount_hundredths"].to_list() == [500, 600]
    assert once.counts == {"repeated_line": 1}


def test_a_line_without_amount_is_quantity_times_price() -> None:
    raw = pl.LazyFrame({"order_id": ["1", "2"], "quantity": ["3", "-2"], "unit_price": ["￥1.15", "0.001"]})
    cleaned = clean("order_lines", raw, ZONE, Policy(zero_amounts="exclude"))
    assert cleaned.table["amount_hundredths"].to_list() == [345, 0]  # a fifth of a cent is not nothing


def test_an_id_that_excel_destroyed_is_rejected() -> None:
    raw = pl.LazyFrame({"customer_id": ["4.40301E+17", "440301199001011234", "1E5"]})
    cleaned = clean("customers", raw, ZONE)
    assert cleaned.table["customer_id"].to_list() == ["440301199001011234", "1E5"]
    assert cleaned.counts == {"destroyed_id": 1}


def test_rows_keep_where_they_stood_only_where_they_are_rejected() -> None:
    raw = pl.LazyFrame(
        {
            "source_file": ["a.csv", "b.csv"],
            "source_row": [2, 2],
            "customer_id": ["ann", None],
            "city": ["北京", "成都"],
        }
    )
    cleaned = clean("customers", raw, ZONE)
    assert cleaned.table.columns == ["customer_id", "city"]
    assert cleaned.rejected.select("source_file", "source_row", "reason").rows() == [
        ("b.csv", 2, "nullability")
    ]


@pytest.mark.parametrize(
    ("customers", "kept"),
    [
        (["a", "a", "b"], [0, 1, 2]),
        (["a", "b", "b"], [2]),
        (["a", None, "b"], [0, 2]),
        (["a", "", "a"], [0, 2]),
    ],
)
def test_lines_that_are_orders_belong_to_one_customer(customers: list[str | None], kept: list[int]) -> None:
    raw = pl.LazyFrame(
        {
            "order_id": ["1", "1", "2"],
            "customer_id": customers,
            "ordered_at": ["2024-03-05"] * 3,
            "amount": ["1", "2", "3"],
        }
    )
    cleaned = clean("order_lines", raw, ZONE, lines_are_orders=True)
    assert [row for row in range(3) if row not in cleaned.rejected["row"]] == kept


def test_lines_that_are_orders_need_a_customer() -> None:
    raw = pl.LazyFrame({"order_id": ["1"], "ordered_at": ["2024-03-05"], "amount": ["1"]})
    with pytest.raises(DataError, match="needs 'customer_id' on each line"):
        clean("order_lines", raw, ZONE, lines_are_orders=True)


def test_the_policy_in_words() -> None:
    for policy in (Policy(), Policy(refunds="exclude", cancellations="keep", repeated_lines="exclude")):
        text = policy.text()
        assert text.zh.count("；") == text.en.count(";") == 4
    assert "已取消的订单照常计入" in policy.text().zh
    with pytest.raises(ValidationError):
        Policy(refunds="sometimes")  # type: ignore[arg-type]
