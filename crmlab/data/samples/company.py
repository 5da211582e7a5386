"""A whole company: tables as files would hold them, and the truth behind them, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from crmlab.data.samples.campaigns import assign, campaign_table, contact_table
from crmlab.data.samples.dirt import DIRT_SCHEMA, spoil
from crmlab.data.samples.dirt_kinds import ADDITIONS, CHANGES
from crmlab.data.samples.draws import Draws
from crmlab.data.samples.improvements import improvement_table
from crmlab.data.samples.lives import draw_lives
from crmlab.data.samples.parameters import BLOCK, LAST_DAY, day_number
from crmlab.data.samples.people import describe
from crmlab.data.samples.purchases import draw_lines, draw_orders, line_table, order_table
from crmlab.data.samples.records import all_records, first_ids, record_of
from crmlab.data.samples.service import complaint_table, draw_complaints, interaction_table
from crmlab.data.samples.surveys import draw_responses, feedback_tables
from crmlab.data.samples.truth import (
    complaint_truth,
    contact_truth,
    customer_truth,
    identity_truth,
    order_truth,
    response_truth,
)
from crmlab.data.schemas import columns

TABLES = (
    "customers",
    "orders",
    "order_lines",
    "interactions",
    "feedback",
    "complaints",
    "campaigns",
    "contacts",
    "improvements",
)


@dataclass(frozen=True)
class Company:
    """Canonical tables by name, all columns text under their canonical names; the truth by name."""

    tables: dict[str, pl.DataFrame]
    truth: dict[str, pl.DataFrame]


def company_blocks(customers: int, seed: int, *, dirt: bool = True) -> Iterator[Company]:
    """Generate a company of so many people, some ten thousand at a time.

    The same numbers give the same company. Rows of dirt are counted over all blocks; campaigns and
    improvements are in the first.
    """
    rows = dict.fromkeys(TABLES, 0)
    for block, first in enumerate(range(0, customers, BLOCK)):
        company = _generate(min(BLOCK, customers - first), Draws(seed, block), dirt=dirt)
        before = pl.col("table").replace_strict(rows, return_dtype=pl.Int64)
        company.truth["dirt"] = company.truth["dirt"].with_columns(pl.col("row", "source_row") + before)
        for name, table in company.tables.items():
            rows[name] += table.height
        yield company


def _generate(customers: int, draws: Draws, *, dirt: bool) -> Company:
    lives = draw_lives(customers, draws)
    people = describe(lives, draws)
    assigned = assign(lives, (people["marketing_consent"] == "是").to_numpy(), draws)
    orders = draw_orders(lives, assigned, draws)
    lines = draw_lines(orders, draws)
    records = all_records(people, lives, draws)
    own_id = record_of(records, orders["person"].to_numpy(), orders["day"].to_numpy(), draws)
    order_places = pl.DataFrame({"customer_id": own_id, "city": people["city"].gather(orders["person"])})
    tables = {"customers": _customer_table(records, own_id, orders)}
    tables["orders"] = order_table(orders, lines, order_places, draws)
    order_id = tables["orders"]["order_id"]
    tables["order_lines"] = line_table(lines, order_id)
    first_line = lines.group_by("order", maintain_order=True).first()
    tables["contacts"] = contact_table(assigned, orders, first_ids(records), draws)
    complaints = draw_complaints(orders, draws)
    tables["complaints"] = complaint_table(complaints, order_id, own_id, first_line["product"], draws)
    tables["interactions"] = interaction_table(
        orders, own_id, tables["complaints"], tables["contacts"], draws
    )
    surveys, reviews = (draw_responses(orders, lives, draws, name) for name in ("surveys", "reviews"))
    ordered = tables["orders"].select("order_id", "customer_id", "channel").hstack([first_line["category"]])
    tables["feedback"], mentions = feedback_tables(surveys, reviews, ordered, lives, draws)
    if not draws.block:
        tables["campaigns"] = campaign_table()
        tables["improvements"] = improvement_table()
    truth = {
        "customers": customer_truth(lives, people, first_ids(records)),
        "identities": identity_truth(records, people),
        "orders": order_truth(orders, order_id, people),
        "contacts": contact_truth(assigned, tables["contacts"], people),
        "responses": response_truth(surveys, reviews, order_id),
        "mentions": mentions,
        "complaints": complaint_truth(complaints, tables["complaints"]),
    }
    tables = {name: tables[name] for name in TABLES if name in tables}
    rng = draws["dirt"]
    spots = [pl.DataFrame(schema=DIRT_SCHEMA)]
    if dirt:
        for name, stream in zip(tables, rng.spawn(len(tables)), strict=True):
            tables[name], places = spoil(
                name, tables[name], CHANGES.get(name, ()), ADDITIONS.get(name, ()), stream
            )
            spots.append(places)
    truth["dirt"] = pl.concat(spots)
    return Company(tables, truth)


def _customer_table(records: pl.DataFrame, order_customers: pl.Series, orders: pl.DataFrame) -> pl.DataFrame:
    """Return the canonical customers as text; the status is what the CRM believes on the last day."""
    last = (
        pl.DataFrame({"customer_id": order_customers, "day": orders["day"]})
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("day").max())
    )
    known = records.join(last, on="customer_id", how="left", maintain_order="left")
    silent = day_number(LAST_DAY) - pl.col("day")
    status = (
        pl.when(silent.is_null()).then(pl.lit("潜在"))
        .when(silent <= 90).then(pl.lit("活跃"))
        .when(silent <= 365).then(pl.lit("休眠"))
        .otherwise(pl.lit("流失"))
    )  # fmt: skip
    known = known.with_columns(status=status)
    return known.select(column.name for column in columns("customers") if column.name in known.columns)
