"""How long customers wait for the first response and for the resolution."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.log import CLOCKS, MEASURES
from crmlab.complaints.part import Part, listed
from crmlab.complaints.waiting import TIMES, curve_of, drawn, hours_said, times
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.complaint_charts import done_curves
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.complaints.log import ClockName, Measure

_WORDS = {
    "response": "complaints_response",
    "resolution": "complaints_resolution",
    "business": "complaints_business_hours",
    "calendar": "complaints_calendar_hours",
    "all": "complaints_all",
    "before": "complaints_before",
    "after": "complaints_after",
}


_COLUMNS = {
    "category": "complaints_category",
    "severity": "complaints_severity",
    "channel": "complaints_channel",
    "product": "complaints_product",
}


class Speed(Part):
    """Median and 90th percentile of the times until first response and resolution, by Kaplan–Meier.

    Complaints still open count for as long as they have been open; leaving them out would make a slow desk
    look fast. Where the study sets ``complaints.changed_on``, complaints opened before and since are
    compared.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per measure, clock and period.

        ``measure`` response or resolution, ``clock`` business or calendar, ``period`` all, before or after,
        and the columns of :func:`crmlab.complaints.waiting.times`, in hours.
        """
        rows = [
            {"measure": measure, "clock": clock, "period": period} | times(frame, measure, clock, self.fewest)
            for measure in self._measures
            for clock in CLOCKS
            for period, frame in self.periods.items()
        ]
        schema = dict.fromkeys(("measure", "clock", "period"), pl.String())
        return pl.DataFrame(rows, schema=schema | TIMES)

    def by(self, column: str, measure: Measure = "resolution", clock: ClockName = "business") -> pl.DataFrame:
        """Return the times per value of a column of words, slowest median first; see :attr:`summary`."""
        rows = [
            {"name": name} | times(frame, measure, clock, self.fewest)
            for (name,), frame in self.log.frame.group_by([column], maintain_order=True)
        ]
        frame = pl.DataFrame(rows, schema={"name": pl.String()} | TIMES)
        return frame.sort("median", "name", descending=[True, False], nulls_last=True)

    @cached_property
    def periods(self) -> dict[str, pl.DataFrame]:
        """The complaints of all time, and of before and since the change where one is set."""
        frame = self.log.frame
        changed = self.lab.study.complaints.changed_on
        if changed is None:
            return {"all": frame}
        later = pl.col("day") >= day_number(changed)
        return {"all": frame, "before": frame.filter(~later), "after": frame.filter(later)}

    def row(self, measure: Measure, clock: ClockName, period: str) -> dict[str, float | None]:
        """Return one row of the summary by name."""
        return self.summary.row(
            by_predicate=(pl.col("measure") == measure)
            & (pl.col("clock") == clock)
            & (pl.col("period") == period),
            named=True,
        )

    def title(self) -> Text:
        """Say the median and the 90th percentile of the resolution."""
        row = self.row("resolution", "calendar", "all")
        if row["median"] is None:
            return texts()["complaints_speed_unknown"]
        last = "complaints_speed_title" if row["p90"] is not None else "complaints_speed_title_half"
        return say(
            last,
            median=hours_said(row["median"]),
            low=hours_said(row["median_low"]),
            high=hours_said(row["median_high"]),
            p90=hours_said(row["p90"]),
            open=count(row["open"] or 0),
        )

    def change(self) -> Text | None:
        """Compare the resolution before and since the change; None where no change is set or seen."""
        changed = self.lab.study.complaints.changed_on
        if changed is None:
            return None
        before, after = (self.row("resolution", "calendar", name) for name in ("before", "after"))
        if before["median"] is None or after["median"] is None:
            return say("complaints_speed_change_unknown", day=changed)
        faster = (after["median_high"] or after["median"]) < (before["median_low"] or before["median"])
        slower = (after["median_low"] or after["median"]) > (before["median_high"] or before["median"])
        key = "complaints_speed_faster" if faster else "complaints_speed_alike"
        return say(
            "complaints_speed_slower" if slower else key,
            day=changed,
            before=hours_said(before["median"]),
            before_low=hours_said(before["median_low"]),
            before_high=hours_said(before["median_high"]),
            after=hours_said(after["median"]),
            after_low=hours_said(after["median_low"]),
            after_high=hours_said(after["median_high"]),
        )

    def _explain(self) -> Text:
        first = None
        if "response" in self._measures:
            row = self.row("response", "calendar", "all")
            if row["median"] is not None:
                first = say(
                    "complaints_response_said",
                    median=hours_said(row["median"]),
                    low=hours_said(row["median_low"]),
                    high=hours_said(row["median_high"]),
                    p90=hours_said(row["p90"]),
                )
        else:
            first = texts()["complaints_response_unknown"]
        unknown = self.row("resolution", "calendar", "all")["unknown"]
        lost = say("complaints_end_unknown", n=count(unknown)) if unknown else None
        days = texts()["complaints_dates_only"] if self.log.has_dates_only else None
        return joined(self.title(), self.change(), first, lost, days, self.log.explain_hours())

    def _chart(self) -> alt.LayerChart | Note:
        words, language = texts(), self.lab.language
        groups = {name: frame for name, frame in self.periods.items() if name != "all"} or self.periods
        curves = {}
        for name, frame in groups.items():
            told = frame.drop_nulls("resolution_seen")
            curves[self._period(name).to(language)] = curve_of(
                told["resolution_calendar"].to_numpy(), told["resolution_seen"].to_numpy()
            )
        points = drawn(curves, self.fewest)
        if points.height < 2:
            return Note(self.title(), language)
        return done_curves(
            points,
            self.change() or self.title(),
            say("complaints_speed_subtitle", n=count(self.log.frame.height)),
            words["complaints_hours_since"],
            words["complaints_share_resolved"],
            language,
        )

    def _table(self) -> Table:
        words, language = texts(), self.lab.language
        frame = self.summary.with_columns(
            pl.col(name).replace_strict(
                {key: words[_WORDS[key]].to(language) for key in _WORDS}, default=None
            )
            for name in ("measure", "clock")
        ).with_columns(
            period=pl.col("period").replace_strict(
                {name: self._period(name).to(language) for name in self.periods}, default=None
            )
        )
        return _times_table(
            frame,
            [
                Column("measure", words["complaints_measure"]),
                Column("clock", words["complaints_clock"]),
                Column("period", words["period"]),
            ],
            words["complaints_speed_caption"],
            words["complaints_speed_note"],
            self,
        )

    def table_by(self, column: str) -> Table | Note:
        """Show the time to resolve per value of ``category``, ``severity``, ``channel`` or ``product``."""
        problem = self.problem
        if problem is not None:
            return Note(problem, self.lab.language)
        name = texts()[_COLUMNS[column]]
        if not self.log.has(column):
            lacking = [texts()[key] for each, key in _COLUMNS.items() if not self.log.has(each)]
            return Note(say("complaints_column_lacks", names=listed(lacking)), self.lab.language)
        return _times_table(
            self.by(column).head(15),
            [Column("name", name)],
            say("complaints_speed_by", name=name),
            None,
            self,
        )

    def _lacks(self) -> Text | None:
        return (
            None if self.log.has("resolved_at") or self.log.has("closed_at") else texts()["complaints_no_end"]
        )

    @property
    def _measures(self) -> tuple[Measure, ...]:
        return MEASURES if self.log.has("first_response_at") else ("resolution",)

    def _period(self, name: str) -> Text:
        changed = self.lab.study.complaints.changed_on
        return texts()["complaints_all"] if name == "all" else say(_WORDS[name], day=changed or date.min)


def _times_table(
    frame: pl.DataFrame, first: list[Column], caption: Text, note: Text | None, part: Part
) -> Table:
    words = texts()
    return Table(
        frame.with_columns(
            median_interval=pl.concat_list("median_low", "median_high"),
            p90_interval=pl.concat_list("p90_low", "p90_high"),
        ),
        [
            *first,
            Column("complaints", words["complaints_count"], "integer"),
            Column("open", words["complaints_open"], "integer"),
            Column("median", words["complaints_median"], "decimal", decimals=1),
            Column("median_interval", words["interval_95"], "interval", of="decimal", decimals=1),
            Column("p90", words["complaints_p90"], "decimal", decimals=1),
            Column("p90_interval", words["interval_95"], "interval", of="decimal", decimals=1),
        ],
        caption=caption,
        note=note,
        language=part.lab.language,
    )
