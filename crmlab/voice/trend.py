"""The share of positive texts over time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

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
        frames = [self._by(form) for form in ("month", "quarter", "year")]
        chosen = next((frame for frame in frames if _telling(frame)), frames[1])
        bounds = [wilson(positive, n) for n, positive in chosen.select("count", "positive").iter_rows()]
        return chosen.with_columns(
            share=pl.col("positive") / pl.col("count"),
            low=pl.Series([low for low, _ in bounds], dtype=pl.Float64),
            high=pl.Series([high for _, high in bounds], dtype=pl.Float64),
        )

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

    def _by(self, form: str) -> pl.DataFrame:
        on = pl.col("given_on")
        year = on.dt.year().cast(pl.String)
        period = {
            "month": on.dt.strftime("%Y-%m"),
            "quarter": year + "Q" + on.dt.quarter().cast(pl.String),
            "year": year,
        }[form]
        positive = (pl.col("sentiment") == "positive").sum()
        return (
            self.dated.group_by(period.alias("period"))
            .agg(count=pl.len().cast(pl.Int64), positive=positive.cast(pl.Int64))
            .sort("period")
        )


def _telling(frame: pl.DataFrame) -> bool:
    """Say whether there are several periods, most of them with enough texts for a share."""
    enough = frame.filter(pl.col("count") >= 10).height
    return frame.height >= 3 and enough >= 0.6 * frame.height
