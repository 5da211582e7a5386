"""The language of a text, by its script: Chinese, English, or neither.

A rule on scripts tells Chinese from English as well as a language model does and much faster; it
cannot tell English from other languages in Latin letters.
"""

from __future__ import annotations

import polars as pl

HAN_SHARE = 0.2
"""From this share of Han characters among all letters on, a text is Chinese."""

KANA_SHARE = 0.2
"""Above this share of kana among Han and kana, a text is Japanese, so neither."""


def languages(texts: pl.Series) -> pl.Series:
    """Return ``"zh"``, ``"en"`` or null per text (String); null for texts without letters."""
    letters = pl.col("text").str.count_matches(r"\p{L}")
    han = pl.col("text").str.count_matches(r"\p{Han}")
    kana = pl.col("text").str.count_matches(r"[\p{Hiragana}\p{Katakana}]")
    latin = pl.col("text").str.count_matches(r"\p{Latin}")
    chinese = (han > 0) & (han >= HAN_SHARE * letters) & (kana <= KANA_SHARE * (han + kana))
    english = (latin > 0) & (latin >= 0.5 * letters)
    rule = pl.when(chinese).then(pl.lit("zh")).when(english).then(pl.lit("en"))
    return pl.DataFrame({"text": texts.cast(pl.String)}).select(rule.alias("language")).to_series()
