"""The clauses of a text: what stands between punctuation marks and turns such as "but" or "但是"."""

from __future__ import annotations

from functools import cache

import polars as pl

TURNS = ("但是", "不过", "可惜")
"""Chinese words at which a clause begins."""

_ENGLISH_TURNS = ("but", "however", "although")
_CLAUSE_END = rf"[。！？；，…~～!?;\n]+|\.{{2,}}|{'|'.join(TURNS)}"
_POINT_OR_COMMA = r"([.,])(\s|$|\p{Han})"  # not within numbers and addresses
_SENTENCE_END = r"[。！？；!?;\n]\s*$"
_SHORT_CLAUSE = 4


def clauses(feedback: pl.DataFrame) -> pl.DataFrame:
    """Cut every text into clauses: ``row`` of the text, ``feedback_id``, ``place``, ``clause`` as written.

    A clause of fewer than four characters ("房间，很脏") goes together with the next, within a sentence.
    Clauses without a letter or digit are left out.
    """
    texts = feedback.select("feedback_id", pl.col("text").cast(pl.String)).with_row_index("row")
    marked = _turned(texts["text"]).str.replace_all(f"({_CLAUSE_END})", "$1\x1f")
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
    same_text = (pl.col("row") == pl.col("row").shift(1)).fill_null(value=False)
    goes_on = same_text & pl.col("short").shift(1).fill_null(value=False)
    pieces = pieces.with_columns(goes_on=goes_on, number=(~goes_on).cum_sum(), starts=~same_text)
    # Clauses count from 1 in each text.
    before = pl.when("starts").then(pl.col("number") - 1).forward_fill()
    return (
        _put_together(pieces.with_columns(place=pl.col("number") - before))
        .select("row", "place", "feedback_id", pl.col("clause").str.strip_chars())
        .filter(pl.col("clause").str.contains(r"\w"))
    )


def _turned(texts: pl.Series) -> pl.Series:
    """Mark the ends of clauses at English turns; few texts have one, and boundaries are slow to look for."""
    frame = texts.alias("text").to_frame()
    there = pl.col("text").str.contains_any(list(_ENGLISH_TURNS), ascii_case_insensitive=True)
    rows = frame.select(there.fill_null(value=False)).to_series().arg_true()
    pattern = rf"(?i)(\b(?:{'|'.join(_ENGLISH_TURNS)})\b)"
    return frame["text"].scatter(rows, frame["text"].gather(rows).str.replace_all(pattern, "$1\x1f"))


def _put_together(pieces: pl.DataFrame) -> pl.DataFrame:
    """Join the pieces of each clause; most clauses are one piece, which needs no grouping."""
    of_several = pl.col("goes_on") | pl.col("goes_on").shift(-1, fill_value=False)
    split = pieces.filter(of_several).group_by("number", maintain_order=True)
    joined = split.agg(pl.first("row", "place", "feedback_id"), pl.col("clause").str.join(""))
    columns = ["number", "row", "place", "feedback_id", "clause"]
    return pl.concat([pieces.filter(~of_several).select(columns), joined.select(columns)]).sort("number")


def level(texts: pl.Series) -> pl.Series:
    """Return the texts as words are looked for in them: NFKC, lower case, simplified characters."""
    old, new = _characters()
    column = pl.col(texts.name or "text").cast(pl.String).str.normalize("NFKC").str.to_lowercase()
    return texts.to_frame(texts.name or "text").select(column.str.replace_many(old, new)).to_series()


@cache
def _characters() -> tuple[list[str], list[str]]:
    from crmlab_plugins.sentiment.chinese import traditional

    return list(traditional()), list(traditional().values())
