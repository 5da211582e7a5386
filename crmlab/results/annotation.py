"""Annotation: every feedback text with what an annotator added."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.estimators import Annotator
    from crmlab.lab import Lab


class Annotation:
    """Every feedback text with the columns that an annotator added."""

    def __init__(self, lab: Lab, name: str, annotator: Annotator, added: pl.DataFrame) -> None:
        self.lab = lab
        self.name = name
        self.annotator = annotator
        self.added = added

    def __repr__(self) -> str:
        return f"<Annotation {self.name}: {self.added.height} texts, {', '.join(self.annotator.adds)}>"

    @cached_property
    def feedback(self) -> pl.DataFrame:
        """The feedback table with the added columns."""
        table = self.lab.tables["feedback"]
        return table.drop(*(set(self.annotator.adds) & set(table.columns))).hstack(
            self.added.drop("feedback_id")
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per value of the last added column of words, most frequent first.

        ``value`` (contacts in it masked), ``texts``, ``share`` of all texts with ``low`` and ``high``
        (Wilson). A column of lists counts a text under each of its values; null counts as no value.
        Values of fewer texts than the study's ``privacy.smallest_group`` are left out: a name that an
        annotator found in one text is no result. Empty where the annotator adds numbers only.
        """
        column = self._words
        if column is None:
            return pl.DataFrame(schema=_ANNOTATION_SCHEMA)
        values = self.added.select(value=column)
        if isinstance(values.schema["value"], pl.List):
            values = values.explode("value", empty_as_null=True)
        values = values.drop_nulls().with_columns(mask_text(values["value"].drop_nulls()))
        counts = values.group_by("value").agg(pl.len().cast(pl.Int64).alias("texts"))
        counts = counts.filter(pl.col("texts") >= self.lab.study.privacy.smallest_group)
        rows = []
        for value, texts_with in counts.sort("texts", "value", descending=[True, False]).iter_rows():
            low, high = wilson(texts_with, self.added.height)
            share = texts_with / self.added.height
            rows.append({"value": value, "texts": texts_with, "share": share, "low": low, "high": high})
        return pl.DataFrame(rows, schema=_ANNOTATION_SCHEMA)

    @property
    def _words(self) -> str | None:
        """The column to count: the last added one that holds words or lists of words."""
        kinds = [name for name in self.annotator.adds if self.added.schema[name] in _WORDS]
        return kinds[-1] if kinds else None

    def _named(self) -> pl.DataFrame:
        """Add ``name``, in the reader's language where the annotator has a scheme."""
        scheme = self.annotator.scheme
        names = scheme.names(self.lab.language) if scheme else {}
        return self.summary.with_columns(name=pl.col("value").replace(names))

    def chart(self) -> alt.LayerChart:
        """Draw the share of texts per value, the fifteen most frequent."""
        from crmlab.view import charts

        words = texts()
        frame = (
            self._named()
            .head(15)
            .with_columns(
                value=pl.col("share"), label=pl.col("share").map_elements(percent, return_dtype=pl.String)
            )
        )
        top = frame["name"][0] if frame.height else "–"
        return charts.bars(
            frame,
            say("annotation_title", top=top, share=percent(frame["share"][0] if frame.height else None)),
            say("annotation_subtitle", title=self.annotator.title, n=count(self.added.height)),
            words["of_texts"],
            self.annotator.title,
            self.lab.language,
            [("name", words["value"]), ("texts", words["texts"]), ("label", words["of_texts"])],
        )

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", self.annotator.title),
                Column("texts", words["texts"], "integer"),
                Column("share", words["of_texts"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("annotation_subtitle", title=self.annotator.title, n=count(self.added.height)),
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return how the annotation is made, in words."""
        return self.annotator.definition()


_WORDS = (pl.String, pl.List(pl.String))
_ANNOTATION_SCHEMA = {
    "value": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
