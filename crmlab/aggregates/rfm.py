"""RFM over data of any size: exact cut points first, then a score and a label from each row alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.aggregates.cut_points import quantiles
from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Classifier
from crmlab.summary import HUNDREDTHS, day_number, until

BINS = 5
SCORES = ("recency_score", "frequency_score", "monetary_score")

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
    bins = int((settings or {}).get("bins", BINS))
    known = state.filter(~nw.col("last_day").is_null()).select(
        "order_count", "spend_hundredths", recency=day_number(as_of) - nw.col("last_day")
    )
    shares = [Fraction(part, bins) for part in range(1, bins)]
    return {
        "recency": quantiles(known, "recency", shares),
        "frequency": quantiles(known, "order_count", shares),
        "monetary": quantiles(known, "spend_hundredths", shares, HUNDREDTHS),
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
    """Add the three scores and the label (``rfm``) to rows of features."""
    return features.hstack(rfm.scores(features).select(SCORES)).with_columns(  # type: ignore[attr-defined]
        rfm.predict(features).alias("rfm")
    )


def of_orders(orders: Frame, as_of: date, settings: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Return RFM with labels from orders: one row per customer, in no particular order.

    Columns ``customer_id``, ``days_since_last_order``, ``order_count``, ``total_spend``, the scores and
    ``rfm``.
    """
    state: pl.DataFrame = lift(orders, as_of).collect("polars").to_native()
    lazy = nw.from_native(state.lazy())
    cuts = cut_points(lazy, as_of, settings)
    features = state.select(
        KEY,
        days_since_last_order=day_number(as_of) - pl.col("last_day"),
        order_count="order_count",
        total_spend=pl.col("spend_hundredths") / (pl.col("order_count") * 0 + HUNDREDTHS),
    )
    return label(features, classifier(cuts, settings))


_FEATURES = ("days_since_last_order", "order_count", "total_spend")
