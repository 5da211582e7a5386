"""The basket: services, repetition, breadth."""

from __future__ import annotations

import pytest
from preference_tables import bought, built

from crmlab.errors import ParamsError
from crmlab_plugins.features.baskets import Basket


def test_shares_of_lines() -> None:
    tables = bought(
        ("a", 9, [{"category": "食品", "product": "茶"}, {"category": "食品", "product": "茶"}]),
        ("a", 5, [{"category": "食品", "product": "茶"}, {"category": "家居", "product": "灯"}]),
        ("a", 5, [{"category": None, "product": "茶"}]),
        ("b", 1, [{"category": "家居", "product": None}]),
    )
    made = built(Basket(), **tables)
    # Article and order: 茶 in three orders, 灯 in one; two of the four purchases repeat.
    assert made["a"] == {
        "customer_id": "a",
        "line_count": 5,
        "service_share": 0.0,
        "product_purchase_count": 4,
        "repeat_share": 0.5,
        "category_count": 2,
        "main_category": "食品",
        "main_category_share": 0.75,
    }
    assert made["b"]["repeat_share"] is None
    assert made["b"]["main_category_share"] == 1.0


@pytest.mark.parametrize(
    ("line", "is_service"),
    [
        ({"product": "空调安装"}, True),
        ({"product": "免安装置物架"}, False),
        ({"category": "维修"}, True),
        ({"category": "维修工具"}, False),
        ({"product": "Repairs"}, True),
        ({"product": "Carservicex"}, False),
        ({"product": "Shoe Repair Kit"}, False),
        ({"product": "空调安装", "item_type": "goods"}, False),
        ({"product": "茶", "item_type": "service"}, True),
        ({"product": "茶"}, False),
    ],
)
def test_what_is_a_service(line: dict[str, str], is_service: bool) -> None:
    columns = {"category": None, "product": None, "item_type": None}
    made = built(Basket(), **bought(("a", 1, [columns | line])))
    assert made["a"]["service_share"] == float(is_service)


def test_only_what_was_paid_by_then_counts() -> None:
    tables = bought(
        ("a", 1, [{"category": "x"}, {"category": "y", "amount_hundredths": 0}]),
        ("a", -1, [{"category": "later"}]),
        ("refunded", 1, [{"category": "x"}]),
    )
    tables["orders"] = tables["orders"].with_columns(
        amount_hundredths=-(tables["orders"]["customer_id"] == "refunded").cast(int) * 200 + 100
    )
    made = built(Basket(), **tables)
    assert list(made) == ["a"]
    assert made["a"]["category_count"] == 1


def test_words_are_parameters() -> None:
    made = built(
        Basket(service_words=("洗车",)), **bought(("a", 1, [{"product": "洗车"}, {"product": "安装"}]))
    )
    assert made["a"]["service_share"] == 0.5
    assert (
        built(Basket(service_words=()), **bought(("a", 1, [{"product": "安装"}])))["a"]["service_share"] == 0
    )
    with pytest.raises(ParamsError, match="empty word"):
        Basket.from_params({"service_words": ["服务", " "]})
