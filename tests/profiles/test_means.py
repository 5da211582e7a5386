"""Averages of segments, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from crmlab.intervals import z_value
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}
EVERYBODY = ("ann", "bob", "cai", "dan", "eve", "fay")


def test_averages_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    profiles = make_lab(shop, **OPEN).classify("status").profiles()
    columns = [
        "label",
        "customers",
        "total_spend",
        "order_count",
        "average_order_value",
        "days_since_last_order",
    ]
    rows = profiles.summary.select(columns).rows()
    assert rows[0] == ("active", 2, pytest.approx(59.03), 1.5, pytest.approx(118.06 / 3), 35.0)
    assert rows[1] == ("dormant", 1, 50.0, 1.0, 50.0, 121.0)
    assert rows[2] == ("lost", 1, 15.0, 1.0, 15.0, 395.0)
    assert rows[3] == ("unclassified", 2, None, None, None, None)
    # Half the width of the interval of two values a, b: z · |a − b| / √2 / √2.
    assert profiles.summary["reach"][0] == pytest.approx(z_value(0.95) * 98.06 / 2)


def test_small_groups_are_left_out(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, classifiers=OPEN["classifiers"], privacy={"smallest_group": 2}, language="en")
    profiles = lab.classify("status").profiles()
    # Two groups of one customer each: with the total of both, either would be known.
    assert profiles.summary["label"].to_list() == ["unclassified"]
    shown = json.dumps([profiles.chart().to_dict()["datasets"], profiles.table().payload()["rows"]])
    assert "Unclassified" in shown
    assert not [name for name in ("Active", "Dormant", "Lost") if name in shown]


def test_an_average_of_few_among_many_is_left_out(make_lab: MakeLab) -> None:
    """One of seven customers without a class has a refund: the average would be that refund."""
    tables = {
        "customers": "customer_id\n" + "".join(f"c{i}\n" for i in range(17)),
        "orders": "customer_id,ordered_at,amount\nc16,2024-06-01,-77.5\n"
        + "".join(f"c{i},2024-06-01,{10 + i}\n" for i in range(10)),
    }
    lab = make_lab(tables, classifiers=OPEN["classifiers"])
    profiles = lab.classify("status").profiles()
    means = profiles.summary.select("label", "customers", "total_spend", "order_count", "reach").rows()
    assert means[0][:4] == ("active", 10, 14.5, 1.0)
    assert means[1:] == [("unclassified", 7, None, None, None)]
    assert "77.5" not in json.dumps(profiles.table().payload())
    plain = make_lab(tables, **OPEN).classify("status").profiles().summary
    assert plain["total_spend"].to_list() == [14.5, -77.5]


def test_categories_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    # Active: 80.05 of 118.06 on tea, dormant 10 of 50, lost all 20. Everybody: 110.05 of 188.06.
    categories = make_lab(shop, **OPEN).classify("status").profiles().categories
    everywhere = {"茶": 110.05 / 188.06, "米": 78.01 / 188.06}
    assert categories.rows() == [
        ("active", "茶", pytest.approx(100 * 80.05 / 118.06 / everywhere["茶"])),
        ("dormant", "米", pytest.approx(100 * 0.8 / everywhere["米"])),
        ("lost", "茶", pytest.approx(100 / everywhere["茶"])),
    ]


def test_categories_stop_at_the_day(make_lab: MakeLab, shop: Shop) -> None:
    then = make_lab(shop, **OPEN).classify("status", as_of=date(2024, 3, 31)).profiles().categories
    assert then.rows() == [
        ("active", "米", pytest.approx(100 * 0.8 / (40 / 70))),
        ("lost", "茶", pytest.approx(100 / (30 / 70))),
    ]


def test_no_order_lines(make_lab: MakeLab, shop: Shop) -> None:
    profiles = make_lab({"orders": shop["orders"]}, **OPEN).classify("status").profiles()
    assert profiles.categories.is_empty()
    assert len(profiles.table().payload()["columns"]) == 7


@pytest.mark.parametrize("language", ["zh", "en"])
def test_profiles_are_shown(
    make_lab: MakeLab, shop: Shop, check_chart: Callable[..., None], language: str
) -> None:
    profiles = make_lab(shop, language=language, **OPEN).classify("status").profiles()
    check_chart(profiles.chart(), language, most_rows=20, without=EVERYBODY)
    (data,) = profiles.chart().to_dict()["datasets"].values()
    # Mean spend of four paying customers is 45.765; 59.03 is 129 % of it.
    assert data[0]["text"] == "129"
    assert "1.3" in profiles.chart().to_dict()["title"]["text"]
    rows = profiles.table().payload()["rows"]
    assert rows[1][1:] == [1, 50.0, [None, None], 1.0, 50.0, 121.0, "米 (193)"]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "rows", ["", "a,2024-06-30,5\n", "a,2024-06-30,-5\n", "a,2024-05-30,5\nb,2024-05-30,5\n"]
)
def test_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, language=language, **OPEN)
    profiles = lab.classify("rfm").profiles()
    check_chart(profiles.chart(), language)
    assert profiles.table().plain()
