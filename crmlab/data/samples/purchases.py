"""Orders and their lines: the hidden lives, the season and the campaigns made visible."""

from __future__ import annotations

import numpy as np
import polars as pl

from crmlab.data.samples.campaigns import days_after
from crmlab.data.samples.clock import moment_text, time_of_day
from crmlab.data.samples.draws import Draws, Floats, Ints, pick, weighted
from crmlab.data.samples.lives import Lives, in_calendar, in_season, of_segments
from crmlab.data.samples.parameters import CAMPAIGNS, DAYS, WINDOW
from crmlab.data.samples.vocabulary import PRICE_STEP, company, products

_LINES = (0.5, 0.28, 0.14, 0.08)
"""Shares of orders with one to four lines."""
_QUANTITIES = (0.75, 0.18, 0.07)
_COUPONS = 0.25
"""Share of the orders after a contact that are booked to the campaign without being caused by it."""


def draw_orders(lives: Lives, assigned: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Return one row per order by time: ``person, day, second, amount`` (target, in hundredths), and more.

    ``extra`` marks an order that a campaign caused, ``campaign`` is the place of the campaign that it
    is booked to, -1 for none; ``channel`` and ``store`` say where.
    """
    rng = draws["orders"]
    orders = pl.concat([_own_orders(lives, assigned, rng), _caused_orders(lives, assigned, rng)])
    n = orders.height
    person = orders["person"].to_numpy()
    usual = pick(rng, company()["sales_channels"], lives.size).gather(orders["person"])
    channel = usual.zip_with(pl.Series(rng.random(n) < 0.7), pick(rng, company()["sales_channels"], n))
    in_store = (channel == "门店").to_numpy()
    second = np.where(in_store, time_of_day(rng, n, 10, 21), time_of_day(rng, n))
    payment = pick(rng, company()["payments"], n)
    rng = draws["amounts"]
    amount = rng.gamma(of_segments("p")[lives.segment[person]], 1 / lives.spend_rate[person])
    return orders.with_columns(
        second=pl.Series(second),
        channel=channel,
        payment_method=payment,
        target=np.maximum(np.rint(amount * 100), 100).astype(np.int64),
    ).sort("day", "second", "person")


def _own_orders(lives: Lives, assigned: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Draw the first order of each buyer and what follows while they live, less what campaigns drive away."""
    buyers = np.flatnonzero(lives.bought)
    start = in_season(lives.begins[buyers])
    stop = in_season(np.minimum(lives.ends[buyers], DAYS))
    counts = rng.poisson(lives.rate[buyers] * (stop - start))
    repeat = np.repeat(np.arange(len(buyers)), counts)
    time = start[repeat] + (stop - start)[repeat] * rng.random(len(repeat))
    day = np.concatenate([lives.begins[buyers], np.floor(in_calendar(time)).astype(np.int64)])
    own = _orders(np.concatenate([buyers, buyers[repeat]]), np.minimum(day, DAYS - 1), extra=False)
    contacts = assigned.filter("treated").select("person", "held", contact="day", booked="campaign")
    in_window = (pl.col("day") > pl.col("contact")) & (pl.col("day") <= pl.col("contact") + WINDOW)
    touched = own.with_row_index().join(contacts, on="person").filter(in_window).sort("index")
    campaign = np.full(own.height, -1)
    campaign[touched["index"].to_numpy()] = touched["booked"].to_numpy()
    campaign[rng.random(own.height) > _COUPONS] = -1
    kept = np.ones(own.height, dtype=bool)
    kept[touched.filter("held")["index"].to_numpy()] = False
    return own.with_columns(campaign=pl.Series(campaign)).filter(kept)


def _caused_orders(lives: Lives, assigned: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    extra = assigned["extra"].to_numpy()
    caused = _orders(*days_after(assigned, extra, lives, rng), extra=True)
    return caused.with_columns(campaign=assigned.filter(extra)["campaign"])


def _orders(person: Ints, day: Ints, *, extra: bool) -> pl.DataFrame:
    return pl.DataFrame({"person": person, "day": day}).with_columns(
        campaign=pl.lit(-1, pl.Int64), extra=pl.lit(extra)
    )


def draw_lines(orders: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Return one row per line: ``order`` (place in ``orders``), product, quantity, unit price, amount.

    The amounts of an order's lines come as near to its target as whole hundredths of a unit price allow.
    """
    rng = draws["lines"]
    lines = 1 + weighted(rng, _LINES, orders.height)
    order = np.repeat(np.arange(orders.height), lines)
    part = rng.gamma(2.0, 1.0, len(order)) + 0.15
    whole = np.add.reduceat(part, np.cumsum(lines) - lines) if len(lines) else np.zeros(0)
    target = orders["target"].to_numpy()[order] * part / whole[order]
    quantity = 1 + weighted(rng, _QUANTITIES, len(order))
    price = np.maximum(np.rint(target / quantity), 1).astype(np.int64)
    catalogue = products()
    product = _products(price, rng, catalogue)
    return pl.DataFrame(
        {"order": order, "quantity": quantity, "price": price, "amount": price * quantity}
    ).hstack(catalogue.select("category", "product_id", "product")[product])


def _products(price: Ints, rng: np.random.Generator, catalogue: pl.DataFrame) -> Ints:
    """Choose articles whose list price is the next above what was paid: the rest is a discount."""
    words = company()["categories"]
    category = weighted(rng, [entry[0] for entry in words.values()], len(price))
    lowest = np.array([entry[1] for entry in words.values()], dtype=float)[category]
    steps = catalogue.height // len(words)
    step: Floats = np.ceil(np.log(price / 100 / lowest) / np.log(PRICE_STEP))
    return category * steps + np.clip(step, 0, steps - 1).astype(np.int64)


def order_table(
    orders: pl.DataFrame, lines: pl.DataFrame, customers: pl.DataFrame, draws: Draws
) -> pl.DataFrame:
    """Return the canonical orders as text; ``customers`` has ``customer_id`` and ``city`` of each order."""
    rng = draws["orders"].spawn(1)[0]
    amount = lines.group_by("order", maintain_order=True).agg(pl.col("amount").sum())["amount"]
    campaign = pl.Series([*(campaign.id for campaign in CAMPAIGNS), None]).gather(orders["campaign"])
    branch = pick(rng, ["一店", "二店", "三店"], orders.height)
    return orders.select(
        order_id=order_ids(orders.height, draws),
        customer_id=customers["customer_id"],
        ordered_at=moment_text(_seconds(orders)),
        amount=money(amount),
        currency=pl.lit("人民币"),
        status=pl.lit(company()["statuses"]["completed"]),
        channel="channel",
        store=pl.when(pl.col("channel") == "门店").then(pl.lit(customers["city"] + branch)),
        payment_method="payment_method",
        campaign_id=campaign,
    )


def line_table(lines: pl.DataFrame, order_id: pl.Series) -> pl.DataFrame:
    """Return the canonical order lines as text."""
    return lines.select(
        order_id=order_id.gather(lines["order"]),
        category="category",
        product_id="product_id",
        product="product",
        quantity=pl.col("quantity").cast(pl.String),
        unit_price=money(lines["price"]),
        amount=money(lines["amount"]),
    )


def order_ids(orders: int, draws: Draws) -> pl.Series:
    """Number the orders of a block."""
    first = draws.block * 100_000_000
    return "D" + pl.Series(first + np.arange(1, orders + 1)).cast(pl.String).str.zfill(10)


def money(hundredths: pl.Series) -> pl.Series:
    """Write hundredths as 12.05."""
    size = hundredths.abs()
    sign = pl.select(pl.when(pl.lit(hundredths) < 0).then(pl.lit("-")).otherwise(pl.lit(""))).to_series()
    return sign + (size // 100).cast(pl.String) + "." + (size % 100).cast(pl.String).str.zfill(2)


def _seconds(orders: pl.DataFrame) -> Ints:
    seconds: Ints = orders.select(pl.col("day") * 86_400 + pl.col("second")).to_series().to_numpy()
    return seconds
