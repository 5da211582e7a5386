"""How much a customer interacts, what is long ago counting less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from math import log
from typing import Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, everybody, known_by, optional

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
        today = day_number(as_of)
        logs = [name for name in ("interactions", "contacts") if name in tables]
        people = everybody(tables, today)
        if not logs:
            return people.with_columns(
                interaction_count=nw.lit(None, nw.Int64), interaction_rate=nw.lit(None, nw.Float64)
            )
        events = nw.concat([_events(name, tables[name], today) for name in logs])
        weighed = by_batches(events, partial(self._weighed, today), _WEIGHED)
        active = weighed.group_by(KEY).agg(
            nw.col("weight").sum().cast(nw.Int64),
            interaction_count=nw.len().cast(nw.Int64),
            first=nw.col("day").min().cast(nw.Int64),
        )
        rows = nw.concat([known_by(tables[name], today).select("day") for name in logs])
        began = (
            rows.with_columns(everyone=nw.lit(1, nw.Int64))
            .group_by("everyone")
            .agg(began=nw.col("day").min().cast(nw.Int64))
        )
        known = people.join(active, on=KEY, how="left")
        if "customers" in tables:
            customers = optional(known_by(tables["customers"], today), "day", dtype=nw.Int64)
            registered = customers.group_by(KEY).agg(registered=nw.col("day").min().cast(nw.Int64))
            known = known.join(registered, on=KEY, how="left")
        else:
            known = known.with_columns(registered=nw.lit(None, nw.Int64))
        dated = known.with_columns(everyone=nw.lit(1, nw.Int64)).join(began, on="everyone", how="left")
        schema = {KEY: pl.String, "interaction_count": pl.Int64, "interaction_rate": pl.Float64}
        return by_batches(dated, partial(self._rated, today), schema)

    def _weighed(self, today: int, events: pl.DataFrame) -> pl.DataFrame:
        # Whole millionths, so that the sum depends on no order.
        weight = ((pl.col("day") - today).cast(pl.Float64) * self._decay).exp() * _MILLION
        return events.with_columns(weight=weight.round().cast(pl.Int64))

    def _rated(self, today: int, known: pl.DataFrame) -> pl.DataFrame:
        since = pl.min_horizontal("first", pl.coalesce("registered", "began")).clip(
            lower_bound=pl.col("began")
        )
        days = (today + 1 - since).clip(_LEAST_DAYS, None).cast(pl.Float64)
        exposure = (1 - (-days * self._decay).exp()) / self._decay
        rate = pl.col("weight").fill_null(0) / _MILLION / exposure * 30
        return known.select(
            KEY,
            interaction_count=pl.col("interaction_count").fill_null(0),
            interaction_rate=rate.fill_null(0.0),
        )

    @property
    def _decay(self) -> float:
        return log(2) / self.half_life_days


_LEAST_DAYS = 30
_WEIGHED = {KEY: pl.String, "day": pl.Int64, "weight": pl.Int64}


def _events(name: str, table: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Return customer and day of what customers did in a table."""
    rows = known_by(table, today)
    names = rows.collect_schema().names()
    if name == "interactions":
        kept = rows.filter(nw.col("direction") == "inbound") if "direction" in names else rows
        return kept.select(KEY, "day")
    steps = [
        rows.select(KEY, day=nw.col(step)).filter(nw.col("day") <= today) for step in _STEPS if step in names
    ]
    return nw.concat(steps) if steps else rows.select(KEY, "day").head(0)
