"""The distribution of the one number that a classifier cuts, with the lines at which it does."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import FEW, hidden_cells
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

        Bars never reach over a cut-point. ``height`` is the number of customers per bar of full width, so
        that areas are customers. Neighbouring bars are one where a class would have fewer than the
        study's ``privacy.smallest_group`` in one; classes too small for that are together as ``few``.
        """
        rows = []
        placed, tiers = self._placed, self._tiers
        full = self.axis.reach(tiers[0][0], tiers[-1][1]) / MOST
        for at, (low, high) in enumerate(tiers):
            inside = placed.filter(pl.col("tier") == at)
            edges = self._edges(low, high, full)
            bars = inside.with_columns(bar=self._bar(edges))
            cells: dict[tuple[int, str], int] = {
                (bar, label): n for bar, label, n in bars.group_by("bar", "label").len().iter_rows()
            }
            for first, last in _merged(cells, len(edges) - 1, self._smallest):
                start, end = edges[first], edges[last + 1]
                part = self.axis.reach(start, end) / full
                for label in [*self.segmentation.scheme.ids, FEW]:
                    if n := sum(cells.get((bar, label), 0) for bar in range(first, last + 1)):
                        rows.append((start, end, label, n, n / part))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def chart(self) -> alt.LayerChart | Note:
        """Draw the bars, coloured by class in the order of the scheme, and the cut-points as lines."""
        if not self.summary.height:
            return Note(texts()["privacy_all_few"], self._lab.language)
        language = self._lab.language
        used = set(self.summary["label"])
        order = [name for name in (*self.segmentation.scheme.ids, FEW) if name in used]
        frame = self.segmentation.named(self.summary).with_columns(
            start=pl.col("low").map_elements(self._written, return_dtype=pl.String),
            end=pl.col("high").map_elements(self._written, return_dtype=pl.String),
        )
        names = self.segmentation.named(pl.DataFrame({"label": order}))["name"].to_list()
        subtitle = say("distribution_subtitle", n=count(self._known.height), day=self.segmentation.as_of)
        return cut_histogram(
            frame,
            [(cut, self._written(cut)) for cut in self.cuts],
            names,
            self.axis,
            self._title(),
            joined(subtitle, texts()["distribution_log"] if self.axis.kind != "linear" else None),
            self._name,
            language,
            percent_axis=self.measure.unit == "share",
            few=FEW in used,
        )

    @cached_property
    def _tiers(self) -> list[tuple[float, float]]:
        low, high = self.axis.ends
        return list(pairwise([low, *self.cuts, high]))

    @cached_property
    def _placed(self) -> pl.DataFrame:
        """``value``, ``label`` (``few`` where too small) and ``tier``: the place between the lines."""
        column = pl.col("value")
        # Some rules put a value at a line below it and some above; the labels tell which.
        sides = [
            self._known.with_columns(tier=pl.sum_horizontal(pl.lit(0), *(beyond for beyond in beyonds)))
            for beyonds in ([column > cut for cut in self.cuts], [column >= cut for cut in self.cuts])
        ]
        placed = min(sides, key=lambda side: side.select("tier", "label").n_unique())
        ids = list(self.segmentation.scheme.ids)
        sizes: dict[tuple[int, str], int] = {
            (tier, label): n for tier, label, n in placed.group_by("tier", "label").len().iter_rows()
        }
        counts = [[sizes.get((tier, label), 0) for label in ids] for tier in range(len(self._tiers))]
        few = [label in self.segmentation.few for label in ids]
        gone = hidden_cells(counts, self._smallest, [False] * len(counts), few)
        cells = [
            (tier, label)
            for tier, line in enumerate(gone)
            for label, off in zip(ids, line, strict=True)
            if off
        ]
        off = pl.DataFrame(cells, schema={"tier": pl.Int64, "label": pl.String}, orient="row")
        return placed.with_columns(pl.col("tier").cast(pl.Int64)).join(
            off.with_columns(few=pl.lit(FEW)), on=["tier", "label"], how="left", maintain_order="left"
        ).select("value", "tier", label=pl.coalesce("few", "label"))  # fmt: skip

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
        values, top = self._known["value"], self._tiers[-1][0]
        middle = self._text(float(values.median()))  # type: ignore[arg-type]
        best = self.summary.filter(pl.col("low") >= top)["customers"].sum()
        if not self.cuts or not best:
            return say("distribution_median", measure=self._name, median=middle)
        return say(
            "distribution_title",
            measure=self._name,
            median=middle,
            cut=self._text(top),
            share=percent(best / len(values)),
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
