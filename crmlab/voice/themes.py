"""The themes that come out of the texts: how large, how negative, how they move, in whose words."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.intervals import wilson
from crmlab.labels import Scheme, Text
from crmlab.targeting.effects import difference_of_rates
from crmlab.view import theme_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts
from crmlab.voice.quotes import theme_quotes
from crmlab.voice.sentiment import SMALLEST_SHARE
from crmlab.voice.trend import Form, period_form, period_of, shares_by_period

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_DRAWN = 15
_LINES = 4
_QUOTED = 8
_QUOTES = 3


class Themes:
    """Themes of all texts, found by the annotator ``name``; ``feedback`` has ``sentiment``."""

    def __init__(self, lab: Lab, feedback: pl.DataFrame, name: str = "themes") -> None:
        self._lab = lab
        self._language = lab.language
        smallest = lab.study.privacy.smallest_group
        # A theme is named by words, and a word of few customers could be a name.
        least = lab.annotate(name).annotator.get_params().get("min_writers", smallest)
        asked = {"min_writers": smallest} if least < smallest else {}
        self._annotation = lab.annotate(name, **asked)
        added = self._annotation.added.drop("feedback_id")
        self.texts = feedback.drop(*(set(added.columns) & set(feedback.columns))).hstack(added)
        """Every piece of feedback with ``theme``, ``theme_strength``, ``theme_confidence``; null: none."""

    @cached_property
    def scheme(self) -> Scheme:
        """The themes and their names, largest first."""
        scheme = self._annotation.annotator.scheme
        assert scheme is not None
        return scheme

    @cached_property
    def with_text(self) -> int:
        """Pieces of feedback with a text that is not blank: of these the shares are."""
        return int(self._worded.height)

    @cached_property
    def without_theme(self) -> int:
        """Texts of which no word belongs to a theme."""
        return int(self._worded["theme"].null_count())

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per theme, largest first.

        ``theme``, ``texts``, ``share`` of all texts with ``low`` and ``high`` (Wilson), ``positive`` and
        ``negative`` texts, ``negative_share`` of these two with ``negative_low`` and ``negative_high``, and
        ``change`` of the share from the earlier to the later half of the dated periods with ``change_low``
        and ``change_high`` (Newcombe 1998); null without dates. Themes of fewer customers than the study's
        smallest group are left out.
        """
        sentiment = pl.col("sentiment")
        grouped = (
            self._worded.drop_nulls("theme")
            .group_by("theme")
            .agg(
                texts=pl.len().cast(pl.Int64),
                positive=(sentiment == "positive").sum().cast(pl.Int64),
                negative=(sentiment == "negative").sum().cast(pl.Int64),
                writers=pl.coalesce("customer_id", "feedback_id").n_unique(),
            )
            .filter(pl.col("writers") >= self._lab.study.privacy.smallest_group)
            .sort("texts", "theme", descending=[True, False])
        )
        rows = []
        for row in grouped.iter_rows(named=True):
            decided = row["positive"] + row["negative"]
            low, high = wilson(row["texts"], self.with_text)
            negative_low, negative_high = wilson(row["negative"], decided)
            change = self._change(row["theme"])
            rows.append(
                {
                    **row,
                    "share": row["texts"] / self.with_text,
                    "low": low,
                    "high": high,
                    "negative_share": row["negative"] / decided if decided else None,
                    "negative_low": negative_low if decided else None,
                    "negative_high": negative_high if decided else None,
                    "change": change[0],
                    "change_low": change[1],
                    "change_high": change[2],
                }
            )
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def form(self) -> Form:
        """How long a period is, by how many texts there are."""
        return period_form(self.dated["given_on"], SMALLEST_SHARE)

    @cached_property
    def dated(self) -> pl.DataFrame:
        """The texts with a day, none after the study's."""
        return self._worded.filter(pl.col("given_on") <= self._lab.study.as_of)

    @cached_property
    def trend(self) -> pl.DataFrame:
        """The share of each shown theme per period, with its Wilson interval.

        ``theme``, ``period``, ``count`` (texts of the period), ``hits``, ``share``, ``low``, ``high``.
        """
        parts = [
            shares_by_period(self.dated, pl.col("theme").eq_missing(pl.lit(theme)), self.form).select(
                pl.lit(theme).alias("theme"), pl.all()
            )
            for theme in self.summary["theme"]
        ]
        return pl.concat([pl.DataFrame(schema=_TREND), *parts])

    @cached_property
    def quotes(self) -> pl.DataFrame:
        """Up to three typical texts per shown theme, as written; contacts masked unless quotes are plain."""
        shown = self._worded.filter(pl.col("theme").is_in(self.summary["theme"].to_list()))
        chosen = theme_quotes(shown, _QUOTES).select("theme", "feedback_id", "text", "sentiment")
        if self._lab.study.privacy.quotes == "plain":
            return chosen
        return chosen.with_columns(mask_text(chosen["text"]))

    @cached_property
    def loudest(self) -> dict[str, Any] | None:
        """The theme with the most negative texts among those large enough for a share, or none."""
        big = self.summary.filter((pl.col("texts") >= SMALLEST_SHARE) & (pl.col("negative") > 0))
        order = big.sort("negative", "theme", descending=[True, False])
        return order.row(0, named=True) if order.height else None

    def name(self, theme: str) -> Text:
        """Return what a theme is called."""
        return self.scheme[theme].text

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of each theme with its interval, coloured by how negative it is."""
        if not self.summary.height:
            return self._nothing()
        largest = self.summary.row(0, named=True)
        title = say(
            "themes_title",
            name=self.name(largest["theme"]),
            share=percent(largest["share"]),
            low=percent(largest["low"]),
            high=percent(largest["high"]),
        )
        subtitle = say(
            "themes_subtitle", n=count(self.with_text), without=count(self.without_theme), shown=_DRAWN
        )
        return theme_charts.theme_bars(
            self._named(self.summary.head(_DRAWN)), title, subtitle, self._language
        )

    def table(self) -> Table | Note:
        """Show size, sentiment and change of each theme."""
        if not self.summary.height:
            return self._nothing()
        words = texts()
        frame = self._named(self.summary).with_columns(
            interval=pl.concat_list("low", "high"),
            negative_interval=pl.concat_list("negative_low", "negative_high"),
            change_interval=pl.concat_list("change_low", "change_high"),
        )
        columns = [
            Column("name", words["themes_name"]),
            Column("texts", words["texts"], "integer"),
            Column("share", words["of_texts"], "percent", bar=True),
            Column("interval", words["interval_95"], "interval", of="percent"),
            Column("negative_share", words["negative_share"], "percent", bar=True),
            Column("negative_interval", words["interval_95"], "interval", of="percent"),
        ]
        if frame["change"].drop_nulls().len():
            columns += [
                Column("change", words["themes_change"], "percent"),
                Column("change_interval", words["interval_95"], "interval", of="percent"),
            ]
        return Table(
            frame,
            columns,
            caption=words["themes_caption"],
            note=words["themes_note"],
            language=self._language,
        )

    def quotes_table(self) -> Table | Note:
        """Show the quotes of the largest themes, unless the study says none."""
        words, privacy = texts(), self._lab.study.privacy.quotes
        if privacy == "none":
            return Note(words["quotes_off"], self._language)
        if not self.summary.height:
            return self._nothing()
        judged = {
            "positive": words["positive"],
            "negative": words["negative"],
            "uncertain": words["themes_uncertain"],
            "none": words["themes_not_judged"],
        }
        names = {name: text.to(self._language) for name, text in judged.items()}
        order = self.summary.head(_QUOTED).select("theme")
        frame = self._named(order.join(self.quotes, on="theme", maintain_order="left"))
        return Table(
            frame.with_columns(pl.col("sentiment").replace_strict(names, return_dtype=pl.String)),
            [
                Column("name", words["themes_name"]),
                Column("text", words["themes_quote"]),
                Column("sentiment", words["sentiment"]),
            ],
            caption=words["quotes_caption"],
            note=words["quotes_note"] if privacy == "masked" else None,
            language=self._language,
        )

    def trend_chart(self) -> alt.LayerChart | Note:
        """Draw the share of the four largest themes per period, or say that too few texts have a date."""
        if not self.summary.height:
            return self._nothing()
        solid = self.trend.filter(pl.col("count") >= SMALLEST_SHARE)
        if solid["period"].n_unique() < 2:
            dated = count(self.dated.height)
            return Note(
                say("themes_undated", dated=dated, n=SMALLEST_SHARE, of=count(self.with_text)), self._language
            )
        drawn = self._named(solid.filter(pl.col("theme").is_in(self.summary["theme"].head(_LINES).to_list())))
        moved = self.summary.filter((pl.col("change_low") > 0) | (pl.col("change_high") < 0))
        title = texts()["themes_steady"]
        if moved.height:
            most = moved.sort(pl.col("change").abs(), "theme", descending=[True, False]).row(0, named=True)
            title = say(
                "themes_rose" if most["change"] > 0 else "themes_fell",
                name=self.name(most["theme"]),
                change=decimal(abs(most["change"]) * 100, 1),
            )
        subtitle = say("themes_trend_subtitle", n=count(self.dated.height), least=SMALLEST_SHARE, top=_LINES)
        return theme_charts.share_lines(drawn, title, subtitle, self._language)

    def note(self) -> Note:
        """Say how themes were found, how their number was chosen, and how many texts have none."""
        definition = self._annotation.annotator.definition()
        counted = say("themes_without", n=count(self.without_theme), of=count(self.with_text))
        if self.loudest is None:
            return Note(joined(definition, counted), self._language)
        loudest = say(
            "themes_loudest", name=self.name(self.loudest["theme"]), n=count(self.loudest["negative"])
        )
        return Note(joined(definition, counted, loudest), self._language)

    @cached_property
    def _worded(self) -> pl.DataFrame:
        return self.texts.filter(pl.col("text").str.strip_chars() != "")

    @cached_property
    def _halves(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The dated texts of the earlier and of the later half of the periods."""
        dated = self.dated.with_columns(period=period_of(pl.col("given_on"), self.form))
        periods = dated["period"].unique().sort()
        later = pl.col("period").is_in(periods[len(periods) // 2 :].to_list())
        return dated.filter(~later), dated.filter(later)

    def _change(self, theme: str) -> tuple[float | None, float | None, float | None]:
        earlier, later = self._halves
        if min(earlier.height, later.height) < SMALLEST_SHARE:
            return None, None, None
        before, now = (int((half["theme"] == theme).sum()) for half in (earlier, later))
        moved = difference_of_rates(now, later.height, before, earlier.height)
        return moved.value, moved.low, moved.high

    def _nothing(self) -> Note:
        """Say why there is no theme to show."""
        why = self._annotation.annotator.definition()
        if self.scheme.labels:
            why = say("themes_hidden", n=self._lab.study.privacy.smallest_group)
        return Note(why, self._language)

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = self.scheme.names(self._language)
        return frame.with_columns(name=pl.col("theme").replace_strict(names, return_dtype=pl.String))


_SUMMARY = {
    "theme": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "positive": pl.Int64,
    "negative": pl.Int64,
    "negative_share": pl.Float64,
    "negative_low": pl.Float64,
    "negative_high": pl.Float64,
    "change": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
}
_TREND = {
    "theme": pl.String,
    "period": pl.String,
    "count": pl.Int64,
    "hits": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
