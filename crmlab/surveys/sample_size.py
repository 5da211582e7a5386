"""How many answers a survey needs, and how many invitations that takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from crmlab.errors import ParamsError
from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab.targeting.planner import CONFIDENCE, POWER, size_for_rates


@dataclass(frozen=True)
class SampleSize:
    """``answers`` that are needed, ``invitations`` for them, and in words what it was computed for.

    ``per_group`` says that the answers are needed in each of two groups.
    """

    answers: int
    invitations: int
    text: Text
    per_group: bool = False


def for_share(
    margin: float = 0.05,
    share: float = 0.5,
    population: int | None = None,
    response_rate: float = 1.0,
    confidence: float = CONFIDENCE,
) -> SampleSize:
    """Return the answers for which the interval of a share reaches ``margin`` to either side.

    n₀ = z² p (1 − p) / margin², and n = n₀ / (1 + (n₀ − 1) / N) in a population of N (Cochran 1977, Sampling
    Techniques, 4.4). ``share`` 0.5 is the worst case. Raises ParamsError for figures that are none.
    """
    if not 0 < margin < 1:
        raise ParamsError(
            f"margin is {margin:g}; for a share it must lie between 0 and 1: 0.05 is 5 percentage points."
        )
    _within(share=share)
    needed = z_value(_confidence(confidence)) ** 2 * share * (1 - share) / margin**2
    answers = _finite(needed, population)
    said = Text(
        f"一个占比（预计 {_percent(share)}）在 {_percent(confidence)} 置信度下"
        f"误差不超过 ±{100 * margin:g} 个百分点",
        f"a share (about {_percent(share)}) to within ±{100 * margin:g} percentage points "
        f"at {_percent(confidence)} confidence",
    )
    return _sized(answers, population, response_rate, said)


def for_nps(
    margin: float = 5.0,
    promoters: float = 0.5,
    detractors: float = 0.5,
    population: int | None = None,
    response_rate: float = 1.0,
    confidence: float = CONFIDENCE,
) -> SampleSize:
    """Return the answers for which the interval of an NPS reaches ``margin`` points to either side.

    The variance of one answer is p + d − (p − d)²; half promoters and half detractors is the worst
    case, in which an NPS needs four times the answers of a share. The three answers that the adjusted Wald
    interval adds (Rocks 2016, The American Statistician 70:365–372) are taken off.
    """
    if not 0 < margin < 200:
        raise ParamsError(f"margin is {margin:g}; for an NPS it is in points, above 0 and below 200.")
    _within(promoters=promoters, detractors=detractors)
    if promoters + detractors > 1 + 1e-9:
        raise ParamsError(
            f"promoters is {promoters:g} and detractors {detractors:g}; together they can be at most 1."
        )
    spread = promoters + detractors - (promoters - detractors) ** 2
    needed = z_value(_confidence(confidence)) ** 2 * spread / (margin / 100) ** 2 - 3
    said = Text(
        f"NPS 在 {_percent(confidence)} 置信度下误差不超过 ±{margin:g} 分"
        f"（推荐者 {_percent(promoters)}、贬损者 {_percent(detractors)}）",
        f"an NPS to within ±{margin:g} points at {_percent(confidence)} confidence "
        f"({_percent(promoters)} promoters, {_percent(detractors)} detractors)",
    )
    return _sized(_finite(max(needed, 1.0), population), population, response_rate, said)


def for_difference(
    share: float,
    other: float,
    power: float = POWER,
    response_rate: float = 1.0,
    confidence: float = CONFIDENCE,
) -> SampleSize:
    """Return the answers per group that show a true difference of two shares with that ``power``.

    Two groups of one size, two-sided; see :func:`crmlab.targeting.planner.size_for_rates`.
    """
    _within(share=share, other=other, power=power)
    if share == other:
        raise ParamsError(
            "Both shares are the same: no number of answers shows a difference that is not there."
        )
    arms = size_for_rates(share, other - share, power=power, confidence=_confidence(confidence))
    said = Text(
        f"以 {_percent(power)} 的把握、{_percent(confidence)} 的置信度"
        f"看出 {_percent(share)} 与 {_percent(other)} 的差别，每组",
        f"a difference of {_percent(share)} and {_percent(other)} with a power of {_percent(power)} "
        f"at {_percent(confidence)} confidence, in each group",
    )
    return _sized(arms.treated, None, response_rate, said, per_group=True)


def _sized(
    answers: int, population: int | None, response_rate: float, said: Text, *, per_group: bool = False
) -> SampleSize:
    if not 0 < response_rate <= 1:
        raise ParamsError(f"response_rate is {response_rate:g}; it must lie above 0 and be at most 1.")
    invitations = ceil(answers / response_rate - 1e-9)
    if population is not None and invitations > population:
        said = Text(
            f"{said.zh}；总体只有 {population:,} 人，按此回收率全部邀请也不够",
            f"{said.en}; there are {population:,} people only, and inviting all is not enough "
            "at this response rate",
        )
    return SampleSize(answers, invitations, said, per_group)


def _finite(needed: float, population: int | None) -> int:
    """Return the answers in a population of that size, rounded up."""
    if population is None:
        return ceil(needed - 1e-9)
    if population < 1:
        raise ParamsError(f"population is {population}; it must be at least 1.")
    return min(population, ceil(needed / (1 + (needed - 1) / population) - 1e-9))


def _percent(share: float) -> str:
    """Write a share as it was given: 1.5% must not become 2%."""
    return f"{100 * share:.6g}%"


def _confidence(confidence: float) -> float:
    _within(confidence=confidence)
    return confidence


def _within(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ParamsError(f"{name} is {value:g}; it must lie between 0 and 1.")
