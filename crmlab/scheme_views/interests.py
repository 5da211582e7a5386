"""All interests of customers, of whom the label names only the strongest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.results import Segmentation

ROWS = 15


class Interests:
    """Who is keen on what, for a classifier that offers ``Interested``: a customer may have several."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._smallest = segmentation.lab.study.privacy.smallest_group
        classifier: Any = segmentation.classifier
        known = segmentation.labels["label"] != UNCLASSIFIED.id
        self._customers = int(known.sum())
        self._held: pl.DataFrame = classifier.memberships(segmentation.features.filter(known))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per interest, that of most customers first, contacts in its name masked.

        ``interest``, ``customers`` who have it, ``share`` of all with data, with ``low`` and ``high``
        (Wilson), ``index`` (their median TGI, 100 is average), ``p10`` and ``p90`` of it, ``stated`` (share
        who named it themselves), ``probability`` (mean, that the true index is high enough). Interests of
        fewer customers than the study's ``privacy.smallest_group`` are left out.
        """
        tgi = pl.col("index") * 100
        found = (
            self._held.with_columns(mask_text(self._held["interest"]))
            .sort("interest", "index", "probability")
            .group_by("interest", maintain_order=True)
            .agg(
                customers=pl.col("customer_id").n_unique().cast(pl.Int64),
                index=tgi.median(),
                p10=tgi.quantile(0.1, "linear"),
                p90=tgi.quantile(0.9, "linear"),
                stated=pl.col("stated").mean(),
                probability=pl.col("probability").mean(),
            )
            .filter(pl.col("customers") >= max(self._smallest, 1))
            .sort("customers", "interest", descending=[True, False])
        )
        ends = [wilson(n, self._customers) for n in found["customers"]]
        return found.with_columns(
            share=pl.col("customers") / (self._customers or 1),
            low=pl.Series([end.low for end in ends], dtype=pl.Float64),
            high=pl.Series([end.high for end in ends], dtype=pl.Float64),
        )

    def table(self) -> Table | Note:
        """Show the fifteen interests of most customers."""
        words, language = texts(), self._lab.language
        if not self.summary.height:
            return Note(words["interests_none"], language)
        return Table(
            self.summary.head(ROWS).with_columns(
                interval=pl.concat_list("low", "high"), spread=pl.concat_list("p10", "p90")
            ),
            [
                Column("interest", words["interest"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["interests_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("index", words["interests_index"], "decimal", decimals=0),
                Column("spread", words["interests_spread"], "interval", of="integer"),
                Column("probability", words["interests_probability"], "percent"),
                Column("stated", words["interests_stated"], "percent"),
            ],
            caption=self._caption(),
            note=joined(
                words["interests_note"],
                say("interests_more", n=min(ROWS, self.summary.height), of=self.summary.height)
                if self.summary.height > ROWS
                else None,
            ),
            language=language,
        )

    def _caption(self) -> Text:
        with_any = self._held["customer_id"].n_unique()
        return say(
            "interests_caption",
            n=count(self._customers),
            mean=decimal(self._held.height / with_any if with_any else 0.0, 1),
            day=self.segmentation.as_of,
        )
