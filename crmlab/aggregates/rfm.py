"""RFM over data of any size: exact cut points first, then a score and a label from each row alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from crmlab.aggregates import addressed
from crmlab.aggregates.cut_points import quantiles, quantiles_of
from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Classifier
from crmlab.summary import HUNDREDTHS, day_number, until

BINS = 5
SCORES = ("recency_score", "frequency_score", "monetary_score")
_CUT = {
    "recency": ("recency", 1),
    "frequency": ("order_count", 1),
    "monetary": ("spend_hundredths", HUNDREDTHS),
}
"""Dimension → the column that is cut, and what it is divided by."""
_FEATURES = ("days_since_last_order", "order_count", "total_spend")
_BASE = 11
"""One more than the most scores that there are."""

Frame = nw.LazyFrame[Any]


def lift(orders: Frame, as_of: date) -> Frame:
    """Turn orders into the least that RFM needs: ``order_count``, ``spend_hundredths``, ``last_day``.

    One row per customer; the columns mean what they do in :mod:`crmlab.aggregates.customers`.
    """
    amount, day = nw.col("amount_hundredths"), nw.col("day")
    paid = amount > 0
    rows = until(orders, as_of).select(
        nw.col(KEY),
        order_count=nw.when(paid).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64)),
        spend_hundredths=amount,
        last_day=nw.when(paid).then(day),
    )
    return rows.group_by(KEY).agg(
        nw.col("order_count").sum().cast(nw.Int64),
        nw.col("spend_hundredths").sum().cast(nw.Int64),
        nw.col("last_day").max().cast(nw.Int64),
    )


def cut_points(
    state: Frame, as_of: date, settings: Mapping[str, Any] | None = None
) -> dict[str, list[float]]:
    """Return the cut points of the convention ``value_quintile`` of the classifier ``rfm``.

    They are those that it learns from the features of the same customers: whoever paid for no order has
    no part in them. ``settings`` may say how many ``bins``.
    """
    known = state.filter(~nw.col("last_day").is_null()).select(
        "order_count", "spend_hundredths", recency=day_number(as_of) - nw.col("last_day")
    )
    return {
        dimension: quantiles(known, column, _shares(settings), divisor)
        for dimension, (column, divisor) in _CUT.items()
    }


def cut_points_of(
    state: pl.DataFrame, as_of: date, settings: Mapping[str, Any] | None = None
) -> dict[str, list[float]]:
    """Return the same of a state that lies in memory."""
    known = state.filter(pl.col("last_day").is_not_null())
    values = known.select(
        "order_count", "spend_hundredths", recency=pl.lit(day_number(as_of), pl.Int64) - pl.col("last_day")
    )
    return {
        dimension: quantiles_of(values[column].to_numpy(), _shares(settings), divisor)
        for dimension, (column, divisor) in _CUT.items()
    }


def classifier(cuts: Mapping[str, list[float]], settings: Mapping[str, Any] | None = None) -> Classifier:
    """Return the classifier ``rfm`` that has learned these cut points.

    ``settings`` are its parameters, such as ``map``; raises ParamsError for a convention whose scores do
    not follow from cut points of whole dimensions.
    """
    from crmlab.registry import classifiers

    given = dict(settings or {})
    if given.get("convention", "value_quintile") != "value_quintile":
        raise ParamsError(
            f"convention is {given['convention']!r}; over data of any size RFM is scored by 'value_quintile'."
        )
    nobody = pl.DataFrame(schema={KEY: pl.String, **dict.fromkeys(_FEATURES, pl.Float64)})
    plugin = classifiers["rfm"].from_params(given)
    if all(cuts.values()):  # there is none where nobody paid for an order
        plugin.set_params(frozen_cut_points=dict(cuts))
    return plugin.fit(nobody)


def label(features: pl.DataFrame, rfm: Classifier) -> pl.DataFrame:
    """Add the three scores and the label (``rfm``) to rows of features.

    A label follows from the scores, so the classifier names one customer of each combination of them.
    """
    cuts: dict[str, list[float]] = rfm.cut_points_  # type: ignore[attr-defined]
    known = pl.all_horizontal(pl.col(_FEATURES).is_not_null())
    scores = {}
    for dimension, column, name in zip(_CUT, _FEATURES, SCORES, strict=True):
        past = pl.sum_horizontal(pl.lit(0), *(pl.col(column) > cut for cut in cuts[dimension]))
        score = len(cuts[dimension]) + 1 - past if dimension == "recency" else past + 1
        scores[name] = pl.when(known).then(score).cast(pl.Int64)
    scored = features.with_columns(**scores)
    r, f, m = (pl.col(name) for name in SCORES)
    cells = scored.select(((r * _BASE + f) * _BASE + m).fill_null(0)).to_series().to_numpy()
    one = np.full(_BASE**3, -1)  # a customer of each cell
    one[cells] = np.arange(len(cells))
    filled = np.flatnonzero(one >= 0)
    labels = np.zeros(_BASE**3, np.int64)
    labels[filled] = np.arange(len(filled))
    return scored.with_columns(rfm.predict(features[one[filled]]).gather(labels.take(cells)).alias("rfm"))


def of_orders(orders: Frame, as_of: date, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return RFM with labels from orders: one row per customer, in no particular order.

    Columns ``customer_id``, ``days_since_last_order``, ``order_count``, ``total_spend``, the scores and
    ``rfm``.
    """
    state = _state(orders, as_of)
    features = state.select(
        KEY,
        days_since_last_order=day_number(as_of) - pl.col("last_day"),
        order_count="order_count",
        total_spend=pl.col("spend_hundredths") / (pl.col("order_count") * 0 + HUNDREDTHS),
    )
    cuts = cut_points_of(state, as_of, settings)
    return label(features, classifier(cuts, settings))


def _state(orders: Frame, as_of: date) -> pl.DataFrame:
    native = orders.to_native()
    if not isinstance(native, pl.LazyFrame):
        collected: pl.DataFrame = lift(orders, as_of).collect("polars").to_native()
        return collected
    found = addressed.rfm(native, as_of)
    if found is not None:
        return found
    plain: pl.DataFrame = lift(orders, as_of).to_native().collect(engine="streaming")
    return plain


def _shares(settings: Mapping[str, Any] | None) -> list[Fraction]:
    bins = int((settings or {}).get("bins", BINS))
    return [Fraction(part, bins) for part in range(1, bins)]
