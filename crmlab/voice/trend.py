"""Shares per period with their intervals, above all the share of positive texts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.intervals import wilson
from crmlab.labels import Language, Text
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say, texts
from crmlab.voice.sentiment import SMALLEST_SHARE

if TYPE_CHECKING:
    import altair as alt

Form = Literal["month", "quarter", "year"]
"""How long a period is."""

_FORMS: tuple[Form, ...] = ("month", "quarter", "year")


def period_form(given_on: pl.Series, enough: int = 10) -> Form:
    """Return the shortest period of which most have ``enough`` texts; quarters where none has."""
    for form in _FORMS:
        sizes = pl.DataFrame({"on": given_on}).drop_nulls().group_by(period_of(pl.col("on"), form)).len()
        if sizes.height >= 3 and (sizes["len"] >= enough).sum() >= 0.6 * sizes.height:
            return form
    return "quarter"


def period_of(on: pl.Expr, form: Form) -> pl.Expr:
    """Return the period of each day as text that sorts by time: 2024-05, 2024Q2 or 2024."""
    year = on.dt.year().cast(pl.String)
    return {
        "month": on.dt.strftime("%Y-%m"),
        "quarter": year + "Q" + on.dt.quarter().cast(pl.String),
        "year": year,
    }[form]


def shares_by_period(dated: pl.DataFrame, hit: pl.Expr, form: Form) -> pl.DataFrame:
    """Return per period of ``given_on`` how many rows are a ``hit``, with the 95 % Wilson interval.

    Columns ``period``, ``count``, ``hits``, ``share``, ``low``, ``high``, in the order of time; periods
    without rows are not there.
    """
    counted = (
        dated.group_by(period_of(pl.col("given_on"), form).alias("period"))
        .agg(count=pl.len().cast(pl.Int64), hits=hit.sum().cast(pl.Int64))
        .sort("period")
    )
    bounds = [wilson(hits, n) for n, hits in counted.select("count", "hits").iter_rows()]
    return counted.with_columns(
        share=pl.col("hits") / pl.col("count"),
        low=pl.Series([low for low, _ in bounds], dtype=pl.Float64),
        high=pl.Series([high for _, high in bounds], dtype=pl.Float64),
    )


class Trend:
    """The share of positive texts per month, quarter or year, with 95 % Wilson intervals."""

    def __init__(self, feedback: pl.DataFrame, language: Language) -> None:
        self._language = language
        self.dated = feedback.filter(pl.col("given_on").is_not_null() & (pl.col("sentiment") != "none"))
        self.undated = int(feedback["given_on"].is_null().sum())

    @cached_property
    def periods(self) -> pl.DataFrame:
        """``period``, ``count``, ``positive``, ``share``, ``low``, ``high``.

        Periods are as short as the number of texts allows.
        """
        positive = pl.col("sentiment") == "positive"
        form = period_form(self.dated["given_on"])
        return shares_by_period(self.dated, positive, form).rename({"hits": "positive"})

    def chart(self) -> alt.LayerChart | Note:
        """Draw it, or say that too few texts have a date."""
        if self.periods.height < 2:
            dated, undated = count(self.dated.height), count(self.undated)
            return Note(say("trend_none", dated=dated, undated=undated), self._language)
        return charts.interval_line(
            self.periods.with_columns(n=pl.format("n={}", "count")),
            self._title(),
            say("trend_subtitle", n=count(self.dated.height), undated=count(self.undated)),
            texts()["positive_share"],
            self._language,
        )

    def _title(self) -> Text:
        """Compare the first and the last period that have enough texts for a share."""
        solid = self.periods.filter(pl.col("count") >= SMALLEST_SHARE)
        if solid.height < 2:
            return say("trend_title_few", n=SMALLEST_SHARE)
        first, last = solid.row(0, named=True), solid.row(-1, named=True)
        apart = first["high"] < last["low"] or last["high"] < first["low"]
        return say(
            "trend_title_apart" if apart else "trend_title_same",
            first=first["period"],
            last=last["period"],
            then=percent(first["share"], 0),
            now=percent(last["share"], 0),
        )
