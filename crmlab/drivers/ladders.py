"""Answers that have an order: the places of ordered options, from the worst to the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIVE = (
    (
        "非常不满意|很不满意|very dissatisfied|extremely dissatisfied",
        "不满意|比较不满意|不太满意|dissatisfied|somewhat dissatisfied",
        "一般|中立|neutral|neither satisfied nor dissatisfied",
        "满意|比较满意|较满意|satisfied|somewhat satisfied",
        "非常满意|很满意|very satisfied|extremely satisfied",
    ),
    (
        "非常不同意|完全不同意|strongly disagree",
        "不同意|比较不同意|不太同意|disagree|somewhat disagree",
        "一般|中立|不确定|neutral|neither agree nor disagree",
        "同意|比较同意|agree|somewhat agree",
        "非常同意|完全同意|strongly agree",
    ),
    (
        "非常差|很差|very poor|terrible",
        "差|较差|比较差|poor|bad",
        "一般|尚可|fair|average|ok",
        "好|较好|比较好|good",
        "非常好|很好|excellent|very good",
    ),
    (
        "非常困难|很困难|很难|very difficult",
        "困难|比较困难|difficult|somewhat difficult",
        "一般|中立|neutral|neither easy nor difficult",
        "容易|比较容易|easy|somewhat easy",
        "非常容易|很容易|very easy",
    ),
    (
        "从不|从未|never",
        "很少|rarely|seldom",
        "有时|偶尔|sometimes|occasionally",
        "经常|often|frequently",
        "总是|每次|always|every time",
    ),
    (
        "非常不可能|很不可能|very unlikely|extremely unlikely",
        "不可能|不太可能|unlikely|somewhat unlikely",
        "一般|不确定|neutral|neither likely nor unlikely",
        "可能|比较可能|likely|somewhat likely",
        "非常可能|很可能|very likely|extremely likely",
    ),
    (
        "非常不重要|完全不重要|not at all important",
        "不重要|不太重要|not very important|slightly important",
        "一般|neutral|moderately important",
        "重要|比较重要|important",
        "非常重要|很重要|very important|extremely important",
    ),
)
_TWO = (("否|没有|无|不是|no|false", "是|有|yes|true"),)


class Ladder(NamedTuple):
    """Answers by their place, from 1 to ``points``."""

    places: dict[str, int]
    points: int


def _ladder(rungs: tuple[str, ...]) -> Ladder:
    places = {word: place for place, rung in enumerate(rungs, 1) for word in rung.split("|")}
    return Ladder(places, len(rungs))


LADDERS = tuple(_ladder(rungs) for rungs in (*_FIVE, *_TWO))


def ladder_of(answers: Iterable[str]) -> Ladder | None:
    """Return the ladder that has all these answers (small letters, stripped), None where none has."""
    given = set(answers)
    return next((ladder for ladder in LADDERS if given and given <= ladder.places.keys()), None)
