"""Whether dissatisfied customers come back less than others like them, on the study's own history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from crmlab.drivers.ordinal import fit_ordinal
from crmlab.errors import DataError
from crmlab.intervals import z_value
from crmlab.retention.kaplan_meier import difference
from crmlab.segments.separation import Estimate

if TYPE_CHECKING:
    from crmlab.lab import Lab

DAYS = 90
FEWEST = 30
"""Customers on either side below which nothing is said."""
_TRAITS = ("days_since_last_order", "order_count", "total_spend")
_PARTS = 10


@dataclass(frozen=True)
class Leaving:
    """Who ordered again within ``days`` after ``day``: the dissatisfied, and others weighted to be like them.

    ``dissatisfied`` of ``given`` have others like them; ``others`` stand beside them. ``rate`` and
    ``other_rate`` are the shares that ordered again, ``difference`` is theirs.
    """

    day: date
    days: int
    given: int
    dissatisfied: int
    others: int
    rate: Estimate
    other_rate: Estimate
    difference: Estimate

    @property
    def enough(self) -> bool:
        """Whether there are enough customers on both sides to say anything."""
        return min(self.dissatisfied, self.others) >= FEWEST

    @property
    def shown(self) -> bool:
        """Whether the data show that the dissatisfied come back less."""
        return self.enough and self.difference.high < 0

    @property
    def lost_share(self) -> Estimate:
        """What of the others' rate the dissatisfied fall short of, as a share of it; within 0–1."""
        rate = self.other_rate.value
        ends = (self.difference.value, self.difference.high, self.difference.low)
        return Estimate(*(min(1.0, max(0.0, -end / rate)) if rate else 0.0 for end in ends))


def leaving(lab: Lab, days: int = DAYS) -> Leaving:
    """Return how the dissatisfied of ``days`` before the study's day did, beside others who gave feedback.

    Classes and traits are those known on that earlier day; only customers with an order by then count.
    """
    day = lab.study.as_of - timedelta(days=days)
    labels = lab.classify("feedback", as_of=day).labels
    then = labels.join(lab.features(*_TRAITS, as_of=day), on="customer_id", maintain_order="left")
    now = lab.features("days_since_last_order").rename({"days_since_last_order": "since"})
    known = then.join(now, on="customer_id", maintain_order="left").drop_nulls("days_since_last_order")
    known = known.filter(pl.col("label").is_in(["satisfied", "neutral", "dissatisfied"]))
    return matched(
        known.select(
            *_TRAITS,
            dissatisfied=pl.col("label") == "dissatisfied",
            returned=(pl.col("since") < days).fill_null(value=False),
        ),
        day,
        days,
    )


def matched(customers: pl.DataFrame, day: date, days: int) -> Leaving:
    """Compare customers with others who were as likely to come back, whatever they thought.

    How likely is learned from the others alone, by a logistic regression on the logs of recency, number of
    orders and spend (a prognostic score: Hansen 2008, Biometrika 95:481–488). In each tenth of the
    dissatisfied by that score the others are weighted to as many; who has no others in it is left out.
    ``customers``: ``dissatisfied``, ``returned`` and the three traits. The interval is Newcombe's, with the
    effective number of the weighted (Kish 1965, Survey Sampling, section 11.7).
    """
    scored = customers.with_columns(score=_likelihood(customers))
    treated = scored.filter("dissatisfied")["score"]
    cuts = sorted({float(treated.quantile(k / _PARTS) or 0.0) for k in range(1, _PARTS)})
    part = sum(((pl.col("score") > cut).cast(pl.Int64) for cut in cuts), pl.lit(0, pl.Int64))
    grouped = (
        scored.group_by(part=part)
        .agg(
            given=pl.col("dissatisfied").sum(),
            others=(~pl.col("dissatisfied")).sum(),
            back=(pl.col("dissatisfied") & pl.col("returned")).sum(),
            others_back=(~pl.col("dissatisfied") & pl.col("returned")).sum(),
        )
        .filter((pl.col("given") > 0) & (pl.col("others") > 0))
        .sort("part")
    )
    n, others = int(grouped["given"].sum()), int(grouped["others"].sum())
    if not n:
        nothing = Estimate(float("nan"), float("nan"), float("nan"))
        return Leaving(day, days, len(treated), 0, 0, nothing, nothing, nothing)
    rate = _wilson(int(grouped["back"].sum()) / n, n)
    weight = grouped["given"] / n
    alike = float((weight * grouped["others_back"] / grouped["others"]).sum())
    effective = 1 / float((weight**2 / grouped["others"]).sum())
    other_rate = _wilson(alike, effective)
    return Leaving(day, days, len(treated), n, others, rate, other_rate, difference(rate, other_rate))


def _likelihood(customers: pl.DataFrame) -> pl.Series:
    """Return how likely each was to come back by the traits; less silence where that cannot be learned."""
    logs = customers.select((pl.col(trait).clip(lower_bound=0) + 1.0).log() for trait in _TRAITS)
    x = logs.fill_null(0.0).to_numpy()
    others = (~customers["dissatisfied"]).to_numpy()
    try:
        fit = fit_ordinal(x[others], customers["returned"].to_numpy()[others].astype(np.float64))
    except DataError:
        return -customers["days_since_last_order"].cast(pl.Float64)
    return pl.Series("score", x @ fit.slopes)


def _wilson(share: float, n: float) -> Estimate:
    """Return a share with its score interval, of a number of customers that need not be whole."""
    z = z_value(0.95)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(share, min(share, max(0.0, centre - reach)), max(share, min(1.0, centre + reach)))
