"""Where complaints spend their time: the steps of ISO 10002 from reception to closure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.complaints.part import Part, listed
from crmlab.complaints.waiting import curve_of, hours_said, hours_until
from crmlab.data.canonical.service import COMPLAINT_STEPS
from crmlab.labels import Text
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

_LATER = tuple(step for step in COMPLAINT_STEPS if step != "opened_at")


class Steps(Part):
    """How many complaints reached each step that the log records, and how long after reception.

    The steps are those of ISO 10002:2018 clause 8 (GB/T 19012). A complaint that has not reached a step and
    is open counts as still waiting for it; one that ended without the time of a step has skipped it, or
    nobody wrote it down: it counts as neither.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per recorded step, earliest median first.

        ``step``, ``reached``, ``waiting`` (open and not there yet), ``skipped``, ``median`` calendar hours
        since reception with ``low`` and ``high``, ``added`` hours of the median over the step before.
        """
        rows = []
        frame = self.log.frame
        ends = {"closed_at": pl.col("closed_at").is_null()}
        for step in (step for step in _LATER if self.log.has(step)):
            reached = pl.col(step).is_not_null()
            waiting = ~reached & ends.get(step, pl.col("is_open"))
            hours = (pl.coalesce(step, "opened_at") - pl.col("opened_at")).dt.total_microseconds() / 3.6e9
            told = frame.filter(reached | waiting).select(
                hours=pl.when(reached).then(hours).otherwise(pl.col("age_calendar")), seen=reached
            )
            row: dict[str, Any] = {
                "step": step,
                "reached": int(told["seen"].sum()),
                "waiting": int((~told["seen"]).sum()),
                "skipped": frame.height - told.height,
                **dict.fromkeys(("median", "low", "high")),
            }
            if row["reached"] >= self.fewest:
                found = hours_until(curve_of(told["hours"].to_numpy(), told["seen"].to_numpy()), 0.5)
                row |= {
                    name: value if value == value else None
                    for name, value in zip(("median", "low", "high"), found, strict=True)
                }
            rows.append(row)
        # By when half of the complaints get there: a response may come before the investigation.
        frame = pl.DataFrame(rows, schema=_SCHEMA).sort("median", nulls_last=True, maintain_order=True)
        return frame.with_columns(added=pl.col("median") - pl.col("median").shift(1, fill_value=0.0))

    @cached_property
    def missing(self) -> list[Text]:
        """The steps of the standard that the log has no time of."""
        return [COMPLAINT_STEPS[step] for step in _LATER if not self.log.has(step)]

    def longest(self) -> Text | None:
        """Name the step before closure that adds most to the median; None where fewer than two are known."""
        # Closing is paperwork: customers wait until it is resolved.
        known = self.summary.drop_nulls("added").filter(pl.col("step") != "closed_at")
        if known.height < 2:
            return None
        row = known.sort("added", descending=True, maintain_order=True).row(0, named=True)
        return say(
            "complaints_step_longest",
            step=COMPLAINT_STEPS[row["step"]],
            hours=hours_said(row["added"]),
            median=hours_said(row["median"]),
        )

    def _explain(self) -> Text:
        lacking = None
        if self.missing:
            lacking = say("complaints_steps_missing", names=listed(self.missing))
        return joined(self.longest() or texts()["complaints_steps_few"], lacking)

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().drop_nulls("median")
        if frame.height < 2:
            return Note(texts()["complaints_steps_few"], self.lab.language)
        words = texts()
        return interval_bars(
            frame.with_columns(
                value="median",
                label=pl.col("median").map_elements(hours_said, return_dtype=pl.String),
            ),
            self.longest() or words["complaints_steps_few"],
            say("complaints_steps_subtitle", n=count(self.log.frame.height)),
            words["complaints_hours_since"],
            words["complaints_step"],
            self.lab.language,
            [
                ("name", words["complaints_step"]),
                ("label", words["complaints_median"]),
                ("reached", words["complaints_reached"]),
                ("waiting", words["complaints_waiting"]),
            ],
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_step"]),
                Column("reached", words["complaints_reached"], "integer"),
                Column("waiting", words["complaints_waiting"], "integer"),
                Column("skipped", words["complaints_skipped"], "integer"),
                Column("median", words["complaints_median"], "decimal", decimals=1, bar=True),
                Column("interval", words["interval_95"], "interval", of="decimal", decimals=1),
                Column("added", words["complaints_added"], "decimal", decimals=1),
            ],
            caption=words["complaints_steps_caption"],
            note=words["complaints_steps_note"],
            language=self.lab.language,
        )

    def _named(self) -> pl.DataFrame:
        names = {step: text.to(self.lab.language) for step, text in COMPLAINT_STEPS.items()}
        return self.summary.with_columns(name=pl.col("step").replace_strict(names, return_dtype=pl.String))


_SCHEMA = {
    "step": pl.String,
    **dict.fromkeys(("reached", "waiting", "skipped"), pl.Int64),
    **dict.fromkeys(("median", "low", "high"), pl.Float64),
}
