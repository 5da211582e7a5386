"""Scores: every customer with the scores of a model."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from math import floor, log10
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.labels import Text
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.estimators import Model
    from crmlab.lab import Lab


class Scores:
    """Every customer with the scores of a model; ``scores`` has one column per declared score."""

    def __init__(self, lab: Lab, name: str, model: Model, scores: pl.DataFrame, as_of: date) -> None:
        self.lab = lab
        self.name = name
        self.model = model
        self.scores = scores
        self.as_of = as_of

    def __repr__(self) -> str:
        return f"<Scores {self.name}: {self.scores.height} customers>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per score: mean, median and the 10th and 90th percentile.

        Null where the study has fewer customers than its ``privacy.smallest_group``.
        """
        enough = self.scores.height >= self.lab.study.privacy.smallest_group
        return pl.concat(
            (self.scores if enough else self.scores.clear()).select(
                score=pl.lit(score.id),
                mean=pl.col(score.id).mean(),
                p10=pl.col(score.id).quantile(0.1, "linear"),
                median=pl.col(score.id).median(),
                p90=pl.col(score.id).quantile(0.9, "linear"),
            )
            for score in self.model.scores
        )

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        names = {score.id: score.text.to(self.lab.language) for score in self.model.scores}
        return Table(
            self.summary.with_columns(name=pl.col("score").replace_strict(names, return_dtype=pl.String)),
            [
                Column("name", words["score"]),
                Column("mean", words["mean"], "decimal"),
                Column("p10", words["p10"], "decimal"),
                Column("median", words["median"], "decimal"),
                Column("p90", words["p90"], "decimal"),
            ],
            caption=self.model.title,
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def chart(self) -> alt.Chart:
        """Draw the distribution of the first score, in up to twenty bins of enough customers each."""
        from crmlab.view import charts

        score = self.model.scores[0]
        values = self.scores[score.id].drop_nulls()
        low, high = float(values.min() or 0), float(values.max() or 1)  # type: ignore[arg-type]
        # Bins begin and end at round numbers: the ends are not what one customer scored.
        width = _round_up((high - low) / 20 or 1.0)
        start = floor(low / width) * width
        place = ((values - start) / width).floor().cast(pl.Int64)
        sizes = dict(place.value_counts(name="n").iter_rows())
        counts = [sizes.get(at, 0) for at in range(max(sizes, default=-1) + 1)]
        rows = [
            (start + first * width, start + (last + 1) * width, sum(counts[first : last + 1]))
            for first, last in merged_bins(counts, self.lab.study.privacy.smallest_group)
        ]
        frame = pl.DataFrame(
            rows, schema={"low": pl.Float64, "high": pl.Float64, "count": pl.Int64}, orient="row"
        )
        title = say("score_title", score=score.text, n=count(values.len()))
        return charts.score_distribution(frame, score, title, self.lab.language)

    def explain(self) -> Text:
        """Return what the scores mean and how the model was judged, in words."""
        return self.model.definition()

    def evaluate(self, cutoff: date) -> pl.DataFrame:
        """Return metric, value, low, high, baseline on what happened after ``cutoff``."""
        return self.model.clone().evaluate(self.lab.model_tables(), cutoff)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
