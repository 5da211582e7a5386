"""What no aspect knows: the frequent words and clauses to grow a taxonomy from."""

from __future__ import annotations

import polars as pl

from crmlab.data.privacy import mask_text, without_contacts
from crmlab.words import occurrences
from crmlab_plugins.aspects.search import mentioned
from crmlab_plugins.aspects.taxonomy import Aspect

_ROWS = 200
_FEWEST_TEXTS = 5
_SHORTEST = 2
# The words of at most so many clauses are looked at, spread evenly over the feedback.
_CLAUSES = 60_000
_LONGEST_EXAMPLE = 60


def unmatched_clauses(
    feedback: pl.DataFrame, pieces: pl.DataFrame, aspects: tuple[Aspect, ...], smallest_group: int = 1
) -> pl.DataFrame:
    """Return the words of clauses that mention no aspect, by the number of texts, at most 200.

    ``pieces`` has the :func:`crmlab_plugins.text.clauses.clauses` of the feedback with their ``level``.
    Columns: ``word``; ``texts`` (with an unmatched clause that has the word); ``share`` of all unmatched
    clauses that were looked at; ``example``, the shortest such clause, masked and cut after 60 characters.
    Left out are single characters, what is masked, and words of fewer than five texts or of fewer than
    ``smallest_group`` different customers. Sorted by texts descending, word.
    """
    matched = mentioned(pieces["level"], aspects, judged=False)["row"].unique()
    rest = pieces.with_row_index("piece").filter(~pl.col("piece").is_in(matched.implode()))
    rest = rest.gather_every(max(1, -(-rest.height // _CLAUSES)))
    writer = (
        pl.coalesce("customer_id", "feedback_id")
        if "customer_id" in feedback.columns
        else pl.col("feedback_id")
    )
    writers = feedback.select(writer.alias("writer"))["writer"]
    shown = mask_text(rest["clause"])
    rest = rest.with_columns(writers.gather(rest["row"]), shown.alias("clause")).with_row_index("at")
    told = (
        occurrences(without_contacts(shown))
        .unique()
        .rename({"row": "at"})
        .filter(pl.col("word").str.len_chars() >= _SHORTEST)
        .join(rest, on="at")
    )
    shortest = pl.col("clause").sort_by(pl.col("clause").str.len_chars(), "clause").first()
    cut = pl.when(shortest.str.len_chars() > _LONGEST_EXAMPLE).then(pl.lit("…")).otherwise(pl.lit(""))
    return (
        told.group_by("word")
        .agg(
            texts=pl.col("row").n_unique().cast(pl.Int64),
            share=pl.col("at").n_unique() / max(rest.height, 1),
            example=shortest.str.slice(0, _LONGEST_EXAMPLE) + cut,
            writers=pl.col("writer").n_unique(),
        )
        .filter((pl.col("texts") >= _FEWEST_TEXTS) & (pl.col("writers") >= smallest_group))
        .drop("writers")
        .sort("texts", "word", descending=[True, False])
        .head(_ROWS)
    )
