"""Whether what was promised to customers is kept: shares answered and resolved in time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.log import MEASURES
from crmlab.complaints.part import Part, listed
from crmlab.complaints.settings import REST
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.complaints.log import Measure


class Promise(Part):
    """The share of complaints whose first response and resolution came within the promised hours (SLA).

    Only complaints whose time was up by the as-of day are counted, on the clock of the promise. Those still
    open then have missed it. Those whose time is not up yet count neither way, whether done or open: to count
    the quick ones alone would flatter.
    """

    @cached_property
    def judged(self) -> pl.DataFrame:
        """One row per complaint and promise: ``complaint_id``, ``measure``, ``severity``, ``promised`` hours.

        ``state``: kept, late (done after the time), overdue (open, time is up), not_due, or unknown where no
        time was recorded.
        """
        clock, parts = self.lab.study.complaints.promised_in, []
        for measure in self._measures:
            promised, seen = self._promised(measure), pl.col(f"{measure}_seen")
            hours, age = pl.col(f"{measure}_{clock}"), pl.col(f"age_{clock}")
            in_time = hours <= promised
            state = (
                pl.when(seen.is_null())
                .then(pl.lit("unknown"))
                .when(seen & ~in_time)
                .then(pl.lit("late"))
                .when(age < promised)
                .then(pl.lit("not_due"))
                .when(seen)
                .then(pl.lit("kept"))
                .when(~in_time)
                .then(pl.lit("overdue"))
                .otherwise(pl.lit("not_due"))
            )
            parts.append(
                self.log.frame.with_columns(promised=promised)
                .filter(pl.col("promised").is_not_null())
                .select(
                    "complaint_id", "customer_id", "day", "severity", "category", "root_cause", "promised",
                    measure=pl.lit(measure), state=state,
                )
            )  # fmt: skip
        return pl.concat(parts)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per measure and severity, the first of each measure for all (``severity`` null).

        ``promised`` hours (null for all and for severities put together), ``due`` complaints, ``kept``,
        ``late``, ``overdue``, ``not_due``, ``unknown``, and the ``share`` kept of those due with ``low``,
        ``high`` (Wilson).
        """
        states = ("kept", "late", "overdue", "not_due", "unknown")
        counts = [(pl.col("state") == state).sum().cast(pl.Int64).alias(state) for state in states]
        whole = self.judged.group_by("measure", maintain_order=True).agg(*counts)
        each = self.judged.group_by("measure", "severity", maintain_order=True).agg(
            pl.when(pl.col("promised").n_unique() == 1).then(pl.col("promised").first()).alias("promised"),
            *counts,
        )
        whole = whole.with_columns(severity=pl.lit(None, pl.String), promised=pl.lit(None, pl.Float64))
        frame = pl.concat([whole, each.sort("promised", "severity")], how="diagonal").with_columns(
            due=pl.col("kept") + pl.col("late") + pl.col("overdue")
        )
        order = pl.col("measure").replace_strict({name: place for place, name in enumerate(MEASURES)})
        frame = frame.sort(order, maintain_order=True)
        ends = [wilson(kept, due) for kept, due in frame.select("kept", "due").iter_rows()]
        return frame.with_columns(
            share=pl.when(pl.col("due") > 0).then(pl.col("kept") / pl.col("due")),
            low=pl.Series([end.low for end in ends], dtype=pl.Float64).fill_nan(None),
            high=pl.Series([end.high for end in ends], dtype=pl.Float64).fill_nan(None),
        ).select("measure", "severity", "promised", "due", *states, "share", "low", "high")

    def in_time(self) -> pl.DataFrame | None:
        """Return ``complaint_id`` and ``in_time`` of the resolutions judged; None without a promise."""
        if self.problem is not None or "resolution" not in self._measures:
            return None
        judged = self.judged.filter(
            pl.col("measure") == "resolution", pl.col("state").is_in(("kept", "late", "overdue"))
        )
        return judged.select("complaint_id", in_time=pl.col("state") == "kept")

    def overdue(self) -> int:
        """Count the open complaints whose promised time of resolution is up."""
        if self.problem is not None:
            return 0
        return self.judged.filter(measure="resolution", state="overdue").height

    def _explain(self) -> Text:
        said = []
        for row in self.summary.filter(pl.col("severity").is_null()).iter_rows(named=True):
            if not row["due"]:
                said.append(say("complaints_promise_none_due", measure=_measure(row["measure"])))
                continue
            said.append(
                say(
                    "complaints_promise_said",
                    measure=_measure(row["measure"]),
                    share=percent(row["share"]),
                    low=percent(row["low"]),
                    high=percent(row["high"]),
                    due=count(row["due"]),
                    overdue=count(row["overdue"]),
                    not_due=count(row["not_due"]),
                )
            )
        named = {*self.lab.study.complaints.response_hours, *self.lab.study.complaints.resolution_hours}
        unmet = sorted(named - {REST} - set(self.log.frame["severity_given"]))
        if unmet:
            said.append(
                say(
                    "complaints_promise_unmet",
                    names=listed([Text(name, name) for name in unmet]),
                    severities=self._known(),
                )
            )
        return joined(*said)

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().filter(pl.col("due") >= self.fewest)
        if frame.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        best = frame.filter(pl.col("severity").is_null()).row(-1, named=True)
        return interval_bars(
            frame.with_columns(
                value="share",
                label=pl.col("share").map_elements(percent, return_dtype=pl.String),
            ),
            say("complaints_promise_title", measure=_measure(best["measure"]), share=percent(best["share"])),
            say("complaints_promise_subtitle", n=count(best["due"])),
            words["complaints_share_kept"],
            words["complaints_promise_of"],
            self.lab.language,
            [
                ("name", words["complaints_promise_of"]),
                ("due", words["complaints_due"]),
                ("label", words["complaints_share_kept"]),
            ],
            shares=True,
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_promise_of"]),
                Column("promised", words["complaints_promised"], "decimal", decimals=0),
                Column("due", words["complaints_due"], "integer"),
                Column("kept", words["complaints_kept"], "integer"),
                Column("late", words["complaints_late"], "integer"),
                Column("overdue", words["complaints_overdue"], "integer"),
                Column("not_due", words["complaints_not_due"], "integer"),
                Column("share", words["complaints_share_kept"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["complaints_promise_caption"],
            note=words["complaints_promise_note"],
            language=self.lab.language,
        )

    def _named(self) -> pl.DataFrame:
        language, everything = self.lab.language, texts()["complaints_all"].to(self.lab.language)
        names = [
            f"{_measure(measure).to(language)} · {everything if severity is None else severity}"
            for measure, severity in self.summary.select("measure", "severity").iter_rows()
        ]
        return self.summary.with_columns(name=pl.Series(names, dtype=pl.String))

    @property
    def _measures(self) -> tuple[Measure, ...]:
        params = self.lab.study.complaints
        set_ones = {
            "response": bool(params.response_hours) and self.log.has("first_response_at"),
            "resolution": bool(params.resolution_hours)
            and (self.log.has("resolved_at") or self.log.has("closed_at")),
        }
        return tuple(measure for measure in MEASURES if set_ones[measure])

    def _promised(self, measure: Measure) -> pl.Expr:
        params = self.lab.study.complaints
        hours = params.response_hours if measure == "response" else params.resolution_hours
        named = {severity: value for severity, value in hours.items() if severity != REST}
        given = pl.col("severity_given")
        return given.replace_strict(named, default=hours.get(REST), return_dtype=pl.Float64)

    def _known(self) -> Text:
        return listed([Text(name, name) for name in sorted(set(self.log.frame["severity"]))])

    def _lacks(self) -> Text | None:
        if not self._measures:
            return say("complaints_no_promise")
        if self.judged.is_empty():
            return say("complaints_promise_of_nothing", severities=self._known())
        return None


def _measure(name: str) -> Text:
    return texts()["complaints_response" if name == "response" else "complaints_resolution"]
