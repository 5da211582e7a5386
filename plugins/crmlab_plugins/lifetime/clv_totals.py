"""What customers will bring in together and for ever, and what the silence of some costs, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from crmlab_plugins.lifetime.clv_uncertainty import (
    REPEATS,
    Total,
    evenly,
    interval,
    slopes_of_purchases,
    total,
)
from crmlab_plugins.lifetime.discounting import YEAR, schedule, weighted
from crmlab_plugins.lifetime.gamma_gamma import GammaGammaSpend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.clv import Clv

    Floats = NDArray[np.float64]

DRAWS = 200
"""Simulated totals of a model that tells no more than these."""


def total_of(model: Clv, features: pl.DataFrame, confidence: float, seed: int) -> Total:
    """Return what these customers will bring in; see :meth:`Clv.total`."""
    expected, discounted, average = model.figures(features)
    known = np.isfinite(discounted) & np.isfinite(average)
    features, expected = features.filter(known), expected[known]
    discounted, average = discounted[known], average[known]
    values = model.margin * discounted * average
    of_parameters = sum(part.variance_of_total(values) for part in model.slopes(features))
    if not model.shows_process:
        totals = model.purchases_model.draw_totals(features, model.horizon_days, DRAWS, seed)
        spread = float(np.var(totals)) / max(float(expected.sum()), 1e-300) ** 2
        # Those totals hold parameters and chance of purchases; spend adds the parameters of its own.
        return total(values, float(of_parameters), spread * float(values.sum()) ** 2, confidence)
    present = np.divide(discounted, expected, out=np.zeros_like(expected), where=expected > 0)
    of_chance = _chance(model, features, model.margin * present, values, seed)
    return total(values, float(of_parameters), of_chance, confidence)


def residual_value(model: Clv, features: pl.DataFrame, confidence: float) -> pl.DataFrame | None:
    """Return values without a horizon, and their intervals; see :meth:`Clv.residual_value`."""
    rate = float(np.log1p(model.annual_discount)) / YEAR
    processes = model.purchases_model.groups(features) if model.shows_process and rate > 0 else []
    if not processes or not hasattr(processes[0][0], "discounted_residual_purchases"):
        return None

    def purchases(given: Any = None) -> Floats:
        result = np.full(features.height, np.nan)
        for process, rows, history in model.purchases_model.groups(features, given):
            result[rows] = process.discounted_residual_purchases(*history, rate)
        return result

    slopes = model.slopes_of_spend(features)
    slopes.append(
        slopes_of_purchases(model.purchases_model.fitted(), lambda given: np.nan_to_num(purchases(given)))
    )
    value = model.margin * purchases() * model.average(features)
    low, high = interval(value, sum((part.variance() for part in slopes), np.zeros(value.size)), confidence)
    return features.select("customer_id").with_columns(
        pl.Series(name, column, nan_to_null=True)
        for name, column in (("value", value), ("low", low), ("high", high))
    )


def at_risk(model: Clv, now: pl.DataFrame, then: pl.DataFrame, confidence: float) -> Total:
    """Return the value that is lost if these customers have left; see :meth:`Clv.at_risk`."""
    lost = losses(model, now, then)
    known = np.isfinite(lost)
    now, then, lost = now.filter(known), then.filter(known), lost[known]
    parts = model.slopes_of_spend(now)
    if model.shows_process and (fitted := model.purchases_model.fitted()) is not None:
        ones = np.ones(now.height)

        def values_with(given: Any) -> Floats:
            return _losses(model, now, then, ones, given)

        parts.append(slopes_of_purchases(fitted, values_with))
    variance = sum(part.variance_of_total(lost) for part in parts)
    return total(lost, float(variance), 0.0, confidence)


def losses(model: Clv, now: pl.DataFrame, then: pl.DataFrame) -> Floats:
    """Return the loss of each customer; NaN for one without a value."""
    if not model.shows_process:
        alive, before = (model.purchases_model.probability_alive(part) for part in (now, then))
        _, discounted, average = model.figures(now)
        return _loss(model.margin * discounted * average, alive, before)
    return _losses(model, now, then, model.average(now), None)


def _losses(model: Clv, now: pl.DataFrame, then: pl.DataFrame, average: Floats, given: Any) -> Floats:
    ends, factors = schedule(model.horizon_days, model.annual_discount)
    value = model.purchases_to_come(now, ends, weighted(factors)[None, :], given)[0]
    alive = [np.full(part.height, np.nan) for part in (now, then)]
    for result, part in zip(alive, (now, then), strict=True):
        for process, rows, history in model.purchases_model.groups(part, given):
            result[rows] = process.probability_alive(*history)
    return _loss(model.margin * value * average, alive[0], alive[1])


def _loss(value: Floats, alive: Floats, before: Floats) -> Floats:
    """Return the value of a living customer times the fall of the probability of being one, at least 0."""
    living = np.divide(value, alive, out=np.zeros_like(value), where=alive > 0)
    return np.asarray(living * np.maximum(before - alive, 0.0))


def _chance(model: Clv, features: pl.DataFrame, factor: Floats, values: Floats, seed: int) -> float:
    """Return the variance of the total that is left when the parameters are known.

    Simulated for customers evenly taken in the order of their values; ``factor`` turns spend into value.
    """
    order = np.lexsort((features["customer_id"].to_numpy(), values))
    chosen = order[evenly(values.size)]
    some, rng = features[chosen], np.random.default_rng(seed)
    simulated = np.zeros((REPEATS, chosen.size))
    for process, rows, history in model.purchases_model.groups(some):
        repeated = [np.tile(column, REPEATS) for column in history]
        counts = process.draw_future(rng, *repeated, float(model.horizon_days))
        simulated[:, rows] = counts.reshape(REPEATS, rows.size)
    spend = model.spend_model
    fit = spend.fitted if isinstance(spend, GammaGammaSpend) else None
    if fit is None:
        simulated *= model.average(some)
    else:
        x, m = (np.nan_to_num(column) for column in spend.arrays(some))
        simulated = fit.process.draw_spend(rng, x, m, simulated)
    own = simulated.var(axis=0, ddof=1) * factor[chosen] ** 2
    return float(own.sum()) * values.size / max(chosen.size, 1)
