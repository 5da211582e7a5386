"""Whom a survey is about: the orders, or the customers, of the time in which it ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.labels import Text
from crmlab.retention.purchases import paid_orders
from crmlab.summary import day_number
from crmlab.surveys.groups import customer_groups
from crmlab.view.texts import texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Sheets

_MOSTLY = 0.8
"""Where so many sheets name an order, the survey is one after orders."""
_OF_FRAME = ("channel", "value")
THIRDS = ("low", "middle", "high")
"""Ids of the thirds of spend."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The units that could have answered, and which did.

    ``units``: ``unit`` (order or customer), ``person``, ``answered``, ``respondent_id`` of its first sheet,
    and ``channel``, ``value`` (thirds of spend) as names. ``outside`` counts sheets of nobody in it,
    ``first`` and ``last`` are days.
    """

    of: Literal["orders", "customers"]
    units: pl.DataFrame
    sheets: pl.DataFrame
    outside: int
    first: int
    last: int


def survey_frame(lab: Lab, sheets: Sheets) -> Frame | None:
    """Return whom the survey was about; None where the study has no orders, or no sheet belongs to one.

    How many were invited is in no table. Where at least four of five sheets name an order, the frame is
    the paid orders between the first and the last that was answered about; elsewhere the customers who
    ordered between the first and the last sheet.
    """
    orders = paid_orders(lab)
    if orders is None or orders.is_empty() or not sheets.n:
        return None
    known = sheets.respondents
    if "order_id" in known.columns:
        about = known.drop_nulls("order_id").join(
            orders.select("order_id", "day"), on="order_id", maintain_order="left"
        )
        if about.height and about.height >= _MOSTLY * known.height:
            return _of_orders(lab, sheets, orders, about)
    return _of_customers(lab, sheets, orders)


def dimension(lab: Lab, frame: Frame, name: str) -> tuple[Text, pl.DataFrame]:
    """Return what a dimension is called, and ``unit``, ``group``, ``place`` for each unit that has one.

    ``channel`` and ``value`` are those of the frame, anything else is of customers: see
    :func:`crmlab.surveys.groups.customer_groups`.
    """
    if name in _OF_FRAME:
        place = "value_place" if name == "value" else "channel_place"
        found = frame.units.select("unit", group=pl.col(name), place=pl.col(place)).drop_nulls("group")
        return texts()[f"survey_dimension_{name}_{frame.of}"], found
    title, groups = customer_groups(lab, name)
    return title, frame.units.select("unit", customer_id="person").join(
        groups, on="customer_id", maintain_order="left"
    ).drop("customer_id")


def group_names(lab: Lab, name: str) -> dict[str, str]:
    """Return id → name of the groups of a dimension that has ids: thirds of spend, labels of a scheme."""
    from crmlab.registry import classifiers

    if name == "value":
        return {
            third: texts()[f"survey_third_{place}"].to(lab.language) for place, third in enumerate(THIRDS)
        }
    scheme = lab.study.schemes[0] if name == "class" else name
    return lab.classify(scheme).scheme.names(lab.language) if scheme in classifiers else {}


def _of_orders(lab: Lab, sheets: Sheets, orders: pl.DataFrame, about: pl.DataFrame) -> Frame:
    first, last = int(about["day"].min()), int(about["day"].max())  # type: ignore[arg-type]
    within = orders.filter(pl.col("day").is_between(first, last))
    units = within.select(
        unit="order_id",
        person="customer_id",
        channel=pl.col("channel") if "channel" in within.columns else pl.lit(None, pl.String),
        spend=pl.col("amount_hundredths"),
    )
    return _frame(lab, "orders", units, about.select("respondent_id", unit="order_id"), sheets.n, first, last)


def _of_customers(lab: Lab, sheets: Sheets, orders: pl.DataFrame) -> Frame | None:
    known = sheets.respondents
    days = known["given_on"].drop_nulls() if "given_on" in known.columns else pl.Series([], dtype=pl.Date)
    if days.is_empty() or known["customer_id"].null_count() == known.height:
        return None
    first, last = day_number(days.min()), day_number(days.max())  # type: ignore[arg-type]
    within = orders.filter(pl.col("day").is_between(first, last))
    if within.is_empty():
        return None
    usual = pl.lit(None, pl.String)
    if "channel" in within.columns:
        usual = pl.col("channel").drop_nulls().sort().mode(maintain_order=True).first()
    units = (
        within.group_by("customer_id")
        .agg(channel=usual, spend=pl.col("amount_hundredths").sum())
        .sort("customer_id")
        .with_columns(unit="customer_id")
        .rename({"customer_id": "person"})
    )
    filled = known.drop_nulls("customer_id").select("respondent_id", unit="customer_id")
    return _frame(lab, "customers", units, filled, sheets.n, first, last)


def _frame(
    lab: Lab,
    of: Literal["orders", "customers"],
    units: pl.DataFrame,
    sheets: pl.DataFrame,
    n: int,
    first: int,
    last: int,
) -> Frame:
    inside = sheets.join(units.select("unit"), on="unit", how="semi", maintain_order="left")
    answered = inside.unique("unit", keep="first", maintain_order=True)
    names = [texts()[f"survey_third_{place}"].to(lab.language) for place in range(3)]
    # Cut by value, not by rank, so that equal spend is in one third.
    low, high = (units["spend"].quantile(share, "nearest") for share in (1 / 3, 2 / 3))
    third = pl.when(pl.col("spend") <= low).then(0).when(pl.col("spend") <= high).then(1).otherwise(2)
    placed = units.join(answered, on="unit", how="left", maintain_order="left").with_columns(
        answered=pl.col("respondent_id").is_not_null(),
        value_place=third.cast(pl.Int64),
        channel_place=pl.lit(0, pl.Int64),
    )
    named = dict(enumerate(names))
    placed = placed.with_columns(value=pl.col("value_place").replace_strict(named, return_dtype=pl.String))
    return Frame(of, placed, inside, n - inside.height, first, last)
