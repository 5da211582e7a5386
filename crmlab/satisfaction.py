"""What customers answered on a scale: NPS, CSAT, CES, each with its definition and interval.

Rating scales are read as declared in the feedback table's column ``scale``; a value that cannot
lie on the declared scale is an error, never coerced. The mean stands beside each figure with its t
interval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum, nan, sqrt
from typing import TYPE_CHECKING, Literal

from crmlab.errors import DataError, did_you_mean
from crmlab.intervals import Interval, wilson, z_value
from crmlab.labels import Text

if TYPE_CHECKING:
    import polars as pl

Direction = Literal["high_is_easy", "low_is_easy"]

FEW_ANSWERS = 30
"""Below this number of answers a rating carries a caution."""

SCALES: dict[str, tuple[int, int]] = {
    "nps_0_10": (0, 10),
    "csat_1_5": (1, 5),
    "csat_1_7": (1, 7),
    "ces_1_7": (1, 7),
    "binary_0_1": (0, 1),
}
"""Scale id → its lowest and highest answer; all answers are whole numbers."""


def scale_problem(scale: str | None) -> str | None:
    """Say that there is no scale of that name; None where there is one, or none is given."""
    if scale is None or scale in SCALES:
        return None
    return f"No scale is named {scale!r}.{did_you_mean(scale, SCALES)} Allowed: {', '.join(SCALES)}."


@dataclass(frozen=True, slots=True)
class Rating:
    """One figure of satisfaction.

    ``unit`` is ``"share"`` (0–1) or ``"points"`` (NPS, -100 to 100); ``value``, ``low`` and ``high``
    are in it, NaN without answers. ``n`` counts the answers, ``missing`` the rows of that scale
    without one. ``notes`` are cautions that a report must show beside the figure. ``mean`` of the
    answers is on the scale itself; NaN without answers, its ends also with a single one. ``question``
    is None where all questions of the scale are taken together.
    """

    metric: str
    scale: str
    name: Text
    value: float
    low: float
    high: float
    n: int
    missing: int
    unit: Literal["share", "points"]
    definition: Text
    notes: tuple[Text, ...] = ()
    mean: float = nan
    mean_low: float = nan
    mean_high: float = nan
    question: str | None = None


def ratings(feedback: pl.DataFrame, ces_direction: Direction = "high_is_easy") -> list[Rating]:
    """Return one rating per scale that occurs in the feedback table, in the order of ``SCALES``.

    Reads the columns ``score`` and ``scale``. Raises DataError for an unknown scale and for scores
    outside theirs.
    """
    import polars as pl

    named = feedback.filter(pl.col("scale").is_not_null())
    present = sorted(named["scale"].unique().to_list())
    for scale in present:
        if scale not in SCALES:
            raise DataError(
                f"The feedback table has the scale {scale!r}.{did_you_mean(scale, SCALES)} "
                f"Known scales: {', '.join(SCALES)}. "
                "Map the answers to one of them, or leave the scale empty."
            )
    return [
        rated(named.filter(pl.col("scale") == scale)["score"], scale, ces_direction)
        for scale in SCALES
        if scale in present
    ]


def question_ratings(feedback: pl.DataFrame, ces_direction: Direction = "high_is_easy") -> list[Rating]:
    """Return one rating per question and scale, in the order of ``SCALES``, then of first appearance.

    Reads ``question``, ``score`` and ``scale``; without a question, scores of a scale are one figure.
    Each effort rating whose question sounds like the other direction carries a caution. Raises
    DataError as :func:`ratings` does.
    """
    import polars as pl

    ratings(feedback, ces_direction)  # names what is wrong in all of it, not in the first question
    found = []
    for scale in SCALES:
        on_scale = feedback.filter(pl.col("scale") == scale)
        for question in on_scale["question"].unique(maintain_order=True):
            rows = on_scale.filter(pl.col("question").eq_missing(pl.lit(question, pl.String)))
            rating = replace(rated(rows["score"], scale, ces_direction), question=question)
            doubt = direction_doubt(question, ces_direction) if scale == "ces_1_7" and question else None
            found.append(replace(rating, notes=(*rating.notes, doubt)) if doubt else rating)
    return found


def rated(scores: pl.Series, scale: str, ces_direction: Direction = "high_is_easy") -> Rating:
    """Return the figure that is usual on one of ``SCALES``: NPS, CSAT, CES or the share satisfied."""
    if scale == "nps_0_10":
        return nps(scores)
    if scale == "ces_1_7":
        return ces(scores, ces_direction)
    if scale == "binary_0_1":
        return share_satisfied(scores)
    return csat(scores, points=5 if scale == "csat_1_5" else 7)


def poles(scale: str, ces_direction: Direction = "high_is_easy") -> tuple[range, range, range]:
    """Return the answers of a scale that are bad, neither, good."""
    if scale == "nps_0_10":
        return range(7), range(7, 9), range(9, 11)
    if scale == "binary_0_1":
        return range(1), range(0), range(1, 2)
    lowest, highest = SCALES[scale]
    middle = (lowest + highest) // 2
    below, above = range(lowest, middle), range(middle + 1, highest + 1)
    if scale == "ces_1_7" and ces_direction == "low_is_easy":
        below, above = above, below
    return below, range(middle, middle + 1), above


_EFFORT = re.compile(r"费力|费劲|费心|力气|困难|麻烦|effort (?:did|was)|how (?:difficult|hard)", re.I)
_EASE = re.compile(r"容易|轻松|方便|简单|made it easy|how easy|easy for me", re.I)


def direction_doubt(question: str, direction: Direction) -> Text | None:
    """Return a caution where the words of an effort question speak for the other direction."""
    asks_ease, asks_effort = bool(_EASE.search(question)), bool(_EFFORT.search(question))
    if asks_ease == asks_effort or asks_ease == (direction == "high_is_easy"):
        return None
    return Text(
        f"题目问的像是“{'有多轻松' if asks_ease else '有多费力'}”，而研究设定为"
        f"{'高分' if direction == 'high_is_easy' else '低分'}表示轻松；请核对 surveys.ces_direction。",
        f"The question seems to ask how {'easy' if asks_ease else 'hard'} it was, while the study says that "
        f"{'high' if direction == 'high_is_easy' else 'low'} answers mean easy; check "
        "surveys.ces_direction.",
    )


def mean_interval(answers: Sequence[float], confidence: float = 0.95) -> tuple[float, Interval]:
    """Return the mean and its t interval (Student 1908); NaN without answers, no interval of one."""
    n = len(answers)
    if n == 0:
        return nan, Interval(nan, nan)
    mean = fsum(answers) / n
    if n == 1:
        return mean, Interval(nan, nan)
    from scipy.special import stdtrit

    variance = fsum((answer - mean) ** 2 for answer in answers) / (n - 1)
    reach = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sqrt(variance / n)
    return mean, Interval(mean - reach, mean + reach)


def nps(scores: pl.Series) -> Rating:
    """Return the Net Promoter Score of answers 0–10: share of 9–10 minus share of 0–6, times 100.

    Interval: see :func:`nps_interval`. Raises DataError for answers outside 0–10. A sample that
    looks like another scale (no 0 but several 1, or nothing above 7) gets a note, because on a scale
    of 1–10 or 1–7 the cut-offs mean something else.
    """
    answers = _answers(scores, "nps_0_10")
    promoters = sum(answer >= 9 for answer in answers)
    detractors = sum(answer <= 6 for answer in answers)
    n = len(answers)
    notes = []
    if n and 0 not in answers and answers.count(1) >= 5:
        notes.append(
            Text(
                "没有人打 0 分，却有多人打 1 分：请核对问卷是否其实是 1–10 分制；若是，NPS 的分界不适用。",
                "Nobody answered 0 although several answered 1: check whether the question had a scale of "
                "1–10; the cut-offs of NPS do not hold there.",
            )
        )
    if n >= FEW_ANSWERS and max(answers) <= 7:
        notes.append(
            Text(
                "没有高于 7 分的回答：请核对问卷是否为 1–6 或 1–7 分制；若是，NPS 不适用。",
                "No answer is above 7: check whether the question had a scale of 1–6 or 1–7, for which NPS "
                "is not defined.",
            )
        )
    low, high = nps_interval(promoters, detractors, n)
    mean, around = mean_interval(answers)
    return Rating(
        metric="nps",
        scale="nps_0_10",
        name=Text("净推荐值（NPS）", "Net Promoter Score (NPS)"),
        value=100 * (promoters - detractors) / n if n else nan,
        low=low,
        high=high,
        n=n,
        missing=len(scores) - n,
        unit="points",
        definition=Text(
            "推荐者（9–10 分）占比减去贬损者（0–6 分）占比，再乘以 100；7–8 分为中立者，计入总数。"
            "区间：95% 校正 Wald 区间。",
            "Share of promoters (9–10) minus share of detractors (0–6), times 100; passives (7–8) count in "
            "the total. Interval: 95% adjusted Wald.",
        ),
        notes=(*notes, *_few(n)),
        mean=mean,
        mean_low=around.low,
        mean_high=around.high,
    )


def nps_interval(promoters: float, detractors: float, n: float, confidence: float = 0.95) -> Interval:
    """Return the adjusted Wald interval of an NPS in points, within -100 to 100.

    Numbers of weighted answers are their shares times the effective number of answers.

    Three answers are added, 3/4 of them promoters and 3/4 detractors (Rocks 2016, "Interval estimation
    for the Net Promoter Score", The American Statistician 70:365–372); the plain Wald interval covers far
    less than it says when answers are few or one-sided. It is widened to hold the NPS itself where
    it would not (n of 1 or 2).
    """
    if n == 0:
        return Interval(nan, nan)
    p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    reach = z_value(confidence) * sqrt((p + d - (p - d) ** 2) / (n + 3))
    value = (promoters - detractors) / n
    low, high = min(p - d - reach, value), max(p - d + reach, value)
    return Interval(100 * max(low, -1.0), 100 * min(high, 1.0))


def csat(scores: pl.Series, points: Literal[5, 7] = 5) -> Rating:
    """Return the share of answers above the middle of the scale: 4–5 of 5, or 5–7 of 7 (Wilson).

    Vendors differ (mean, share of the maximum, top-2 of 7); this is the top-2 box of the usual
    five-point scale and the same rule, "above the middle", on seven points.
    """
    top = 4 if points == 5 else 5
    return _share(
        scores,
        metric="csat",
        scale=f"csat_1_{points}",
        satisfied=range(top, points + 1),
        name=Text("满意度（CSAT）", "Customer satisfaction (CSAT)"),
        definition=Text(
            f"在 1–{points} 分中打 {top}–{points} 分的回答占比（不是平均分）。区间：95% Wilson 区间。",
            f"Share of answers {top}–{points} on a scale of 1–{points} (not a mean). Interval: 95% Wilson.",
        ),
    )


def ces(scores: pl.Series, direction: Direction = "high_is_easy") -> Rating:
    """Return the share of customers for whom it was easy, on a scale of 1–7 (Wilson).

    ``direction`` says which end is easy: 7 ("the company made it easy", agreement; the usual form),
    or 1 (the older question on how much effort it took).
    """
    easy = range(5, 8) if direction == "high_is_easy" else range(1, 4)
    span, easy_end = f"{easy[0]}–{easy[-1]}", 7 if direction == "high_is_easy" else 1
    return _share(
        scores,
        metric="ces",
        scale="ces_1_7",
        satisfied=easy,
        name=Text("费力度（CES）：感到轻松的占比", "Customer effort (CES): share who found it easy"),
        definition=Text(
            f"在 1–7 分中打 {span} 分（表示轻松）的回答占比；方向：{easy_end} 分最轻松。"
            "区间：95% Wilson 区间。",
            f"Share of answers {span} on a scale of 1–7, which mean little effort; direction: {easy_end} is "
            "easiest. Interval: 95% Wilson.",
        ),
    )


def share_satisfied(scores: pl.Series) -> Rating:
    """Return the share of ones among answers or labels 0 and 1 (Wilson)."""
    return _share(
        scores,
        metric="share_satisfied",
        scale="binary_0_1",
        satisfied=range(1, 2),
        name=Text("满意占比", "Share satisfied"),
        definition=Text(
            "标为满意（1）的反馈占全部有标记反馈（0 或 1）的比例。区间：95% Wilson 区间。",
            "Share of feedback marked as satisfied (1) among all that is marked 0 or 1. "
            "Interval: 95% Wilson.",
        ),
    )


def _share(
    scores: pl.Series, *, metric: str, scale: str, satisfied: range, name: Text, definition: Text
) -> Rating:
    answers = _answers(scores, scale)
    n = len(answers)
    count = sum(answer in satisfied for answer in answers)
    low, high = wilson(count, n)
    mean, around = mean_interval(answers)
    return Rating(
        metric=metric,
        scale=scale,
        name=name,
        value=count / n if n else nan,
        low=low,
        high=high,
        n=n,
        missing=len(scores) - n,
        unit="share",
        definition=definition,
        notes=_few(n),
        mean=mean,
        mean_low=around.low,
        mean_high=around.high,
    )


def _answers(scores: pl.Series, scale: str) -> Sequence[int]:
    """Return the answers as whole numbers, without nulls; raise DataError for impossible ones."""
    lowest, highest = SCALES[scale]
    given = [float(score) for score in scores.drop_nulls().to_list()]
    wrong = [score for score in given if not (lowest <= score <= highest and score.is_integer())]
    if wrong:
        shown = ", ".join(f"{score:g}" for score in sorted(set(wrong), key=str)[:5])
        raise DataError(
            f"{len(wrong)} of {len(given)} scores cannot be answers on the scale {scale}: {shown}. "
            f"It has the whole numbers from {lowest} to {highest}. "
            "Correct the scores, or declare the scale that the question really had."
        )
    return [int(score) for score in given]


def _few(n: int) -> tuple[Text, ...]:
    if n >= FEW_ANSWERS:
        return ()
    return (
        Text(
            f"回答不足 {FEW_ANSWERS} 份（{n} 份），只能作参考。",
            f"Fewer than {FEW_ANSWERS} answers ({n}): a hint, not a finding.",
        ),
    )
