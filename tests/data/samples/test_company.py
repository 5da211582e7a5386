"""The company as a whole: repeatable, coherent, and as the canonical tables want it."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from crmlab.data.cleaning import clean
from crmlab.data.samples.company import TABLES, Company, company_blocks
from crmlab.data.schemas import IDS


def _generated(customers: int, seed: int) -> list[Company]:
    return list(company_blocks(customers, seed))


def test_the_same_numbers_give_the_same_company() -> None:
    (first,), (again,), (other,) = _generated(300, 5), _generated(300, 5), _generated(300, 6)
    for name in TABLES:
        assert first.tables[name].equals(again.tables[name])
    for name, table in first.truth.items():
        assert table.equals(again.truth[name])
    assert not first.tables["customers"].equals(other.tables["customers"])


def test_blocks_share_no_id_and_count_dirt_through(two_blocks: list[Company]) -> None:
    blocks = two_blocks
    whole = {
        name: pl.concat([block.tables[name] for block in blocks if name in block.tables]) for name in TABLES
    }
    dirt = pl.concat([block.truth["dirt"] for block in blocks])
    for name, key in IDS.items():
        twice = whole[name].filter(pl.col(key).is_duplicated()).height
        copies = dirt.filter(table=name, kind="exact_duplicate").height
        assert twice == 2 * copies, name
    for column in ("mobile", "email", "identity_number"):
        people = pl.concat([block.tables["customers"] for block in blocks])
        first = people.join(
            pl.concat([block.truth["customers"] for block in blocks]), on="customer_id", how="semi"
        )
        spoilt = pl.col(column).is_in(["13800138000"]) | pl.col("customer_id").is_duplicated()
        assert first.filter(~spoilt)[column].drop_nulls().is_unique().all(), column
    changed = dirt.filter(table="order_lines", kind="missing_value")["row"]
    assert whole["order_lines"]["category"][changed].null_count() == len(changed)
    cancelled = dirt.filter(table="orders", kind="cancelled")["row"]
    assert cancelled.max() > blocks[0].tables["orders"].height - 100  # type: ignore[operator]
    assert set(whole["orders"]["status"][cancelled]) == {"已取消"}


def test_every_reference_leads_somewhere(clean_company: Company) -> None:
    tables = clean_company.tables
    for name in ("orders", "interactions", "feedback", "complaints", "contacts"):
        assert tables[name].join(tables["customers"], on="customer_id", how="anti").is_empty(), name
    for name in ("order_lines", "complaints"):
        assert tables[name].join(tables["orders"], on="order_id", how="anti").is_empty(), name
    for name in ("orders", "interactions", "contacts"):
        given = tables[name].drop_nulls("campaign_id")
        assert given.height
        assert given.join(tables["campaigns"], on="campaign_id", how="anti").is_empty(), name


def test_orphans_are_the_planted_ones(dirty_company: Company) -> None:
    tables, dirt = dirty_company.tables, dirty_company.truth["dirt"]
    for name, target, key in (
        ("orders", "customers", "customer_id"),
        ("interactions", "customers", "customer_id"),
        ("feedback", "customers", "customer_id"),
        ("contacts", "customers", "customer_id"),
        ("order_lines", "orders", "order_id"),
    ):
        rows = tables[name].with_row_index("row").drop_nulls(key)
        orphans = rows.join(tables[target], on=key, how="anti")["row"].cast(pl.Int64)
        planted = dirt.filter(table=name, kind="orphan")["row"]
        assert orphans.sort().to_list() == planted.to_list(), name


def test_orders_add_up_to_their_lines(clean_company: Company) -> None:
    amount = pl.col("amount").str.replace(".", "", literal=True).cast(pl.Int64)
    lines = clean_company.tables["order_lines"].group_by("order_id").agg(lines=amount.sum())
    orders = clean_company.tables["orders"].select("order_id", amount).join(lines, on="order_id", how="full")
    assert orders.filter(pl.col("amount").ne_missing(pl.col("lines"))).is_empty()
    priced = clean_company.tables["order_lines"].select(
        amount,
        product=pl.col("quantity").cast(pl.Int64)
        * pl.col("unit_price").str.replace(".", "", literal=True).cast(pl.Int64),
    )
    assert (priced["amount"] == priced["product"]).all()


@pytest.mark.parametrize("name", TABLES)
def test_without_dirt_every_row_is_accepted(clean_company: Company, name: str) -> None:
    raw = clean_company.tables[name]
    cleaned = clean(name, raw.head(20_000).lazy(), "Asia/Shanghai")
    assert cleaned.rejected.is_empty()
    assert cleaned.table.height == min(raw.height, 20_000)


def test_nothing_true_is_later_than_the_last_day(clean_company: Company) -> None:
    last = f"{date(2025, 1, 1)}"
    for name, columns in {
        "customers": ("registered_on", "updated_at"),
        "orders": ("ordered_at",),
        "interactions": ("happened_at",),
        "feedback": ("given_on",),
        "complaints": ("opened_at", "first_response_at", "resolved_at", "closed_at"),
        "contacts": ("contacted_at", "delivered_at", "opened_at", "clicked_at", "responded_at"),
    }.items():
        for column in columns:
            times = clean_company.tables[name][column].drop_nulls()
            assert times.min() >= "2023-01-01", (name, column)  # type: ignore[operator]
            assert times.max() < last, (name, column)  # type: ignore[operator]


def test_nobody_orders_before_registering(clean_company: Company) -> None:
    both = clean_company.tables["orders"].join(clean_company.tables["customers"], on="customer_id")
    assert both.filter(pl.col("ordered_at").str.slice(0, 10) < pl.col("registered_on")).is_empty()


@pytest.mark.parametrize("customers", [1, 2, 17])
def test_the_smallest_companies_are_whole(customers: int) -> None:
    (company,) = company_blocks(customers, 3)
    assert company.truth["customers"].height == customers
    assert set(company.tables) == set(TABLES)
    for name, table in company.tables.items():
        assert clean(name, table.lazy(), "Asia/Shanghai").rows_read == table.height
