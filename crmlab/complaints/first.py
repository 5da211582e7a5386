"""What to do first: who is waiting, which cause costs customers most time, which step takes longest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.complaints.part import Part, ended, listed
from crmlab.labels import Text
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Findings, Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.complaints import Complaints
    from crmlab.complaints.log import Log
    from crmlab.lab import Lab

_ROWS = 10


class First(Part):
    """Causes by the time that customers waited because of them, and the steps to take in order.

    Waiting is the sum of the calendar hours from reception to the end, or to the as-of day while open: a
    cause counts by how often it comes up and by how long it takes. It is no estimate of what mending it
    would save.
    """

    def __init__(self, lab: Lab, log: Log | None, complaints: Complaints) -> None:
        super().__init__(lab, log)
        self._complaints = complaints

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per cause, most waiting first.

        ``cause``, ``complaints``, ``waiting_hours``, ``waiting_share`` of all waiting, ``late_share`` of
        those judged by the promise, ``dissatisfied_share`` of those who answered (below satisfied), each
        null unknown.
        """
        causes = self._complaints.causes
        column = causes.column if causes.problem is None else "category"
        frame = self.log.frame
        judged = self._complaints.promise.in_time()
        if judged is None:
            frame = frame.with_columns(in_time=pl.lit(None, pl.Boolean))
        else:
            frame = frame.join(judged, on="complaint_id", how="left", maintain_order="left")
        handling = self._complaints.handling
        score = pl.col("score") if handling.problem is None else pl.lit(None, pl.Float64)
        told = (
            frame.filter(pl.col("resolution_seen").is_not_null())
            .group_by(cause=column)
            .agg(
                complaints=pl.len().cast(pl.Int64),
                waiting_hours=pl.col("resolution_calendar").sum(),
                judged=pl.col("in_time").count(),
                late=(~pl.col("in_time")).sum(),
                answers=score.count(),
                dissatisfied=(score < handling.top).sum(),
            )
        )
        total = told.sort("cause")["waiting_hours"].sum() or 1.0  # a sum in another order is another number
        few = max(self.fewest, 1)
        return (
            told.with_columns(
                waiting_share=pl.col("waiting_hours") / total,
                late_share=pl.when(pl.col("judged") >= few).then(pl.col("late") / pl.col("judged")),
                dissatisfied_share=pl.when(pl.col("answers") >= few).then(
                    pl.col("dissatisfied") / pl.col("answers")
                ),
            )
            .sort("waiting_hours", "cause", descending=[True, False])
            .select(
                "cause", "complaints", "waiting_hours", "waiting_share", "late_share", "dissatisfied_share"
            )
        )

    def steps(self) -> Findings | Note:
        """Show what to do, most urgent first."""
        problem = self.problem
        if problem is not None:
            return Note(problem, self.lab.language)
        return Findings([ended(text) for text in self._steps()], self.lab.language)

    def _steps(self) -> list[Text]:
        parts, said = self._complaints, []
        best = parts.best_customers
        if best.problem is None and best.waiting.height:
            said.append(say("complaints_do_best", n=count(best.waiting.height)))
        overdue = parts.promise.overdue()
        if overdue:
            said.append(say("complaints_do_overdue", n=count(overdue)))
        top = self.worst
        if top is not None:
            said.append(say("complaints_do_cause", cause=top["cause"], share=percent(top["waiting_share"])))
        if parts.steps.problem is None:
            longest = parts.steps.longest()
            if longest is not None:
                said.append(joined(longest, texts()["complaints_do_step"]))
        if parts.suggestions.problem is None and parts.suggestions.suggested["category"].drop_nulls().len():
            given = parts.suggestions.suggested["category"].drop_nulls().len()
            said.append(say("complaints_do_sort", n=count(given)))
        if parts.promise.problem is not None:
            said.append(parts.promise.problem)
        if parts.steps.problem is None and parts.steps.missing:
            said.append(say("complaints_do_record", names=listed(parts.steps.missing)))
        return said or [texts()["complaints_do_nothing"]]

    def _explain(self) -> Text:
        return joined(self.title(), None if self.worst is None else texts()["complaints_first_note"])

    def title(self) -> Text:
        """Name the cause that customers waited for longest in all."""
        top = self.worst
        if top is None:
            return self._complaints.speed.problem or texts()["complaints_no_cause"]
        return say(
            "complaints_first_title",
            cause=top["cause"],
            share=percent(top["waiting_share"]),
            n=count(top["complaints"]),
        )

    @cached_property
    def worst(self) -> dict[str, Any] | None:
        """The named cause with most waiting; None where no cause has a name, or no complaint an end."""
        if self._complaints.speed.problem is not None:
            return None
        blank = [texts()[name].to(self.lab.language) for name in ("complaints_unsaid", "complaints_other")]
        named = self.summary.filter(~pl.col("cause").is_in(blank))
        return named.row(0, named=True) if named.height else None

    def _chart(self) -> alt.LayerChart | Note:
        words = texts()
        if self.worst is None:
            return Note(self.title(), self.lab.language)
        return interval_bars(
            self.summary.head(_ROWS).with_columns(
                name="cause",
                value="waiting_share",
                label=pl.col("waiting_share").map_elements(percent, return_dtype=pl.String),
            ),
            self.title(),
            say("complaints_first_subtitle", n=count(int(self.summary["complaints"].sum()))),
            words["complaints_waiting_share"],
            words["complaints_cause"],
            self.lab.language,
            [
                ("name", words["complaints_cause"]),
                ("complaints", words["complaints_count"]),
                ("label", words["complaints_waiting_share"]),
            ],
            shares=True,
        )

    def _table(self) -> Table | Note:
        if self.worst is None:
            return Note(self.title(), self.lab.language)
        words = texts()
        return Table(
            self.summary.head(_ROWS),
            [
                Column("cause", words["complaints_cause"]),
                Column("complaints", words["complaints_count"], "integer"),
                Column("waiting_share", words["complaints_waiting_share"], "percent", bar=True),
                Column("late_share", words["complaints_late_share"], "percent"),
                Column("dissatisfied_share", words["complaints_dissatisfied"], "percent"),
            ],
            caption=words["complaints_first_caption"],
            note=words["complaints_first_note"],
            language=self.lab.language,
        )
