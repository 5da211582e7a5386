"""Whether customers hear what came of their complaint."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.complaints.part import Part
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

_ROWS = 15
_GRACE = 14
"""Days that a loop is given to be closed."""


class ClosedLoop(Part):
    """The share of ended complaints whose customer was told what was changed, by cause.

    A loop is closed where the log has the time of it (``closed_loop_at``), or the improvement that came of
    the complaint (``action_id``). Complaints that ended in the last 14 days are left out: theirs may yet be
    closed.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row for all (``cause`` null), then one per cause: ``ended``, ``closed``, ``share``, ends."""
        cause = "root_cause" if self.log.has("root_cause") else "category"
        grace = pl.duration(hours=24 * _GRACE)
        told = self.log.frame.filter(pl.col("ended_at") <= pl.lit(self.log.now) - grace).with_columns(
            loop=pl.col("closed_loop_at").is_not_null() | pl.col("action_id").is_not_null()
        )
        counts = [pl.len().cast(pl.Int64).alias("ended"), pl.col("loop").sum().cast(pl.Int64).alias("closed")]
        each = told.group_by(cause=cause).agg(*counts).sort("ended", "cause", descending=[True, False])
        whole = told.select(pl.lit(None, pl.String).alias("cause"), *counts).head(1)
        frame = pl.concat([whole, each]).filter(pl.col("ended") > 0)
        ends = [wilson(k, n) for n, k in frame.select("ended", "closed").iter_rows()]
        return frame.with_columns(
            share=pl.col("closed") / pl.col("ended"),
            low=pl.Series([end.low for end in ends], dtype=pl.Float64),
            high=pl.Series([end.high for end in ends], dtype=pl.Float64),
        )

    def _explain(self) -> Text:
        if self.summary.is_empty():
            return texts()["complaints_loop_none"]
        row: dict[str, Any] = self.summary.row(0, named=True)
        ends = {name: percent(row[name]) for name in ("share", "low", "high")}
        return say("complaints_loop_said", n=count(row["ended"]), **ends)

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().filter(pl.col("ended") >= self.fewest).head(_ROWS)
        if frame.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        return interval_bars(
            frame.with_columns(
                value="share", label=pl.col("share").map_elements(percent, return_dtype=pl.String)
            ),
            self._explain(),
            say("complaints_loop_subtitle", n=count(self.summary["ended"][0])),
            words["complaints_loop"],
            words["complaints_cause"],
            self.lab.language,
            [
                ("name", words["complaints_cause"]),
                ("ended", words["complaints_ended"]),
                ("label", words["complaints_loop"]),
            ],
            shares=True,
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().head(_ROWS).with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_cause"]),
                Column("ended", words["complaints_ended"], "integer"),
                Column("closed", words["complaints_looped"], "integer"),
                Column("share", words["complaints_loop"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["complaints_loop_caption"],
            language=self.lab.language,
        )

    def _named(self) -> pl.DataFrame:
        everything = texts()["complaints_all"].to(self.lab.language)
        return self.summary.with_columns(name=pl.col("cause").fill_null(everything))

    def _lacks(self) -> Text | None:
        known = self.log.has("closed_loop_at") or self.log.has("action_id")
        return None if known else texts()["complaints_loop_lacks"]
