"""What campaigns changed: returns won by contacting customers, against those held out by chance.

A customer is won back where a paid order follows within the window after the contact, beyond the rate at
which the control group returns by itself. Without a control group there is a rate and no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import polars as pl

from crmlab.intervals import wilson
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.targeting.effects import (
    cost_of_one,
    difference_of_means,
    difference_of_rates,
    ratio_mismatch,
    standardised_difference,
    weighted_sum,
)
from crmlab.targeting.experiment import Experiment

UNLIKE = 0.1
"""Standardised difference beyond which arms are not alike (Austin 2009)."""
MISMATCH = 0.001
"""Probability below which an oddity of the arms is no accident."""


@dataclass(frozen=True)
class Effect:
    """What contacting changed: in one campaign, or in several together.

    ``uplift`` is the return rate of the contacted less that of the control group, ``won_back`` the customers
    who returned because of it (uplift × contacted), ``revenue`` what all contacted brought more in the
    window, ``cost`` of the contacts (NaN where one is unknown), ``cost_per_won_back`` by Fieller's set.
    Without a control group everything but the counts, ``contacted_rate`` and the cost is NaN.
    """

    contacted: int
    control: int
    contacted_rate: Estimate
    control_rate: Estimate
    uplift: Estimate
    revenue: Estimate
    cost: float

    @property
    def won_back(self) -> Estimate:
        """Customers who returned because they were contacted."""
        return Estimate(*(self.contacted * end for end in self.uplift))

    @property
    def cost_per_won_back(self) -> Estimate:
        """What one customer won back cost; the upper end is infinite where there may be none."""
        return cost_of_one(self.cost, self.won_back) if self.is_causal and isfinite(self.cost) else UNKNOWN

    @property
    def is_causal(self) -> bool:
        """Whether a control group says what would have happened anyway."""
        return self.contacted > 0 and self.control > 0


@dataclass(frozen=True)
class Evaluation:
    """Every campaign with what it changed, and all that held out enough customers together (``pooled``).

    ``balance`` says of what was known before whether the arms of each campaign in ``pooled`` are alike:
    ``campaign_id``, ``measure``, ``treated`` and ``control`` means, ``difference`` in standard deviations
    with the ends ``low`` and ``high`` beyond which chance gets once in a thousand. ``mismatches`` has, for
    campaigns with a planned share, how likely their arms' sizes are by chance.
    """

    experiment: Experiment
    effects: Mapping[str, Effect]
    pooled: Effect | None
    balance: pl.DataFrame
    mismatches: Mapping[str, float]

    @property
    def summary(self) -> pl.DataFrame:
        """One row per campaign: counts, rates, uplift, won back, revenue and cost with intervals."""
        rows = [{"campaign_id": name, **_row(effect)} for name, effect in self.effects.items()]
        return pl.DataFrame(rows, schema={"campaign_id": pl.String, **_SCHEMA})

    @property
    def unlike(self) -> dict[str, list[str]]:
        """Campaign → what differs between its arms by more than chance and more than a little."""
        differs = ((pl.col("low") > 0) | (pl.col("high") < 0)) & (pl.col("difference").abs() > UNLIKE)
        # A group drawn some days before the mail goes out is no flaw.
        differs &= (pl.col("measure") != "day") | ((pl.col("treated") - pl.col("control")).abs() >= _WEEK)
        found: dict[str, list[str]] = {}
        # polars holds NaN for larger than every number.
        for name, measure in (
            self.balance.filter(differs, ~pl.col("difference").is_nan())
            .select("campaign_id", "measure")
            .iter_rows()
        ):
            found.setdefault(name, []).append(measure)
        return found

    @property
    def mismatched(self) -> dict[str, float]:
        """Campaign → the probability of arms of such sizes, where that is no accident."""
        return {name: chance for name, chance in self.mismatches.items() if chance < MISMATCH}


def evaluate(
    experiment: Experiment, planned: Mapping[str, float] | None = None, smallest_arm: int = 1
) -> Evaluation:
    """Return what the campaigns of an experiment changed.

    ``planned`` has the share of treated that a campaign was to have, by campaign: without it nothing is
    said about the sizes of its arms. In the pooled effect campaigns weigh by how many they contacted; those
    with an arm of fewer than ``smallest_arm`` are no part of it.
    """
    campaigns = {
        str(name): rows
        for (name,), rows in experiment.customers.partition_by(
            "campaign_id", maintain_order=True, as_dict=True
        ).items()
    }
    effects = {name: effect_of(rows) for name, rows in campaigns.items()}
    mismatches = {
        name: ratio_mismatch(effects[name].contacted, effects[name].control, share)
        for name, share in (planned or {}).items()
        if name in effects and effects[name].is_causal
    }
    large = {
        name: campaigns[name]
        for name, effect in effects.items()
        if effect.is_causal and min(effect.contacted, effect.control) >= smallest_arm
    }
    pooled = pooled_effect(pl.concat(large.values())) if large else None
    return Evaluation(experiment, effects, pooled, _balance(large), mismatches)


def effect_of(customers: pl.DataFrame) -> Effect:
    """Return what one campaign changed, of rows as in ``Experiment.customers``."""
    treated = customers["treated"]
    on, off = customers.filter(treated), customers.filter(~treated)
    back = [int(arm["returned"].sum()) for arm in (on, off)]
    revenue = difference_of_means(on["revenue"], off["revenue"])
    return Effect(
        on.height,
        off.height,
        _rate(back[0], on.height),
        _rate(back[1], off.height),
        difference_of_rates(back[0], on.height, back[1], off.height),
        Estimate(*(on.height * end for end in revenue)),
        _cost(on),
    )


def pooled_effect(customers: pl.DataFrame) -> Effect:
    """Return what several campaigns changed together, each against its own control group.

    Effects are weighted by the customers contacted: what contacting them brought. A campaign with an empty
    arm is left out. Chance drew the arms of each campaign anew, so the effects are uncorrelated although
    a customer may be in several.
    """
    parts = customers.partition_by("campaign_id", maintain_order=True)
    effects = [effect for effect in map(effect_of, parts) if effect.is_causal]
    contacted = sum(effect.contacted for effect in effects)
    shares = [effect.contacted / contacted for effect in effects]
    rates = [[getattr(effect, name) for effect in effects] for name in ("contacted_rate", "control_rate")]
    return Effect(
        contacted,
        sum(effect.control for effect in effects),
        weighted_sum(rates[0], shares),
        weighted_sum(rates[1], shares),
        weighted_sum([effect.uplift for effect in effects], shares),
        weighted_sum([effect.revenue for effect in effects], [1.0] * len(effects)),
        sum(effect.cost for effect in effects),
    )


def _rate(successes: int, n: int) -> Estimate:
    return Estimate(successes / n, *wilson(successes, n)) if n else UNKNOWN


def _cost(contacted: pl.DataFrame) -> float:
    known = contacted["cost_hundredths"]
    return nan if known.null_count() else float(known.sum()) / 100


def _balance(campaigns: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Compare the arms of each campaign by what was known before the contact, and by its day."""
    rows: list[tuple[Any, ...]] = []
    for name, customers in campaigns.items():
        for measure, none in _MEASURES.items():
            known = customers.select(
                "treated", value=pl.col(measure).cast(pl.Float64).fill_null(pl.lit(none))
            )
            on, off = (known.filter(pl.col("treated") == arm)["value"].drop_nulls() for arm in (True, False))
            difference, ends = standardised_difference(on, off, 1 - MISMATCH)
            rows.append((name, measure, on.mean(), off.mean(), difference, *ends))
    texts = dict.fromkeys(("campaign_id", "measure"), pl.String)
    numbers = dict.fromkeys(("treated", "control", "difference", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema={**texts, **numbers}, orient="row")


def _row(effect: Effect) -> dict[str, Any]:
    row: dict[str, Any] = {"contacted": effect.contacted, "control": effect.control, "cost": effect.cost}
    for name in _ESTIMATES:
        estimate: Estimate = getattr(effect, name)
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


_MEASURES = {"order_count": 0, "total_spend": 0, "days_since_last_order": None, "day": None}
"""What arms are compared by, and what it is of somebody who never bought."""
_WEEK = 7
_ESTIMATES = ("contacted_rate", "control_rate", "uplift", "won_back", "revenue", "cost_per_won_back")
_SCHEMA = {
    "contacted": pl.Int64,
    "control": pl.Int64,
    "cost": pl.Float64,
    **{f"{name}{end}": pl.Float64 for name in _ESTIMATES for end in ("", "_low", "_high")},
}
