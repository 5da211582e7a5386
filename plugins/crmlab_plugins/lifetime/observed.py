"""What customers had bought by a day, and what they bought in the days after it: to judge models with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.intervals import z_value
from crmlab.summary import HUNDREDTHS, day_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HISTORY = ("repeat_purchase_days", "first_to_last_purchase_days", "days_since_first_order")
"""The features that hold x, t_x and T, in days."""


class Holdout(NamedTuple):
    """``known`` has the history of every customer by the cutoff, and what followed in ``days`` days.

    Columns: ``customer_id``, those of ``HISTORY``, ``repeat_day_value``, ``purchases`` (days with a paid
    order), ``paid`` and ``spend`` (less refunds) after the cutoff.
    """

    known: pl.DataFrame
    days: int


def holdout(tables: Mapping[str, pl.LazyFrame], cutoff: date, most_days: int) -> Holdout:
    """Return what was known by ``cutoff`` and what came in ``most_days`` after it, or until the data ends."""
    import narwhals as nw

    from crmlab_plugins.lifetime.histories import PurchaseHistory

    start = day_number(cutoff)
    orders = tables["orders"].select("customer_id", "day", "amount_hundredths")
    end = orders.select(pl.col("day").max()).collect().item()
    days = max(0, min(most_days, (start if end is None else int(end)) - start))
    built: Any = PurchaseHistory().build({"orders": nw.from_native(orders)}, cutoff).to_native()
    paid = pl.col("amount_hundredths") > 0
    first = (
        orders.filter(paid, pl.col("day") <= start)
        .group_by("customer_id")
        .agg(days_since_first_order=start - pl.col("day").min())
    )
    hundred = pl.lit(float(HUNDREDTHS))
    after = (
        orders.filter(pl.col("day") > start, pl.col("day") <= start + days)
        .group_by("customer_id")
        .agg(
            purchases=pl.col("day").filter(paid).n_unique(),
            paid=pl.col("amount_hundredths").filter(paid).sum() / hundred,
            spend=pl.col("amount_hundredths").sum() / hundred,
        )
    )
    known = (
        built.join(first, on="customer_id", how="left")
        .join(after, on="customer_id", how="left")
        .with_columns(pl.col("purchases", "paid", "spend").cast(pl.Float64).fill_null(0.0))
        .sort("customer_id")
        .collect()
    )
    return Holdout(known, days)


def judged(metric: str, values: Floats, baseline: Floats) -> dict[str, str | float | None]:
    """Return a row of ``evaluate``: the mean over customers with its 95 % interval, and the baseline's."""
    import numpy as np

    if not values.size:
        return {"metric": metric, "value": None, "low": None, "high": None, "baseline": float("nan")}
    mean = float(values.mean())
    reach = z_value(0.95) * float(values.std(ddof=1)) / np.sqrt(values.size) if values.size > 1 else np.nan
    return {
        "metric": metric,
        "value": mean,
        "low": mean - reach,
        "high": mean + reach,
        "baseline": float(baseline.mean()),
    }


def as_report(rows: list[dict[str, str | float | None]]) -> pl.DataFrame:
    """Return the frame that ``evaluate`` returns."""
    numbers = dict.fromkeys(("value", "low", "high", "baseline"), pl.Float64)
    return pl.DataFrame(rows, schema={"metric": pl.String, **numbers}).with_columns(
        pl.col(*numbers).fill_nan(None)
    )
