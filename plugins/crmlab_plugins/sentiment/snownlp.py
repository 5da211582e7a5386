"""SnowNLP's naive Bayes as a baseline for Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.errors import MissingExtraError
from crmlab.labels import Text
from crmlab_plugins.sentiment.base import SentimentAnnotator, spread

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


class SentimentSnownlp(SentimentAnnotator):
    """Judges Chinese texts by the package SnowNLP as it comes: slow, and a baseline to hold others against.

    A text of which SnowNLP fails is not judged.
    """

    title: ClassVar[Text] = Text("情感分析（SnowNLP 基线）", "Sentiment (SnowNLP, baseline)")

    def definition(self) -> Text:
        """How a text is judged."""
        low, high = self._bands()
        return Text(
            "仅判断中文文本：SnowNLP 自带的朴素贝叶斯模型给出“正面”概率，"
            f"高于 {high} 记为正面，低于 {low} 记为负面，介于两者之间记为不确定。"
            "概率未经校准，速度很慢，用作对照基线。",
            "Chinese texts only: the naive Bayes model that SnowNLP carries gives the probability; above "
            f"{high} positive, below {low} negative, between them uncertain. Not calibrated and slow; a "
            "baseline.",
        )

    def _probabilities(self, texts: pl.Series, language: pl.Series) -> NDArray[np.float64]:
        chosen = (language == "zh").fill_null(False)
        found = [_positive(text) for text in texts.filter(chosen)]
        return spread(texts, chosen, found)


def _positive(text: str) -> float:
    try:
        return float(_package()(text).sentiments)
    except (ArithmeticError, ValueError):  # it divides by zero on texts that it cannot segment
        return float("nan")


def _package() -> Any:
    try:
        from snownlp import SnowNLP
    except ImportError as error:
        raise MissingExtraError(
            "The annotator sentiment-snownlp needs the package snownlp. Run: pip install 'crmlab[demo]'"
        ) from error
    return SnowNLP
