"""What separates groups of texts: the words that one group uses more than the others.

Weighted log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin' Words",
Political Analysis 16:372–403), here on the number of texts that have a word, so that one long text
cannot make a word telling. The prior is the word's share among all texts, as strong as
``PRIOR_TEXTS`` texts; it draws rare words towards no difference. Words are compared by z-score, and
the expected share of false finds is held by Benjamini & Hochberg (1995, JRSS B 57:289–300), over all
words of all groups together.
"""

from __future__ import annotations

from math import erfc, sqrt
from typing import TYPE_CHECKING

from crmlab.words import occurrences

if TYPE_CHECKING:
    import polars as pl

PRIOR_TEXTS = 100.0

MOST_WORDS = 200
"""Of each group, :func:`contrast_groups` returns at most this many words."""


def contrast(
    texts: pl.Series, positive: pl.Series, min_texts: int = 5, writers: pl.Series | None = None
) -> pl.DataFrame:
    """Return how strongly each word marks the positive or the negative group of texts.

    ``positive`` is Boolean, one per text; rows with a null text or a null group are left out. Words
    in fewer than ``min_texts`` texts are not tested. Columns: ``word``; ``positive_texts``,
    ``negative_texts`` (texts with the word); ``positive_share``, ``negative_share`` (of the texts of
    that group); ``log_odds`` and its ``z`` (above 0: marks the positive group); ``q`` (the smallest
    false discovery rate at which the word counts as found); with ``writers`` (who wrote each text) also
    ``writers``, how many different ones used the word. Sorted by ``z`` descending, then word. Empty where
    one of the groups has no text.
    """
    import polars as pl

    named = positive.cast(pl.Boolean).cast(pl.Int8).cast(pl.String)
    counted, sizes = _counted(texts, named, writers, min_texts)
    side = counted.filter(group="1").rename({"texts": "positive_texts", "rest": "negative_texts"})
    n_positive, n_negative = sizes.get("1", 0), sizes.get("0", 0)
    compared = side.with_columns(
        (pl.col("positive_texts") / max(n_positive, 1)).alias("positive_share"),
        (pl.col("negative_texts") / max(n_negative, 1)).alias("negative_share"),
        *_log_odds(pl.col("positive_texts"), n_positive, pl.col("negative_texts"), n_negative),
    )
    columns = ["word", "positive_texts", "negative_texts", "positive_share", "negative_share"]
    more = ["log_odds", "z", "q", *(["writers"] if writers is not None else [])]
    return _adjusted(compared).sort(["z", "word"], descending=[True, False]).select(*columns, *more)


def contrast_groups(
    texts: pl.Series,
    groups: pl.Series,
    writers: pl.Series | None = None,
    *,
    min_texts: int = 20,
    min_writers: int = 1,
    discoveries: float = 0.01,
) -> pl.DataFrame:
    """Return the words that mark each of several groups of texts against all the others together.

    ``groups`` names the group of each text (null: left out), ``writers`` who wrote it; without writers each
    text has its own. A word is tested when at least ``min_texts`` texts have it, and kept when it is more
    common in the group than elsewhere, at a false discovery rate of at most ``discoveries`` over all
    groups, and written by at least ``min_writers`` different people of the group. Groups of fewer than
    ``min_texts`` texts are part of the others alone. Columns: ``group``, ``word``; ``texts`` of the group
    with the word, ``share`` of the group's texts, ``other_share`` of the others', ``writers`` in the group,
    ``log_odds``, ``z``, ``q``. Sorted by group, ``z`` descending, word; at most ``MOST_WORDS`` per group.
    """
    import polars as pl

    named = groups.cast(pl.String)
    counted, sizes = _counted(texts, named, writers, min_texts)
    total = sum(sizes.values())
    large = pl.DataFrame(
        {"group": list(sizes), "size": list(sizes.values())}, schema={"group": pl.String, "size": pl.Int64}
    ).filter((pl.col("size") >= min_texts) & (pl.col("size") < total))
    size = pl.col("size")
    compared = counted.join(large, on="group").with_columns(
        (pl.col("texts") / size).alias("share"),
        (pl.col("rest") / (total - size)).alias("other_share"),
        *_log_odds(pl.col("texts"), size, pl.col("rest"), total - size),
    )
    kept = _adjusted(compared.sort("group", "word")).filter(
        (pl.col("z") > 0) & (pl.col("q") <= discoveries) & (pl.col("group_writers") >= min_writers)
    )
    return (
        kept.drop("writers")
        .rename({"group_writers": "writers"})
        .sort("group", "z", "word", descending=[False, True, False])
        .group_by("group", maintain_order=True)
        .head(MOST_WORDS)
        .select("group", "word", "texts", "share", "other_share", "writers", "log_odds", "z", "q")
    )


def false_discovery_rates(p_values: list[float]) -> list[float]:
    """Return each p-value adjusted after Benjamini and Hochberg, in the given order."""
    count = len(p_values)
    smallest = 1.0
    adjusted = [1.0] * count
    for rank, place in zip(
        range(count, 0, -1), sorted(range(count), key=lambda i: -p_values[i]), strict=True
    ):
        smallest = min(smallest, p_values[place] * (count / rank))
        adjusted[place] = smallest
    return adjusted


def _counted(
    texts: pl.Series, groups: pl.Series, writers: pl.Series | None, min_texts: int
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Count the texts with each word per group, and the texts of each group.

    One row per word and group, also where no text of the group has the word: ``word``, ``group``, ``texts``,
    ``rest`` (texts of the other groups), ``writers`` of the word in all, ``group_writers``. Sorted by word,
    group. A word counts once per text. Empty where there are fewer than two groups.
    """
    import polars as pl

    given = pl.DataFrame({"text": texts.cast(pl.String), "group": groups.cast(pl.String)}).with_row_index(
        "at"
    )
    by = pl.col("at").cast(pl.String) if writers is None else pl.lit(writers.cast(pl.String))
    given = given.with_columns(writer=by)
    table = given.drop_nulls(["text", "group"])
    sizes = {str(group): int(n) for group, n in table["group"].value_counts().sort("group").iter_rows()}
    # Texts without a group are cut as well: others ask for the words of all.
    said = occurrences(given["text"])
    found = said.filter(given["group"].is_not_null().gather(said["row"])).unique().sort("row", "word")
    found = found.with_columns(given[name].gather(found["row"]) for name in ("group", "writer"))
    people = pl.col("writer").n_unique().cast(pl.Int64)
    words = (
        found.group_by("word")
        .agg(total=pl.len().cast(pl.Int64), writers=people)
        .filter(pl.col("total") >= min_texts)
    )
    if len(sizes) < 2:
        words = words.clear()
    every = words.join(pl.DataFrame({"group": list(sizes)}, schema={"group": pl.String}), how="cross")
    cells = found.group_by("word", "group").agg(texts=pl.len().cast(pl.Int64), group_writers=people)
    counted = (
        every.join(cells, on=["word", "group"], how="left")
        .with_columns(pl.col("texts", "group_writers").fill_null(0))
        .with_columns(rest=pl.col("total") - pl.col("texts"))
        .sort("word", "group")
    )
    return counted.select("word", "group", "texts", "rest", "writers", "group_writers"), sizes


def _log_odds(a: pl.Expr, n_a: pl.Expr | int, b: pl.Expr, n_b: pl.Expr | int) -> list[pl.Expr]:
    """Return the difference of log-odds of having the word, and its z-score."""
    import polars as pl

    prior = PRIOR_TEXTS * (a + b) / (n_a + n_b)
    with_a, with_b = a + prior, b + prior
    # A word in every text of both groups would leave nothing beside it.
    without_a = pl.max_horizontal(n_a + PRIOR_TEXTS - with_a, pl.lit(0.5))
    without_b = pl.max_horizontal(n_b + PRIOR_TEXTS - with_b, pl.lit(0.5))
    difference = (with_a / without_a).log() - (with_b / without_b).log()
    variance = 1 / with_a + 1 / without_a + 1 / with_b + 1 / without_b
    return [difference.alias("log_odds"), (difference / variance.sqrt()).alias("z")]


def _adjusted(compared: pl.DataFrame) -> pl.DataFrame:
    """Add ``q``, the false discovery rate of the two-sided z-score."""
    import polars as pl

    p = [erfc(abs(z) / sqrt(2)) for z in compared["z"]]
    return compared.with_columns(pl.Series("q", false_discovery_rates(p), dtype=pl.Float64))
