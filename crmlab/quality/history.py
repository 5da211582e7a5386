"""The scores of earlier runs beside this one's."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.scorecard import Scorecard
from crmlab.data.quality.trend import earlier
from crmlab.environment import RUN_FOLDER
from crmlab.labels import Language
from crmlab.view import quality_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt


class History:
    """The scores of the study's runs, this one last."""

    def __init__(self, scorecard: Scorecard, report: str, language: Language) -> None:
        self._scorecard = scorecard
        self._report = report
        self._language = language

    @cached_property
    def scores(self) -> pl.DataFrame:
        """One row per run, oldest first: ``run`` (its time in UTC), ``as_of``, ``score``, each dimension."""
        folder = os.environ.get(RUN_FOLDER)
        before = earlier(Path(folder).parent, self._report) if folder else earlier(Path(), "")
        now = self._scorecard.dimensions.select(
            started_at=pl.lit("9999"),
            run=pl.lit(texts()["quality_this_run"].to(self._language)),
            as_of=pl.lit(self._scorecard.facts.as_of.isoformat()),
            dimension="dimension",
            score="score",
        )
        parts = [before.select(now.columns).with_columns(run=_moment()), now]
        runs = pl.concat(parts).group_by("started_at", "run", "as_of", maintain_order=True)
        # As the scorecard does it: the mean of the dimensions that have a score.
        return runs.agg(
            pl.col("score").mean().alias("score"),
            *(pl.col("score").filter(pl.col("dimension") == name).first().alias(name) for name in DIMENSIONS),
        ).drop("started_at")

    def chart(self) -> alt.LayerChart | Note:
        """Draw the overall score per run, or say that there is nothing to compare with yet."""
        words, language = texts(), self._language
        known = self.scores.drop_nulls("score")
        if known.height < 2:
            return Note(words["quality_trend_none"], language)
        last, previous = known["score"][-1], known["score"][-2]
        return quality_charts.score_line(
            known.with_columns(label=pl.col("score").map_elements(percent, return_dtype=pl.String)),
            say("quality_trend_title", now=percent(last), change=signed(100 * (last - previous), 1)),
            say("quality_trend_subtitle", n=known.height),
            words["quality_run"],
            words["quality_score"],
            language,
            [("run", words["quality_run"]), ("as_of", words["as_of"]), ("label", words["quality_score"])],
        )

    def table(self) -> Table | None:
        """Show the score of every dimension per run; None where there is one run only."""
        words = texts()
        if self.scores.height < 2:
            return None
        return Table(
            self.scores,
            [
                Column("run", words["quality_run"]),
                Column("score", words["quality_score"], "percent", bar=True),
                *(Column(name, dimension.text, "percent") for name, dimension in DIMENSIONS.items()),
            ],
            caption=words["quality_trend_caption"],
            note=words["quality_trend_note"],
            language=self._language,
        )


def _moment() -> pl.Expr:
    """Write 2024-06-30T12:00:05+00:00 as 2024-06-30 12:00."""
    return pl.col("started_at").str.slice(0, 16).str.replace("T", " ")
