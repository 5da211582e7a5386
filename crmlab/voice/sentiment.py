"""Sentiment of texts, counted, and held against the scores that the customers gave themselves."""

from __future__ import annotations

import polars as pl

from crmlab.intervals import wilson

SMALLEST_SHARE = 30
"""Below this many texts a share is not drawn on its own, nor named in a title."""
POLES = ("positive", "negative")
SENTIMENTS = ("positive", "uncertain", "negative")
"""What a text can be judged; ``none`` is a text that could not be judged."""

_SATISFIED = {
    "nps_0_10": (6, 9),
    "csat_1_5": (2, 4),
    "csat_1_7": (3, 5),
    "ces_1_7": (3, 5),
    "binary_0_1": (0, 1),
}
"""Scale → highest score of the dissatisfied, lowest of the satisfied; who is between says neither."""


def sentiment_shares(feedback: pl.DataFrame) -> pl.DataFrame:
    """Return one row per sentiment with its share of the judged texts and 95 % Wilson interval.

    Columns ``sentiment``, ``texts``, ``share``, ``low``, ``high``.
    """
    counts = dict(feedback.group_by("sentiment").len().iter_rows())
    judged = sum(counts.get(name, 0) for name in SENTIMENTS)
    rows = []
    for name in SENTIMENTS:
        n = counts.get(name, 0)
        rows.append((name, n, n / judged if judged else None, *wilson(n, judged)))
    return pl.DataFrame(rows, schema=_SHARES, orient="row")


def satisfied(feedback: pl.DataFrame) -> pl.Series:
    """Return whether the customer's own score says satisfied; null in the middle or without a score.

    NPS 9–10 against 0–6; five points 4–5 against 1–2; seven points 5–7 against 1–3; yes or no.
    """
    score, scale = pl.col("score"), pl.col("scale")
    cases = [
        pl.when((scale == name) & ((score >= high) | (score <= low))).then(score >= high)
        for name, (low, high) in _SATISFIED.items()
    ]
    return feedback.select(pl.coalesce(*cases).alias("satisfied")).to_series()


def reliability(feedback: pl.DataFrame) -> pl.DataFrame:
    """Return how often the judged sentiment agrees with the customer's own score.

    One row, or none without scores: ``n`` decided texts, ``accuracy`` with ``low`` and ``high``,
    ``baseline`` (the share of the larger class), ``undecided`` (texts left uncertain), and over the
    decided texts the share that is positive by score (``own_share``) and by judgement
    (``judged_share``): what misjudgement adds or takes away.
    """
    scored = feedback.with_columns(satisfied(feedback)).drop_nulls("satisfied")
    decided = scored.filter(pl.col("sentiment").is_in(POLES))
    n = decided.height
    if not n:
        return pl.DataFrame(schema=_RELIABILITY)
    right = int(((decided["sentiment"] == "positive") == decided["satisfied"]).sum())
    pleased = int(decided["satisfied"].sum())
    undecided = int((scored["sentiment"] == "uncertain").sum())
    judged = int((decided["sentiment"] == "positive").sum())
    baseline = max(pleased, n - pleased) / n
    row = (n, right / n, *wilson(right, n), baseline, undecided, pleased / n, judged / n)
    return pl.DataFrame([row], schema=_RELIABILITY, orient="row")


_SHARES = {
    "sentiment": pl.String,
    "texts": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_RELIABILITY = {
    "n": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "baseline": pl.Float64,
    "undecided": pl.Int64,
    "own_share": pl.Float64,
    "judged_share": pl.Float64,
}
