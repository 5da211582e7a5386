"""Lifetime value judged by what customers spent after a cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from crmlab.intervals import z_value
from crmlab.summary import day_number
from crmlab_plugins.lifetime.observed import as_report, holdout, judged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crmlab_plugins.lifetime.clv import Clv

    Floats = NDArray[np.float64]


def evaluate(model: Clv, tables: Mapping[str, pl.LazyFrame], cutoff: date) -> pl.DataFrame:
    """Return metric, value, low, high, baseline; see :meth:`Clv.evaluate`."""
    known, days = holdout(tables, cutoff, model.horizon_days)
    wanted = [name for name in model.requires if name not in known.columns]
    if wanted:
        attributes = tables["customers"].select("customer_id", *wanted).collect()
        known = known.join(attributes, on="customer_id", how="left", maintain_order="left")
    earlier = {name: _until(table, cutoff) for name, table in tables.items()}
    judge = model.clone(horizon_days=max(days, 1), annual_discount=0.0, margin=1.0)
    told = judge.fit(earlier, known, cutoff).predict(known)["clv"].fill_null(0.0).to_numpy()
    x, age = (
        known[name].cast(pl.Float64).to_numpy() for name in ("repeat_purchase_days", "days_since_first_order")
    )
    rate = np.divide(x, age, out=np.zeros(x.size), where=age > 0)
    plain = rate * days * known["repeat_day_value"].fill_null(0.0).to_numpy()
    came = known["spend"].to_numpy()
    return as_report(
        [
            judged("mean_absolute_error", np.abs(told - came), np.abs(plain - came)),
            _total_error(told, plain, came),
            _rank_correlation(told, plain, came),
        ]
    )


def _total_error(told: Floats, plain: Floats, came: Floats) -> dict[str, Any]:
    """Return the foretold total over the true one, less 1, taking the customers as a sample of theirs."""
    row = {"metric": "total_error", "value": None, "low": None, "high": None, "baseline": float("nan")}
    whole = float(came.sum())
    if whole <= 0:
        return row
    ratio = float(told.sum()) / whole
    reach = z_value(0.95) * float(np.sqrt(np.square(told - ratio * came).sum())) / whole
    ends = {"value": ratio - 1, "low": ratio - 1 - reach, "high": ratio - 1 + reach}
    return {**row, **ends, "baseline": float(plain.sum()) / whole - 1}


def _rank_correlation(told: Floats, plain: Floats, came: Floats) -> dict[str, Any]:
    """Return Spearman's correlation; interval by Fisher's z (Bonett & Wright 2000, Psychometrika 65:23)."""
    row = {"metric": "rank_correlation", "value": None, "low": None, "high": None}
    value, baseline = _spearman(told, came), _spearman(plain, came)
    if value is None or told.size < 10:
        return {**row, "baseline": baseline or 0.0}
    reach = z_value(0.95) * float(np.sqrt((1 + value**2 / 2) / (told.size - 3)))
    middle = float(np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12)))
    low, high = float(np.tanh(middle - reach)), float(np.tanh(middle + reach))
    return {**row, "value": value, "low": low, "high": high, "baseline": baseline or 0.0}


def _spearman(first: Floats, second: Floats) -> float | None:
    """Return the rank correlation; None where one of the two is constant."""
    ranks = [pl.Series(part).rank().to_numpy() for part in (first, second)]
    if not first.size or any(np.ptp(part) == 0 for part in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _until(table: pl.LazyFrame, day: date) -> pl.LazyFrame:
    if "day" not in table.collect_schema():
        return table
    return table.filter(pl.col("day").is_null() | (pl.col("day") <= day_number(day)))
