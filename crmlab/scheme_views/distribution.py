"""The distribution of the one number that a classifier cuts, with the lines at which it does."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import UNCLASSIFIED, Measure, Text
from crmlab.scheme_views.axis import Axis, axis_of
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, money, percent
from crmlab.view.scheme_view_charts import cut_histogram
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation

MOST = 24
"""Bars, of equal width on the axis where none are merged."""
_LEAST_BARS = 0.6
"""Share of the bars that must be left for classes to be told apart in them."""


class Distribution:
    """Customers by the number that is cut, for a classifier that offers ``CutsNumber``."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._smallest = segmentation.lab.study.privacy.smallest_group
        classifier: Any = segmentation.classifier
        self.measure: Measure = classifier.cut_measure()
        values = classifier.cut_values(segmentation.features).cast(pl.Float64)
        known = pl.DataFrame({"value": values, "label": segmentation.labels["label"]})
        self._known = known.filter(pl.col("value").is_finite(), pl.col("label") != UNCLASSIFIED.id)
        span = (self._known["value"].min(), self._known["value"].max())
        low, high = (float(end or 0) for end in span)  # type: ignore[arg-type]
        self.cuts = sorted({float(cut) for cut in classifier.cut_lines() if low < cut < high})
        """The lines with customers on both sides."""

    @property
    def _name(self) -> Text:
        zh, en = self.measure.text
        return Text(zh, en[:1].upper() + en[1:])

    @cached_property
    def axis(self) -> Axis:
        """The axis: a logarithm where values are skewed."""
        return axis_of(self._known["value"], linear=self.measure.unit == "share")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per bar and class: ``low``, ``high``, ``label``, ``customers``, ``height``.

        ``height`` is the number of customers per bar of full width, so that areas are customers.
        Neighbouring bars are one where a class would have fewer than the study's
        ``privacy.smallest_group`` in one, and never reach over a cut-point. Where classes are too small
        or too mixed for that, ``label`` is null: bars are of all customers together.
        """
        together = self._bars(self._known.with_columns(tier=pl.lit(0, pl.Int64), label=pl.lit("")), [])
        together = together.with_columns(label=pl.lit(None, pl.String))
        if not self._tellable:
            return together
        apart = self._bars(self._placed, self.cuts)
        enough = apart["low"].n_unique() >= _LEAST_BARS * together["low"].n_unique()
        return apart if enough else together

    def parts(self) -> list[object]:
        """Return the chart; nothing where nobody has the number."""
        return [self.chart()] if self._known.height else []

    def chart(self) -> alt.LayerChart | Note:
        """Draw the bars, coloured by class in the order of the scheme, and the cut-points as lines."""
        if not self.summary.height:
            return Note(texts()["privacy_all_few"], self._lab.language)
        used = set(self.summary["label"].drop_nulls())
        order = [name for name in self.segmentation.scheme.ids if name in used]
        names = self.segmentation.scheme.names(self._lab.language)
        frame = self.summary.with_columns(
            name=pl.col("label").replace_strict(names, default=None, return_dtype=pl.String),
            start=pl.col("low").map_elements(self._written, return_dtype=pl.String),
            end=pl.col("high").map_elements(self._written, return_dtype=pl.String),
        )
        subtitle = say("distribution_subtitle", n=count(self._known.height), day=self.segmentation.as_of)
        return cut_histogram(
            frame,
            [(cut, self._written(cut)) for cut in self.cuts],
            [names[label] for label in order],
            self.axis,
            self._title(),
            joined(
                subtitle,
                texts()["distribution_lines"] if self.cuts else None,
                texts()["distribution_log"] if self.axis.kind != "linear" else None,
            ),
            self._name,
            self._lab.language,
            percent_axis=self.measure.unit == "share",
        )

    def _bars(self, placed: pl.DataFrame, cuts: list[float]) -> pl.DataFrame:
        """Return the bars of ``value``, ``label`` and ``tier``, the place between the cuts."""
        low, high = self.axis.ends
        full = self.axis.reach(low, high) / MOST
        rows = []
        for at, (start, end) in enumerate(pairwise([low, *cuts, high])):
            edges = self._edges(start, end, full)
            inside = placed.filter(pl.col("tier") == at).with_columns(bar=self._bar(edges))
            cells: dict[tuple[int, str], int] = {
                (bar, label): n for bar, label, n in inside.group_by("bar", "label").len().iter_rows()
            }
            labels = sorted({label for _, label in cells})
            for first, last in _merged(cells, len(edges) - 1, self._smallest):
                part = self.axis.reach(edges[first], edges[last + 1]) / full
                for label in labels:
                    if n := sum(cells.get((bar, label), 0) for bar in range(first, last + 1)):
                        rows.append((edges[first], edges[last + 1], label, n, n / part))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    @cached_property
    def _placed(self) -> pl.DataFrame:
        """``value``, ``label`` and ``tier``: the place between the lines, from 0."""
        column = pl.col("value")
        # Some rules put a value at a line below it and some above; the labels tell which.
        sides = [
            self._known.with_columns(tier=pl.sum_horizontal(pl.lit(0), *beyond).cast(pl.Int64))
            for beyond in ([column > cut for cut in self.cuts], [column >= cut for cut in self.cuts])
        ]
        return min(sides, key=lambda side: side.select("tier", "label").n_unique())

    @cached_property
    def _tellable(self) -> bool:
        """Whether each class between each two lines has enough customers, or none."""
        sizes = self._placed.group_by("tier", "label").len()["len"]
        return bool((sizes >= self._smallest).all())

    def _edges(self, low: float, high: float, full: float) -> list[float]:
        """Return the ends of the bars between two lines: of equal width, whole numbers where values are."""
        parts = max(1, round(self.axis.reach(low, high) / full))
        inner = self.axis.between(low, high, parts)
        if self.measure.unit in ("count", "days"):
            inner = sorted({float(round(edge)) for edge in inner if low < round(edge) < high})
        return [low, *inner, high]

    def _bar(self, edges: list[float]) -> pl.Expr:
        inner = [(pl.col("value") > edge).cast(pl.Int64) for edge in edges[1:-1]]
        return pl.sum_horizontal(pl.lit(0), *inner).cast(pl.Int64)

    def _title(self) -> Text:
        values = self._known["value"]
        middle = self._text(float(values.median()))  # type: ignore[arg-type]
        if not self.cuts or not self._tellable:
            return say("distribution_median", measure=self._name, median=middle)
        top = self._placed.filter(pl.col("tier") == len(self.cuts)).height
        return say(
            "distribution_title",
            measure=self._name,
            median=middle,
            cut=self._text(self.cuts[-1]),
            share=percent(top / len(values)),
        )

    def _written(self, value: float) -> str:
        return self._text(value).to(self._lab.language)

    def _text(self, value: float) -> Text:
        unit = self.measure.unit
        if unit == "currency":
            return money(value, self._lab.study.currency)
        written = percent(value) if unit == "share" else decimal(value)
        if unit in ("count", "days"):
            written = count(value)
        return Text(written, written)


def _merged(cells: dict[tuple[int, str], int], bars: int, k: int) -> list[tuple[int, int]]:
    """Return neighbouring bars put together until no class counts one to ``k`` - 1 in any."""
    labels = sorted({label for _, label in cells})

    def fine(first: int, last: int) -> bool:
        sizes = [sum(cells.get((bar, label), 0) for bar in range(first, last + 1)) for label in labels]
        return sum(sizes) >= k and not any(0 < n < k for n in sizes)

    found: list[tuple[int, int]] = []
    first = 0
    for bar in range(bars):
        if fine(first, bar):
            found.append((first, bar))
            first = bar + 1
    while first < bars and found:
        first = found.pop()[0]
        if fine(first, bars - 1):
            found.append((first, bars - 1))
            first = bars
    return found


_SCHEMA = {
    "low": pl.Float64,
    "high": pl.Float64,
    "label": pl.String,
    "customers": pl.Int64,
    "height": pl.Float64,
}
