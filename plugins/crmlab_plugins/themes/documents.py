"""Texts as rows of numbers: which words there are to know, and how much each text has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.words import Wording, occurrences

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_MOST_COMMON = 0.5
"""A word in more than this share of the texts tells no theme from another."""


def distinct_rows(texts: pl.Series, most: int) -> list[int]:
    """Return one row per distinct text, at most ``most`` of them, drawn with a fixed seed.

    A text that many sent word for word counts once: what repeats is no theme. The order does not
    depend on the order of the rows.
    """
    import numpy as np

    rows = pl.DataFrame({"text": texts}).with_row_index("row").drop_nulls().unique("text", keep="first")
    order = np.random.default_rng(0).permutation(rows.height)[:most]
    return rows.sort("text")["row"].gather(order).to_list()


def vocabulary(
    texts: pl.Series, writers: pl.Series, wording: Wording, min_writers: int, most: int
) -> pl.DataFrame:
    """Return the words that themes are made of: ``word``, ``texts`` that have it, ``idf``; sorted by word.

    Words of fewer than ``min_writers`` different writers are left out (they may be a name), as are those
    of more than half of the texts; of the rest the ``most`` frequent are kept.
    """
    written = occurrences(texts, wording).join(
        pl.DataFrame({"writer": writers}).with_row_index("row"), on="row", how="left"
    )
    worded = written["row"].n_unique()
    return (
        written.group_by("word")
        .agg(texts=pl.col("row").n_unique().cast(pl.Int64), writers=pl.col("writer").n_unique())
        .filter((pl.col("writers") >= min_writers) & (pl.col("texts") <= max(worded * _MOST_COMMON, 1)))
        .sort("texts", "word", descending=[True, False])
        .head(most)
        .sort("word")
        .select("word", "texts", idf=(worded / pl.col("texts")).log() + 1)
    )


def counted(texts: pl.Series, wording: Wording, known: pl.DataFrame) -> csr_array:
    """Return how often each text (row) has each known word (column), as a sparse matrix of counts."""
    import numpy as np
    from scipy.sparse import csr_array

    codes = known.select("word").with_row_index("code")
    counts = (
        occurrences(texts, wording).join(codes, on="word").group_by("row", "code").len().sort("row", "code")
    )
    cells: tuple[Any, Any] = (counts["row"].to_numpy(), counts["code"].to_numpy())
    values = counts["len"].to_numpy().astype(np.float64)
    return csr_array((values, cells), shape=(len(texts), known.height))


def weighted(counts: csr_array, idf: pl.Series) -> csr_array:
    """Return TF-IDF: the logarithm of the counts by the rarity of the words, each text of length one."""
    import numpy as np
    from scipy.sparse import diags_array

    weights = counts.copy()
    weights.data = (1 + np.log(weights.data)) * idf.to_numpy()[weights.indices]
    length = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    return (diags_array(1 / np.where(length > 0, length, 1)) @ weights).tocsr()
