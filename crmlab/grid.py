"""The grid of recency and frequency scores, and the cut-points behind it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import CrmlabError
from crmlab.view import charts
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


class Grid:
    """Customers per cell of recency × frequency, for a classifier that scores both.

    Raises CrmlabError for a classifier without ``cells(features)``.
    """

    def __init__(self, segmentation: Segmentation) -> None:
        if not hasattr(segmentation.classifier, "cells"):
            raise CrmlabError(
                f"The classifier {segmentation.name!r} scores no recency and frequency, so it has no grid. "
                "Use it with lab.classify('rfm')."
            )
        self.segmentation = segmentation
        self._classifier: Any = segmentation.classifier
        self._lab = segmentation.lab
        self._smallest = segmentation.lab.study.privacy.smallest_group

    @cached_property
    def cells(self) -> pl.DataFrame:
        """``recency_score``, ``frequency_score``, ``customer_count``, ``total_spend``, ``label``.

        Count and spend are null in cells of fewer customers than the study's
        ``privacy.smallest_group``, and in those with which the size of their segment would tell them.
        """
        cells = self._all_cells.with_row_index("place").with_columns(pl.col("customer_count").cast(pl.Int64))
        gone: list[int] = []
        for (label,), part in cells.group_by("label", maintain_order=True):
            counts = part["customer_count"].to_list()
            # The cells of segments that are only shown together would tell how large each of these is.
            together = label in self.segmentation.few
            off = [n > 0 for n in counts] if together else hidden(counts, self._smallest)
            gone += part.filter(pl.Series(off, dtype=pl.Boolean))["place"].to_list()
        shown = ~pl.col("place").is_in(gone)
        return cells.with_columns(
            pl.when(shown).then(pl.col(name)).alias(name) for name in ("customer_count", "total_spend")
        ).drop("place")

    @cached_property
    def hidden_customers(self) -> pl.Series:
        """The ids of the customers in cells that are not shown; none for a classifier without ``scores``."""
        if not hasattr(self._classifier, "scores"):
            return self.segmentation.labels["customer_id"].clear()
        gone = self.cells.filter(pl.col("customer_count").is_null())
        scores: pl.DataFrame = self._classifier.scores(self.segmentation.features)
        return scores.join(gone, on=["recency_score", "frequency_score"], how="semi")["customer_id"]

    @cached_property
    def _all_cells(self) -> pl.DataFrame:
        cells: pl.DataFrame = self._classifier.cells(self.segmentation.features)
        return cells

    def chart(self) -> alt.LayerChart:
        """Draw the grid: colour and number are customers, the tooltip names segment and spend."""
        words, language = texts(), self._lab.language
        names = self.segmentation.scheme.names(language)
        currency = self._lab.study.currency
        mean = pl.when(pl.col("customer_count") > 0).then(pl.col("total_spend") / pl.col("customer_count"))
        frame = self.cells.with_columns(
            r=pl.format("R{}", "recency_score"),
            f=pl.format("F{}", "frequency_score"),
            segment=pl.col("label").replace_strict(names, default="–", return_dtype=pl.String),
            text=pl.col("customer_count").map_elements(count, return_dtype=pl.String).fill_null(MISSING),
            mean=mean.map_elements(
                lambda value: money(value, currency).to(language), return_dtype=pl.String
            ).fill_null(MISSING),
        ).select("r", "f", "segment", "text", "mean", "customer_count")
        top = int(self.cells.select(pl.max("recency_score").fill_null(0)).item())
        total = int(self._all_cells["customer_count"].sum())
        best, worst = self._share(top, top, total), self._share(1, 1, total)
        gone = self.cells["customer_count"].null_count()
        note = say("privacy_cells", cells=gone, k=self._smallest) if gone else None
        return charts.heat_map(
            frame,
            "f",
            "r",
            "customer_count",
            x_title=words["frequency_axis"],
            y_title=words["recency_axis"],
            value_title=words["customers"],
            title=say(
                "grid_title",
                best=percent(best),
                worst=percent(worst),
                top=top,
            ),
            subtitle=joined(say("grid_subtitle", n=count(total)), note),
            language=language,
            x_order=[f"F{score}" for score in range(1, top + 1)],
            y_order=[f"R{score}" for score in range(top, 0, -1)],
            tooltips=[("segment", words["segment"]), ("mean", words["mean_spend"])],
        )

    def _share(self, recency: int, frequency: int, total: int) -> float | None:
        """Return the share of customers in one cell; None where it is not shown, or there are none."""
        at = (pl.col("recency_score") == recency) & (pl.col("frequency_score") == frequency)
        cell = self.cells.filter(at)["customer_count"]
        return int(cell.sum()) / total if total and not cell.has_nulls() else None

    def table(self) -> Table:
        """Show the cut-points: between which values a score lies."""
        words = texts()
        names = {
            "recency": "measure_days_since_last_order",
            "frequency": "measure_order_count",
            "monetary": "measure_total_spend",
        }
        cuts: dict[str, list[float]] = getattr(self._classifier, "cut_points_", {})
        rows = [
            {
                "measure": words[names[name]].to(self._lab.language),
                "cuts": " · ".join(f"{cut:,.2f}".removesuffix(".00") for cut in values),
            }
            for name, values in cuts.items()
            if name in names
        ]
        return Table(
            pl.DataFrame(rows, schema={"measure": pl.String, "cuts": pl.String}),
            [Column("measure", words["measure"]), Column("cuts", words["cut_points"])],
            caption=words["cuts_caption"],
            note=words["cuts_note_frozen"] if self._lab.study.baseline else words["cuts_note"],
            language=self._lab.language,
        )
