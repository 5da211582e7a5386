"""What was known of customers just before they were contacted: their orders up to the day before."""

from __future__ import annotations

import polars as pl

from crmlab.summary import HUNDREDTHS

COLUMNS = (
    "order_count",
    "total_spend",
    "days_since_last_order",
    "days_since_first_order",
    "average_order_value",
)
"""The columns of the customer summary that are made here, with its definitions."""


def history_before(orders: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Return ``moments`` with the customer summary as of the day before each of them beside it.

    ``moments`` has ``customer_id`` and ``day`` (Int64, days since 1970-01-01); ``orders`` these and
    ``amount_hundredths``. The columns are :data:`COLUMNS`, as :mod:`crmlab.summary` defines them: refunds
    lower the spend and count as no order. Null where nothing was ordered before.
    """
    paid = pl.col("amount_hundredths") > 0
    state = (
        orders.group_by("customer_id", "day")
        .agg(paid_so_far=paid.sum().cast(pl.Int64), spent_so_far=pl.col("amount_hundredths").sum())
        .sort("day", "customer_id")
        .with_columns(
            pl.col("paid_so_far", "spent_so_far").cum_sum().over("customer_id"),
            last_paid=pl.when(pl.col("paid_so_far") > 0).then("day").forward_fill().over("customer_id"),
            first_paid=pl.when(pl.col("paid_so_far") > 0).then("day").min().over("customer_id"),
        )
    )
    wanted = moments.with_row_index("place").with_columns(until=pl.col("day") - 1).sort("until", "place")
    found = wanted.join_asof(
        state.rename({"day": "until"}),
        on="until",
        by="customer_id",
        strategy="backward",
        check_sortedness=False,
    ).sort("place")
    # A full column, as in crmlab.summary: polars divides by a literal through its reciprocal.
    hundred = pl.col("paid_so_far") * 0 + HUNDREDTHS
    bought = pl.col("last_paid").is_not_null()
    return found.select(
        *moments.columns,
        order_count=pl.col("paid_so_far"),
        total_spend=pl.col("spent_so_far") / hundred,
        days_since_last_order=pl.col("until") - pl.col("last_paid"),
        days_since_first_order=pl.when(bought).then(pl.col("until") - pl.col("first_paid")),
        average_order_value=pl.when(pl.col("paid_so_far") > 0).then(
            pl.col("spent_so_far") / (pl.col("paid_so_far") * hundred)
        ),
    )
