"""Interactions and complaints."""

from __future__ import annotations

import numpy as np
import polars as pl

from crmlab.data.samples.clock import DAY, END, moment_text, time_of_day
from crmlab.data.samples.draws import Draws, Floats, Ints, pick, sometimes, weighted
from crmlab.data.samples.parameters import (
    CHANGE_DAY,
    CLOSED_LOOP,
    COMPLAINT_SHARE,
    CSAT_CUTS,
    DRIVERS,
    HANDLING,
    IMPROVEMENTS,
    ONE_CONTACT,
    REOPENED,
    RESOLUTION_HOURS,
    RESOLUTION_SIGMA,
    UNSORTED,
    WAITING,
    day_number,
)
from crmlab.data.samples.texts import complain, inquire
from crmlab.data.samples.vocabulary import company, grammar, products

_CHANNELS = {"电话": 26, "微信": 40, "门店": 20, "邮件": 8, "短信": 6}
_INQUIRIES = 0.3
"""Inquiries per order."""
_COMPLAINT_SHARES = {"quality": 0.32, "service": 0.16, "delivery": 0.30, "price": 0.12, "packaging": 0.10}
_ABOUT = {
    "quality": "商品质量",
    "service": "服务态度",
    "delivery": "物流配送",
    "price": "价格与优惠",
    "packaging": "包装破损",
}


def draw_complaints(orders: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Return one row per complaint by time: the order's place, times in seconds, what it is about.

    ``resolved`` and ``closed`` may lie after the period. ``handling`` is the latent satisfaction with
    how it was dealt with.
    """
    rng = draws["complaints"]
    order = np.flatnonzero(rng.random(orders.height) < COMPLAINT_SHARE)
    n = len(order)
    bought = orders["day"].to_numpy()[order] * DAY + orders["second"].to_numpy()[order]
    opened = bought + DAY * rng.integers(1, 10, n) + rng.integers(0, 3600, n)
    after = opened >= day_number(CHANGE_DAY) * DAY
    median = np.where(after, RESOLUTION_HOURS["after"], RESOLUTION_HOURS["before"])
    hours = median * np.exp(RESOLUTION_SIGMA * rng.standard_normal(n))
    resolved = opened + np.maximum(np.rint(hours * 3600), 60).astype(np.int64)
    response = opened + np.rint((resolved - opened) * rng.beta(1.2, 8, n)).astype(np.int64)
    aspect = weighted(rng, [_COMPLAINT_SHARES[driver] for driver in DRIVERS], n)
    mean = np.where(after, HANDLING["after"], HANDLING["before"])
    frame = pl.DataFrame(
        {
            "order": order,
            "person": orders["person"].to_numpy()[order],
            "opened": opened,
            "response": response,
            "resolved": resolved,
            "closed": resolved + rng.integers(0, 3 * DAY, n),
            "hours": hours,
            "aspect": aspect,
            "after": after,
            "handling": mean + rng.standard_normal(n),
            "answered": rng.random(n) < 0.7,
            "severity": weighted(rng, (0.5, 0.35, 0.15), n),
        }
    )
    return frame.filter(pl.col("opened") < END).sort("opened", "order")


def complaint_table(
    complaints: pl.DataFrame,
    order_id: pl.Series,
    customer_id: pl.Series,
    product: pl.Series,
    draws: Draws,
) -> pl.DataFrame:
    """Return the canonical complaints as text; the series have one value per order."""
    rng = draws["complaints"].spawn(1)[0]
    n = complaints.height
    lexicon, order = company(), complaints["order"]
    done = {name: (complaints[name] < END).to_numpy() for name in ("response", "resolved", "closed")}
    escalated = (complaints["hours"] > 120).to_numpy() | (rng.random(n) < 0.03)
    stage = np.where(done["response"], np.where(escalated, "已升级", "调查中"), "已受理")
    stage = np.where(done["closed"], "已关闭", np.where(done["resolved"], "已解决", stage))
    aspect = complaints["aspect"].to_numpy()
    solutions = [pick(rng, grammar("zh")["solutions"][driver], n) for driver in DRIVERS]
    solution = pl.DataFrame({str(place): text for place, text in enumerate(solutions)}).select(
        pl.coalesce(pl.when(pl.Series(aspect == place)).then(str(place)) for place in range(len(DRIVERS)))
    )
    score = np.searchsorted(CSAT_CUTS, complaints["handling"].to_numpy()) + 1
    resolved = pl.Series(done["resolved"])
    rated = pl.Series(done["closed"]) & complaints["answered"]
    compensation = pick(rng, [f"{amount}.00" for amount in lexicon["compensations"]], n)
    steps = _steps(complaints, draws)
    category = pl.Series([_ABOUT[driver] for driver in DRIVERS]).gather(aspect)
    return pl.DataFrame(
        {
            "complaint_id": _ids("TS", n, draws),
            "customer_id": customer_id.gather(order),
            "opened_at": moment_text(complaints["opened"].to_numpy()),
            "acknowledged_at": steps["acknowledged"],
            "assessed_at": steps["assessed"],
            "investigated_at": steps["investigated"],
            "first_response_at": moment_text(complaints["response"].to_numpy(), done["response"]),
            "decided_at": steps["decided"],
            "resolved_at": moment_text(complaints["resolved"].to_numpy(), done["resolved"]),
            "closed_at": moment_text(complaints["closed"].to_numpy(), done["closed"]),
            "reopened_at": steps["reopened"],
            "waiting_from_at": steps["waiting_from"],
            "waiting_until_at": steps["waiting_until"],
            "closed_loop_at": steps["closed_loop"],
            "stage": pl.Series(stage, dtype=pl.String),
            "channel": pick(rng, _CHANNELS, n),
            "category": _where(steps["sorted"], category),
            "product": product.gather(order),
            "severity": pl.Series(["一般", "重要", "紧急"]).gather(complaints["severity"]),
            "text": complain(aspect, rng),
            "solution": _where(resolved, solution.to_series()),
            "compensation": _where(resolved, compensation),
            "score": _where(rated, pl.Series(score).cast(pl.String)),
            "root_cause": steps["cause"],
            "action_id": steps["action"],
            "contacts_count": _where(resolved, steps["contacts"]),
            "reopened_count": steps["reopened_count"],
            "order_id": order_id.gather(order),
            "owner": pick(rng, lexicon["agents"], n),
            "escalated": pl.Series(escalated).replace_strict({True: "是", False: "否"}),
            "reopened": steps["reopened"].is_not_null().replace_strict({True: "是", False: "否"}),
        }
    )


def _steps(complaints: pl.DataFrame, draws: Draws) -> dict[str, pl.Series]:
    """Draw the steps between reception and closure, and what the investigation found, as text.

    They lie between the times that the complaint has already: acknowledgement before the first response,
    assessment soon after it, then the investigation, the decision, the resolution.
    """
    rng = draws["handling"]
    n = complaints.height
    opened, response, resolved, closed = (
        complaints[name].to_numpy() for name in ("opened", "response", "resolved", "closed")
    )
    after = complaints["after"].to_numpy()

    def between(first: Ints, last: Ints, low: float, high: float) -> Ints:
        return first + np.rint((last - first) * rng.uniform(low, high, n)).astype(np.int64)

    assessed = between(response, resolved, 0.02, 0.15)
    begun = between(response, resolved, 0.15, 0.3)
    investigated = between(response, resolved, 0.6, 0.85)
    times = {
        "acknowledged": between(opened, response, 0.1, 0.8),
        "assessed": assessed,
        "investigated": investigated,
        "decided": between(investigated, resolved, 0.2, 0.9),
        "reopened": between(investigated, resolved, 0.3, 0.95),
        "waiting_from": begun,
        "waiting_until": between(begun, begun + resolved - response, 0.05, 0.3),
        "closed_loop": closed + rng.integers(0, 14 * DAY, n),
    }
    waits = rng.random(n) < WAITING
    told = rng.random(n) < np.where(after, CLOSED_LOOP["after"], CLOSED_LOOP["before"])
    happens = {"reopened": rng.random(n) < REOPENED, "waiting_from": waits, "closed_loop": told}
    happens["waiting_until"] = waits
    known = {name: (time < END) & happens.get(name, True) for name, time in times.items()}
    texts = {name: moment_text(time, known[name]) for name, time in times.items()}
    contacts = np.where(
        rng.random(n) < np.where(after, ONE_CONTACT["after"], ONE_CONTACT["before"]),
        1,
        2 + rng.poisson(1.0, n),
    )
    aspect = complaints["aspect"].to_numpy()
    found = [pick(rng, grammar("zh")["causes"][driver], n) for driver in DRIVERS]
    cause = pl.Series("cause", np.choose(aspect, [each.to_numpy() for each in found]), dtype=pl.String)
    action = pl.Series([_measure_of(_ABOUT[driver]) for driver in DRIVERS]).gather(aspect)
    return {
        **texts,
        "reopened_count": pl.Series(known["reopened"].astype(np.int64)).cast(pl.String),
        "contacts": pl.Series(contacts).cast(pl.String),
        "cause": _where(pl.Series(known["investigated"]), sometimes(rng, cause, 0.92)),
        "action": _where(pl.Series(known["closed_loop"]), action),
        "sorted": pl.Series(rng.random(n) >= UNSORTED),
    }


def _measure_of(category: str) -> str:
    """Return the improvement that complaints of a category lead to; the one of no aspect for the others."""
    found = [each.id for each in IMPROVEMENTS if each.aspect and each.aspect in category]
    return found[0] if found else next(each.id for each in IMPROVEMENTS if each.aspect is None)


def interaction_table(
    orders: pl.DataFrame,
    customer_id: pl.Series,
    complaints: pl.DataFrame,
    contacts: pl.DataFrame,
    draws: Draws,
) -> pl.DataFrame:
    """Return the canonical interactions as text: inquiries, complaints, campaign contacts that arrived.

    ``customer_id`` has one value per order; ``complaints`` and ``contacts`` are the canonical tables.
    """
    rng = draws["interactions"]
    order = rng.integers(0, max(orders.height, 1), round(orders.height * _INQUIRIES))
    near = (orders["day"].to_numpy()[order] + rng.integers(-4, 10, len(order))).clip(0, END // DAY - 1)
    product = products()["product"]
    inquiries = _inbound(
        customer_id.gather(order),
        moment_text(near * DAY + time_of_day(rng, len(order), 8, 22)),
        pick(rng, _CHANNELS, len(order)),
        pick(rng, {"咨询": 60, "售后": 25, "会员服务": 15}, len(order)),
        inquire(product.gather(rng.integers(0, len(product), len(order))), rng),
        rng,
    )
    complained = _inbound(
        complaints["customer_id"],
        complaints["opened_at"],
        complaints["channel"],
        pl.Series(["投诉"]).gather(np.zeros(complaints.height, np.int64)),
        complaints["text"],
        rng,
    )
    arrived = contacts.filter(pl.col("delivered_at").is_not_null())
    outreach = arrived.select(
        "customer_id",
        happened_at="delivered_at",
        channel="channel",
        direction=pl.lit("企业发起"),
        kind=pl.lit("营销"),
        text=pick(rng, grammar("zh")["outreach"], arrived.height),
        agent=pl.lit(None, pl.String),
        duration_minutes=_minutes(rng.exponential(2.5, arrived.height), arrived["channel"] == "电话"),
        campaign_id="campaign_id",
    )
    together = pl.concat([inquiries, complained, outreach]).sort("happened_at", "customer_id", "kind", "text")
    return together.insert_column(0, _ids("H", together.height, draws).alias("interaction_id"))


def _inbound(
    customer_id: pl.Series,
    happened_at: pl.Series,
    channel: pl.Series,
    kind: pl.Series,
    text: pl.Series,
    rng: np.random.Generator,
) -> pl.DataFrame:
    n = len(customer_id)
    spoken = (channel == "电话") | (channel == "门店")
    return pl.DataFrame(
        {
            "customer_id": customer_id,
            "happened_at": happened_at,
            "channel": channel,
            "direction": pl.Series(["客户发起"]).gather(np.zeros(n, np.int64)),
            "kind": kind,
            "text": text,
            "agent": sometimes(rng, pick(rng, company()["agents"], n), 0.9),
            "duration_minutes": _minutes(rng.gamma(2, 3, n), spoken),
            "campaign_id": pl.Series([None] * n, dtype=pl.String),
        }
    )


def _minutes(minutes: Floats, spoken: pl.Series) -> pl.Series:
    return _where(spoken, pl.Series(np.round(minutes + 0.3, 1)).cast(pl.String))


def _where(there: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(there).then(pl.lit(values))).to_series()


def _ids(prefix: str, n: int, draws: Draws) -> pl.Series:
    return prefix + pl.Series(draws.block * 10_000_000 + np.arange(1, n + 1)).cast(pl.String).str.zfill(9)
