"""The hidden parameters of the generated company lie in the 95 % intervals about 95 times in 100.

Purchases of the company go by a clock of its own, which the season makes run faster and slower; on that clock
they are Pareto/NBD with Gamma-Gamma spend, segment by segment, and the models are asked for the parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from crmlab.data.samples.campaigns import assign
from crmlab.data.samples.draws import Draws
from crmlab.data.samples.lives import draw_lives, in_season
from crmlab.data.samples.parameters import DAYS, SEGMENTS
from crmlab.data.samples.purchases import draw_orders
from crmlab_plugins.lifetime.fitting import Fit, fit
from crmlab_plugins.lifetime.parametric import fit_of
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess
from crmlab_plugins.lifetime.spend import GammaGamma, maximum

COMPANIES, CUSTOMERS = 60, 4_000


class Coverage(NamedTuple):
    """How many of the companies have their truth inside, by parameter."""

    buying: np.ndarray
    spending: np.ndarray
    new_customers: int


def _inside(found: Fit, truth: list[float]) -> np.ndarray:
    apart = np.log(found.process.values) - np.log(truth)
    return np.abs(apart) < 1.96 * np.sqrt(np.diag(found.log_covariance))


@pytest.fixture(scope="module", params=["loyal", "regular"])
def coverage(request: pytest.FixtureRequest) -> Coverage:
    place, segment = next((at, each) for at, each in enumerate(SEGMENTS) if each.id == request.param)
    buying, spending, new = np.zeros(4), np.zeros(3), 0
    for seed in range(COMPANIES):
        draws = Draws(seed, 0)
        lives = draw_lives(CUSTOMERS, draws)
        nobody = assign(lives, np.zeros(CUSTOMERS, dtype=bool), draws)
        orders = draw_orders(lives, nobody, draws).filter(
            pl.col("person").is_in(np.flatnonzero(lives.segment == place))
        )
        first = pl.col("day") > pl.col("day").min().over("person")
        # Every order counts, in the middle of its day: this is about the estimates, not about whole days.
        histories = orders.group_by("person").agg(
            x=pl.len() - 1,
            first=pl.col("day").min(),
            last=pl.when(pl.len() > 1).then(pl.col("day").max() + 0.5).otherwise(pl.col("day").min()),
        )
        begun, last = (in_season(histories[name].to_numpy().astype(float)) for name in ("first", "last"))
        x = histories["x"].to_numpy().astype(float)
        found = fit(ParetoNbdProcess, x, last - begun, in_season(np.array([float(DAYS)])) - begun)
        buying += _inside(found, [segment.r, segment.alpha, segment.s, segment.beta])
        truth = ParetoNbdProcess(r=segment.r, alpha=segment.alpha, s=segment.s, beta=segment.beta)
        year = np.array([365.0])
        _, low, high = found.delta_interval(lambda process: process.expected_of_new(year), link="log")  # noqa: B023
        new += bool(low[0] <= truth.expected_of_new(year)[0] <= high[0])
        amounts = (
            orders.filter(first)
            .group_by("person")
            .agg(n=pl.len(), m=pl.col("target").mean() / 100)
            .sort("person")
        )
        counts, averages = amounts["n"].to_numpy().astype(float), amounts["m"].to_numpy()
        spend = fit_of(GammaGamma, maximum(counts, averages), len(counts), float(counts.sum()))
        spending += _inside(spend, [segment.p, segment.q, segment.gamma])
    return Coverage(buying, spending, new)


def test_purchases(coverage: Coverage) -> None:
    # 52 of 60 or more, 95 times in 100 each, with more than 99 chances in 100.
    assert (coverage.buying >= 52).all(), coverage
    assert coverage.buying.min() < COMPANIES, "intervals that never miss are too wide"


def test_new_customers(coverage: Coverage) -> None:
    assert coverage.new_customers >= 52, coverage


def test_spend(coverage: Coverage) -> None:
    assert (coverage.spending >= 52).all(), coverage
