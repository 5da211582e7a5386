"""Is a text satisfied or dissatisfied: Chinese by our own weights, English by VADER."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import MissingExtraError, ParamsError
from crmlab.estimators import Annotator
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.sentiment.chinese import DATA, shipped
from crmlab_plugins.text.languages import languages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SENTIMENTS = Scheme(
    id="sentiment",
    zh="情感倾向",
    en="Sentiment",
    labels=(
        Label("positive", "正面", "Positive"),
        Label("uncertain", "不确定", "Uncertain"),
        Label("negative", "负面", "Negative"),
        Label("none", "无法判断", "Not judged"),
    ),
)

# VADER's compound value to log-odds of "positive", by logistic regression with equal class weights
# on the 3,708 Amazon snippets rated by people that VADER's authors publish (Hutto & Gilbert 2014,
# amazonReviewSnippets_GroundTruth), those with a mean rating within 0.5 of zero left out.
_VADER_SLOPE = 3.70
_VADER_INTERCEPT = -0.63

# VADER's time grows with the square of the number of words; no review needs more than its beginning.
_ENGLISH_CHARACTERS = 5_000


class Sentiment(Annotator):
    """Adds the language of each text, the probability that it is positive, and its sentiment.

    A text whose probability lies within ``uncertain_within`` of one half is ``uncertain``; there is
    no class "neutral", because nothing here was trained on neutral texts. Empty texts, texts without
    letters (emoji only) and texts that are neither Chinese nor in Latin letters are ``none`` and
    have no probability.
    """

    title: ClassVar[Text] = Text("情感分析", "Sentiment")
    adds: ClassVar[tuple[str, ...]] = ("language", "positive_probability", "sentiment")
    scheme: ClassVar[Scheme] = SENTIMENTS

    uncertain_within: float = 0.1

    def definition(self) -> Text:
        """How a text is judged, and how often that is right on texts that were held out."""
        card = _card()
        held_out = card["evaluation"]["held out"]
        low, high = 0.5 - self.uncertain_within, 0.5 + self.uncertain_within
        zh = (
            f"每条文本给出“正面”概率：高于 {high:.2f} 记为正面，低于 {low:.2f} 记为负面，"
            "介于两者之间记为不确定；空白、只有表情或其他语言的文本不判断。汉字占字母的 20% 以上按中文处理。"
            f"中文：基于单字和相邻两字的逻辑回归，用 {card['training_texts']:,} 条图书、酒店、电脑评论训练；"
            f"在 {held_out['n']:,} 条未参与训练的评论上准确率 {held_out['accuracy']:.1%}"
            f"（全猜多数类为 {held_out['majority']:.1%}），换到其他行业会有升降。"
            "英文：VADER 词典规则；其他用拉丁字母书写的语言也会按英文处理，多半落入“不确定”。"
        )
        en = (
            f"Each text gets a probability of being positive: above {high:.2f} it is positive, below "
            f"{low:.2f} negative, between them uncertain; blank, emoji-only and other-language texts are not "
            "judged. A text is Chinese when Han characters are at least 20% of its letters. Chinese: "
            f"logistic regression on characters and pairs of them, trained on {card['training_texts']:,} "
            f"reviews of books, hotels and computers; accuracy {held_out['accuracy']:.1%} on "
            f"{held_out['n']:,} reviews kept out of training (always guessing the larger class: "
            f"{held_out['majority']:.1%}); other trades may differ. English: the VADER word rules; other "
            "languages in Latin letters are read as English and mostly end as uncertain."
        )
        return Text(zh, en)

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        if not 0 <= self.uncertain_within < 0.5:
            raise ParamsError(
                f"uncertain_within is {self.uncertain_within}; it must be from 0 to below 0.5, "
                "for example 0.1 for a band from 0.4 to 0.6."
            )
        texts = feedback["text"].cast(pl.String)
        probability = pl.col("positive_probability")
        sentiment = (
            pl.when(probability.is_null())
            .then(pl.lit("none"))
            .when(probability > 0.5 + self.uncertain_within)
            .then(pl.lit("positive"))
            .when(probability < 0.5 - self.uncertain_within)
            .then(pl.lit("negative"))
            .otherwise(pl.lit("uncertain"))
        )
        scored = pl.Series("positive_probability", score(texts), dtype=pl.Float64).fill_nan(None)
        return pl.DataFrame([feedback["feedback_id"], languages(texts), scored]).with_columns(
            sentiment.alias("sentiment")
        )


def score(texts: pl.Series | Sequence[str | None]) -> NDArray[np.float64]:
    """Return per text the probability that it is positive; NaN where it is not judged.

    Takes whole texts or clauses. 0.5 means that nothing in the text is known to the model.
    """
    import numpy as np

    series = texts if isinstance(texts, pl.Series) else pl.Series(texts, dtype=pl.String)
    language = languages(series)
    found = np.full(len(series), np.nan)
    for code, probabilities in (("zh", _chinese), ("en", _english)):
        chosen = (language == code).fill_null(False)
        if chosen.any():
            found[chosen.to_numpy()] = probabilities(series.filter(chosen).to_list())
    return found


def _chinese(texts: list[str]) -> NDArray[np.float64]:
    return shipped().probabilities(texts)


def _english(texts: list[str]) -> NDArray[np.float64]:
    import numpy as np

    compound = np.array([_vader().polarity_scores(text[:_ENGLISH_CHARACTERS])["compound"] for text in texts])
    probability = 1 / (1 + np.exp(-(_VADER_SLOPE * compound + _VADER_INTERCEPT)))
    return np.where(compound == 0, 0.5, probability)


@cache
def _vader() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise MissingExtraError(
            "English texts are judged by the package vaderSentiment, which is not installed. "
            "Run: pip install vadersentiment"
        ) from error
    return SentimentIntensityAnalyzer()


@cache
def _card() -> dict[str, Any]:
    """Read what the training script wrote about the Chinese weights."""
    card: dict[str, Any] = json.loads((DATA / "sentiment_zh.json").read_text(encoding="utf-8"))
    return card
