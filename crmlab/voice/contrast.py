"""The words that separate satisfied from dissatisfied customers."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.contrast import contrast
from crmlab.data.privacy import MASKS, mask_text
from crmlab.labels import Language, Text
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say, texts
from crmlab.voice.sentiment import POLES, satisfied

if TYPE_CHECKING:
    import altair as alt

_WORDS = 12
_DISCOVERIES = 0.01
_MIN_TEXTS = 20
_MASKED = "|".join(re.escape(mask) for text in MASKS.values() for mask in text)


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
        # A mask would count as a word, so what is masked is taken out.
        self._texts = mask_text(worded["text"]).str.replace_all(_MASKED, " ")
        writers = worded.select(pl.coalesce("customer_id", "feedback_id")).to_series()
        self._written = pl.DataFrame(
            {"text": self._texts.str.normalize("NFKC").str.to_lowercase(), "by": writers}
        )
        self._smallest_group = smallest_group

    @cached_property
    def words(self) -> pl.DataFrame:
        """What :func:`crmlab.contrast.contrast` finds, at a false discovery rate of 1 %.

        Nothing of what :func:`crmlab.data.privacy.mask_text` masks is a word, nor is what fewer different
        customers than the study's ``privacy.smallest_group`` wrote: it could be one who signs.
        """
        found = contrast(self._texts, self.satisfied, min_texts=_MIN_TEXTS)
        found = found.filter(pl.col("q") <= _DISCOVERIES)
        by = [
            self._written.filter(pl.col("text").str.contains(word, literal=True))["by"]
            for word in found["word"]
        ]
        # A word that is put together ("not good") need not stand so in any text.
        several = [writers.is_empty() or writers.n_unique() >= self._smallest_group for writers in by]
        return found.filter(pl.Series(several, dtype=pl.Boolean))

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
