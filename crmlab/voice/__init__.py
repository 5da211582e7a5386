"""The voice of the customer: what a feedback table says, in numbers and in the customers' words."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.labels import Text
from crmlab.satisfaction import Rating, ratings
from crmlab.view import charts, theme
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts
from crmlab.voice.aspects import AspectMentions
from crmlab.voice.contrast import Contrast
from crmlab.voice.coverage import Coverage
from crmlab.voice.sentiment import POLES, SENTIMENTS, SMALLEST_SHARE, reliability, sentiment_shares
from crmlab.voice.trend import Trend

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_SUBJECTS = 8
"""A chart names at most this many subjects, those with most feedback."""


class Voice:
    """Verdict, trend, aspects, contrast and coverage of a study's feedback."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._language = lab.language

    @cached_property
    def feedback(self) -> pl.DataFrame:
        """The feedback table with ``language``, ``positive_probability`` and ``sentiment``."""
        return self._lab.annotate("sentiment").feedback

    @cached_property
    def ratings(self) -> list[Rating]:
        """One figure per scale on which scores were given."""
        return [rating for rating in ratings(self._lab.tables["feedback"]) if rating.n]

    @cached_property
    def sentiment(self) -> pl.DataFrame:
        """How many of the judged texts are positive, uncertain, negative; see :func:`sentiment_shares`."""
        return sentiment_shares(self.feedback)

    @cached_property
    def reliability(self) -> pl.DataFrame:
        """How often the judged sentiment agrees with the customer's own score, beside the baseline."""
        return reliability(self.feedback)

    @cached_property
    def trend(self) -> Trend:
        """The share of positive texts over time."""
        return Trend(self.feedback, self._language)

    @cached_property
    def aspects(self) -> AspectMentions:
        """What the feedback is about."""
        return AspectMentions(self._lab, self.feedback)

    @cached_property
    def contrast(self) -> Contrast:
        """The words that separate satisfied from dissatisfied customers."""
        return Contrast(self.feedback, self._language, self._lab.study.privacy.smallest_group)

    @cached_property
    def coverage(self) -> Coverage:
        """How much feedback there is, and what is missing in it."""
        return Coverage(self.feedback, self._language)

    def verdict(self) -> Table:
        """Show the overall figures: ratings where scores exist, sentiment of the texts."""
        words, language = texts(), self._language
        rows: list[dict[str, Any]] = [
            {
                "name": rating.name.to(language),
                "value": _rated(rating.value, rating.unit),
                "interval": f"{_rated(rating.low, rating.unit)} – {_rated(rating.high, rating.unit)}",
                "n": rating.n,
                "definition": "".join(text.to(language) for text in (rating.definition, *rating.notes)),
            }
            for rating in self.ratings
        ]
        for name in POLES:
            row = self._share_of(name)
            rows.append(
                {
                    "name": words[f"judged_{name}"].to(language),
                    "value": percent(row["share"]),
                    "interval": f"{percent(row['low'])} – {percent(row['high'])}",
                    "n": self._judged,
                    "definition": words["judged_definition"].to(language),
                }
            )
        return Table(
            pl.DataFrame(rows),
            [
                Column("name", words["figure"]),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
                Column("n", words["sample"], "integer"),
                Column("definition", words["definition"]),
            ],
            caption=words["verdict_caption"],
            note=None if any(rating.metric == "nps" for rating in self.ratings) else words["no_nps"],
            language=language,
        )

    def chart(self) -> alt.LayerChart:
        """Draw the sentiment of all texts, and of each subject where feedback names one."""
        words, language = texts(), self._language
        judged = self.feedback.filter(pl.col("sentiment") != "none")
        judged = judged.with_columns(mask_text(judged["category"]))
        groups = [(words["all_texts"].to(language), judged)]
        sizes = judged.drop_nulls("category")["category"].value_counts(name="n")
        big = sizes.filter(pl.col("n") >= SMALLEST_SHARE).sort("n", "category", descending=[True, False])
        for subject in big["category"].head(_SUBJECTS):
            name = texts().get(f"subject_{subject}", Text(subject, subject)).to(language)
            groups.append((name, judged.filter(pl.col("category") == subject)))
        rows = [
            (f"{group} (n={count(part.height)})", words[name].to(language), (part["sentiment"] == name).sum())
            for group, part in groups
            for name in SENTIMENTS
        ]
        positive = self._share_of("positive")
        return charts.share_bars(
            pl.DataFrame(rows, schema=["group", "name", "count"], orient="row"),
            [theme.GOOD, theme.NEUTRAL, theme.BAD],
            say(
                "sentiment_title",
                share=percent(positive["share"]),
                low=percent(positive["low"]),
                high=percent(positive["high"]),
            ),
            say("sentiment_subtitle", n=count(self._judged)),
            words["column_category"],
            words["sentiment"],
            language,
        )

    def reliability_table(self) -> Table:
        """Show the agreement with customers' own scores."""
        words = texts()
        return Table(
            self.reliability.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("n", words["sample"], "integer"),
                Column("accuracy", words["accuracy"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("baseline", words["majority_baseline"], "percent"),
                Column("own_share", words["own_share"], "percent"),
                Column("judged_share", words["judged_share"], "percent"),
                Column("undecided", words["undecided"], "integer"),
            ],
            caption=words["reliability_caption"],
            note=words["reliability_note"],
            language=self._language,
        )

    @property
    def _judged(self) -> int:
        return int(self.sentiment["texts"].sum())

    def _share_of(self, sentiment: str) -> dict[str, Any]:
        return self.sentiment.row(by_predicate=pl.col("sentiment") == sentiment, named=True)


def _rated(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else signed(value, 1)
