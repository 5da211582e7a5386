"""Stages in order of which only the present one is known: who is where, and how much was won."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


class Pipeline:
    """Customers per stage, for a classifier that offers ``Pipelined``."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._classifier: Any = segmentation.classifier

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per stage in order, then the lost, then other classes with customers.

        ``label``, ``customers``, ``share`` of those with a stage, with ``low`` and ``high`` (Wilson). Stages
        that are too small to be shown are one row ``few``, which has figures where it is large enough.
        """
        n = self._staged
        order = [*self._classifier.pipeline, self._classifier.pipeline_lost]
        rest = [label for label in self.segmentation.scheme.ids if label not in order]
        sizes = dict(self.segmentation.summary.select("label", "customers").drop_nulls().iter_rows())
        rows = []
        for label in [*order, *rest, FEW]:
            customers = sizes.get(label)
            if customers is None or (label not in order and not customers) or customers > n:
                continue
            rows.append((label, customers, customers / n if n else None, *wilson(customers, n)))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def chart(self) -> alt.LayerChart | Note:
        """Draw the stages from first to last with their customers."""
        words, language = texts(), self._lab.language
        drawn = self.segmentation.named(self.summary)
        if not self._staged or not drawn.height:
            return Note(words["privacy_all_few"], language)
        share = pl.col("share").map_elements(percent, return_dtype=pl.String)
        people = pl.col("customers").map_elements(count, return_dtype=pl.String)
        frame = drawn.select(
            "name",
            value="share",
            label=pl.format("{} ({})", people, share),
            interval=pl.format(
                "{} – {}",
                *(pl.col(end).map_elements(percent, return_dtype=pl.String) for end in ("low", "high")),
            ),
        )
        subtitle = say("pipeline_subtitle", n=count(self._staged), day=self.segmentation.as_of)
        return charts.bars(
            frame,
            self._title(),
            joined(subtitle, self.segmentation.privacy_note()),
            words["pipeline_axis"],
            words["funnel_stage"],
            language,
            [
                ("name", words["funnel_stage"]),
                ("label", words["customers"]),
                ("interval", words["interval_95"]),
            ],
        )

    def _title(self) -> Text:
        sizes = dict(self.summary.select("label", "customers").iter_rows())
        stages = self._classifier.pipeline
        won, lost = sizes.get(stages[-1]), sizes.get(self._classifier.pipeline_lost)
        shown = all(stage in sizes for stage in stages[:-1])
        underway = (
            say("pipeline_open", n=count(sum(sizes[stage] for stage in stages[:-1]))) if shown else None
        )
        decided = None
        if won is not None and lost is not None and won + lost:
            low, high = wilson(won, won + lost)
            decided = say(
                "pipeline_decided",
                n=count(won + lost),
                share=percent(won / (won + lost)),
                low=percent(low),
                high=percent(high),
            )
        return joined(decided, underway) if decided or underway else texts()["privacy_all_few"]

    @property
    def _staged(self) -> int:
        return int((self.segmentation.labels["label"] != UNCLASSIFIED.id).sum())


_SCHEMA = {
    "label": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
