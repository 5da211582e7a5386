"""Whether the questions of a matrix measure one thing: Cronbach's alpha, and without each question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.surveys.sheets import Asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def cronbach_alpha(answers: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return Cronbach's alpha with its F interval.

    Cronbach (1951, Psychometrika 16:297–334); Feldt (1965, Psychometrika 30:357–370). ``answers`` is
    respondents × questions without gaps. All NaN for fewer than two questions or respondents, and where
    nobody differs from anybody.
    """
    import numpy as np
    from scipy.special import fdtri

    table = np.asarray(answers, dtype=np.float64)
    n, k = table.shape
    if n < 2 or k < 2:
        return UNKNOWN
    total = float(table.sum(axis=1).var(ddof=1))
    if not total:
        return UNKNOWN
    alpha = k / (k - 1) * (1 - float(table.var(axis=0, ddof=1).sum()) / total)
    tail = (1 - confidence) / 2
    freedom = (n - 1, (n - 1) * (k - 1))
    return Estimate(
        alpha,
        1 - (1 - alpha) * float(fdtri(*freedom, 1 - tail)),
        1 - (1 - alpha) * float(fdtri(*freedom, tail)),
    )


def complete_answers(questions: Sequence[Asked]) -> pl.DataFrame:
    """Return ``respondent_id``, ``person`` and a column per question, of those who answered all of them."""
    first, *rest = [
        asked.frame.select("respondent_id", "person", pl.col("score").alias(f"q{place}"))
        for place, asked in enumerate(questions)
    ]
    together = first
    for place, frame in enumerate(rest, 1):
        together = together.join(
            frame.select("respondent_id", f"q{place}"), on="respondent_id", maintain_order="left"
        )
    return together


def reliability(title: str, questions: Sequence[Asked], names: Sequence[str], least: int) -> pl.DataFrame:
    """Return one row for the whole matrix and one per question.

    ``matrix``, ``question`` (null for the whole), ``n`` who answered all, ``alpha`` with ``low`` and
    ``high``; for a question the alpha without it, and ``item_rest`` (its correlation with the sum of the
    others). Without figures where fewer than ``least`` people answered all.
    """
    import numpy as np

    answers = complete_answers(questions)
    scores = answers.select(pl.exclude("respondent_id", "person")).to_numpy()
    known = answers["person"].n_unique() >= max(least, 2)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate([None, *names]):
        row: dict[str, Any] = {"matrix": title, "question": name}
        rows.append(row)
        if not known:
            continue
        kept = scores if name is None else np.delete(scores, place - 1, axis=1)
        alpha = cronbach_alpha(kept)
        row |= {"n": answers.height} | _known(alpha)
        if name is not None:
            row["item_rest"] = _correlation(scores[:, place - 1], kept.sum(axis=1))
    return pl.DataFrame(rows, schema=_SUMMARY)


def _known(alpha: Estimate) -> dict[str, float | None]:
    ends = zip(("alpha", "low", "high"), alpha, strict=True)
    return {name: None if value != value else value for name, value in ends}


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    import numpy as np

    if not one.std() or not other.std():
        return None
    return float(np.corrcoef(one, other)[0, 1])


_SUMMARY: dict[str, Any] = {
    "matrix": pl.String,
    "question": pl.String,
    "n": pl.Int64,
    "alpha": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "item_rest": pl.Float64,
}
