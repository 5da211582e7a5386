"""Feedback: answers to a survey after an order, and reviews; how satisfied everybody really was."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import polars as pl

from crmlab.data.samples.clock import day_text
from crmlab.data.samples.draws import Bools, Draws, Floats, Ints
from crmlab.data.samples.lives import Lives
from crmlab.data.samples.parameters import (
    ANSWER_NOISE,
    CHANGE_DAY,
    CSAT_CUTS,
    DAYS,
    DRIVER_CUTS,
    DRIVERS,
    INTERCEPT,
    NOISE,
    NPS_CUTS,
    OWN_SHARE,
    PEAK_DELIVERY,
    REVIEW_SHARE,
    SERVICE_GAIN,
    SURVEY_SHARE,
    day_number,
)
from crmlab.data.samples.texts import NOTHING, SENTIMENTS, compose, draw_mentions

QUESTIONS = {
    "nps": "您有多大可能把我们推荐给亲友？请说明原因",
    "csat": "您对这次购物总体满意吗？",
    "quality": "商品质量",
    "service": "服务态度",
    "delivery": "配送速度",
    "price": "价格",
    "packaging": "包装",
    "channel": "您最常在哪里购买？",
    "reasons": "哪些原因让您选择我们？（多选）",
}
ANSWERS = ("非常不满意", "不满意", "一般", "满意", "非常满意")
"""Answers about a driver; the place, from 1, is what was felt, cut by ``DRIVER_CUTS``."""
REASONS = {
    "quality": "质量可靠",
    "service": "服务好",
    "delivery": "配送快",
    "price": "价格实惠",
    "packaging": "包装好",
}
JOINT = "┋"
_FROM_FRIENDS = "朋友推荐"


def draw_responses(orders: pl.DataFrame, lives: Lives, draws: Draws, subject: str) -> pl.DataFrame:
    """Draw who answers (``subject`` is ``surveys`` or ``reviews``), and what they felt.

    Returns by time: the order's place, person, day, one experience per driver, ``satisfaction``.
    """
    rng = draws[subject]
    share = SURVEY_SHARE if subject == "surveys" else REVIEW_SHARE
    order = np.flatnonzero(rng.random(orders.height) < share)
    bought = orders["day"].to_numpy()[order]
    day = bought + rng.integers(2, 12, len(order))
    person = orders["person"].to_numpy()[order]
    felt = lives.own[person] + np.sqrt(1 - OWN_SHARE) * rng.standard_normal((len(order), len(DRIVERS)))
    felt[:, _place("service")] += SERVICE_GAIN * (day >= day_number(CHANGE_DAY))
    felt[:, _place("delivery")] += PEAK_DELIVERY * _at_peak(bought)
    weights = np.array(list(DRIVERS.values()))
    satisfaction = INTERCEPT + felt @ weights + NOISE * rng.standard_normal(len(order))
    frame = pl.DataFrame({"order": order, "person": person, "day": day, "satisfaction": satisfaction})
    frame = frame.with_columns(**{driver: felt[:, _place(driver)] for driver in DRIVERS})
    return frame.filter(pl.col("day") < DAYS).sort("day", "order")


def feedback_tables(
    surveys: pl.DataFrame, reviews: pl.DataFrame, orders: pl.DataFrame, lives: Lives, draws: Draws
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the canonical feedback as text, and what its texts say: ``feedback_id, aspect, sentiment``.

    ``orders`` has ``order_id``, ``customer_id``, ``channel`` and ``category`` of each order. A survey
    gives one row per question, a review is one row.
    """
    rng = draws["texts"]
    answers = _survey(surveys, orders, lives, draws, rng)
    written = _opinions(reviews, orders, lives, rng).with_columns(
        score=pl.Series(_cut(reviews["satisfaction"].to_numpy(), CSAT_CUTS)).cast(pl.String),
        scale=pl.lit("csat_1_5"),
        question=pl.lit("评价"),
        category=orders["category"].gather(reviews["order"]),
    )
    together = pl.concat([answers, written], how="diagonal").sort("day", maintain_order=True)
    numbers = draws.block * 10_000_000 + np.arange(1, together.height + 1)
    together = together.with_columns(
        feedback_id="F" + pl.Series(numbers).cast(pl.String).str.zfill(9),
        given_on=day_text(together["day"].to_numpy()),
    )
    said = together.filter(pl.col("aspects").is_not_null()).select("feedback_id", "aspects", "sentiments")
    mentions = (
        said.explode("aspects", "sentiments")
        .filter(pl.col("aspects") != NOTHING)
        .select(
            "feedback_id",
            aspect=_named("aspects", DRIVERS),
            sentiment=_named("sentiments", SENTIMENTS),
        )
    )
    return together.select(*_COLUMNS), mentions


_COLUMNS = (
    *("feedback_id", "customer_id", "given_on", "text", "score", "scale", "channel", "category"),
    *("language", "respondent_id", "question", "answer", "order_id"),
)


def _named(column: str, names: Iterable[str]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def _survey(
    surveys: pl.DataFrame, orders: pl.DataFrame, lives: Lives, draws: Draws, rng: np.random.Generator
) -> pl.DataFrame:
    numbers = draws.block * 1_000_000 + np.arange(1, surveys.height + 1)
    base = _opinions(surveys, orders, lives, rng).with_columns(
        respondent_id="W" + pl.Series(numbers).cast(pl.String).str.zfill(8), channel=pl.lit("问卷")
    )
    silent = base.drop("text", "aspects", "sentiments")
    satisfaction = surveys["satisfaction"].to_numpy()
    felt = surveys.select(*DRIVERS).to_numpy()
    heard = felt + ANSWER_NOISE * rng.standard_normal(felt.shape)
    parts = [
        base.with_columns(
            score=_text(_cut(satisfaction, NPS_CUTS) - 1), scale=pl.lit("nps_0_10"), question=_q("nps")
        ),
        silent.with_columns(
            score=_text(_cut(satisfaction, CSAT_CUTS)), scale=pl.lit("csat_1_5"), question=_q("csat")
        ),
    ]
    for place, driver in enumerate(DRIVERS):
        answer = pl.Series(ANSWERS).gather(_cut(heard[:, place], DRIVER_CUTS) - 1)
        parts.append(silent.with_columns(answer=answer, question=_q(driver)))
    usual = orders["channel"].gather(surveys["order"])
    parts.append(silent.with_columns(answer=usual, question=_q("channel")))
    parts.append(silent.with_columns(answer=_reasons(felt, rng), question=_q("reasons")))
    numbered = [part.with_columns(place=pl.lit(place)) for place, part in enumerate(parts)]
    together = pl.concat(numbered, how="diagonal").sort("respondent_id", "place")
    return together.drop("place")


def _opinions(
    responses: pl.DataFrame, orders: pl.DataFrame, lives: Lives, rng: np.random.Generator
) -> pl.DataFrame:
    """Return what every response shares, and its text with what it says."""
    english: Bools = lives.english[responses["person"].to_numpy()]
    aspect, sentiment = draw_mentions(responses.select(*DRIVERS).to_numpy(), rng)
    satisfaction = responses["satisfaction"].to_numpy()
    overall = (satisfaction > -0.3).astype(np.int64) + (satisfaction > 0.5)
    return responses.select(
        "day",
        customer_id=orders["customer_id"].gather(responses["order"]),
        order_id=orders["order_id"].gather(responses["order"]),
        channel=orders["channel"].gather(responses["order"]),
        language=pl.Series(english).replace_strict({True: "en", False: "zh"}, return_dtype=pl.String),
        text=compose(aspect, sentiment, overall, english, rng),
        aspects=pl.Series(aspect).arr.to_list(),
        sentiments=pl.Series(sentiment).arr.to_list(),
    )


def _reasons(felt: Floats, rng: np.random.Generator) -> pl.Series:
    """Join the reasons that each names: likelier, the better the experience; somebody names nothing."""
    chosen = rng.random(felt.shape) < 1 / (1 + np.exp(0.5 - 1.5 * felt))
    options = [REASONS[driver] for driver in DRIVERS]
    columns = [pl.when(pl.Series(chosen[:, place])).then(pl.lit(text)) for place, text in enumerate(options)]
    friends = pl.when(pl.Series(rng.random(len(felt)) < 0.2)).then(pl.lit(_FROM_FRIENDS))
    joined = pl.select(pl.concat_str(*columns, friends, separator=JOINT, ignore_nulls=True)).to_series()
    return joined.replace("", "以上都不是")


def _at_peak(days: Ints) -> Bools:
    first = [day_number(date(year, 11, 1)) for year in (2023, 2024)]
    at_peak: Bools = np.logical_or.reduce([(days >= day) & (days < day + 20) for day in first])
    return at_peak


def _cut(values: Floats, cuts: tuple[float, ...]) -> Ints:
    return np.searchsorted(cuts, values) + 1


def _text(values: Ints) -> pl.Series:
    return pl.Series(values).cast(pl.String)


def _q(name: str) -> pl.Expr:
    return pl.lit(QUESTIONS[name])


def _place(driver: str) -> int:
    return list(DRIVERS).index(driver)
