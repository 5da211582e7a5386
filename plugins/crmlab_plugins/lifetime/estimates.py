"""Estimates as they are shown, with times in weeks, and what the dates of purchases say of them."""

from __future__ import annotations

from typing import Any

import polars as pl

from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab_plugins.lifetime.covariates import CovariateFit
from crmlab_plugins.lifetime.fitting import Fit
from crmlab_plugins.lifetime.observed import HISTORY

WEEK = 7
CONFIDENCE = 0.95

FEW = 10
"""With fewer repeat buyers, that all their gaps are whole weeks may be chance."""


def parameter_table(fitted: Fit[Any] | CovariateFit[Any] | None) -> pl.DataFrame:
    """Return ``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %), times in weeks.

    Intervals of the parameters are symmetric in their logarithms. Effects of covariates are named after the
    parameter and the covariate, and the parameters are then those of customers whose covariates are all 0.
    """
    import numpy as np

    z = z_value(CONFIDENCE)
    rows: list[tuple[str, float, float, float, float]] = []
    if fitted is not None:
        if isinstance(fitted, CovariateFit):
            process, covariance = fitted.at(np.zeros(len(fitted.terms))), np.array(fitted.covariance)
        else:
            process, covariance = fitted.process, fitted.log_covariance
        errors = np.sqrt(np.diag(covariance)).tolist()
        for (name, value), error in zip(process.in_units(WEEK).parameters.items(), errors, strict=False):
            factor = float(np.exp(z * error))
            rows.append((name, value, value * error, value / factor, value * factor))
        if isinstance(fitted, CovariateFit):
            names = [f"{name}: {term}" for name in fitted.shifts for term in fitted.terms]
            effects = zip(names, fitted.estimate[len(rows) :], errors[len(rows) :], strict=True)
            rows += [(name, g, error, g - z * error, g + z * error) for name, g, error in effects]
    numbers = dict.fromkeys(("value", "standard_error", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema={"name": pl.String, **numbers}, orient="row")


def fit_measures(fitted: Fit[Any] | CovariateFit[Any] | None) -> dict[str, float]:
    """Return ``log_likelihood`` (times in weeks), ``parameters``, ``customers``, ``aic`` and ``bic``."""
    import numpy as np

    if fitted is None:
        return {}
    count = len(fitted.estimate) if isinstance(fitted, CovariateFit) else len(fitted.process.names)
    value = fitted.log_likelihood + fitted.purchases * float(np.log(WEEK))
    return {
        "log_likelihood": value,
        "parameters": float(count),
        "customers": float(fitted.customers),
        "aic": 2 * count - 2 * value,
        "bic": count * float(np.log(fitted.customers)) - 2 * value,
    }


def grain_warnings(known: pl.DataFrame) -> list[Text]:
    """Say where all purchases are whole weeks apart: their dates are cut to weeks, it seems."""
    repeats = known.filter(pl.col(HISTORY[0]) > 0)[HISTORY[1]]
    if len(repeats) < FEW or (repeats % WEEK != 0).any():
        return []
    return [
        Text(
            "所有复购客户首末次购买都恰好相隔整周，订单日期很可能被归并到周。按周归并会使购买率和流失的估计"
            "出现偏差；请改用真实的下单日期。",
            "The first and last purchases of all repeat buyers are whole weeks apart: the order dates seem "
            "to be cut to weeks. That biases the estimated rates; use the actual days of the orders.",
        )
    ]
