"""What is open: how it grew, how old it is, and in which stage it is stuck."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.complaints.log import Log
from crmlab.complaints.part import Part
from crmlab.complaints.promise import Promise
from crmlab.data.convert import local_day_number
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.complaint_charts import interval_bars, value_line
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

AGES = (1, 3, 7, 14, 30)
"""Ends of the bands of age, in days since reception."""
OLD = 14


class Backlog(Part):
    """Complaints open at the end of the as-of day, by age, and at the end of each month before.

    Age counts from reception in calendar days. A complaint that is marked as done without a time is not
    open. A complaint that was opened again counts as open since it was received: only its last end is
    known.
    """

    def __init__(self, lab: Lab, log: Log | None, promise: Promise) -> None:
        super().__init__(lab, log)
        self._promise = promise

    @cached_property
    def open(self) -> pl.DataFrame:
        """The open complaints of the log, oldest first, with ``age`` in days (Float64)."""
        return self.log.frame.filter("is_open").with_columns(age=pl.col("age_calendar") / 24)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per band of age: ``band`` ("1–3"), ``open``, ``share``."""
        edges = [0, *AGES]
        names = [f"{low}–{high}" for low, high in zip(edges[:-1], AGES, strict=True)] + [f"{AGES[-1]}+"]
        inside = [
            self.open.filter(pl.col("age") >= low, pl.col("age") < high).height
            for low, high in zip(edges, [*AGES, float("inf")], strict=True)
        ]
        total = max(self.open.height, 1)
        return pl.DataFrame(
            {"band": names, "open": inside, "share": [n / total for n in inside]},
            schema={"band": pl.String, "open": pl.Int64, "share": pl.Float64},
        )

    @cached_property
    def months(self) -> pl.DataFrame:
        """One row per month: ``month``, ``opened``, ``ended`` in it, ``open`` at its end.

        Complaints that are marked as done without a time are in none: nobody knows how long they were open.
        """
        frame = self.log.frame.filter(~pl.col("end_unknown")).with_columns(
            end_day=local_day_number(pl.col("ended_at"), self.log.hours.time_zone)
        )
        first, last = self.log.span
        rows, start = [], date(first.year, first.month, 1)
        while start <= last:
            following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
            end = min(following - timedelta(days=1), last)
            days = (day_number(start), day_number(end))
            rows.append(
                {
                    "month": f"{start:%Y-%m}",
                    "opened": frame.filter(pl.col("day").is_between(*days)).height,
                    "ended": frame.filter(pl.col("end_day").is_between(*days)).height,
                    "open": frame.filter(
                        pl.col("day") <= days[1], pl.col("end_day").is_null() | (pl.col("end_day") > days[1])
                    ).height,
                }
            )
            start = following
        schema = {"month": pl.String, **dict.fromkeys(("opened", "ended", "open"), pl.Int64)}
        return pl.DataFrame(rows, schema=schema)

    @property
    def end_unknown(self) -> int:
        """Complaints that are marked as done without a time."""
        return int(self.log.frame["end_unknown"].sum())

    @cached_property
    def stages(self) -> pl.DataFrame:
        """One row per stage, most open first: ``stage``, ``open``, ``median_age``, ``oldest``."""
        return (
            self.open.with_columns(pl.col("stage").fill_null("unsaid"))
            .group_by("stage")
            .agg(open=pl.len().cast(pl.Int64), median_age=pl.median("age"), oldest=pl.max("age"))
            .sort("open", "stage", descending=[True, False])
        )

    def title(self) -> Text:
        """Say how many are open, and how many of them for long."""
        n = self.open.height
        if not n:
            return say("complaints_backlog_empty", day=self.log.as_of)
        old = self.open.filter(pl.col("age") >= OLD).height
        median = self.open["age"].median()
        assert isinstance(median, float)
        return say(
            "complaints_backlog_title",
            n=count(n),
            days=OLD,
            old=count(old),
            share=percent(old / n),
            median=decimal(median, 1),
        )

    def _explain(self) -> Text:
        overdue = self._promise.overdue()
        stuck = None
        if self.open.height and self.log.has("stage"):
            row = self.stages.row(0, named=True)
            stuck = say("complaints_backlog_stage", stage=stage_name(row["stage"]), n=count(row["open"]))
        late = say("complaints_backlog_overdue", n=count(overdue)) if overdue else None
        return joined(self.title(), stuck, late)

    def _chart(self) -> alt.LayerChart | Note:
        if not self.open.height:
            return Note(self.title(), self.lab.language)
        words = texts()
        return interval_bars(
            self.summary.with_columns(
                name="band",
                value=pl.col("open"),
                label=pl.format("{}", "open"),
                told=pl.col("share").map_elements(percent, return_dtype=pl.String),
            ),
            self.title(),
            say("complaints_backlog_subtitle", n=count(self.open.height), day=self.log.as_of),
            words["complaints_open"],
            words["complaints_age"],
            self.lab.language,
            [
                ("name", words["complaints_age"]),
                ("open", words["complaints_open"]),
                ("told", words["share"]),
            ],
        )

    def trend_chart(self) -> Any:
        """Draw how many were open at the end of each month."""
        return self._shown(self._trend)

    def _trend(self) -> alt.LayerChart | Note:
        if not (self.log.has("resolved_at") or self.log.has("closed_at")):
            return Note(texts()["complaints_trend_ends_lack"], self.lab.language)
        if self.months.height < 2:
            return Note(texts()["complaints_one_month"], self.lab.language)
        words, most = (
            texts(),
            self.months.sort("open", descending=True, maintain_order=True).row(0, named=True),
        )
        return value_line(
            self.months.with_columns(period="month", value=pl.col("open")),
            say(
                "complaints_backlog_trend",
                now=count(self.months["open"][-1]),
                most=count(most["open"]),
                month=most["month"],
            ),
            say("complaints_backlog_trend_subtitle", n=count(self.log.frame.height - self.end_unknown)),
            words["complaints_open"],
            self.lab.language,
            [
                ("period", words["period"]),
                ("opened", words["complaints_opened"]),
                ("ended", words["complaints_ended"]),
                ("open", words["complaints_open"]),
            ],
        )

    def _table(self) -> Table | Note:
        if not self.open.height:
            return Note(self.title(), self.lab.language)
        words, language = texts(), self.lab.language
        names = pl.Series([stage_name(stage).to(language) for stage in self.stages["stage"]], dtype=pl.String)
        return Table(
            self.stages.with_columns(name=names),
            [
                Column("name", words["complaints_stage"]),
                Column("open", words["complaints_open"], "integer", bar=True),
                Column("median_age", words["complaints_median_age"], "decimal", decimals=1),
                Column("oldest", words["complaints_oldest"], "decimal", decimals=1),
            ],
            caption=words["complaints_backlog_caption"],
            language=language,
        )

    def _lacks(self) -> Text | None:
        known = ("resolved_at", "closed_at", "stage")
        return None if any(self.log.has(name) for name in known) else texts()["complaints_no_end"]


def stage_name(stage: str) -> Text:
    """Return what readers call a stage."""
    return texts()[_STAGES[stage]]


_STAGES = {
    "received": "complaints_stage_received",
    "acknowledged": "complaints_stage_acknowledged",
    "assessed": "complaints_stage_assessed",
    "investigating": "complaints_stage_investigating",
    "waiting": "complaints_stage_waiting",
    "escalated": "complaints_stage_escalated",
    "responded": "complaints_stage_responded",
    "decided": "complaints_stage_decided",
    "resolved": "complaints_stage_resolved",
    "closed": "complaints_stage_closed",
    "unsaid": "complaints_unsaid",
}
"""Stage → key of its text; an open complaint that was opened again may still be called resolved."""
