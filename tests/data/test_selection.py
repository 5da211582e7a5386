"""A part of the data: every table about customers keeps what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest

import crmlab
from crmlab.data.selection import SelectedTables
from crmlab.errors import DataError, ParamsError
from crmlab.estimators import Source
from crmlab.params import check

ROWS = {
    "customers": {"customer_id": ["a", "b", "c"], "province": ["浙江", "江苏", "浙江"]},
    "orders": {
        "order_id": ["1", "2", "3", "4"],
        "customer_id": ["a", "a", "b", "c"],
        "ordered_at": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-07-09"],
        "amount": ["30", "20", "10", "5"],
        "channel": ["web", "shop", "web", "web"],
    },
    "order_lines": {
        "order_id": ["1", "1", "2", "3", "4"],
        "category": ["tea", "cup", "cup", "tea", "tea"],
        "amount": ["18", "12", "20", "10", "5"],
    },
    "feedback": {
        "feedback_id": ["f", "g", "h"],
        "customer_id": ["a", "b", None],
        "given_on": ["2024-01-09", "2024-01-09", "2024-01-09"],
        "text": ["好", "差", "一般"],
        "channel": ["app", "app", "phone"],
    },
    "campaigns": {"campaign_id": ["x"], "started_on": ["2024-01-01"]},
}


class Memory(Source):
    """Tables that are written here."""

    @property
    def provides(self) -> tuple[str, ...]:
        return tuple(ROWS)

    def read(self) -> Mapping[str, pl.LazyFrame]:
        return {name: pl.LazyFrame(rows) for name, rows in ROWS.items()}


def tables(**where: str) -> SelectedTables:
    named = {name.replace("__", "."): [value] for name, value in where.items()}
    return SelectedTables([Memory()], date(2024, 6, 30), "Asia/Shanghai", where=named)


def ids(store: SelectedTables, *names: str) -> list[list[str]]:
    keys = {"customers": "customer_id", "orders": "order_id", "feedback": "feedback_id"}
    return [store[name][keys[name]].to_list() for name in names or keys]


def test_an_attribute_of_customers_cuts_every_table() -> None:
    store = tables(customers__province="浙江")
    assert ids(store) == [["a", "c"], ["1", "2"], ["f"]]
    assert store["order_lines"]["category"].to_list() == ["tea", "cup", "cup"]
    assert store["campaigns"].height == 1


def test_a_condition_on_orders_keeps_their_lines_and_their_customers() -> None:
    store = tables(orders__channel="web")
    assert ids(store) == [["a", "b"], ["1", "3"], ["f", "g"]]
    assert store["order_lines"]["category"].to_list() == ["tea", "cup", "tea"]


def test_an_order_is_the_sum_of_the_lines_that_are_left() -> None:
    store = tables(order_lines__category="tea")
    assert store["orders"].select("order_id", "amount_hundredths").rows() == [("1", 1800), ("3", 1000)]
    assert store["orders"].columns == tables()["orders"].columns
    assert ids(store, "customers", "feedback") == [["a", "b"], ["f", "g"]]


def test_feedback_of_nobody_stays_where_only_feedback_is_cut() -> None:
    assert ids(tables(feedback__channel="phone"), "feedback") == [["h"]]
    assert ids(tables(feedback__channel="app", customers__province="江苏"), "feedback", "customers") == [
        ["g"],
        ["b"],
    ]


def test_two_tables_hold_together() -> None:
    store = tables(customers__province="浙江", order_lines__category="tea")
    assert ids(store) == [["a"], ["1"], ["f"]]
    assert store["order_lines"]["category"].to_list() == ["tea"]


def test_rows_outside_are_counted() -> None:
    counted = tables(customers__province="江苏").count("orders")
    assert (counted.read, counted.later, counted.outside, counted.used) == (4, 1, 2, 1)
    whole = tables().count("orders")
    assert (whole.read, whole.later, whole.outside, whole.used) == (4, 1, 0, 3)


def test_what_the_data_does_not_have() -> None:
    with pytest.raises(DataError, match=r"no row has customers.province = 福建. The data has: 江苏, 浙江"):
        tables(customers__province="福建")["orders"]
    with pytest.raises(DataError, match=r"no column 'provinc'. Did you mean 'province'"):
        tables(customers__provinc="浙江")["customers"]
    with pytest.raises(DataError, match="tells no parts apart"):
        tables(feedback__score="1")["feedback"]


def test_a_study_takes_one_value_or_several() -> None:
    base = {"data": [{"source": "sample"}], "as_of": "2024-06-30"}
    assert check({**base, "where": {"customers.province": "浙江"}}).where == {"customers.province": ["浙江"]}
    several = check({**base, "where": {"complaints.escalated": [True, 1]}}).where
    assert several == {"complaints.escalated": ["true", "1"]}
    for wrong in ({"customers.mobile": "1"}, {"customers.province": []}, {"customers.province": None}):
        with pytest.raises(ParamsError, match="where"):
            check({**base, "where": wrong})


def test_a_lab_sees_the_selected_part(tmp_path: object) -> None:
    settings = {"data": [{"source": "sample", "customers": 200}], "as_of": "2024-06-30"}
    whole = crmlab.open(**settings).tables["customers"]
    province = whole["province"].drop_nulls().mode().sort()[0]
    part = crmlab.open(**settings, where={"customers.province": province})
    wanted = whole.filter(pl.col("province") == province)["customer_id"]
    assert part.tables["customers"]["customer_id"].equals(wanted)
    assert set(part.tables["orders"]["customer_id"]) <= set(wanted)
    assert set(part.features("order_count")["customer_id"]) <= set(wanted)
