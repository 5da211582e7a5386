"""How much a customer interacts, what is long ago counting less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import log
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, everybody, known_by

if TYPE_CHECKING:
    import narwhals as nw

_STEPS = ("opened_day", "clicked_day", "responded_day")
_MILLION = 1_000_000


class InteractionRate(Feature):
    """Interactions per 30 days, weighted so that one ``half_life_days`` ago counts half.

    An interaction is one that the customer began (calls, messages, visits), or an opening, a click or
    an answer to a campaign; what the company did alone is none. Without a column ``direction`` every
    logged interaction counts. The rate is the weighted count over the equally weighted days since the
    customer is known, or since the records begin where that is later, 30 days at least: a steady
    customer has the same rate whatever the half-life. Everybody has a rate, 0 without an interaction,
    once the study has a table of interactions or campaign contacts; nobody has without one.

    Source: exponential smoothing of a rate of events (Brown 1959, "Statistical Forecasting for
    Inventory Control").
    """

    title: ClassVar[Text] = Text("互动频率", "Interaction rate")
    optional_tables: ClassVar[tuple[str, ...]] = ("interactions", "contacts", "customers", "orders")
    produces: ClassVar[tuple[str, ...]] = ("interaction_count", "interaction_rate")
    measures: ClassVar[Mapping[str, Measure]] = {
        "interaction_count": Measure("互动次数", "interactions", "count"),
        "interaction_rate": Measure(
            "每 30 天互动次数（近期加权）", "interactions per 30 days, recent first", "rate"
        ),
    }

    half_life_days: int = 90

    def _check_params(self) -> None:
        if self.half_life_days < 1:
            raise ParamsError(
                f"half_life_days is {self.half_life_days}; it must be 1 or more, for example 90."
            )

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody whom a table of the study names."""
        import narwhals as nw

        today = day_number(as_of)
        logs = [_events(name, tables[name], today) for name in ("interactions", "contacts") if name in tables]
        people = everybody(tables, today)
        if not logs:
            nobody = people.select(
                KEY, interaction_count=pl.lit(None, pl.Int64), interaction_rate=pl.lit(None, pl.Float64)
            )
            return nw.from_native(nobody)
        events = pl.concat(logs)
        decay = log(2) / self.half_life_days
        # Whole millionths, so that the sum depends on no order.
        weight = ((pl.col("day") - today).cast(pl.Float64) * decay).exp() * _MILLION
        active = events.group_by(KEY).agg(
            interaction_count=pl.len().cast(pl.Int64),
            weight=weight.round().cast(pl.Int64).sum(),
            first=pl.col("day").min(),
        )
        known = people.join(active, on=KEY, how="left").join(_registered(tables, today), on=KEY, how="left")
        began = pl.concat(
            [_rows(tables[name], today) for name in ("interactions", "contacts") if name in tables]
        )
        dated = known.join(began.select(began=pl.col("day").min()), how="cross")
        since = pl.min_horizontal("first", pl.coalesce("registered", "began")).clip(
            lower_bound=pl.col("began")
        )
        days = (today + 1 - since).clip(_LEAST_DAYS, None).cast(pl.Float64)
        exposure = (1 - (-days * decay).exp()) / decay
        rate = pl.col("weight").fill_null(0) / _MILLION / exposure * 30
        return nw.from_native(
            dated.select(
                KEY,
                interaction_count=pl.col("interaction_count").fill_null(0),
                interaction_rate=rate.fill_null(0.0),
            )
        )


_LEAST_DAYS = 30


def _rows(table: nw.LazyFrame[Any], today: int) -> pl.LazyFrame:
    return known_by(table, today).select("day")


def _events(name: str, table: nw.LazyFrame[Any], today: int) -> pl.LazyFrame:
    """Return customer and day of what customers did in a table."""
    rows = known_by(table, today)
    names = rows.collect_schema().names()
    if name == "interactions":
        kept = rows.filter(pl.col("direction") == "inbound") if "direction" in names else rows
        return kept.select(KEY, "day")
    steps = [rows.select(KEY, day=pl.col(step)) for step in _STEPS if step in names]
    none = rows.clear().select(KEY, "day")
    return pl.concat([none, *steps]).filter(pl.col("day") <= today)


def _registered(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> pl.LazyFrame:
    if "customers" not in tables:
        return pl.LazyFrame(schema={KEY: pl.String, "registered": pl.Int64})
    customers = known_by(tables["customers"], today)
    if "day" not in customers.collect_schema().names():
        customers = customers.with_columns(day=pl.lit(None, pl.Int64))
    return customers.select(KEY, registered="day").unique(KEY, keep="any")
