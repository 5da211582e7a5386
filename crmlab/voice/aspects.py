"""What the feedback is about: aspects with size, sentiment and quotes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.intervals import wilson
from crmlab.labels import Scheme
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts
from crmlab.voice.sentiment import POLES, SMALLEST_SHARE

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_DRAWN = 15
_QUOTED = 8
_UNMATCHED = 20


class AspectMentions:
    """Aspects with size, sentiment and quotes."""

    def __init__(self, lab: Lab, feedback: pl.DataFrame) -> None:
        self._lab = lab
        self._language = lab.language
        # An answer without words can mention nothing.
        self._texts = int(feedback["text"].str.contains(r"\w").sum())
        self._annotation = lab.annotate("aspects")
        self._annotator: Any = self._annotation.annotator

    @cached_property
    def scheme(self) -> Scheme:
        """The aspects and their names."""
        scheme: Scheme = self._annotator.scheme
        return scheme

    @cached_property
    def mentions(self) -> pl.DataFrame:
        """One row per text and aspect: ``feedback_id``, ``aspect``, ``clause``, ``positive_probability``."""
        mentions: pl.DataFrame = self._annotator.mentions(self._lab.tables["feedback"])
        return mentions

    @cached_property
    def covered(self) -> int:
        """Texts with at least one aspect."""
        return int((self._annotation.feedback["aspects"].list.len() > 0).sum())

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per aspect, largest first.

        ``aspect``, ``texts``, ``share`` of all texts with ``low`` and ``high``, ``positive`` and
        ``negative`` mentions, ``negative_share`` of these two with ``negative_low`` and
        ``negative_high``. A mention is uncertain within the band in which a text is. Aspects below the
        study's smallest group are left out.
        """
        band: float = getattr(self._lab.annotate("sentiment").annotator, "uncertain_within", 0.0)
        probability = pl.col("positive_probability")
        grouped = self.mentions.group_by("aspect").agg(
            texts=pl.len().cast(pl.Int64),
            positive=(probability > 0.5 + band).sum().cast(pl.Int64),
            negative=(probability < 0.5 - band).sum().cast(pl.Int64),
        )
        shown = grouped.filter(pl.col("texts") >= self._lab.study.privacy.smallest_group)
        rows = []
        for row in shown.sort("texts", "aspect", descending=[True, False]).iter_rows(named=True):
            decided = row["positive"] + row["negative"]
            low, high = wilson(row["texts"], self._texts)
            negative_low, negative_high = wilson(row["negative"], decided)
            rows.append(
                {
                    **row,
                    "share": row["texts"] / self._texts,
                    "low": low,
                    "high": high,
                    "negative_share": row["negative"] / decided if decided else None,
                    "negative_low": negative_low,
                    "negative_high": negative_high,
                }
            )
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def worst(self) -> dict[str, Any] | None:
        """The aspect with the largest negative share that is sure (the interval's lower end), or none."""
        return self._first("negative_low")

    @cached_property
    def loudest(self) -> dict[str, Any] | None:
        """The aspect with the most negative mentions, or none."""
        return self._first("negative")

    @cached_property
    def quotes(self) -> pl.DataFrame:
        """Typical texts: ``aspect``, ``polarity``, ``text`` as written, contacts masked unless plain."""
        from crmlab.voice.quotes import quotes

        chosen = quotes(self.mentions, self._lab.tables["feedback"], per_aspect=1)
        if self._lab.study.privacy.quotes == "plain":
            return chosen
        return chosen.with_columns(mask_text(chosen["text"]))

    def chart(self) -> alt.Chart:
        """Draw negative mentions to the left and positive to the right, per aspect."""
        words, language = texts(), self._language
        named = self._named(self.summary).head(_DRAWN)
        sides = [
            named.select(
                "name",
                side=pl.lit(words[side].to(language)),
                value=pl.col(side) * sign,
                count=side,
                share=pl.col(side) / (pl.col("positive") + pl.col("negative")),
            )
            for side, sign in (("negative", -1), ("positive", 1))
        ]
        title = words["no_aspects"]
        if self.loudest is not None and self.worst is not None:
            title = say(
                "aspects_title",
                loudest=self.scheme[self.loudest["aspect"]].text,
                negative=count(self.loudest["negative"]),
                worst=self.scheme[self.worst["aspect"]].text,
                share=percent(self.worst["negative_share"], 0),
            )
        covered = percent(self.covered / self._texts if self._texts else None, 0)
        subtitle = say("aspects_subtitle", covered=covered, n=count(self._texts))
        return charts.diverging_bars(pl.concat(sides), title, subtitle, language)

    def table(self) -> Table:
        """Show size and sentiment per aspect."""
        words = texts()
        frame = self._named(self.summary).with_columns(
            interval=pl.concat_list("low", "high"),
            negative_interval=pl.concat_list("negative_low", "negative_high"),
        )
        return Table(
            frame,
            [
                Column("name", words["aspect"]),
                Column("texts", words["texts"], "integer"),
                Column("share", words["of_texts"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("negative_share", words["negative_share"], "percent", bar=True),
                Column("negative_interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["aspects_caption"],
            note=words["aspects_note"],
            language=self._language,
        )

    def quotes_table(self) -> Table | Note:
        """Show the quotes, unless the study says none."""
        words, privacy = texts(), self._lab.study.privacy.quotes
        if privacy == "none":
            return Note(words["quotes_off"], self._language)
        frame = self._named(self.summary.head(_QUOTED).select("aspect"))
        for side in POLES:
            said = self.quotes.filter(pl.col("polarity") == side).select("aspect", pl.col("text").alias(side))
            frame = frame.join(said, on="aspect", how="left", maintain_order="left")
        return Table(
            frame,
            [
                Column("name", words["aspect"]),
                Column("positive", words["quote_positive"]),
                Column("negative", words["quote_negative"]),
            ],
            caption=words["quotes_caption"],
            note=words["quotes_note"] if privacy == "masked" else None,
            language=self._language,
        )

    @cached_property
    def unmatched(self) -> pl.DataFrame:
        """Frequent words of clauses that no aspect knows, by number of texts.

        ``word``, ``texts``, ``share`` of the unmatched clauses, ``example`` (masked). Words of fewer
        different customers than the study's smallest group are left out. A taxonomy grows from these.
        """
        found: pl.DataFrame = self._annotator.unmatched(
            self._lab.tables["feedback"], smallest_group=self._lab.study.privacy.smallest_group
        )
        return found if self._lab.study.privacy.quotes != "none" else found.drop("example")

    def unmatched_table(self) -> Table | Note:
        """Show the words to grow the taxonomy from, or say that there are none."""
        words = texts()
        if not self.unmatched.height:
            return Note(words["unmatched_none"], self._language)
        columns = [
            Column("word", words["word"]),
            Column("texts", words["texts"], "integer"),
            Column("share", words["unmatched_share"], "percent", bar=True),
        ]
        if "example" in self.unmatched.columns:
            columns.append(Column("example", words["unmatched_example"]))
        return Table(
            self.unmatched.head(_UNMATCHED),
            columns,
            caption=words["unmatched_caption"],
            note=words["unmatched_note"],
            language=self._language,
        )

    def _first(self, column: str) -> dict[str, Any] | None:
        big = self.summary.filter(pl.col("texts") >= SMALLEST_SHARE).filter(pl.col("negative") > 0)
        return big.sort(column, "aspect", descending=[True, False]).row(0, named=True) if big.height else None

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = self.scheme.names(self._language)
        return frame.with_columns(name=pl.col("aspect").replace_strict(names, return_dtype=pl.String))


_SUMMARY = {
    "aspect": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "positive": pl.Int64,
    "negative": pl.Int64,
    "negative_share": pl.Float64,
    "negative_low": pl.Float64,
    "negative_high": pl.Float64,
}
