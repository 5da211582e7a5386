"""RFM over data of any size: exact cut points first, then a score and a label from each row alone."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

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
_BLOCK = 1 << 16
"""Customers at a time, whose scores stay in the cache of a processor."""

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
    cuts, recency = {}, pl.lit(day_number(as_of), pl.Int64) - pl.col("last_day")
    for dimension, (column, divisor) in _CUT.items():
        value = recency if column == "recency" else pl.col(column)
        known = state.select(value.filter(pl.col("last_day").is_not_null())).to_series()
        cuts[dimension] = quantiles_of(known.to_numpy(), _shares(settings), divisor)
    return cuts


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
    one = np.full(_BASE**3, -1)  # a customer of each cell
    parts = []
    for start in range(0, max(features.height, 1), _BLOCK):
        scores = _scores(features.select(_FEATURES).slice(start, _BLOCK), cuts)
        r, f, m = (score.astype(np.int16) for score in scores)
        cells = (r * _BASE + f) * _BASE + m
        one[cells] = np.arange(start, start + len(cells))
        parts.append(pl.DataFrame([*scores, cells], schema=[*SCORES, "cell"]))
    filled = np.flatnonzero(one >= 0)
    labels = np.zeros(_BASE**3, np.int64)
    labels[filled] = np.arange(len(filled))
    named = rfm.predict(features[one[filled]])
    by_cell = named.gather(labels) if len(named) else named
    score = pl.col(SCORES)
    scored = pl.concat(parts, rechunk=True).select(
        pl.when(score > 0).then(score).cast(pl.Int64), rfm=pl.lit(by_cell).gather(pl.col("cell"))
    )
    return features.with_columns(*scored)


def _scores(features: pl.DataFrame, cuts: Mapping[str, list[float]]) -> list[NDArray[np.int8]]:
    """Return the three scores of each row, 0 where one cannot be told."""
    scores = []
    known = np.ones(features.height, np.bool_)
    for dimension, column in zip(_CUT, features, strict=True):
        value, past = column.to_numpy(), np.zeros(len(column), np.int8)
        for cut in cuts[dimension]:
            past += (value > cut).view(np.int8)
        scores.append(len(cuts[dimension]) + 1 - past if dimension == "recency" else past + 1)
        if column.null_count():
            known &= column.is_not_null().to_numpy()
    return [score * known for score in scores]


def of_orders(orders: Frame, as_of: date, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return RFM with labels from orders: one row per customer, in no particular order.

    Columns ``customer_id``, ``days_since_last_order``, ``order_count``, ``total_spend``, the scores and
    ``rfm``.
    """
    with ThreadPoolExecutor(1) as thread:
        # It is loaded, and its settings are checked, while there are data to wait for.
        loaded = thread.submit(classifier, {dimension: [] for dimension in _CUT}, settings)
        state = _state(orders, as_of)
        loaded.result()
    cuts = cut_points_of(state, as_of, settings)
    state = state.select(  # by the same name, so that what is done with takes no memory
        KEY,
        days_since_last_order=day_number(as_of) - pl.col("last_day"),
        order_count="order_count",
        # polars would multiply by 1/100
        total_spend=pl.Series(state["spend_hundredths"].to_numpy() / HUNDREDTHS),
    )
    return label(state, classifier(cuts, settings))


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
