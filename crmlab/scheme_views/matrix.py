"""Classes laid out on two axes: those of a scheme that has two, or any scheme against value."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import UNCLASSIFIED, Text
from crmlab.scheme_views import offers
from crmlab.segments.agreement import Agreement
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation

VALUE = "value"
"""The registered name of the classifier that other schemes are laid against."""


class TwoAxes:
    """The classes of a scheme that offers ``TwoAxed``, as a matrix of customers and revenue."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._classifier: Any = segmentation.classifier

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class: ``label``, ``row``, ``column`` (places), and its figures.

        ``customers``, ``customer_share``, ``revenue_share``; null in classes that are too small to be shown.
        """
        cells = pl.DataFrame(
            [
                (label, self._rows.index(row), self._columns.index(column))
                for label, (row, column) in self._classifier.matrix.items()
            ],
            schema={"label": pl.String, "row": pl.Int64, "column": pl.Int64},
            orient="row",
        )
        figures = self.segmentation.summary.select("label", "customers", "customer_share", "revenue_share")
        return cells.join(figures, on="label", how="left", maintain_order="left")

    def chart(self) -> alt.LayerChart:
        """Draw the cells: customers, and below them their share of revenue, which is the colour."""
        language = self._lab.language
        rows, columns = (
            [name.to(language) for name in names] for names in (self._rows, self._columns)
        )  # fmt: skip
        frame = self.summary.with_columns(
            row=pl.col("row").replace_strict(dict(enumerate(rows)), return_dtype=pl.String),
            column=pl.col("column").replace_strict(dict(enumerate(columns)), return_dtype=pl.String),
        )
        row_title, column_title = self._classifier.matrix_axes
        return _heat_map(
            frame,
            (rows, columns),
            (row_title, column_title),
            self._title(),
            joined(
                say("matrix_subtitle", n=count(self._classified), day=self.segmentation.as_of),
                self.segmentation.privacy_note(),
            ),
            self._lab,
        )

    def _title(self) -> Text:
        known = self.summary.drop_nulls("revenue_share").sort(
            "revenue_share", descending=True, maintain_order=True
        )
        if not known.height:
            return texts()["privacy_all_few"]
        top = known.row(0, named=True)
        return say(
            "sizes_title",
            label=self.segmentation.scheme[top["label"]].text,
            customers=percent(top["customer_share"]),
            revenue=percent(top["revenue_share"]),
        )

    @property
    def _classified(self) -> int:
        return int((self.segmentation.labels["label"] != UNCLASSIFIED.id).sum())

    @cached_property
    def _rows(self) -> list[Text]:
        return list(dict.fromkeys(row for row, _ in self._classifier.matrix.values()))

    @cached_property
    def _columns(self) -> list[Text]:
        return list(dict.fromkeys(column for _, column in self._classifier.matrix.values()))


class ValueMatrix:
    """The classes of a segmentation against tiers of value, on the same day.

    Customers with a class in both. Cells of few customers, and what would give them away, are hidden as
    in :class:`crmlab.segments.agreement.Agreement`.
    """

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab

    @cached_property
    def value(self) -> Segmentation:
        """The tiers of value."""
        return self._lab.classify(VALUE, as_of=self.segmentation.as_of)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class and tier with customers.

        ``label``, ``tier``, ``customers``, ``share`` of the class with ``low`` and ``high`` (Wilson),
        ``revenue_share`` of everybody counted here; null where hidden.
        """
        spend = self._lab.features("total_spend", as_of=self.segmentation.as_of).with_columns(
            pl.col("total_spend").fill_null(0.0)
        )
        spent = self._agreement.both.join(spend, on="customer_id", maintain_order="left")
        whole = float(spent["total_spend"].sum())
        revenue = spent.sort("customer_id").group_by("first", "second").agg(pl.col("total_spend").sum())
        share = pl.when(pl.col("customers").is_not_null()).then(pl.col("total_spend") / (whole or 1.0))
        known = pl.all_horizontal(pl.col("first", "second") != UNCLASSIFIED.id)
        return (
            self._agreement.summary.filter(known)
            .join(revenue, on=["first", "second"], how="left", maintain_order="left")
            .select(
                *("first", "second", "customers", "share", "low", "high"),
                revenue_share=share if whole > 0 else pl.lit(None, pl.Float64),
            )
            .rename({"first": "label", "second": "tier"})
        )

    def parts(self) -> list[object]:
        """Return the chart; nothing where the data knows no value, or nobody has both."""
        if self._lab.lacks(VALUE) is not None or not self._agreement.both.height:
            return []
        return [self.chart()]

    def chart(self) -> alt.LayerChart | Note:
        """Draw customers per class and tier, and below them their share of revenue, which is the colour."""
        if not self.summary["customers"].count():
            return Note(texts()["privacy_all_few"], self._lab.language)
        language = self._lab.language
        rows, columns = (found.scheme.names(language) for found in (self.segmentation, self.value))
        frame = self.summary.with_columns(
            row=pl.col("label").replace_strict(rows, return_dtype=pl.String),
            column=pl.col("tier").replace_strict(columns, return_dtype=pl.String),
        )
        used = set(self.summary["label"])
        hidden = self.summary["customers"].null_count()
        return _heat_map(
            frame,
            (
                [rows[label] for label in self.segmentation.scheme.ids if label in used],
                [columns[tier] for tier in self.value.scheme.ids],
            ),
            (self.segmentation.scheme.text, self.value.scheme.text),
            self._title(),
            joined(
                say("matrix_subtitle", n=count(self._agreement.both.height), day=self.segmentation.as_of),
                say("privacy_rows", k=self._lab.study.privacy.smallest_group) if hidden else None,
            ),
            self._lab,
        )

    def _title(self) -> Text:
        """Speak of the valuable customers in the class to watch, else of the cell with most revenue."""
        known = self.summary.drop_nulls("customers").sort(
            "revenue_share", descending=True, nulls_last=True, maintain_order=True
        )
        classifier = self.segmentation.classifier
        watched = classifier.watch if isinstance(classifier, offers.Watched) else ()
        valuable = known.filter(
            pl.col("tier") == self.value.scheme.ids[0], pl.col("label").is_in(list(watched))
        )
        row = (valuable if valuable.height else known).row(0, named=True)
        return say(
            "matrix_title" if valuable.height else "matrix_title_most",
            label=self.segmentation.scheme[row["label"]].text,
            tier=self.value.scheme[row["tier"]].text,
            n=count(row["customers"]),
            share=percent(row["share"]),
            revenue=percent(row["revenue_share"]),
        )

    @cached_property
    def _agreement(self) -> Agreement:
        return Agreement(self.segmentation, self.value)


def _heat_map(
    frame: pl.DataFrame,
    orders: tuple[list[str], list[str]],
    titles: tuple[Text, Text],
    title: Text,
    subtitle: Text,
    lab: Lab,
) -> alt.LayerChart:
    """Draw ``row`` × ``column`` with ``customers`` and ``revenue_share`` in the cells."""
    people = pl.col("customers").map_elements(count, return_dtype=pl.String)
    money = pl.col("revenue_share").map_elements(_short, return_dtype=pl.String).fill_null(MISSING)
    return charts.heat_map(
        frame.with_columns(text=pl.format("{} · {}", people, money).fill_null(MISSING)),
        "column",
        "row",
        "revenue_share",
        x_title=titles[1],
        y_title=titles[0],
        value_title=texts()["revenue_share"],
        title=title,
        subtitle=subtitle,
        language=lab.language,
        x_order=orders[1],
        y_order=orders[0],
        value_format=".1%",
        tooltips=[("customers", texts()["customers"])],
    )


def _short(share: float) -> str:
    """Write a share so that it fits a cell on a phone."""
    return percent(share, 0 if share >= _WHOLE else 1)


_WHOLE = 0.0995
