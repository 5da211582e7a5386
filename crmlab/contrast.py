"""What separates two groups of texts: the words that one group uses more than the other.

Weighted log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin' Words",
Political Analysis 16:372–403), here on the number of texts that have a word, so that one long text
cannot make a word telling. The prior is the word's share among all texts, as strong as
``PRIOR_TEXTS`` texts; it draws rare words towards no difference. Words are compared by z-score, and
the expected share of false finds is held by Benjamini & Hochberg (1995, JRSS B 57:289–300).
"""

from __future__ import annotations

from math import erfc, log, sqrt
from typing import TYPE_CHECKING

from crmlab.words import words

if TYPE_CHECKING:
    import polars as pl

PRIOR_TEXTS = 100.0


def contrast(texts: pl.Series, positive: pl.Series, min_texts: int = 5) -> pl.DataFrame:
    """Return how strongly each word marks the positive or the negative group of texts.

    ``positive`` is Boolean, one per text; rows with a null text or a null group are left out. Words
    in fewer than ``min_texts`` texts are not tested. Columns: ``word``; ``positive_texts``,
    ``negative_texts`` (texts with the word); ``positive_share``, ``negative_share`` (of the texts of
    that group); ``log_odds`` and its ``z`` (above 0: marks the positive group); ``q`` (the smallest
    false discovery rate at which the word counts as found). Sorted by ``z`` descending, then word.
    Empty where one of the groups has no text.
    """
    import polars as pl

    table = pl.DataFrame({"text": texts.cast(pl.String), "positive": positive.cast(pl.Boolean)}).drop_nulls()
    n_positive = int(table["positive"].sum())
    n_negative = table.height - n_positive
    occurrences = pl.DataFrame(
        {
            "word": [sorted(set(words(text))) for text in table["text"].to_list()],
            "positive": table["positive"],
        },
        schema={"word": pl.List(pl.String), "positive": pl.Boolean},
    )
    counted = (
        occurrences.explode("word", empty_as_null=False)
        .group_by("word")
        .agg(
            pl.col("positive").sum().cast(pl.Int64).alias("positive_texts"),
            (~pl.col("positive")).sum().cast(pl.Int64).alias("negative_texts"),
        )
        .filter(pl.col("positive_texts") + pl.col("negative_texts") >= min_texts)
        .sort("word")
    )
    if n_positive == 0 or n_negative == 0:
        counted = counted.clear()
    rows = [
        _log_odds(a, n_positive, b, n_negative)
        for a, b in counted.select("positive_texts", "negative_texts").iter_rows()
    ]
    z = [z for _, z in rows]
    return counted.with_columns(
        (pl.col("positive_texts") / max(n_positive, 1)).alias("positive_share"),
        (pl.col("negative_texts") / max(n_negative, 1)).alias("negative_share"),
        pl.Series("log_odds", [d for d, _ in rows], dtype=pl.Float64),
        pl.Series("z", z, dtype=pl.Float64),
        pl.Series("q", false_discovery_rates([erfc(abs(x) / sqrt(2)) for x in z]), dtype=pl.Float64),
    ).sort(["z", "word"], descending=[True, False])


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


def _log_odds(a: int, n_a: int, b: int, n_b: int) -> tuple[float, float]:
    """Return the difference of log-odds of having the word, and its z-score."""
    prior = PRIOR_TEXTS * (a + b) / (n_a + n_b)
    with_a, with_b = a + prior, b + prior
    # A word in every text of both groups would leave nothing beside it.
    without_a = max(n_a + PRIOR_TEXTS - with_a, 0.5)
    without_b = max(n_b + PRIOR_TEXTS - with_b, 0.5)
    difference = log(with_a / without_a) - log(with_b / without_b)
    variance = 1 / with_a + 1 / without_a + 1 / with_b + 1 / without_b
    return difference, difference / sqrt(variance)
