"""Customers' own updates: merged by the same rules, and every refusal is listed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from crmlab.data.identity import Survivorship, merge_updates
from crmlab.data.identity.updates import REASONS, Updated
from crmlab.errors import DataError

CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "name": ["张伟", "李娜", "王芳"],
        "mobile": ["13800000001", "13900000002", None],
        "birth_date": [date(1990, 1, 1), None, None],
        "marketing_consent": [True, None, None],
        "source": ["网店", None, "门店"],
        "updated_at": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC), None],
    },
    schema_overrides={"updated_at": pl.Datetime("us", "UTC")},
)


def _updated(*rows: dict[str, Any], rules: Survivorship | None = None, **more: Any) -> Updated:
    return merge_updates(CUSTOMERS, pl.DataFrame(rows, infer_schema_length=None), rules, **more)


def _conflicts(updated: Updated) -> list[tuple[Any, ...]]:
    return updated.conflicts.select("row", "field", "reason").rows()


def test_what_is_newer_is_taken_over() -> None:
    updated = _updated(
        {
            "customer_id": "a",
            "updated_at": "2024年3月1日",
            "mobile": "137-0000-0003",
            "birth_date": "1991/2/3",
        },
        {"customer_id": " c ", "updated_at": "2024-05-01", "mobile": "13700000005", "birth_date": ""},
    )
    assert updated.customers.select("customer_id", "mobile", "birth_date", "source", "updated_at").rows() == [
        ("a", "137-0000-0003", date(1991, 2, 3), "网店", datetime(2024, 2, 29, 16, tzinfo=UTC)),
        ("b", "13900000002", None, None, datetime(2024, 6, 1, tzinfo=UTC)),
        ("c", "13700000005", None, "门店", datetime(2024, 4, 30, 16, tzinfo=UTC)),
    ]
    assert updated.applied.rows() == [(2, "a", "birth_date"), (2, "a", "mobile"), (3, "c", "mobile")]
    assert updated.conflicts.is_empty()
    assert updated.undo().equals(CUSTOMERS)


def test_each_refusal_has_its_reason() -> None:
    updated = _updated(
        {"customer_id": "a", "updated_at": "2024-02-01", "mobile": "13700000001", "hobby": "茶"},
        {"customer_id": "a", "updated_at": "2024-03-01", "mobile": "13700000003"},
        {"customer_id": "b", "updated_at": "2024-05-01", "mobile": "13700000004"},
        {"customer_id": "c", "updated_at": "2024-05-01 08:00", "mobile": "13700000005"},
        {"customer_id": "c", "updated_at": "2024-05-01 20:00", "mobile": "13700000006"},
        {"customer_id": "z", "updated_at": "2024-05-01", "mobile": "13700000007"},
        {"customer_id": "c", "updated_at": "neulich", "name": "王方"},
        {"customer_id": "c", "updated_at": "2024-05-01", "birth_date": "1990-13-01"},
        {"customer_id": "c", "updated_at": "2024-05-02", "mobile": "1370000000"},
        {"customer_id": "c", "updated_at": "2024-05-02", "name": "无"},
    )
    assert _conflicts(updated) == [
        (2, "mobile", "outranked"),
        (4, "mobile", "outranked"),
        (5, "mobile", "two_updates"),
        (6, "mobile", "two_updates"),
        (7, "mobile", "unknown_customer"),
        (8, "name", "no_date"),
        (9, "birth_date", "invalid_value"),
        (10, "mobile", "invalid_value"),
        (11, "name", "invalid_value"),
        (None, "hobby", "unknown_field"),
    ]
    assert {reason for _, _, reason in _conflicts(updated)} == set(REASONS)
    assert updated.applied.rows() == [(3, "a", "mobile")]
    assert updated.customers["mobile"].to_list() == ["13700000003", "13900000002", None]
    assert updated.undo().equals(CUSTOMERS)


def test_an_update_that_changes_nothing_is_no_conflict() -> None:
    updated = _updated({"customer_id": "b", "updated_at": "2024-05-01", "mobile": "13900000002"})
    assert updated.conflicts.is_empty()
    assert updated.customers.equals(CUSTOMERS)


def test_the_rules_of_survivorship_hold() -> None:
    row = {"customer_id": "b", "updated_at": "2024-05-01", "mobile": "13700000004"}
    trusting = Survivorship("trusted_source", trusted_sources=("self_update",))
    assert _updated(row, rules=trusting).customers["mobile"][1] == "13700000004"
    consent = _updated({"customer_id": "a", "updated_at": "2024-05-01", "marketing_consent": "否"})
    assert consent.customers["marketing_consent"].to_list() == [False, None, None]


def test_an_id_from_before_a_merge_finds_its_customer() -> None:
    identities = pl.DataFrame({"record_id": ["old", "c"], "customer_id": ["c", "c"]})
    row = {"customer_id": "old", "updated_at": date(2024, 5, 1), "name": "王方"}
    assert _updated(row, identities=identities).customers["name"][2] == "王方"


def test_rows_are_those_of_the_file() -> None:
    row = {"source_row": 7, "customer_id": "z", "updated_at": "2024-05-01", "name": "王方"}
    assert _conflicts(_updated(row)) == [(7, "name", "unknown_customer")]


def test_customers_without_times_take_every_update() -> None:
    customers = CUSTOMERS.drop("updated_at", "source")
    updates = pl.DataFrame({"customer_id": ["a"], "updated_at": ["2024-05-01"], "name": ["张玮"]})
    updated = merge_updates(customers, updates)
    assert updated.customers["name"].to_list() == ["张玮", "李娜", "王芳"]
    assert updated.customers.columns == customers.columns


@pytest.mark.parametrize("column", ["customer_id", "updated_at"])
def test_updates_say_who_and_when(column: str) -> None:
    updates = pl.DataFrame({"customer_id": ["a"], "updated_at": ["2024-05-01"], "name": ["x"]}).drop(column)
    with pytest.raises(DataError, match=f"lack the column '{column}'"):
        merge_updates(CUSTOMERS, updates)


def test_an_empty_field_was_not_changed_even_where_fields_belong_together() -> None:
    customers = CUSTOMERS.with_columns(city=pl.lit("广州"), home_address=pl.lit("天河路1号"))
    update = pl.DataFrame({"customer_id": ["a"], "updated_at": ["2024-03-01"], "city": ["上海"]})
    updated = merge_updates(customers, update)
    assert updated.customers.select("city", "home_address").row(0) == ("上海", "天河路1号")
