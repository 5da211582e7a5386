"""What a fit is shown as: its meaning, its estimates with times in weeks, its warnings and its judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab_plugins.lifetime.covariates import CovariateFit
from crmlab_plugins.lifetime.fitting import Fit
from crmlab_plugins.lifetime.observed import HISTORY, as_report, judged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WEEK = 7
CONFIDENCE = 0.95

FEW = 10
"""With fewer repeat buyers, that all their gaps are whole weeks may be chance."""


def meaning(title: Text, horizon_days: int, customers: int | None) -> Text:
    """Return what the scores of a model mean and, once it is fitted, from how many customers it learned."""
    about = Text(
        f"{title.zh}：购买以有付款订单的天计；存活概率指客户在统计日仍是活跃客户的概率，"
        f"预期购买次数指统计日之后 {horizon_days} 天内的购买天数。",
        f"{title.en}: a purchase is a day with a paid order. The probability of being alive is that "
        "of still being a customer on the as-of day; expected purchases are days with a purchase within "
        f"{horizon_days} days after it.",
    )
    if customers is None:
        return about
    return Text(
        f"{about.zh}参数由 {customers} 位客户按最大似然估计。",
        f"{about.en} Its parameters are the most likely ones of {customers} customers.",
    )


def judged_purchases(known: pl.DataFrame, told: Floats, days: float) -> pl.DataFrame:
    """Return what ``evaluate`` returns, of the purchases told and made by each customer within ``days``."""
    import numpy as np

    x, total, actual = (
        known[name].cast(pl.Float64).to_numpy() for name in (HISTORY[0], HISTORY[2], "purchases")
    )
    so_far = np.divide(x, total, out=np.zeros(x.size), where=total > 0) * days
    sides = told - actual, so_far - actual
    return as_report(
        [
            judged("mean_absolute_error", *(np.abs(side) for side in sides)),
            judged("mean_squared_error", *(side**2 for side in sides)),
            judged("bias_per_customer", *sides),
        ]
    )


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


def said_of_nothing(known: pl.DataFrame) -> Text | None:
    """Say why nothing can be learned: nobody has bought, or everybody for the first time today."""
    if not known.height:
        return Text(
            "没有任何客户有付款订单，模型无法估计。", "No customer has a paid order: nothing to learn from."
        )
    if not (known[HISTORY[2]] > 0).any():
        return Text(
            "所有客户都在统计日当天首次购买，尚无可观察的时间，模型无法估计；请换用更晚的统计日。",
            "All customers bought for the first time on the as-of day, so that nothing was seen of them yet: "
            "choose a later as-of day.",
        )
    return None


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
