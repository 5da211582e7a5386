"""The truth behind the tables: tables of what is true of each row, and one file of all parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from crmlab.data.samples import parameters as given
from crmlab.data.samples.dirt_kinds import ADDITIONS, CHANGES
from crmlab.data.samples.draws import Bools, Ints
from crmlab.data.samples.lives import Lives, of_segments, season
from crmlab.data.samples.records import FIRST
from crmlab.data.samples.surveys import ANSWERS, QUESTIONS
from crmlab.labels import Text

GENERATED = Text(
    "全部为生成数据，人物、公司与数字均属虚构。",
    "All of it is generated data; people, firms and figures are invented.",
)

_SEGMENT_IDS = pl.Series([segment.id for segment in given.SEGMENTS])


def person_ids(people: pl.DataFrame) -> pl.Series:
    """Return the id of each person, which no table of the company has."""
    return "P" + people["_number"].cast(pl.String).str.zfill(7)


def customer_truth(lives: Lives, people: pl.DataFrame, first_id: pl.Series) -> pl.DataFrame:
    """Return what is true of each person; ``left_on`` is null for who stays beyond the period."""
    left = np.floor(np.minimum(lives.ends, given.DAYS)).astype(np.int64)
    return pl.DataFrame(
        {
            "person_id": person_ids(people),
            "customer_id": first_id,
            "segment": _SEGMENT_IDS.gather(lives.segment),
            "english": lives.english,
            "first_order_on": _days(lives.begins, lives.begins < given.DAYS),
            "left_on": _days(left, left < given.DAYS),
            "purchases_per_day": lives.rate,
            "churn_per_day": lives.churn_rate,
            "mean_amount": of_segments("p")[lives.segment] / lives.spend_rate,
        }
    )


def identity_truth(records: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Return the canonical identities: which record belongs to which person, and its kind."""
    return records.select(
        record_id="customer_id",
        source=pl.lit("crm"),
        customer_id=person_ids(people).gather(records["_person"]),
        key_kind="_kind",
        key_value=pl.lit(None, pl.String),
        score=pl.lit(1.0),
        since=pl.col("registered_on").str.to_date("%Y-%m-%d"),
    ).sort("customer_id", pl.col("key_kind") != FIRST, "record_id")


def order_truth(orders: pl.DataFrame, order_id: pl.Series, people: pl.DataFrame) -> pl.DataFrame:
    """Return who really placed each order, and the campaign that caused it, null for none."""
    campaign = pl.Series([campaign.id for campaign in given.CAMPAIGNS])
    caused = campaign.gather(orders["campaign"].clip(0))
    return orders.select(
        order_id=order_id,
        person_id=person_ids(people).gather(orders["person"]),
        caused_by=pl.when("extra").then(pl.lit(caused)),
    )


def contact_truth(assigned: pl.DataFrame, contacts: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Return for each contact the probability to buy with and without it."""
    ordered = assigned.sort("day", "person")
    return ordered.select(
        contact_id=contacts["contact_id"],
        campaign_id=contacts["campaign_id"],
        person_id=person_ids(people).gather(ordered["person"]),
        segment=_SEGMENT_IDS.gather(ordered["segment"]),
        treated="treated",
        p_control="p_control",
        p_treated="p_treated",
        uplift=pl.col("p_treated") - pl.col("p_control"),
    )


def response_truth(surveys: pl.DataFrame, reviews: pl.DataFrame, order_id: pl.Series) -> pl.DataFrame:
    """Return what everybody who answered or reviewed really felt."""
    parts = [
        responses.select(
            order_id=order_id.gather(responses["order"]),
            kind=pl.lit(kind),
            satisfaction="satisfaction",
            **{driver: pl.col(driver) for driver in given.DRIVERS},
        )
        for kind, responses in (("survey", surveys), ("review", reviews))
    ]
    return pl.concat(parts)


def complaint_truth(complaints: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Return for each complaint its driver, its full resolution time, the felt handling, the process."""
    return complaints.select(
        complaint_id=table["complaint_id"],
        driver=pl.Series(list(given.DRIVERS)).gather(complaints["aspect"]),
        resolution_hours="hours",
        handling="handling",
        after_change="after",
    )


def season_truth() -> pl.DataFrame:
    """Return the multiplier of the purchase rate for each day."""
    days = pl.date_range(given.FIRST_DAY, given.LAST_DAY, eager=True)
    return pl.DataFrame({"day": days, "multiplier": season()})


def truth_document(
    customers: int, seed: int, *, dirt: bool, rows: Mapping[str, int], truth: Mapping[str, pl.LazyFrame]
) -> dict[str, Any]:
    """Return the content of ``truth.json``; ``truth`` are the tables of the truth, over all blocks."""
    return {
        "generated": GENERATED._asdict(),
        "customers": customers,
        "seed": seed,
        "dirt": dirt,
        "first_day": f"{given.FIRST_DAY}",
        "as_of": f"{given.LAST_DAY}",
        "time_zone": given.TIME_ZONE,
        "currency": given.CURRENCY,
        "rows": dict(rows),
        "purchases": _purchases(),
        "satisfaction": _satisfaction(),
        "complaints": _complaints(),
        "campaigns": _campaigns(truth["contacts"]),
        "improvements": _improvements(),
        "identities": _identities(truth["identities"]),
        "dirt_found": _dirt(truth["dirt"]) if dirt else [],
    }


def _purchases() -> dict[str, Any]:
    return {
        "model": "Pareto/NBD with Gamma-Gamma spend, by segment; time runs by the season",
        "parameters": {
            "r, alpha": "purchases a day while alive ~ Poisson(lambda); lambda ~ Gamma(shape r, rate alpha)",
            "s, beta": "days from the first order on ~ Exponential(mu); mu ~ Gamma(shape s, rate beta)",
            "p, q, gamma": "amount of an order ~ Gamma(shape p, rate nu); nu ~ Gamma(shape q, rate gamma)",
            "response": "> 0: probability of one more order in the window after a contact; "
            "< 0: probability to leave out every order of the window",
        },
        "segments": [dataclasses.asdict(segment) for segment in given.SEGMENTS],
        "never_bought": given.NEVER_BOUGHT,
        "season": {
            "weekdays": given.WEEKDAYS,
            "months": given.MONTHS,
            "peaks": given.PEAKS,
            "quiet": [[f"{day}" for day in days] for days in given.QUIET],
            "quiet_multiplier": given.QUIET_MULTIPLIER,
        },
    }


def _satisfaction() -> dict[str, Any]:
    return {
        "model": "satisfaction = intercept + sum(weight * experience) + Normal(0, noise)",
        "intercept": given.INTERCEPT,
        "weights": given.DRIVERS,
        "noise": given.NOISE,
        "experience": "standard normal; own_share of its variance stays with the customer",
        "own_share": given.OWN_SHARE,
        "peak_delivery": given.PEAK_DELIVERY,
        "service_gain": given.SERVICE_GAIN,
        "nps_cuts": given.NPS_CUTS,
        "csat_cuts": given.CSAT_CUTS,
        "driver_cuts": given.DRIVER_CUTS,
        "answer_noise": given.ANSWER_NOISE,
        "answers": ANSWERS,
        "questions": QUESTIONS,
        "survey_share": given.SURVEY_SHARE,
        "review_share": given.REVIEW_SHARE,
    }


def _complaints() -> dict[str, Any]:
    return {
        "share_of_orders": given.COMPLAINT_SHARE,
        "change_day": f"{given.CHANGE_DAY}",
        "median_resolution_hours": given.RESOLUTION_HOURS,
        "resolution_sigma": given.RESOLUTION_SIGMA,
        "mean_handling": given.HANDLING,
        "reopened": given.REOPENED,
        "one_contact": given.ONE_CONTACT,
        "waiting": given.WAITING,
        "closed_loop": given.CLOSED_LOOP,
        "unsorted": given.UNSORTED,
        "handling_cuts": given.CSAT_CUTS,
        "service_gain": given.SERVICE_GAIN,
    }


def _campaigns(contacts: pl.LazyFrame) -> list[dict[str, Any]]:
    """Say of each campaign what it is and its true effect by segment: an average of probabilities."""
    effects = (
        contacts.group_by("campaign_id", "segment")
        .agg(
            contacts=pl.len(),
            treated=pl.col("treated").sum(),
            p_control=pl.col("p_control").mean().round(6),
            uplift=pl.col("uplift").mean().round(6),
        )
        .sort("campaign_id", pl.col("segment").cast(pl.Enum(_SEGMENT_IDS)))
        .collect()
    )
    return [
        {
            "campaign_id": campaign.id,
            "zh": campaign.zh,
            "en": campaign.en,
            "day": f"{campaign.day}",
            "window_days": given.WINDOW,
            "targeted": campaign.targeted,
            "treated": campaign.treated,
            "strength": campaign.strength,
            "effects": effects.filter(campaign_id=campaign.id).drop("campaign_id").to_dicts(),
        }
        for campaign in given.CAMPAIGNS
    ]


def _improvements() -> list[dict[str, Any]]:
    """Say of each measure whether it moved its target metric."""
    return [
        {
            "improvement_id": measure.id,
            "zh": measure.zh,
            "en": measure.en,
            "day": f"{measure.day}",
            "target_metric": measure.metric,
            "effect": "better" if measure.better else "none",
        }
        for measure in given.IMPROVEMENTS
    ]


def _identities(identities: pl.LazyFrame) -> dict[str, Any]:
    kinds = identities.group_by("key_kind").len().sort("key_kind").collect()
    return {
        "share": given.DUPLICATE_SHARE,
        "second_record_orders": given.SECOND_RECORD_ORDERS,
        "households": given.HOUSEHOLDS,
        "kinds": dict(kinds.iter_rows()),
    }


def _dirt(dirt: pl.LazyFrame) -> list[dict[str, Any]]:
    """Count the dirt by table and kind, in the order in which it is defined."""
    kinds: list[tuple[str, str | None, str]]
    counted = dirt.group_by("table", "column", "kind", "reason").len("rows").collect()
    kinds = [(table, change.column, change.kind) for table in CHANGES for change in CHANGES[table]]
    kinds += [(table, None, addition.kind) for table in ADDITIONS for addition in ADDITIONS[table]]
    order = {kind: place for place, kind in enumerate(kinds)}
    return sorted(counted.to_dicts(), key=lambda row: order[row["table"], row["column"], row["kind"]])


def _days(days: Ints, known: Bools) -> pl.Series:
    frame = pl.DataFrame({"day": days, "known": known})
    return frame.select(pl.when("known").then(pl.lit(given.FIRST_DAY) + pl.duration(days="day"))).to_series()
