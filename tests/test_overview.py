"""Which data a report stands on, by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_figures_by_hand(make_lab: MakeLab, shop: Shop, language: str) -> None:
    feedback = (
        "text,score,scale,given_on\n好,5,csat_1_5,2024-01-01\n差,,,\n一般,,,2024-01-02\n行,,,2024-07-01\n"
    )
    lab = make_lab({**shop, "feedback": feedback}, language=language, currency="USD")
    figures = lab.overview("orders", "feedback").figures().payload()["figures"]
    assert [value for value, _ in figures] == [
        "6",
        "5",
        "$183.06",
        "2023-06-01 – 2024-06-20",
        "3",
        "33.3%",
        "66.7%",
    ]
    assert all(label for _, label in figures)


@pytest.mark.parametrize(
    ("language", "reasons"),
    [("zh", "完全重复的行 1，无法识别的值 1"), ("en", "exact duplicate row 1, unreadable value 1")],
)
def test_counts_by_hand(make_lab: MakeLab, shop: Shop, language: str, reasons: str) -> None:
    orders = shop["orders"] + "8,bob,soon,5\n1,ann,2024-06-01,100.05\n"
    lab = make_lab({**shop, "orders": orders}, language=language, quality={"max_rejected_share": 0.5})
    payload = lab.overview("customers", "orders", "order_lines").table().payload()
    assert [row[1:] for row in payload["rows"]] == [
        [6, 0, "–", 0, 6],
        [9, 2, reasons, 1, 6],
        [8, 0, "–", 1, 7],
    ]


def test_tables_used_so_far(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop)
    assert lab.overview().table().payload()["rows"] == []
    assert lab.overview("complaints", "feedback").table().payload()["rows"] == []
    lab.tables["customers"]
    assert lab.overview().tables == ("customers",)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sources(make_lab: MakeLab, shop: Shop, language: str) -> None:
    items = make_lab(shop, language=language).overview("customers", "orders").sources().payload()["items"]
    assert len(items) == 3
    policy = {"zh": "已取消的订单不计", "en": "cancelled orders are left out"}
    assert policy[language] in items[2][1]
    assert "customers.csv, orders.csv" in items[0][1]
    assert "2024-06-30" in items[1][1]
    assert "Asia/Shanghai" in items[1][1]
    assert "CNY" in items[1][1]


def test_empty_tables(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\n", "feedback": "text\n"})
    figures = [value for value, _ in lab.overview("orders", "feedback").figures().payload()["figures"]]
    assert figures == ["0", "0", "¥0.00", "–", "0", "–", "–"]
    assert [row[1:] for row in lab.overview("orders").table().payload()["rows"]] == [[0, 0, "–", 0, 0]]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_merged_records_are_told(make_lab: MakeLab, shop: Shop, language: str) -> None:
    identities = "record_id,customer_id\nbob,ann\nann,ann\ncai,ann\n"
    lab = make_lab({**shop, "identities": identities}, language=language)
    items = lab.overview("orders").sources().payload()["items"]
    assert re.findall(r"\d+", items[-1][1]) == ["2", "1"]
    assert lab.features("total_spend").filter(customer_id="ann")["total_spend"].to_list() == [173.06]
