"""How much feedback there is, and what is missing in it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.intervals import wilson
from crmlab.labels import Language
from crmlab.view import charts
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

_COLUMNS = ("text", "score", "given_on", "customer_id", "channel", "category")


class Coverage:
    """Volume and missing values of feedback."""

    def __init__(self, feedback: pl.DataFrame, language: Language) -> None:
        self.feedback = feedback
        self._language = language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per column that one may miss: ``column``, ``present``, ``share``, ``low``, ``high``."""
        n = self.feedback.height
        rows = []
        for column in _COLUMNS:
            present = int(self.feedback[column].is_not_null().sum())
            rows.append((column, present, present / n if n else None, *wilson(present, n)))
        return pl.DataFrame(rows, schema=_SUMMARY, orient="row")

    def chart(self) -> alt.LayerChart:
        """Draw how complete each column is."""
        words, language = texts(), self._language
        names = {column: words[f"column_{column}"].to(language) for column in _COLUMNS}
        frame = self.summary.with_columns(
            name=pl.col("column").replace_strict(names, return_dtype=pl.String),
            value=pl.col("share"),
            label=pl.col("share").map_elements(percent, return_dtype=pl.String),
        )
        missing = self.summary.filter(pl.col("share") < 0.5).height
        length = self.feedback.select(pl.col("text").str.len_chars().median().fill_null(0.0)).item()
        return charts.bars(
            frame,
            say("coverage_title", missing=missing, of=frame.height) if missing else words["coverage_full"],
            say("coverage_subtitle", n=count(self.feedback.height), median=count(length)),
            words["filled_share"],
            words["column"],
            language,
            [("name", words["column"]), ("present", words["filled"]), ("label", words["filled_share"])],
        )


_SUMMARY = {
    "column": pl.String,
    "present": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
