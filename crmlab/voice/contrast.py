"""The words that separate satisfied from dissatisfied customers, and any group from the others."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.contrast import contrast, contrast_groups
from crmlab.data.privacy import mask_text
from crmlab.labels import Language, Text
from crmlab.view import aspect_charts, charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts
from crmlab.voice.sentiment import POLES, satisfied
from crmlab.words import countable

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_WORDS = 12
_DISCOVERIES = 0.01
_MIN_TEXTS = 20
_GROUPS = 8
_WORDS_PER_GROUP = 6


class Contrast:
    """Words that mark satisfied or dissatisfied texts, by weighted log-odds.

    Texts are grouped by the customers' own scores, or by judged sentiment where too few texts of
    either side have one.
    """

    def __init__(self, feedback: pl.DataFrame, language: Language, smallest_group: int = 1) -> None:
        self._language = language
        worded = feedback.drop_nulls("text")
        own = satisfied(worded)
        self.by_score = min(int((own == side).sum()) for side in (True, False)) >= _MIN_TEXTS
        judged = pl.when(pl.col("sentiment").is_in(POLES)).then(pl.col("sentiment") == "positive")
        self.satisfied = own if self.by_score else worded.select(judged).to_series()
        self._texts = countable(worded["text"])
        self._writers = _writers(worded)
        self._smallest_group = smallest_group

    @cached_property
    def words(self) -> pl.DataFrame:
        """What :func:`crmlab.contrast.contrast` finds, at a false discovery rate of 1 %.

        Nothing of what :func:`crmlab.data.privacy.mask_text` masks is a word, nor is what fewer different
        customers than the study's ``privacy.smallest_group`` wrote: it could be one who signs.
        """
        found = contrast(self._texts, self.satisfied, min_texts=_MIN_TEXTS, writers=self._writers)
        shown = (pl.col("q") <= _DISCOVERIES) & (pl.col("writers") >= self._smallest_group)
        return found.filter(shown).drop("writers")

    @cached_property
    def telling(self) -> pl.DataFrame:
        """The twelve strongest words of each side, positive first."""
        positive, negative = self.words.filter(pl.col("z") > 0), self.words.filter(pl.col("z") < 0)
        return pl.concat([positive.head(_WORDS), negative.tail(_WORDS)])

    def chart(self) -> alt.Chart | Note:
        """Draw the z-scores of the telling words, or say that there are none."""
        words = texts()
        if not self.telling.height:
            return Note(words["contrast_none"], self._language)
        frame = self.telling.select(
            name="word",
            value=pl.col("z").round(2),
            positive=pl.col("positive_share").map_elements(percent, return_dtype=pl.String),
            negative=pl.col("negative_share").map_elements(percent, return_dtype=pl.String),
        )
        marks = self.telling.filter(pl.col("z") < 0).tail(3)["word"].reverse().to_list()
        groups = words["contrast_by_score" if self.by_score else "contrast_by_sentiment"]
        n_positive, n = int(self.satisfied.sum() or 0), int(self.satisfied.is_not_null().sum())
        return charts.signed_bars(
            frame,
            say("contrast_title", words=Text("、".join(marks) or "–", ", ".join(marks) or "–")),
            say(
                "contrast_subtitle", groups=groups, positive=count(n_positive), negative=count(n - n_positive)
            ),
            words["contrast_axis"],
            words["word"],
            self._language,
            [
                ("name", words["word"]),
                ("positive", words["in_satisfied"]),
                ("negative", words["in_dissatisfied"]),
                ("value", words["z"]),
            ],
        )


class SegmentContrast:
    """Words that mark each group of feedback against all other groups, by weighted log-odds.

    ``by`` is ``channel``, ``category``, ``period`` (quarters, or years where there are more than eight), or
    the name of a classifier, whose labels then group the feedback of each customer. Feedback without a
    group is left out.
    """

    def __init__(self, lab: Lab, feedback: pl.DataFrame, by: str) -> None:
        self._lab = lab
        self._language = lab.language
        self.by = by
        worded = feedback.drop_nulls("text")
        named = pl.DataFrame({"text": worded["text"], "group": self._groups(worded), "by": _writers(worded)})
        self._rows = named.drop_nulls("group")

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """Texts of each group that has at least twenty, largest first: ``group``, ``n``."""
        counted = self._rows["group"].value_counts(name="n").filter(pl.col("n") >= _MIN_TEXTS)
        return counted.sort("n", "group", descending=[True, False])

    @cached_property
    def summary(self) -> pl.DataFrame:
        """What :func:`crmlab.contrast.contrast_groups` finds, at a false discovery rate of 1 %.

        Nothing that is masked counts as a word, nor what fewer different customers of the group than the
        study's ``privacy.smallest_group`` wrote. Groups are in order of size.
        """
        found = contrast_groups(
            countable(self._rows["text"]),
            self._rows["group"],
            self._rows["by"],
            min_texts=_MIN_TEXTS,
            min_writers=self._lab.study.privacy.smallest_group,
            discoveries=_DISCOVERIES,
        )
        order = self.sizes.select("group").with_row_index("order")
        placed = found.join(order, on="group", how="left", maintain_order="left")
        return placed.sort("order", maintain_order=True).drop("order")

    @cached_property
    def telling(self) -> pl.DataFrame:
        """The six strongest words of each of the eight largest groups."""
        largest = self.sizes["group"].head(_GROUPS)
        shown = self.summary.filter(pl.col("group").is_in(largest.implode()))
        return shown.group_by("group", maintain_order=True).head(_WORDS_PER_GROUP)

    def chart(self) -> alt.Chart | Note:
        """Draw the telling words of each group by z-score, or say why there are none."""
        if not self.telling.height:
            return self.note()
        first = self.telling.sort("z", "word", descending=[True, False]).row(0, named=True)
        marks = self.telling.filter(pl.col("group") == first["group"]).head(3)["word"].to_list()
        frame = self.telling.with_columns(
            pl.col("z").round(2),
            inside=pl.col("share").map_elements(percent, return_dtype=pl.String),
            outside=pl.col("other_share").map_elements(percent, return_dtype=pl.String),
        )
        title = say(
            "segment_words_title", group=first["group"], words=Text("、".join(marks), ", ".join(marks))
        )
        subtitle = say("segment_words_subtitle", n=count(self._rows.height), groups=self.sizes.height)
        return aspect_charts.words_by_group(frame, title, subtitle, self._language)

    def table(self) -> Table | Note:
        """Show the telling words of each group with the shares of texts that have them."""
        words = texts()
        if not self.telling.height:
            return self.note()
        sized = self.telling.join(self.sizes, on="group", how="left", maintain_order="left")
        return Table(
            sized,
            [
                Column("group", words["segment_words_group"]),
                Column("n", words["texts"], "integer"),
                Column("word", words["word"]),
                Column("share", words["segment_words_inside"], "percent"),
                Column("other_share", words["segment_words_outside"], "percent"),
                Column("z", words["z"], "decimal", decimals=1),
            ],
            caption=words["segment_words_caption"],
            note=words["segment_words_method"],
            language=self._language,
        )

    def note(self) -> Note:
        """Say how the words were found, or what is missing for a contrast."""
        words = texts()
        if self.sizes.height < 2:
            said = say("segment_words_missing", groups=self.sizes.height, least=_MIN_TEXTS)
        else:
            said = words["segment_words_method" if self.telling.height else "segment_words_none"]
        return Note(said, self._language)

    def _groups(self, worded: pl.DataFrame) -> pl.Series:
        if self.by in ("channel", "category"):
            named = {
                value: texts().get(f"subject_{value}") for value in worded[self.by].drop_nulls().unique()
            }
            known = {value: name.to(self._language) for value, name in named.items() if name}
            return mask_text(worded[self.by].replace(known))
        if self.by == "period":
            day = worded["given_on"]
            quarters = day.dt.year().cast(pl.String) + "Q" + day.dt.quarter().cast(pl.String)
            return quarters if quarters.n_unique() <= _GROUPS else day.dt.year().cast(pl.String)
        segmentation = self._lab.classify(self.by)
        names = segmentation.scheme.names(self._language)
        label = segmentation.labels.select("customer_id", group=pl.col("label").replace(names))
        return worded.select("customer_id").join(label, on="customer_id", how="left", maintain_order="left")[
            "group"
        ]


def _writers(worded: pl.DataFrame) -> pl.Series:
    """Return who wrote each text; without a customer each text has a writer of its own."""
    return worded.select(pl.coalesce("customer_id", "feedback_id")).to_series()
