"""Campaigns with a randomised hold-out, and what they change."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from crmlab.data.samples.clock import DAY, moment_text, time_of_day
from crmlab.data.samples.draws import Bools, Draws, Ints
from crmlab.data.samples.lives import Lives, in_season, of_segments
from crmlab.data.samples.parameters import CAMPAIGNS, WINDOW, day_number


def assign(lives: Lives, consents: Bools, draws: Draws) -> pl.DataFrame:
    """Return one row per customer in a campaign, with the probability to buy with and without it.

    Targeted at random are customers who bought before and consent. Columns: ``person, campaign, day,
    treated, p_control, p_treated, extra`` (places an order because of it) and ``held`` (leaves out
    orders because of it). Probabilities are of one order or more on the 30 days after the contact.
    """
    rng = draws["campaigns"]
    rows = []
    for place, campaign in enumerate(CAMPAIGNS):
        day = day_number(campaign.day)
        known = np.flatnonzero((lives.begins < day) & consents)
        person = known[rng.random(len(known)) < campaign.targeted]
        treated = rng.random(len(person)) < campaign.treated
        alive = lives.ends[person] > day + 1
        time = in_season(np.minimum(lives.ends[person], day + 1 + WINDOW)) - in_season(
            np.full(len(person), day + 1)
        )
        p_control = np.where(alive, 1 - np.exp(-lives.rate[person] * np.maximum(time, 0)), 0.0)
        response = of_segments("response")[lives.segment[person]] * campaign.strength
        gain, loss = np.where(alive, np.maximum(response, 0), 0.0), np.maximum(-response, 0)
        acts = rng.random(len(person))
        rows.append(
            pl.DataFrame(
                {
                    "person": person,
                    "campaign": np.full(len(person), place),
                    "day": np.full(len(person), day),
                    "segment": lives.segment[person],
                    "treated": treated,
                    "p_control": p_control,
                    "p_treated": (1 - (1 - p_control) * (1 - gain)) * (1 - loss),
                    "extra": treated & (acts < gain),
                    "held": treated & (acts < loss),
                }
            )
        )
    return pl.concat(rows)


def campaign_table() -> pl.DataFrame:
    """Return the canonical campaigns as text."""
    return pl.DataFrame(
        {
            "campaign_id": [campaign.id for campaign in CAMPAIGNS],
            "name": [campaign.zh for campaign in CAMPAIGNS],
            "channel": [campaign.channel for campaign in CAMPAIGNS],
            "started_on": [f"{campaign.day}" for campaign in CAMPAIGNS],
            "ended_on": [f"{campaign.day + timedelta(days=13)}" for campaign in CAMPAIGNS],
            "objective": [campaign.objective for campaign in CAMPAIGNS],
            "offer": [campaign.offer for campaign in CAMPAIGNS],
            "budget": [f"{campaign.budget}.00" for campaign in CAMPAIGNS],
        }
    )


def contact_table(
    assigned: pl.DataFrame, orders: pl.DataFrame, records: pl.Series, draws: Draws
) -> pl.DataFrame:
    """Return the canonical contacts as text; ``records`` gives the customer id of each person.

    A response is the order that the contact caused. Who did not respond may have opened or clicked as
    well; a control has nothing but the time of the draw.
    """
    rng = draws["campaigns"].spawn(1)[0]
    n = assigned.height
    assigned = assigned.sort("day", "person")
    caused = orders.filter("extra").select(
        "person", "campaign", bought=pl.col("day") * DAY + pl.col("second")
    )
    bought = assigned.join(caused, on=["person", "campaign"], how="left", maintain_order="left")["bought"]
    responded = bought.is_not_null().to_numpy()
    treated = assigned["treated"].to_numpy()
    sent = assigned["day"].to_numpy() * DAY + time_of_day(rng, n, 9, 20)
    delivered = treated & (responded | (rng.random(n) < 0.95))
    opened = delivered & (responded | (rng.random(n) < 0.3))
    clicked = opened & (responded | (rng.random(n) < 0.25))
    steps = np.cumsum(rng.integers(5, 3600, (3, n)), axis=0)
    campaign = assigned["campaign"]
    texts = {
        name: pl.Series([f"{getattr(campaign, name)}" for campaign in CAMPAIGNS])
        for name in ("id", "channel")
    }
    cost = pl.Series([f"{campaign.cost / 100:.2f}" for campaign in CAMPAIGNS]).gather(campaign)
    return pl.DataFrame(
        {
            "contact_id": pl.select(
                pl.format("T{}-{}", pl.lit(texts["id"].gather(campaign)), pl.lit(_numbers(n, draws)))
            ).to_series(),
            "campaign_id": texts["id"].gather(campaign),
            "customer_id": records.gather(assigned["person"]),
            "contacted_at": moment_text(sent),
            "arm": assigned["treated"].replace_strict({True: "实验组", False: "对照组"}),
            "channel": texts["channel"].gather(campaign),
            "delivered_at": moment_text(sent + 1 + steps[0] // 60, delivered),
            "opened_at": moment_text(sent + steps[0], opened),
            "clicked_at": moment_text(sent + steps[1], clicked),
            "responded_at": moment_text(bought.fill_null(0).to_numpy(), responded),
            "cost": pl.select(
                pl.when(pl.Series(treated)).then(pl.lit(cost)).otherwise(pl.lit("0.00"))
            ).to_series(),
        }
    )


def _numbers(n: int, draws: Draws) -> pl.Series:
    return pl.Series(draws.block * 1_000_000 + np.arange(1, n + 1)).cast(pl.String).str.zfill(9)


def days_after(
    assigned: pl.DataFrame, chosen: Bools, lives: Lives, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return person and day of the orders that campaigns cause: early in the window, while alive."""
    people = assigned.filter(chosen)["person"].to_numpy()
    first = assigned.filter(chosen)["day"].to_numpy() + 1
    last = np.minimum(lives.ends[people], first + WINDOW)
    return people, np.floor(first + (last - first) * rng.beta(1, 2, len(people))).astype(np.int64)
