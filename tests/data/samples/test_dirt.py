"""Dirt lies where the truth says, and cleaning rejects exactly what it should."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from crmlab.data import validators
from crmlab.data.cleaning import clean
from crmlab.data.samples.company import TABLES, Company
from crmlab.data.samples.dirt import Addition, Change, spoil
from crmlab.data.samples.dirt_kinds import ADDITIONS, CHANGES, NOBODY
from crmlab.data.samples.people import zodiac_of

PLANTED = [(table, change.column, change.kind) for table in CHANGES for change in CHANGES[table]]
ADDED = [(table, addition.kind) for table in ADDITIONS for addition in ADDITIONS[table]]

PROOFS: dict[str, pl.Expr] = {
    "invalid_mobile": ~validators.is_mobile(pl.col("value")),
    "placeholder_mobile": pl.col("value") == "13800138000",
    "full_width": pl.col("value").str.contains(r"^[０-９．]+$"),
    "missing_value": pl.col("value").is_null(),
    "invalid_email": ~validators.is_email(pl.col("value")),
    "invalid_identity": ~validators.is_identity_number(pl.col("value")),
    "wrong_zodiac": pl.col("value") != pl.col("original"),
    "province_mismatch": pl.col("value") != pl.col("original"),
    "placeholder_date": pl.col("value") == "1900-01-01",
    "future_date": pl.col("value").str.starts_with("2036-"),
    "unreadable_date": pl.col("value").str.contains("-13-45", literal=True),
    "unreadable_amount": pl.col("value") == "待定",
    "white_space": pl.col("value").str.strip_chars(" \u3000") == pl.col("original"),
    "code_spelling": pl.col("value").is_in(["M", "F"]),
    "date_format": pl.col("value").str.replace_all("/", "-", literal=True) == pl.col("original"),
    "money_format": pl.col("value") == pl.concat_str(pl.lit("￥"), "original"),
    "off_scale": pl.col("value") == "99",
    "resolved_before_opened": pl.col("value") < pl.col("original"),
    "unknown_code": pl.col("value") == "？？",
}
"""What holds of a spoilt value, beside what stood there before."""


def _spots(company: Company, table: str, column: str | None, kind: str) -> pl.DataFrame:
    """Return the rows of one kind of dirt as they stand in the table."""
    where = company.truth["dirt"].filter(
        (pl.col("table") == table) & (pl.col("kind") == kind) & pl.col("column").eq_missing(pl.lit(column))
    )
    rows = company.tables[table].with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    return where.rename({"column": "spoilt", "reason": "expected"}).join(rows, on="row", how="left")


@pytest.mark.parametrize(("table", "column", "kind"), PLANTED)
def test_a_spoilt_value_is_where_the_truth_says(
    dirty_company: Company, table: str, column: str, kind: str
) -> None:
    rows = _spots(dirty_company, table, column, kind).with_columns(value=pl.col(column))
    assert rows.height
    assert rows["original"].null_count() == 0
    assert rows.filter(pl.col("value").eq_missing(pl.col("original"))).is_empty()
    assert rows.select(PROOFS[kind].all()).item()


@pytest.mark.parametrize(("table", "kind"), ADDED)
def test_an_added_row_is_where_the_truth_says(dirty_company: Company, table: str, kind: str) -> None:
    rows = _spots(dirty_company, table, None, kind)
    assert rows.height
    whole = dirty_company.tables[table]
    if kind in ("exact_duplicate", "repeated_line"):
        before = whole[rows["row"] - 1]
        assert whole[rows["row"]].equals(before)
    elif kind == "orphan" and table != "order_lines":
        assert set(rows["customer_id"]) == {NOBODY}
    elif kind == "test_record":
        assert set(rows["name"]) == {"测试"}
    elif kind in ("cancelled", "pending", "refund"):
        status = {"cancelled": "已取消", "pending": "待付款", "refund": "已退款"}[kind]
        assert set(rows["status"]) == {status}
        assert whole.filter(status=status).height == rows.height
    if kind in ("refund", "negative_amount"):
        assert (rows["amount"].cast(pl.Float64) < 0).all()
        original = pl.concat_str(pl.lit("D"), pl.col("order_id").str.slice(1))
        paid = rows.with_columns(order_id=original).join(whole, on="order_id", suffix="_paid")
        assert (paid["amount"].str.slice(1) == paid["amount_paid"]).all()
        assert paid.height == rows.height
    if kind == "zero_amount":
        assert set(rows["amount"]) == {"0.00"}
        assert whole.filter(amount="0.00").height == rows.height


@pytest.mark.parametrize("table", TABLES)
def test_cleaning_rejects_what_it_should_and_nothing_else(dirty_company: Company, table: str) -> None:
    cleaned = clean(table, dirty_company.tables[table].lazy(), "Asia/Shanghai")
    rejected = dict(cleaned.rejected.select("row", "reason").iter_rows())
    expected = dirty_company.truth["dirt"].filter(table=table).drop_nulls("reason")
    assert rejected == dict(expected.select("row", "reason").iter_rows())
    assert dict(cleaned.counts) == dict(Counter(rejected.values()))


def test_no_row_is_dirty_twice(dirty_company: Company) -> None:
    dirt = dirty_company.truth["dirt"]
    assert dirt.select(pl.struct("table", "row").is_unique().all()).item()


def test_the_rest_of_the_master_is_clean(dirty_company: Company) -> None:
    dirty = dirty_company.truth["dirt"].filter(table="customers")["row"]
    customers = dirty_company.tables["customers"].with_row_index("row")
    rest = customers.filter(~pl.col("row").cast(pl.Int64).is_in(dirty.implode()))
    born = pl.col("birth_date").str.to_date()
    checks = rest.select(
        mobile=validators.is_mobile(pl.col("mobile")).all(),
        email=validators.is_email(pl.col("email")).all(),
        identity=validators.is_identity_number(pl.col("identity_number")).all(),
        zodiac=(zodiac_of(born) == pl.col("zodiac")).all(),
        province=pl.col("home_address").str.starts_with(pl.col("province")).all(),
    )
    assert checks.row(0) == (True,) * 5


def test_dirt_takes_nothing_away_that_the_truth_does_not_name(dirty_company: Company) -> None:
    from crmlab.data.samples.company import company_blocks

    (pure,) = company_blocks(3_000, 7, dirt=False)
    for table in TABLES:
        rows = dirty_company.tables[table].with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        dirt = dirty_company.truth["dirt"].filter(table=table)
        added = dirt.filter(pl.col("column").is_null())["row"]
        rows = rows.filter(~pl.col("row").is_in(added.implode()))
        for column in dirt["column"].drop_nulls().unique().sort():
            before = dirt.filter(column=column).select(row="row", before="original")
            rows = rows.join(before, on="row", how="left", maintain_order="left")
            rows = rows.with_columns(pl.coalesce("before", column).alias(column)).drop("before")
        assert rows.drop("row").equals(pure.tables[table]), table


def test_a_value_is_spoilt_once_even_where_kinds_compete() -> None:
    frame = pl.DataFrame({"name": [f"n{place}" for place in range(100)]})
    changes = [Change("first", "name", 0.5, pl.lit("x")), Change("second", "name", 1.0, pl.lit("y"))]
    spoilt, places = spoil("t", frame, changes, [Addition("copy", 0.9, {})], np.random.default_rng(1))
    assert Counter(spoilt["name"]) == {"x": 50, "y": 50}
    assert places["row"].to_list() == list(range(100))
