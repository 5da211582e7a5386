"""What customers are worth without a model of their behaviour: the figures that such a model must beat.

Each takes orders as of a day: ``customer_id``, ``day`` (Int64 days since 1970-01-01) and
``amount_hundredths`` of the customers with a paid order, none later than that day; values are revenue less
refunds in currency units, of all these customers together. Customers are taken as a sample of customers like
them; intervals are of 95 %.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.intervals import z_value
from crmlab.segments.separation import Estimate
from crmlab.summary import HUNDREDTHS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

YEAR = 365.0
MONTH = 30
FEWEST = 30
"""Customers who must have reached an age for the cohort curve to go on to it."""
_RECENT = 6
"""Beyond the oldest age, months go on like the mean of so many before it."""


def historic(orders: pl.DataFrame, since: int | None = None) -> float:
    """Return what was spent to date, or from day ``since`` on: a fact, no forecast."""
    known = orders if since is None else orders.filter(pl.col("day") >= since)
    return float(known["amount_hundredths"].sum()) / HUNDREDTHS


def simple_formula(orders: pl.DataFrame, day: int, years: float) -> Estimate:
    """Return average order value × orders per customer and year × ``years`` × customers.

    Customers are counted from their first order to ``day``, as if none had left: the formula overshoots. The
    interval is that of a ratio of sums over customers.
    """
    import numpy as np

    each = _per_customer(orders, day)
    spent, time = each["spent"].to_numpy(), np.maximum(each["age"].to_numpy(), 1.0) / YEAR
    if not each.height:
        return Estimate(nan, nan, nan)
    rate = float(spent.sum() / time.sum())
    reach = z_value(0.95) * float(np.sqrt(np.square(spent - rate * time).sum())) / float(time.sum())
    scale = years * each.height
    return Estimate(rate * scale, (rate - reach) * scale, (rate + reach) * scale)


def retention_formula(orders: pl.DataFrame, day: int, years: float, annual_discount: float = 0.0) -> Estimate:
    """Return Σ m · r^t / (1 + d)^t over ``years`` for the customers active in the last year.

    r is the share of those who bought in the year before the last and bought again in it, m what an active
    customer spent in the last year. The part of a year counts in proportion. NaN where orders do not reach
    back two years. The interval is that of r (Wilson) and of m (mean), taken as independent.
    """
    import numpy as np

    from crmlab.intervals import wilson

    year = int(YEAR)
    paid = orders.filter(pl.col("amount_hundredths") > 0)
    start = paid.select(pl.col("day").min()).item()
    if start is None or int(start) > day - 2 * year:
        return Estimate(nan, nan, nan)
    last, before = (
        paid.filter(pl.col("day") > day - back * year, pl.col("day") <= day - (back - 1) * year)
        .select("customer_id")
        .unique()
        for back in (1, 2)
    )
    again = before.join(last, on="customer_id", how="semi").height
    if not before.height or not last.height:
        return Estimate(nan, nan, nan)
    recent = orders.filter(pl.col("day") > day - year).join(last, on="customer_id", how="semi")
    spent = recent.group_by("customer_id").agg(pl.col("amount_hundredths").sum()).sort("customer_id")
    each = spent["amount_hundredths"].to_numpy() / HUNDREDTHS
    low, high = wilson(again, before.height)
    kept = again / before.height
    value = float(each.sum()) * _annuity(kept, annual_discount, years)
    ends = [float(each.sum()) * _annuity(r, annual_discount, years) for r in (low, high)]
    of_mean = float(each.std(ddof=1) * np.sqrt(each.size) / each.sum()) * value if each.size > 1 else nan
    reach = [float(np.hypot(end - value, z_value(0.95) * of_mean)) for end in ends]
    return Estimate(value, value - reach[0], value + reach[1])


def cohort_curve(orders: pl.DataFrame, day: int, most_months: int = 60) -> pl.DataFrame:
    """Return what a customer had brought in by each age, in months of 30 days from the first order.

    ``age`` (0 is the day of the first order), ``value`` (cumulative mean), ``low``, ``high`` and
    ``customers`` who have reached that age. Each month's mean is of those who have completed it: cells that
    the future hides are left out, not counted as nothing. The curve ends where fewer than 30 customers are
    that old. The interval is that of the sum of these means, by each customer's influence on it.
    """
    import numpy as np

    each = _per_customer(orders, day)
    months = (each["age"].to_numpy() // MONTH).astype(np.int64)
    last = min(most_months, int(np.sort(months)[-FEWEST])) if months.size >= FEWEST else -1
    spent = _by_month(orders, each)
    rows: list[tuple[int, float, float, float, int]] = []
    influence, total = np.zeros(each.height), 0.0
    for age in range(last + 1):
        there = months >= age
        # The first day is a month of its own, number 0.
        part = spent.filter(pl.col("month") == age)
        amounts = np.zeros(each.height)
        amounts[part["place"].to_numpy()] = part["amount"].to_numpy()
        mean, n = float(amounts[there].mean()), int(there.sum())
        influence += np.where(there, (amounts - mean) / n, 0.0)
        total += mean
        reach = z_value(0.95) * float(np.sqrt(np.square(influence).sum()))
        rows.append((age, total, total - reach, total + reach, n))
    schema = {"age": pl.Int64, **dict.fromkeys(("value", "low", "high"), pl.Float64), "customers": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def cohort_forecast(orders: pl.DataFrame, day: int, days: float) -> Estimate:
    """Return what the customers will bring in if each goes on like those who have been that old.

    Beyond the oldest age of the curve every month is like the mean of the last six. The relative interval is
    that of the curve, without its first day.
    """
    import numpy as np

    each, curve = _per_customer(orders, day), cohort_curve(orders, day)
    if curve.height < 3:
        return Estimate(nan, nan, nan)
    repeat = curve["value"].to_numpy() - curve["value"][0]
    steps = np.diff(repeat)
    later = float(steps[-_RECENT:].mean())
    ages = np.arange(curve.height) * float(MONTH)

    def until(age: Floats) -> Any:
        beyond = np.maximum(age - ages[-1], 0.0) / MONTH
        return np.interp(age, ages, repeat) + later * beyond

    age = each["age"].to_numpy()
    value = float((until(age + days) - until(age)).sum())
    last = curve.row(-1, named=True)
    relative = (last["high"] - last["low"]) / 2 / max(float(repeat[-1]), 1e-300)
    return Estimate(value, value * (1 - relative), value * (1 + relative))


def _annuity(kept: float, discount: float, years: float) -> float:
    """Return Σ (r / (1 + d))^t for t = 1 … years; the last part of a year in proportion."""
    factor, whole = kept / (1 + discount), int(years)
    return sum(factor**t for t in range(1, whole + 1)) + (years - whole) * factor ** (whole + 1)


def _per_customer(orders: pl.DataFrame, day: int) -> pl.DataFrame:
    """Return ``customer_id``, ``first`` day, ``age`` (days) and ``spent`` of who has a paid order."""
    first = pl.col("day").filter(pl.col("amount_hundredths") > 0).min()
    return (
        orders.group_by("customer_id")
        .agg(first=first, spent=pl.col("amount_hundredths").sum() / HUNDREDTHS)
        .filter(pl.col("first").is_not_null())
        .with_columns(age=(day - pl.col("first")).cast(pl.Float64))
        .sort("customer_id")
    )


def _by_month(orders: pl.DataFrame, each: pl.DataFrame) -> pl.DataFrame:
    """Return ``place`` of the customer in ``each``, ``month`` and ``amount``; month 0 is the first day."""
    firsts = each.select("customer_id", "first", place=pl.int_range(pl.len()))
    since = pl.col("day") - pl.col("first")
    return (
        orders.join(firsts, on="customer_id")
        # A refund before the first order belongs to nobody's life.
        .filter(since >= 0)
        .with_columns(month=(since + MONTH - 1) // MONTH)
        .group_by("place", "month")
        .agg(amount=pl.col("amount_hundredths").sum() / HUNDREDTHS)
        .sort("month", "place")
    )
