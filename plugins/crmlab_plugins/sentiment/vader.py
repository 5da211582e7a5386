"""VADER's word rules for English (Hutto & Gilbert 2014, ICWSM 8:216-225), as a part and as a baseline.

The lexicon and the rules are those of the package vaderSentiment. Its own loop looks at the whole text
again for each word of the lexicon, so its time grows with the square of the number of words. What a
word counts depends only on the three words before it and the two after it, so here the package's rule is
asked with these: the same numbers, in time that grows with the number of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.errors import MissingExtraError
from crmlab.labels import Text
from crmlab_plugins.sentiment.base import SentimentAnnotator, spread

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

CHARACTERS = 5_000
"""No review needs more than its beginning."""

_BEFORE, _AFTER = 3, 2

# VADER's compound value to log-odds of "positive", by logistic regression with equal class weights on the
# 3,708 Amazon snippets rated by people that its authors publish (amazonReviewSnippets_GroundTruth), those
# with a mean rating within 0.5 of zero left out.
_SLOPE = 3.70
_INTERCEPT = -0.63


class SentimentVader(SentimentAnnotator):
    """Judges English texts by VADER alone: a baseline to hold others against."""

    title: ClassVar[Text] = Text("情感分析（VADER 基线）", "Sentiment (VADER, baseline)")

    def definition(self) -> Text:
        """How a text is judged."""
        low, high = self._bands()
        return Text(
            "仅判断英文文本：VADER 词典规则（Hutto 与 Gilbert，2014）的综合分换算成“正面”概率，"
            f"高于 {high} 记为正面，低于 {low} 记为负面，介于两者之间记为不确定。用作对照基线。",
            "English texts only: the compound value of VADER's word rules (Hutto & Gilbert 2014) as a "
            f"probability; above {high} positive, below {low} negative, between them uncertain. A baseline.",
        )

    def _probabilities(self, texts: pl.Series, language: pl.Series) -> NDArray[np.float64]:
        import numpy as np

        english = language == "en"
        value = compounds(texts.filter(english.fill_null(False)).to_list())
        probability = 1 / (1 + np.exp(-(_SLOPE * value + _INTERCEPT)))
        return spread(texts, english, np.where(value == 0, 0.5, probability))


def compounds(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return VADER's compound value per text, from -1 to 1; 0 where no word of it is known.

    Only the first ``CHARACTERS`` of a text are read.
    """
    import numpy as np

    return np.array([_compound(text[:CHARACTERS]) for text in texts], dtype=np.float64)


def _compound(text: str) -> float:
    package, rules = _vader()
    text = (text if text.isascii() else _emoji_told(text, rules.emojis)).strip()
    words = [package.SentiText._strip_punc_if_word(word) for word in text.split()]
    lower = [word.lower() for word in words]
    shouted = package.allcap_differential(words)
    valences: list[float] = [0] * len(words)
    for place, word in enumerate(lower):
        kind_of = word == "kind" and lower[place + 1 : place + 2] == ["of"]
        if word in rules.lexicon and word not in package.BOOSTER_DICT and not kind_of:
            begin = max(0, place - _BEFORE)
            near = SimpleNamespace(words_and_emoticons=words[begin : place + _AFTER + 1], is_cap_diff=shouted)
            valences[place] = rules.sentiment_valence(0, near, words[place], place - begin, [])[0]
    if "but" in lower:
        valences = rules._but_check(words, valences)
    compound: float = rules.score_valence(valences, text)["compound"]
    return compound


def _emoji_told(text: str, emojis: dict[str, str]) -> str:
    """Put the description of each emoji in its place, apart from the word before it."""
    told, apart = [], True
    for character in text:
        description = emojis.get(character)
        if description is None:
            told.append(character)
            apart = character == " "
        else:
            told.append(description if apart else f" {description}")
            apart = False
    return "".join(told)


@cache
def _vader() -> tuple[Any, Any]:
    """Return the package and its rules with their lexicon, read once."""
    try:
        from vaderSentiment import vaderSentiment
    except ImportError as error:
        raise MissingExtraError(
            "English texts are judged with the package vaderSentiment, which is not installed. "
            "Run: pip install vadersentiment"
        ) from error
    return vaderSentiment, vaderSentiment.SentimentIntensityAnalyzer()
