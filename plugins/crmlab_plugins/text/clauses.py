"""The clauses of a text: what stands between punctuation marks and turns such as "but" or "但是"."""

from __future__ import annotations

from functools import cache

import polars as pl

TURNS = ("但是", "不过", "可惜")
"""Chinese words at which a clause begins."""

_CLAUSE_END = rf"[。！？；，…~～!?;\n]+|\.{{2,}}|\b(?:but|however|although)\b|{'|'.join(TURNS)}"
_POINT_OR_COMMA = r"([.,])(\s|$|\p{Han})"  # not within numbers and addresses
_SENTENCE_END = r"[。！？；!?;\n]\s*$"
_SHORT_CLAUSE = 4


def clauses(feedback: pl.DataFrame) -> pl.DataFrame:
    """Cut every text into clauses: ``row`` of the text, ``feedback_id``, ``place``, ``clause`` as written.

    A clause of fewer than four characters ("房间，很脏") goes together with the next, within a sentence.
    Clauses without a letter or digit are left out.
    """
    texts = feedback.select("feedback_id", pl.col("text").cast(pl.String)).with_row_index("row")
    marked = pl.col("text").str.replace_all(f"(?i)({_CLAUSE_END})", "$1\x1f")
    marked = marked.str.replace_all(_POINT_OR_COMMA, "$1\x1f$2").str.split("\x1f")
    pieces = (
        texts.select("row", "feedback_id", marked.alias("clause"))
        .explode("clause", empty_as_null=True)
        .drop_nulls("clause")
        .with_columns(
            short=(pl.col("clause").str.count_matches(r"\w") < _SHORT_CLAUSE)
            & ~pl.col("clause").str.contains(_SENTENCE_END)
        )
    )
    begins = ~pl.col("short").shift(1).over("row").fill_null(value=False)
    return (
        pieces.with_columns(place=begins.cum_sum().over("row"))
        .group_by("row", "place", maintain_order=True)
        .agg(pl.first("feedback_id"), pl.col("clause").str.join("").str.strip_chars())
        .filter(pl.col("clause").str.contains(r"\w"))
    )


def level(texts: pl.Series) -> pl.Series:
    """Return the texts as words are looked for in them: NFKC, lower case, simplified characters."""
    old, new = _characters()
    column = pl.col(texts.name or "text").cast(pl.String).str.normalize("NFKC").str.to_lowercase()
    return texts.to_frame(texts.name or "text").select(column.str.replace_many(old, new)).to_series()


@cache
def _characters() -> tuple[list[str], list[str]]:
    from crmlab_plugins.sentiment.chinese import traditional

    return list(traditional()), list(traditional().values())
