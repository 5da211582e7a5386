"""Answers on scales and sentiment as counts: lift → combine → finish over any keys.

The state is a number of rows per key, scale, score and sentiment: whole numbers that add up, so batches,
buckets and engines give the same, and NPS, CSAT, CES and means follow from it exactly. Keys are columns of
the feedback table or what is joined to it: segment, month, channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmlab.satisfaction import SCALES, Direction, poles

Frame = nw.LazyFrame[Any]

_ANSWER = ("scale", "score", "sentiment")
SENTIMENTS = ("positive", "neutral", "negative")


def lift(feedback: Frame, by: Sequence[str] = ()) -> Frame:
    """Count feedback by its keys, scale, score (Int64) and sentiment; what it lacks of these is null."""
    present = feedback.collect_schema().names()
    given = {name: nw.col(name) if name in present else nw.lit(None, nw.String) for name in _ANSWER}
    rows = feedback.select(*by, **{**given, "score": given["score"].cast(nw.Int64)})
    return rows.group_by(*by, *_ANSWER).agg(rows=nw.len().cast(nw.Int64))


def combine(*states: Frame, by: Sequence[str] = ()) -> Frame:
    """Add up the counts of disjoint batches of feedback."""
    every = nw.concat([state.select(*by, *_ANSWER, "rows") for state in states])
    return every.group_by(*by, *_ANSWER).agg(nw.col("rows").sum().cast(nw.Int64))


def finish(state: Frame, by: Sequence[str] = (), ces_direction: Direction = "high_is_easy") -> Frame:
    """Return one row per key and scale, the rows without a scale among them.

    ``rows``, ``answers`` (with a score), ``bad``, ``neither``, ``good`` by :func:`crmlab.satisfaction.poles`,
    ``score_sum``, a count per sentiment; and ``nps`` (points, on its scale alone), ``share_good`` (0–1),
    ``mean_score``, ``net_sentiment`` (positive less negative, of all with a sentiment; −1 to 1). A figure is
    null where nothing was answered.
    """
    score, rows, none = nw.col("score"), nw.col("rows"), nw.lit(0, nw.Int64)

    def counted(condition: nw.Expr) -> nw.Expr:
        return nw.when(condition).then(rows).otherwise(none)

    def at(pole: int) -> nw.Expr:
        inside = [
            (nw.col("scale") == scale) & (score >= answers[0]) & (score <= answers[-1])
            for scale in SCALES
            if (answers := poles(scale, ces_direction)[pole])
        ]
        return counted(nw.any_horizontal(*inside, ignore_nulls=True))

    answered = ~score.is_null() & ~nw.col("scale").is_null()
    made = {
        "answers": counted(answered),
        **{name: at(pole) for pole, name in enumerate(("bad", "neither", "good"))},
        "score_sum": nw.when(answered).then(score * rows).otherwise(none),
        **{name: counted(nw.col("sentiment") == name) for name in SENTIMENTS},
    }
    summed = (
        state.with_columns(**made)
        .group_by(*by, "scale")
        .agg(*[nw.col(name).sum().cast(nw.Int64) for name in ("rows", *made)])
    )
    answers = nw.col("answers")
    net = nw.col("positive") - nw.col("negative")
    felt = nw.col("positive") + nw.col("neutral") + nw.col("negative")
    return summed.with_columns(
        nps=nw.when((nw.col("scale") == "nps_0_10") & (answers > 0)).then(
            (nw.col("good") - nw.col("bad")) * 100 / answers
        ),
        share_good=nw.when(answers > 0).then(nw.col("good") / answers),
        mean_score=nw.when(answers > 0).then(nw.col("score_sum") / answers),
        net_sentiment=nw.when(felt > 0).then(net / felt),
    )
