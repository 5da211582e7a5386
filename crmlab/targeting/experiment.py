"""Who was in which campaign, contacted or held out, and what they bought in the days that followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from crmlab.errors import ParamsError
from crmlab.targeting.history import COLUMNS, history_before

WINDOW = 30
"""Days after the contact in which a purchase counts as won back, unless a study says otherwise."""


@dataclass(frozen=True)
class Experiment:
    """Campaigns with what came of them.

    ``customers`` has one row per customer in a campaign whose window is over: ``campaign_id``,
    ``customer_id``, ``day`` (of the first contact, or of the draw of the control group), ``treated``,
    ``controlled`` (whether the campaign held out anybody), ``propensity`` (the share of treated in the
    campaign), ``cost_hundredths`` (null where unknown), ``returned`` (a paid order within the window),
    ``orders`` and ``revenue`` of the window (in currency units net of refunds), and the columns of
    :func:`crmlab.targeting.history.history_before`. Sorted by campaign and customer.

    ``left_out`` counts customers by why they are not in it: ``both_arms``, ``no_arm`` (in a campaign that
    held out others), ``not_over`` (the window reaches beyond the day that is looked from).
    """

    customers: pl.DataFrame
    window_days: int
    left_out: Mapping[str, int]

    @property
    def randomised(self) -> pl.DataFrame:
        """The customers of campaigns that held out some of them."""
        return self.customers.filter("controlled")

    @property
    def learnable(self) -> pl.DataFrame:
        """Those of them who had bought before, of whom models of uplift can tell something."""
        return self.randomised.drop_nulls("days_since_last_order")


def experiment(
    contacts: pl.DataFrame, orders: pl.DataFrame, today: int, window_days: int = WINDOW
) -> Experiment:
    """Put contacts and the orders after them together, as known on the day ``today``.

    ``contacts`` has ``campaign_id``, ``customer_id``, ``day`` (Int64, days since 1970-01-01) and, where
    known, ``arm`` (``treatment`` or ``control``) and ``cost_hundredths``; ``orders`` has ``customer_id``,
    ``day`` and ``amount_hundredths``. The window is the ``window_days`` days after the day of the contact:
    an order of that very day may have come before it. Without anybody in the control arm everybody in a
    campaign counts as contacted. Raises ParamsError for a window of no day.
    """
    if window_days < 1:
        raise ParamsError(f"window_days is {window_days}; it must be 1 or more, for example 30.")
    units = _units(contacts, today)
    state = pl.when(pl.col("both")).then(pl.lit("both_arms")).when(~pl.col("known")).then(pl.lit("no_arm"))
    late = pl.col("day") + window_days > today
    units = units.with_columns(why=state.when(late).then(pl.lit("not_over")))
    counted = dict(units.drop_nulls("why").group_by("why").len().iter_rows())
    kept = units.filter(pl.col("why").is_null())
    share = pl.col("treated").mean().over("campaign_id")
    kept = kept.with_columns(
        controlled=~pl.col("treated").all().over("campaign_id") & pl.col("treated").any().over("campaign_id"),
        propensity=share,
    )
    orders = orders.join(kept, on="customer_id", how="semi")
    bought = _bought(kept, orders, window_days)
    customers = history_before(orders, kept.join(bought, on=["campaign_id", "customer_id"], how="left"))
    customers = customers.select(
        "campaign_id",
        "customer_id",
        "day",
        "treated",
        "controlled",
        "propensity",
        "cost_hundredths",
        pl.col("orders").fill_null(0),
        pl.col("revenue").fill_null(0) / 100,
        *COLUMNS,
        returned=pl.col("orders").fill_null(0) > 0,
    ).sort("campaign_id", "customer_id")
    reasons = ("both_arms", "no_arm", "not_over")
    return Experiment(customers, window_days, {why: counted.get(why, 0) for why in reasons})


def _units(contacts: pl.DataFrame, today: int) -> pl.DataFrame:
    """Return one row per customer in a campaign, with its arm; several contacts are one."""
    missing = {"arm": pl.String, "cost_hundredths": pl.Int64}
    rows = contacts.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in missing.items() if name not in contacts.columns
    ).filter(pl.col("day") <= today)
    arm, cost = pl.col("arm"), pl.col("cost_hundredths")
    units = (
        rows.group_by("campaign_id", "customer_id")
        .agg(
            pl.col("day").min(),
            cost_hundredths=pl.when(cost.is_not_null().all()).then(cost.sum()),
            treated=(arm == "treatment").fill_null(value=False).any(),
            control=(arm == "control").fill_null(value=False).any(),
        )
        .sort("campaign_id", "customer_id")
    )
    held_out = pl.col("control").any().over("campaign_id")
    return units.with_columns(
        both=pl.col("treated") & pl.col("control"),
        known=pl.col("treated") | pl.col("control") | ~held_out,
        treated=pl.when(held_out).then("treated").otherwise(pl.lit(value=True)),
    )


def _bought(units: pl.DataFrame, orders: pl.DataFrame, window_days: int) -> pl.DataFrame:
    """Return the paid orders and hundredths of the window after each contact."""
    bought = orders.select("customer_id", "amount_hundredths", ordered="day")
    pairs = units.select("campaign_id", "customer_id", "day").join(bought, on="customer_id")
    since = pl.col("ordered") - pl.col("day")
    amount = pl.col("amount_hundredths")
    return (
        pairs.filter(since.is_between(1, window_days))
        .group_by("campaign_id", "customer_id")
        .agg(orders=(amount > 0).sum().cast(pl.Int64), revenue=amount.sum())
    )
