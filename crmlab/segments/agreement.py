"""Agreement: how far two classifications of the same customers say the same.

A grade given by hand beside the one derived from orders, or any two schemes: the crosstab, how strongly
one follows from the other (Cramér's V), how alike the two groupings are (adjusted Rand index), and where
they disagree.
"""

from __future__ import annotations

from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.segments.separation import Estimate, cramers_v
from crmlab.segments.stability import adjusted_rand
from crmlab.view import charts
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


class Agreement:
    """Two segmentations of the same customers against each other.

    Figures count customers with a class in both. ``comparable`` says that both have the same classes, so
    that one may ask who has the same class in both. ``names`` are what readers call the two, where titles
    would not tell them apart: a manual grade and a derived one.
    """

    def __init__(
        self, first: Segmentation, second: Segmentation, names: tuple[Text, Text] | None = None
    ) -> None:
        self.first = first
        self.second = second
        self.names = names or (first.classifier.title, second.classifier.title)
        self.comparable = first.scheme.ids == second.scheme.ids
        self._language = first.lab.language
        self._smallest = first.lab.study.privacy.smallest_group

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """``customer_id``, ``first``, ``second`` of everybody whom both segmentations know."""
        return self.first.labels.rename({"label": "first"}).join(
            self.second.labels.rename({"label": "second"}), on="customer_id", maintain_order="left"
        )

    @cached_property
    def both(self) -> pl.DataFrame:
        """The pairs of customers who have a class in both."""
        return self.pairs.filter(pl.all_horizontal(pl.col("first", "second") != UNCLASSIFIED.id))

    @cached_property
    def v(self) -> Estimate:
        """Cramér's V, bias-corrected, with its 95 % interval; NaN where one has a single class."""
        return cramers_v(self.both["first"], self.both["second"])

    @cached_property
    def ari(self) -> float:
        """The adjusted Rand index: 1 the same groups, 0 as alike as by chance; NaN where V is."""
        known = self.v.value == self.v.value  # not NaN
        return adjusted_rand(self.both["first"], self.both["second"]) if known else nan

    @cached_property
    def same(self) -> Estimate | None:
        """The share of customers with the same class in both (Wilson); None where classes differ."""
        n = self.both.height
        if not self.comparable or not n:
            return None
        alike = int((self.both["first"] == self.both["second"]).sum())
        return Estimate(alike / n, *wilson(alike, n))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per pair of classes with customers, in the order of the schemes.

        ``first``, ``second`` (label ids), ``customers``, ``share`` of the first class with ``low`` and
        ``high`` (Wilson). Null for pairs of fewer customers than the study's ``privacy.smallest_group``,
        and for those with which the totals would give them away.
        """
        rows, columns = self._ids(self.first, "first"), self._ids(self.second, "second")
        sizes = {row[:2]: row[2] for row in self.pairs.group_by("first", "second").len().iter_rows()}
        counts = [[sizes.get((a, b), 0) for b in columns] for a in rows]
        gone = hidden_cells(
            counts,
            self._smallest,
            self._hidden(self.first, rows, [sum(line) for line in counts]),
            self._hidden(self.second, columns, [sum(line) for line in zip(*counts, strict=True)]),
        )
        made: list[tuple[Any, ...]] = []
        for a, line, off in zip(rows, counts, gone, strict=True):
            for b, n, hid in zip(columns, line, off, strict=True):
                if hid:
                    made.append((a, b, None, None, None, None))
                elif n:
                    made.append((a, b, n, n / sum(line), *wilson(n, sum(line))))
        return pl.DataFrame(made, schema=_SCHEMA, orient="row")

    def _ids(self, segmentation: Segmentation, column: str) -> list[str]:
        ids = list(segmentation.scheme.ids)
        unknown = UNCLASSIFIED.id not in ids and (self.pairs[column] == UNCLASSIFIED.id).any()
        return [*ids, UNCLASSIFIED.id] if unknown else ids

    def _hidden(self, segmentation: Segmentation, ids: list[str], totals: list[int]) -> list[bool]:
        return hidden(totals, self._smallest, [name in segmentation.few for name in ids])

    def _named(self) -> pl.DataFrame:
        first, second = (part.scheme.names(self._language) for part in (self.first, self.second))
        return self.summary.with_columns(
            first_name=pl.col("first").replace_strict(first, return_dtype=pl.String),
            second_name=pl.col("second").replace_strict(second, return_dtype=pl.String),
        )

    def chart(self) -> alt.LayerChart:
        """Draw the crosstab: rows are the classes of the first, shaded by where they are in the second."""
        first, second = (part.scheme.names(self._language) for part in (self.first, self.second))
        share = (pl.col("share") * 100).round(0).cast(pl.Int64)
        written = pl.col("customers").map_elements(count, return_dtype=pl.String)
        frame = self._named().with_columns(text=pl.format("{} ({}%)", written, share).fill_null(MISSING))
        columns = self._ids(self.second, "second")
        return charts.heat_map(
            frame,
            "second_name",
            "first_name",
            "share",
            x_title=self.names[1],
            y_title=self.names[0],
            value_title=texts()["share_of_row"],
            title=self._title(),
            subtitle=say("segments_agreement_subtitle", n=count(self.both.height), day=self.first.as_of),
            language=self._language,
            x_order=[second[name] for name in columns],
            y_order=[first[name] for name in self._ids(self.first, "first")],
            value_format=".1%",
            tooltips=[("customers", texts()["customers"])],
            row_height=34,
            x_angle=-35 if len(columns) > 6 else 0,
        )

    def table(self) -> Table:
        """Show the pairs that disagree, largest first; all pairs where the classes are not the same."""
        words = texts()
        frame = self._named().drop_nulls("customers")
        if self.comparable:
            known = pl.all_horizontal(pl.col("first", "second") != UNCLASSIFIED.id)
            frame = frame.filter(known, pl.col("first") != pl.col("second"))
        frame = frame.sort("customers", descending=True, maintain_order=True)
        off = self.summary["customers"].null_count()
        few = say("segments_pairs_hidden", n=off, k=self._smallest) if off else None
        return Table(
            frame.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("first_name", self.names[0]),
                Column("second_name", self.names[1]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share_of_row"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=self._title(),
            note=joined(
                say("segments_agreement_note", v=_told(self.v), ari=decimal(self.ari)),
                few,
            ),
            language=self._language,
        )

    def _title(self) -> Text:
        first, second = self.names
        if self.same is None:
            return say("segments_agreement_title", first=first, second=second, v=decimal(self.v.value))
        return say("segments_agreement_same", first=first, second=second, share=percent(self.same.value))


def _told(estimate: Estimate) -> str:
    return f"{decimal(estimate.value)} ({decimal(estimate.low)}–{decimal(estimate.high)})"


_SCHEMA = {
    "first": pl.String,
    "second": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
