"""The animal of a birth year, which changes at the lunar new year and not on 1 January.

By GB/T 33661-2017 (Calculation and promulgation of the Chinese calendar) the year begins with the
second new moon after the winter solstice, or the third before a leap month: between 21 January and
20 February. Who was born within these days is taken for either animal.
"""

from __future__ import annotations

import polars as pl

_ANIMALS = "鼠牛虎兔龙蛇马羊猴鸡狗猪"
_OTHER_NAMES = {"龍": "龙", "馬": "马", "雞": "鸡", "豬": "猪", "犬": "狗"} | dict(
    zip(
        (
            *("rat", "ox", "tiger", "rabbit", "dragon", "snake"),
            *("horse", "goat", "monkey", "rooster", "dog", "pig"),
        ),
        _ANIMALS,
        strict=True,
    )
)
_EARLIEST, _LATEST = 121, 220
"""Earliest and latest lunar new year, month and day as one number."""


def is_animal_of(zodiac: pl.Expr, born: pl.Expr) -> pl.Expr:
    """Say whether the animal can be that of the date; null where one of them is missing or unknown."""
    name = zodiac.str.to_lowercase().str.replace_many(_OTHER_NAMES).str.extract(f"([{_ANIMALS}])")
    given = name.replace_strict({a: i for i, a in enumerate(_ANIMALS)}, default=None, return_dtype=pl.Int32)
    day = born.dt.month().cast(pl.Int32) * 100 + born.dt.day()
    this = (born.dt.year() - 4) % 12  # the year 4 was one of the rat
    earlier = (born.dt.year() - 5) % 12
    right_before, right_after = given == earlier, given == this
    return (
        pl.when(day < _EARLIEST)
        .then(right_before)
        .when(day > _LATEST)
        .then(right_after)
        .otherwise(right_before | right_after)
    )
