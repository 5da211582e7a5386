"""Is a text satisfied or dissatisfied: Chinese and English by our own weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.labelling.correction import Correction
from crmlab.labels import Text
from crmlab_plugins.sentiment import base_rate, chinese, english
from crmlab_plugins.sentiment.base import SENTIMENTS, SentimentAnnotator
from crmlab_plugins.sentiment.refit import recalibrated, scales_of
from crmlab_plugins.text.languages import languages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SENTIMENTS", "Sentiment", "score"]

_Scored = tuple[pl.Series, pl.Series, "NDArray[np.float64]"]

_EMOJI = r"\p{Extended_Pictographic}"


class Sentiment(SentimentAnnotator):
    """Adds the language of each text, the probability that it is positive, and its sentiment.

    A text whose probability lies within ``uncertain_within`` of one half is ``uncertain``; there is
    no class "neutral", because nothing here was trained on neutral texts. Empty texts, and texts that
    are neither Chinese nor in Latin letters, are ``none`` and have no probability; emoji alone are
    judged where they are known.

    With ``adapt_base_rate`` the Chinese texts that it is fitted on tell which share of them is positive,
    and the probabilities of Chinese texts are shifted towards it (:mod:`base_rate`); with fewer than 200
    distinct ones, half are taken to be positive, as in the training. Once fitted, a text gets the same
    probability alone as among others.

    ``correction`` names a file that `crmlab label` made from rows labelled by hand. ``recalibrate``
    shifts and stretches the log-odds of each channel of which at least 100 customers gave a text and a
    score of their own, so that they fit these scores.
    """

    title: ClassVar[Text] = Text("情感分析", "Sentiment")

    adapt_base_rate: bool = True
    correction: str | None = None
    recalibrate: bool = False

    def definition(self) -> Text:
        """How a text is judged, and how often that is right on texts that were held out."""
        zh_card, en_card = _card("zh"), _card("en")
        chinese_out, english_out = zh_card["evaluation"]["held out"], en_card["evaluation"]["held out"]
        vader = en_card["vader_baseline"]["held out"]
        low, high = self._bands()
        zh = (
            f"每条文本给出“正面”概率：高于 {high} 记为正面，低于 {low} 记为负面，"
            "介于两者之间记为不确定；空白和其他语言的文本不判断。汉字占字母的 20% 以上按中文处理，"
            "只有表情的文本按认识的表情判断。"
            f"中文：基于单字和相邻两字的线性模型，用 {zh_card['training_texts']:,} 条评论训练；"
            f"在 {chinese_out['n']:,} 条未参与训练的评论上准确率 {chinese_out['accuracy']:.1%}"
            f"（全猜多数类为 {chinese_out['majority']:.1%}），换到其他行业会有升降。"
            "英文：基于单词和相邻两词的线性模型加 VADER 词典规则，"
            f"用 {en_card['training_texts']:,} 条短文训练；"
            f"在 {english_out['n']:,} 条未参与训练的短文上准确率 {english_out['accuracy']:.1%}"
            f"（仅用 VADER 为 {vader['accuracy']:.1%}）；其他用拉丁字母书写的语言也会按英文处理，不可靠。"
        )
        en = (
            f"Each text gets a probability of being positive: above {high} it is positive, below "
            f"{low} negative, between them uncertain; blank and other-language texts are not judged. A "
            "text is Chinese when Han characters are at least 20% of its letters; emoji alone are judged "
            f"where they are known. Chinese: a linear model on characters and pairs of them, trained on "
            f"{zh_card['training_texts']:,} reviews; accuracy {chinese_out['accuracy']:.1%} on "
            f"{chinese_out['n']:,} reviews kept out of training (always guessing the larger class: "
            f"{chinese_out['majority']:.1%}); other trades may differ. English: a linear model on words and "
            f"pairs of them with the VADER word rules, trained on {en_card['training_texts']:,} snippets; "
            f"accuracy {english_out['accuracy']:.1%} on {english_out['n']:,} snippets kept out of training "
            f"(VADER alone: {vader['accuracy']:.1%}); other languages in Latin letters are read as English, "
            "which is not reliable."
        )
        rate = base_rate.in_words(getattr(self, "base_rate_", None), adapt=self.adapt_base_rate)
        zh, en = zh + rate.zh, f"{en} {rate.en}"
        return Text(zh, en) if not self._changed else Text(zh + self._changed.zh, f"{en} {self._changed.en}")

    @property
    def _changed(self) -> Text | None:
        """What the customers' own scores or labels changed, in words."""
        learned: dict[str, Any] | None = getattr(self, "correction_", None)
        channels: dict[str, Any] = getattr(self, "scales_", {})
        zh = f"按 {learned['labels']:,} 条人工标注校正过。" if learned else ""
        en = f"Corrected by {learned['labels']:,} rows labelled by hand." if learned else ""
        if channels:
            zh += f"{len(channels)} 个渠道的概率按客户自己的评分重新校准，因此与评分的一致程度略偏乐观。"
            en += (
                f" The probabilities of {len(channels)} channel(s) are recalibrated to the customers' own "
                "scores, so the agreement with these is a little too good."
            )
        return Text(zh, en.strip()) if zh else None

    def _fit(self, feedback: pl.DataFrame) -> None:
        self.base_rate_: dict[str, Any] | None = None
        self.correction_: dict[str, Any] | None = None
        self.scales_: dict[str, list[float]] = {}
        if self.correction is not None:
            self.correction_ = Correction.read(Path(self.correction)).to_dict()
        if not (self.adapt_base_rate or self.recalibrate):
            return
        texts = feedback["text"].cast(pl.String)
        # Kept beside what is learned, as the same texts are judged next and scoring is what takes time.
        self._scored = (texts, *_scored(texts))
        if self.adapt_base_rate:
            self.base_rate_ = base_rate.learned_from(*self._scored)
        if self.recalibrate:
            found = pl.Series(self._judged(texts)[1], dtype=pl.Float64)
            self.scales_ = scales_of(feedback, found.fill_nan(None))

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        annotation = super()._predict(feedback)
        if not self.scales_:
            return annotation
        found = recalibrated(feedback, annotation["positive_probability"], self.scales_)
        return annotation.with_columns(found).with_columns(self._sentiment().alias("sentiment"))

    def _judged(self, texts: pl.Series) -> tuple[pl.Series, NDArray[np.float64]]:
        import numpy as np

        known: _Scored | None = getattr(self, "_scored", None)
        language, found = known[1:] if known and known[0].equals(texts) else _scored(texts)
        if self.base_rate_ and self.base_rate_["shift"]:
            is_chinese = (language == "zh").fill_null(False).to_numpy()
            found = np.where(is_chinese, base_rate.shifted(found, self.base_rate_["shift"]), found)
        if self.correction_ is None:
            return language, found
        given = pl.Series("positive_probability", found).fill_nan(None)
        applied = Correction.from_dict(self.correction_).apply(texts, given)
        return language, applied.fill_null(float("nan")).to_numpy()


def _scored(texts: pl.Series) -> tuple[pl.Series, NDArray[np.float64]]:
    """Return the language and the probability of each text, as the shipped weights have it."""
    language = languages(texts)
    return language, score(texts, language)


def score(texts: pl.Series | Sequence[str | None], language: pl.Series | None = None) -> NDArray[np.float64]:
    """Return per text the probability that it is positive; NaN where it is not judged.

    Takes whole texts or clauses, and their languages where they are known. 0.5 means that nothing in
    the text is known to the model.
    """
    import numpy as np

    series = texts if isinstance(texts, pl.Series) else pl.Series(texts, dtype=pl.String)
    language = languages(series) if language is None else language
    emoji = language.is_null() & series.str.contains(_EMOJI).fill_null(False)
    emoji &= ~series.str.contains(r"\p{L}").fill_null(False)
    found = np.full(len(series), np.nan)
    for chosen, model in (
        (language == "zh", chinese.shipped),
        (language == "en", english.shipped),
        (emoji, chinese.shipped),
    ):
        here = chosen.fill_null(False)
        if here.any():
            found[here.to_numpy()] = model().probabilities(series.filter(here).to_list())
    # Emoji alone that the model does not know say nothing.
    found[emoji.to_numpy() & (found == 0.5)] = np.nan
    return found


@cache
def _card(language: str) -> dict[str, Any]:
    """Read what the training script wrote about the weights of a language."""
    path = chinese.DATA / f"sentiment_{language}.json"
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card
