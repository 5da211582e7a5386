"""Which kinds of complaint are severe."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.part import Part
from crmlab.data.suppression import hidden_cells
from crmlab.labels import Text
from crmlab.view import charts
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

_HIDDEN = "*"


class Severity(Part):
    """Complaints by category and severity; cells of few complaints are hidden."""

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per ``category``, most complaints first, and ``severity``: ``complaints``, ``hidden``."""
        frame = self.log.frame
        order = {
            name: frame.group_by(name).len().sort("len", name, descending=[True, False])[name].to_list()
            for name in ("category", "severity")
        }
        counts = {
            (category, severity): n
            for category, severity, n in frame.group_by("category", "severity").len().iter_rows()
        }
        matrix = [[counts.get((c, s), 0) for s in order["severity"]] for c in order["category"]]
        gone = hidden_cells(matrix, self.fewest)
        rows = [
            (c, s, n, hid)
            for c, line, hids in zip(order["category"], matrix, gone, strict=True)
            for s, n, hid in zip(order["severity"], line, hids, strict=True)
        ]
        schema = {"category": pl.String, "severity": pl.String, "complaints": pl.Int64, "hidden": pl.Boolean}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        return frame.with_columns(complaints=pl.when(~pl.col("hidden")).then("complaints"))

    def _explain(self) -> Text:
        known = self.summary.drop_nulls("complaints")
        if known.is_empty():
            return texts()["complaints_severity_hidden"]
        row = known.sort("complaints", descending=True, maintain_order=True).row(0, named=True)
        return say(
            "complaints_severity_title",
            category=row["category"],
            severity=row["severity"],
            n=count(row["complaints"]),
            share=percent(row["complaints"] / self.log.frame.height),
        )

    def _chart(self) -> alt.LayerChart:
        words, frame = texts(), self.summary
        return charts.heat_map(
            frame.with_columns(
                text=pl.when("hidden").then(pl.lit(_HIDDEN)).otherwise(pl.col("complaints").cast(pl.String))
            ),
            "severity",
            "category",
            "complaints",
            x_title=words["complaints_severity"],
            y_title=words["complaints_category"],
            value_title=words["complaints_count"],
            title=self._explain(),
            subtitle=say("complaints_severity_subtitle", n=count(self.log.frame.height)),
            language=self.lab.language,
            x_order=frame["severity"].unique(maintain_order=True).to_list(),
            y_order=frame["category"].unique(maintain_order=True).to_list(),
        )

    def _table(self) -> Table:
        words = texts()
        wide = self.summary.with_columns(
            said=pl.when("hidden").then(pl.lit(_HIDDEN)).otherwise(pl.col("complaints").cast(pl.String))
        ).pivot("severity", index="category", values="said")
        levels = [name for name in wide.columns if name != "category"]
        return Table(
            wide,
            [Column("category", words["complaints_category"])]
            + [Column(name, Text(name, name)) for name in levels],
            caption=words["complaints_severity_caption"],
            note=words["complaints_severity_note"],
            language=self.lab.language,
        )

    def _lacks(self) -> Text | None:
        known = self.log.has("category", "severity")
        return None if known else texts()["complaints_severity_lacks"]
