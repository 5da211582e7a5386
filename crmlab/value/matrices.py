"""What a model foretells of a customer by how often he has bought and how long he has been silent.

The frequency and recency matrices of the literature (Fader, Hardie & Lee 2005, Journal of Marketing Research
42:415): no customer of the study is in them, they show how the fitted model thinks.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.value.holdout import HISTORY
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

REPEATS = (1, 2, 3, 5, 8, 12, 20, 30, 50)
SILENCES = (7, 14, 30, 60, 90, 180, 365, 730)


class Matrices:
    """Purchases to expect and the probability of being alive, over repeats and days of silence.

    Every cell is a customer who first bought as long ago as the middle one of the repeat buyers
    (``age`` days). Combinations that cannot be are left out.
    """

    def __init__(self, lab: Lab, name: str, horizon: int, missing: Text | None = None) -> None:
        self.lab = lab
        self.name = name
        self.horizon = horizon
        self.missing = missing

    @cached_property
    def age(self) -> int:
        """Days since the first purchase of the customers in the matrices."""
        repeat = self._history.filter(pl.col(HISTORY[0]) > 0)
        return int(repeat[HISTORY[2]].median() or 0)  # type: ignore[arg-type]

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per cell: ``repeats``, ``silence_days``, ``expected`` (within ``horizon``), ``alive``."""
        import numpy as np

        most = float(self._history[HISTORY[0]].quantile(0.99) or 0)
        rows = [
            (repeats, silence, self.age)
            for repeats in REPEATS
            for silence in SILENCES
            if repeats <= most and repeats + silence <= self.age
        ]
        cells = pl.DataFrame(rows, schema=["repeats", "silence_days", "age"], orient="row").cast(pl.Int64)
        histories = cells.select(
            customer_id=pl.int_range(pl.len()).cast(pl.String),
            repeat_purchase_days="repeats",
            first_to_last_purchase_days=pl.col("age") - pl.col("silence_days"),
            days_since_first_order="age",
        )
        model: Any = self.lab.model(self.name)
        return cells.select("repeats", "silence_days").with_columns(
            expected=pl.Series(np.asarray(model.expected_purchases(histories, [float(self.horizon)]))[0]),
            alive=pl.Series(np.asarray(model.probability_alive(histories))),
        )

    def chart(self) -> alt.LayerChart | Note:
        """Draw the purchases to expect."""
        return self._chart("expected", lambda value: decimal(value, 1), ",.2f")

    def alive_chart(self) -> alt.LayerChart | Note:
        """Draw the probability of being alive."""
        return self._chart("alive", lambda value: percent(value, 0), ".1%")

    def _chart(self, column: str, written: Any, value_format: str) -> alt.LayerChart | Note:
        from crmlab.view.charts import heat_map

        words, language = texts(), self.lab.language
        if self.missing or not self.summary.height:
            return Note(self.missing or say("val_matrix_none", age=self.age), language)
        frame = self.summary.select(
            repeats=pl.col("repeats").cast(pl.String),
            silence=pl.col("silence_days").cast(pl.String),
            value=column,
            text=pl.col(column).map_elements(written, return_dtype=pl.String),
        )
        return heat_map(
            frame,
            "silence",
            "repeats",
            "value",
            x_title=words["val_silence_axis"],
            y_title=words["val_by_count_axis"],
            value_title=say(f"val_matrix_{column}", days=self.horizon),
            title=self._title(column),
            subtitle=say(
                "val_matrix_subtitle",
                age=count(self.age),
                name=type(self.lab.model(self.name)).title,
                day=self.lab.study.as_of,
            ),
            language=language,
            x_order=[str(days) for days in self.summary["silence_days"].unique().sort()],
            y_order=[str(repeats) for repeats in self.summary["repeats"].unique().sort(descending=True)],
            value_format=value_format,
            row_height=34,
        )

    def _title(self, column: str) -> Text:
        """Say what a longer silence does to a frequent customer."""
        most = self.summary["repeats"].max()
        row = self.summary.filter(repeats=most).sort("silence_days")
        short, long = row.row(0, named=True), row.row(-1, named=True)

        def written(value: float) -> str:
            return percent(value, 0) if column == "alive" else decimal(value, 1)

        return say(
            f"val_matrix_{column}_title",
            repeats=most,
            short=short["silence_days"],
            long=long["silence_days"],
            high=written(short[column]),
            low=written(long[column]),
            days=self.horizon,
        )

    @cached_property
    def _history(self) -> pl.DataFrame:
        return self.lab.features(*HISTORY).drop_nulls()
