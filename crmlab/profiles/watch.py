"""Which customers to look at first."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.masking import mask_reasons
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.results import Segmentation


class WatchList:
    """The most valuable customers of the worrying classes of a segmentation, by total spend.

    Raises ParamsError for a label that the segmentation does not have.
    """

    def __init__(self, segmentation: Segmentation, labels: list[str], rows: int) -> None:
        for label in labels:
            if label not in segmentation.scheme:
                ids = segmentation.scheme.ids
                raise ParamsError(
                    f"{segmentation.name} has no class {label!r}.{did_you_mean(label, ids)} "
                    f"It has: {', '.join(ids)}."
                )
        self.segmentation = segmentation
        self.wanted = labels
        self.rows = rows
        self._lab = segmentation.lab

    @cached_property
    def customers(self) -> pl.DataFrame:
        """``customer_id``, ``label``, spend, orders, days since the last order, reason (zh, en)."""
        features = self._lab.features("total_spend", "order_count", "days_since_last_order")
        listed = self.segmentation.explain().join(features, on="customer_id", maintain_order="left")
        return (
            listed.filter(pl.col("label").is_in(self.wanted))
            .sort("total_spend", "customer_id", descending=[True, False], nulls_last=True)
            .head(self.rows)
        )

    def table(self) -> Table | Note:
        """Show them, under codes instead of ids unless the study says otherwise; say if there are none."""
        words = texts()
        if not self.customers.height:
            return Note(words["watch_none"], self._lab.language)
        attributes = self._lab.tables["customers"] if "customers" in self._lab.tables.loaded else None
        frame = mask_reasons(self.segmentation.named(self.customers), attributes).with_columns(
            customer_id=self._lab.shown_ids(self.customers["customer_id"]), reason=pl.col(self._lab.language)
        )
        names = [self.segmentation.scheme[label].text for label in self.wanted]
        classes = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        masked = self._lab.study.privacy.ids == "masked"
        return Table(
            frame,
            [
                Column("customer_id", words["customer_code"] if masked else words["customer_id"]),
                Column("name", self.segmentation.scheme.text),
                Column("total_spend", words["spend"], "money", bar=True),
                Column("order_count", words["orders"], "integer"),
                Column("days_since_last_order", words["recency"], "integer"),
                Column("reason", words["reason"]),
            ],
            caption=say("watch_caption", n=count(frame.height), classes=classes),
            note=words["watch_note_masked"] if masked else words["watch_note_plain"],
            language=self._lab.language,
            currency=self._lab.study.currency,
        )
