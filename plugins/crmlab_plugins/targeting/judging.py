"""How models of targeting are judged: on campaigns after the day they were learned on."""

from __future__ import annotations

from math import nan

import polars as pl

from crmlab.segments.separation import UNKNOWN
from crmlab.targeting.evaluation import pooled_effect
from crmlab.targeting.uplift_curves import uplift_at, uplift_curve

TOP = 0.3
"""The share of customers of whom uplift@k is told."""


def judged(customers: pl.DataFrame | None) -> pl.DataFrame:
    """Return ``metric``, ``value``, ``low``, ``high``, ``baseline`` of a ranking.

    ``customers`` has ``treated``, ``returned``, ``propensity``, ``score`` and what an experiment has.
    ``qini_coefficient`` is against a random order (0), ``uplift_at_30`` against the uplift of everybody.
    NaN where there is nothing to judge it on.
    """
    curve = top = UNKNOWN
    average = nan
    both = customers is not None and customers["treated"].n_unique() == 2
    if customers is not None and both:
        names = ("returned", "treated", "score", "propensity")
        returned, treated, score, shares = (customers[name].to_numpy() for name in names)
        curve = uplift_curve(returned, treated, score, shares).qini_coefficient
        top = uplift_at(returned, treated, score, TOP, shares)
        average = pooled_effect(customers).uplift.value
    rows = [("qini_coefficient", *curve, 0.0), ("uplift_at_30", *top, average)]
    numbers = dict.fromkeys(("value", "low", "high", "baseline"), pl.Float64)
    frame = pl.DataFrame(rows, schema={"metric": pl.String, **numbers}, orient="row")
    # Nobody targeted gains nothing: the baseline of what could not be measured.
    return frame.with_columns(pl.col("baseline").fill_nan(0.0))
