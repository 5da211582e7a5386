"""What complaints come from: the Pareto of causes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.part import Part
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.view.complaint_charts import pareto
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

MOST = 0.8
"""The share that the few vital causes make together (Juran 1951)."""
_ROWS = 15


class Causes(Part):
    """Root causes, or categories where the log names no cause, by the complaints that come from them.

    Shares are of the complaints whose cause is known, with Wilson intervals; complaints without one are
    counted beside. Causes of few complaints are put together.
    """

    @cached_property
    def column(self) -> str:
        """The column that the causes are of: ``root_cause``, else ``category``."""
        return "root_cause" if self.log.has("root_cause") else "category"

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per cause, most first, "other" last.

        ``cause``, ``complaints``, ``share``, ``low``, ``high``, ``cumulative``.
        """
        unsaid, other = (
            texts()[name].to(self.lab.language) for name in ("complaints_unsaid", "complaints_other")
        )
        known = self.log.frame.filter(pl.col(self.column) != unsaid)
        counts = (
            known.group_by(cause=self.column)
            .agg(complaints=pl.len().cast(pl.Int64))
            .sort(pl.col("cause") == other, "complaints", "cause", descending=[False, True, False])
        )
        ends = [wilson(n, known.height) for n in counts["complaints"]]
        return counts.with_columns(
            share=pl.col("complaints") / max(known.height, 1),
            low=pl.Series([end.low for end in ends], dtype=pl.Float64),
            high=pl.Series([end.high for end in ends], dtype=pl.Float64),
            cumulative=pl.col("complaints").cum_sum() / max(known.height, 1),
        )

    @cached_property
    def unknown(self) -> int:
        """Complaints without a known cause."""
        return self.log.frame.height - int(self.summary["complaints"].sum())

    @cached_property
    def vital(self) -> int:
        """How many causes make 80 % of the complaints."""
        return int((self.summary["cumulative"] < MOST - 1e-9).sum()) + 1

    def title(self) -> Text:
        """Name the largest cause and the few that make most."""
        if self.summary.is_empty():
            return texts()["complaints_no_cause"]
        row = self.summary.row(0, named=True)
        return say(
            "complaints_causes_title",
            cause=row["cause"],
            share=percent(row["share"]),
            low=percent(row["low"]),
            high=percent(row["high"]),
            vital=count(min(self.vital, self.summary.height)),
            all=count(self.summary.height),
        )

    def _explain(self) -> Text:
        by_category = texts()["complaints_by_category"] if self.column == "category" else None
        unknown = say("complaints_cause_unknown", n=count(self.unknown)) if self.unknown else None
        return joined(self.title(), by_category, unknown)

    def _chart(self) -> alt.LayerChart | Note:
        if self.summary.height < 2:
            return Note(self.title(), self.lab.language)
        words = texts()
        return pareto(
            self.summary.head(_ROWS).with_columns(
                name="cause",
                value="share",
                label=pl.col("cumulative").map_elements(lambda x: percent(x, 0), return_dtype=pl.String),
                told=pl.col("share").map_elements(percent, return_dtype=pl.String),
            ),
            self.title(),
            say("complaints_causes_subtitle", n=count(int(self.summary["complaints"].sum()))),
            words["complaints_cause"],
            self.lab.language,
            [
                ("name", words["complaints_cause"]),
                ("complaints", words["complaints_count"]),
                ("told", words["share"]),
                ("label", words["complaints_cumulative"]),
            ],
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self.summary.head(_ROWS).with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("cause", words["complaints_cause"]),
                Column("complaints", words["complaints_count"], "integer"),
                Column("share", words["share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("cumulative", words["complaints_cumulative"], "percent"),
            ],
            caption=words["complaints_causes_caption"],
            language=self.lab.language,
        )

    def _lacks(self) -> Text | None:
        known = self.log.has("root_cause") or self.log.has("category")
        return None if known else texts()["complaints_no_cause"]
