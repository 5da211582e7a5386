"""When customers buy: weekday by time of day, of all customers and of each segment against them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab.profiles.index import INDEX_SCHEMA, WORTH_TELLING, index_frame
from crmlab.profiles.traits import HOURS, Dimension, rhythm
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.profile_charts import week_index, week_shares
from crmlab.view.tables import MISSING
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


class Rhythm:
    """The week of paid orders in blocks of three hours, in the study's time zone."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._language = segmentation.lab.language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per block and label: ``trait`` is ``"0 9"`` for Monday 9–12, then as in ``Index.summary``.

        Empty where orders have no times.
        """
        if self._blocks is None:
            return pl.DataFrame(schema=INDEX_SCHEMA)
        return index_frame(self.segmentation, self._blocks)

    @cached_property
    def everybody(self) -> pl.DataFrame:
        """One row per block: ``trait`` and ``share`` of all orders; null where few customers bought."""
        if self._blocks is None:
            return pl.DataFrame(schema={"trait": pl.String, "share": pl.Float64})
        blocks = (
            self._blocks.amounts.group_by("trait").agg(n=pl.col("x").sum(), customers=pl.len()).sort("trait")
        )
        few = hidden(blocks["customers"].to_list(), self._lab.study.privacy.smallest_group)
        shares = blocks.select(
            "trait", share=pl.col("n") / pl.col("n").sum(), gone=pl.Series(few, dtype=pl.Boolean)
        )
        return shares.select("trait", share=pl.when(~pl.col("gone")).then("share"))

    def chart(self, label: str | None = None) -> alt.LayerChart | Note:
        """Draw when all customers buy or, for a label, its index against them; only telling blocks coloured.

        Raises ParamsError for a label that the segmentation does not have.
        """
        if label is not None and label not in self.segmentation.scheme:
            ids = self.segmentation.scheme.ids
            raise ParamsError(
                f"{self.segmentation.name} has no class {label!r}.{did_you_mean(label, ids)} "
                f"It has: {', '.join(ids)}."
            )
        words = texts()
        if self._blocks is None:
            return Note(words["rhythm_none"], self._language)
        rows = self.everybody if label is None else self.summary.filter(pl.col("label") == label)
        if rows["share"].drop_nulls().is_empty():
            return Note(words["privacy_all_few"], self._language)
        days = [words[f"weekday_{day}"].to(self._language) for day in range(7)]
        first, last = _span(rows)
        hours = [f"{hour}–{hour + HOURS}" for hour in range(first, last + HOURS, HOURS)]
        place = pl.col("trait").str.split(" ").list
        drawn = rows.with_columns(
            day=place.get(0).replace_strict(
                {str(at): day for at, day in enumerate(days)}, return_dtype=pl.String
            ),
            hour=pl.format("{}–{}", place.get(1), place.get(1).cast(pl.Int64) + HOURS),
        )
        if label is None:
            shares = pl.col("share").map_elements(percent, return_dtype=pl.String)
            drawn = drawn.with_columns(text=shares.fill_null(MISSING))
            return week_shares(drawn, days, hours, self._title(None), self._subtitle(None), self._language)
        return week_index(drawn, days, hours, self._title(label), self._subtitle(label), self._language)

    def best(self, label: str) -> Text | None:
        """Say on which day and at which time a label buys most; None where too few do, or it is unknown."""
        rows = self.summary.filter(pl.col("label") == label).drop_nulls("share")
        return _named(rows) if rows.height else None

    @cached_property
    def _blocks(self) -> Dimension | None:
        return rhythm(self._lab, self.segmentation.as_of)

    def _title(self, label: str | None) -> Text:
        if label is None:
            top = self.everybody.drop_nulls("share").sort("share", "trait", descending=[True, False])
            return say("rhythm_title", block=_named(top), share=percent(top["share"][0]))
        name = self.segmentation.scheme[label].text
        rows = self.summary.filter(
            pl.col("label") == label, "telling", pl.col("low") > 100, pl.col("index") >= WORTH_TELLING
        )
        if rows.is_empty():
            return say("rhythm_title_same", label=name)
        top = rows.sort("low", "trait", descending=[True, False])
        return say(
            "rhythm_title_apart", label=name, block=_named(top.head(1)), index=f"{top['index'][0]:.0f}"
        )

    def _subtitle(self, label: str | None) -> Text:
        assert self._blocks is not None
        bases = self._blocks.bases
        if label is not None:
            members = self.segmentation.labels.filter(pl.col("label") == label)
            bases = bases.join(members, on="customer_id", how="semi")
        key = "rhythm_subtitle" if label is None else "rhythm_subtitle_index"
        return say(
            key, n=count(bases.height), events=count(int(bases["m"].sum())), zone=self._lab.study.timezone
        )


def _span(rows: pl.DataFrame) -> tuple[int, int]:
    """Return the first and the last block of hours in which there are orders."""
    hours = rows.select(pl.col("trait").str.split(" ").list.get(1).cast(pl.Int64)).to_series().to_list()
    return min(hours), max(hours)


def _named(rows: pl.DataFrame) -> Text:
    """Return the block with the largest share in words: 周六 18–21 点."""
    top = rows.sort("share", "trait", descending=[True, False])["trait"][0]
    day, hour = top.split(" ")
    return say("rhythm_block", day=texts()[f"weekday_{day}"], start=hour, end=int(hour) + HOURS)
