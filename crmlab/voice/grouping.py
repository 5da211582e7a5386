"""Which group each piece of feedback belongs to: segment, channel, category, product or period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import UNCLASSIFIED

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.results import Segmentation

BY = ("segment", "channel", "category", "product", "period")
"""What feedback can be grouped by, beside any scheme of the study."""

_MONTHS = 18
"""Feedback that spans more of them goes by quarters."""


def group_of(lab: Lab, feedback: pl.DataFrame, by: str) -> pl.Series:
    """Return the ``group`` of each row as text, null where it is unknown.

    ``by`` is one of :data:`BY` or the name of a classifier. The category is the feedback's own, or else
    that of the largest line of its order; the product is that of this line.
    """
    if by == "channel":
        group = feedback["channel"]
    elif by == "period":
        group = _periods(feedback["given_on"])
    elif by in ("category", "product"):
        group = _of_order(lab, feedback, by)
    elif "customers" in lab.tables or "orders" in lab.tables:
        labels = segmentation_of(lab, by).labels.filter(pl.col("label") != UNCLASSIFIED.id)
        customers = feedback.select(pl.col("customer_id").cast(pl.String))
        group = customers.join(labels, on="customer_id", how="left", maintain_order="left")["label"]
    else:
        group = pl.Series([None] * feedback.height, dtype=pl.String)
    return group.cast(pl.String).alias("group")


def segmentation_of(lab: Lab, by: str) -> Segmentation:
    """Return the main scheme of the study for ``segment``, else the classifier of that name."""
    return lab.schemes.main if by == "segment" else lab.classify(by)


def _of_order(lab: Lab, feedback: pl.DataFrame, what: str) -> pl.Series:
    own = pl.col("category") if what == "category" else pl.lit(None, pl.String)
    alone = feedback.with_columns(group=own)["group"]
    if "order_lines" not in lab.tables or "order_id" not in feedback.columns:
        return alone
    lines = lab.tables["order_lines"]
    if what not in lines.columns:
        return alone
    bought = (
        lines.drop_nulls(what)
        .sort("order_id", "amount_hundredths", what, descending=[False, True, False])
        .unique("order_id", keep="first", maintain_order=True)
        .select("order_id", bought=pl.col(what).cast(pl.String))
    )
    known = feedback.join(bought, on="order_id", how="left", maintain_order="left")
    return known.with_columns(group=pl.coalesce(own, "bought"))["group"]


def _periods(days: pl.Series) -> pl.Series:
    """Return the month of each day, or its quarter where feedback spans many months."""
    known = days.drop_nulls()
    if known.is_empty():
        return pl.Series([None] * len(days), dtype=pl.String)
    first, last = known.min(), known.max()
    months = (last.year - first.year) * 12 + last.month - first.month + 1  # type: ignore[union-attr]
    frame, day = pl.DataFrame({"day": days}), pl.col("day")
    quarter = pl.format("{}-Q{}", day.dt.year(), day.dt.quarter())
    written = day.dt.strftime("%Y-%m") if months <= _MONTHS else quarter
    return frame.select(pl.when(day.is_not_null()).then(written)).to_series()
