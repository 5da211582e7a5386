"""How sure the labels of each class are."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import FEW, hidden
from crmlab.intervals import z_value
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.scheme_view_charts import dots
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation

SURE = 0.8
"""Confidence from which a label counts as sure."""


class ConfidenceView:
    """The mean confidence per class, for a classifier that offers ``ShowsConfidence``."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._smallest = segmentation.lab.study.privacy.smallest_group

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class with customers, largest first, and one ``few`` of those too small to be shown.

        ``label``, ``customers``, ``share`` of those with a class, ``confidence`` (mean) with its 95 %
        interval ``low``–``high`` (normal approximation, within 0–1), ``sure`` (share of at least 0.8; null
        where it would tell of fewer customers than the study's ``privacy.smallest_group``).
        """
        ids = list(self.segmentation.scheme.ids)
        sizes = dict(self._known.group_by("label").len().iter_rows())
        few = [label in self.segmentation.few for label in ids]
        gone = hidden([sizes.get(label, 0) for label in ids], self._smallest, few)
        small = [label for label, off in zip(ids, gone, strict=True) if off]
        merged = pl.when(pl.col("label").is_in(small)).then(pl.lit(FEW)).otherwise("label")
        sure, people, least = pl.col("sure"), pl.col("customers"), self._smallest
        reach = z_value(0.95) * pl.col("confidence").std() / pl.len().sqrt()
        return (
            self._known.with_columns(label=merged)
            .sort("label", "confidence")
            .group_by("label", maintain_order=True)
            .agg(
                customers=pl.len().cast(pl.Int64),
                share=pl.len() / self._known.height,
                mean=pl.col("confidence").mean(),
                reach=reach,
                sure=(pl.col("confidence") >= SURE).sum(),
            )
            .filter(pl.col("customers") >= max(self._smallest, 2))
            .sort(pl.col("label") == FEW, "customers", "label", descending=[False, True, False])
            .select(
                *("label", "customers", "share"),
                confidence="mean",
                low=(pl.col("mean") - pl.col("reach")).clip(0, 1),
                high=(pl.col("mean") + pl.col("reach")).clip(0, 1),
                sure=pl.when(sure.is_between(least, people - least) | (sure == 0) | (sure == people)).then(
                    sure / people
                ),
            )
        )

    def chart(self) -> alt.LayerChart | Note:
        """Draw the classes by size with their mean confidence; the dashed line is the mean of all."""
        words, language = texts(), self._lab.language
        if not self.summary.height:
            return Note(words["privacy_all_few"], language)
        people = pl.col("customers").map_elements(count, return_dtype=pl.String)
        frame = self.segmentation.named(self.summary).select(
            name="name",
            customers=people,
            value="confidence",
            low="low",
            high="high",
            label=pl.col("confidence").map_elements(percent, return_dtype=pl.String),
            interval=pl.format(
                "{} – {}",
                *(pl.col(end).map_elements(percent, return_dtype=pl.String) for end in ("low", "high")),
            ),
            certain=pl.col("sure").map_elements(percent, return_dtype=pl.String),
        )
        return dots(
            frame,
            self._everybody,
            self._title(),
            joined(
                say("confidence_subtitle", n=count(self._known.height), day=self.segmentation.as_of),
                say("confidence_meaning", meaning=self.segmentation.classifier.sureness),
            ),
            words["confidence_axis"],
            self.segmentation.scheme.text,
            language,
            [
                ("name", words["class"]),
                ("label", words["confidence_axis"]),
                ("interval", words["interval_95"]),
                ("customers", words["customers"]),
                ("certain", words["confidence_sure"]),
            ],
            percent_axis=True,
        )

    def _title(self) -> Text:
        named = self.summary.filter(pl.col("label") != FEW)
        if self.summary.height < 2 or not named.height:  # of one class its share says nothing
            return say("confidence_title_all", everybody=percent(self._everybody))
        top = named.row(0, named=True)
        return say(
            "confidence_title",
            label=self.segmentation.scheme[top["label"]].text,
            share=percent(top["share"]),
            mean=percent(top["confidence"]),
            everybody=percent(self._everybody),
        )

    @property
    def _everybody(self) -> float:
        return float(self._known["confidence"].sort().mean())  # type: ignore[arg-type]

    @cached_property
    def _known(self) -> pl.DataFrame:
        sure = self.segmentation.classifier.confidence(self.segmentation.features)
        known = self.segmentation.labels.hstack([sure]).filter(pl.col("label") != UNCLASSIFIED.id)
        return known.drop_nulls("confidence").select("label", "confidence")
