"""How often a customer buys: a rate per day that does not flatter new customers."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from crmlab.labels import UNCLASSIFIED, Text
from crmlab_plugins.rules import wording

DAYS, COUNT = "days_since_first_order", "purchase_days"
"""Time under observation and purchase days, the columns that a rate is made of."""
MONTH = 30
_STEADY = 100.0
_TIMELESS = Text(
    "没有客户在观察日之前首次购买，无从估计购买频率",
    "nobody's first purchase came before the as-of day, so there is no rate of purchases",
)


class RatePrior(NamedTuple):
    """A gamma distribution of the purchase rates of all customers; the mean is ``shape / days``.

    ``days`` is in days, so that a customer's own rate weighs as much as these from as many days on.
    """

    shape: float
    days: float


def learn_prior(features: pl.DataFrame) -> RatePrior | None:
    """Learn how the rates of customers differ, from one row per customer with ``DAYS`` and ``COUNT``.

    A customer buys as a Poisson process from the first purchase on, so the first is no evidence; rates
    differ as a gamma distribution. Mean and variance are those of the moments. Half a purchase is
    added, for nobody may have bought twice; customers who differ less than chance are taken as alike.
    None where no day has passed since anybody's first purchase.

    Sources: Ehrenberg, Applied Statistics 8 (1959), for the model; Clayton & Kaldor, Biometrics 43
    (1987), for the estimates by moments where times differ.
    """
    x, t = pl.col(COUNT).cast(pl.Int64) - 1, pl.col(DAYS).cast(pl.Int64)
    # Sums of whole numbers: exact, whatever the order of the rows.
    sums = features.select(x=x.sum(), t=t.sum(), xx=(x * x).sum(), xt=(x * t).sum(), tt=(t * t).sum())
    row = sums.row(0, named=True)
    if not row["t"]:
        return None
    mean = (row["x"] + 0.5) / (row["t"] + 1)
    spread = row["xx"] - 2 * mean * row["xt"] + mean**2 * row["tt"] - mean * row["t"]
    variance = max(spread / row["tt"], mean**2 / _STEADY)
    return RatePrior(mean**2 / variance, mean / variance)


def shape_of(prior: RatePrior) -> pl.Expr:
    """Return the shape of the gamma distribution of each customer's own rate."""
    return pl.col(COUNT) - 1 + prior.shape


def days_of(prior: RatePrior) -> pl.Expr:
    """Return the inverse scale, in days, of that distribution."""
    return pl.col(DAYS) + prior.days


def monthly(prior: RatePrior | None) -> pl.Expr:
    """Return the mean of that distribution, in purchases per 30 days; null without a prior."""
    if prior is None:
        return pl.when(False).then(pl.col(COUNT).cast(pl.Float64))
    return MONTH * shape_of(prior) / days_of(prior)


def unrated(features: pl.DataFrame) -> pl.DataFrame:
    """Return per row ``label``, ``confidence``, ``zh`` and ``en`` of a classifier that learned no prior."""
    said = (pl.repeat(text, pl.len()) for text in (_TIMELESS.zh, _TIMELESS.en))
    return wording.reasons(features, *said).with_columns(
        label=pl.lit(UNCLASSIFIED.id), confidence=pl.lit(None, pl.Float64)
    )
