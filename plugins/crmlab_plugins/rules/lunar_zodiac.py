"""The animal of a birth date: the animal's year begins with the lunar new year, not on 1 January.

The table has the day of each lunar new year from 1930 to 2030 by GB/T 33661-2017 (the second new moon
after the winter solstice, or the third before a leap month, in the time of 120° east). It was computed from
the series for new moons and solstices in Meeus, Astronomical Algorithms (2nd ed., chapters 27 and 49);
the new moons nearest to midnight are those of 1954, 1988, 2027 and 2030, all by five minutes or more.
"""

from __future__ import annotations

import polars as pl

ANIMALS = (
    "rat",
    "ox",
    "tiger",
    "rabbit",
    "dragon",
    "snake",
    "horse",
    "goat",
    "monkey",
    "rooster",
    "dog",
    "pig",
)
"""In the order of the cycle, which is that of the labels."""

_FIRST_YEAR = 1930
_NEW_YEARS = """
130 217 206 126 214 204 124 211 131 219  208 127 215 205 125 213 202 122 210 129
217 206 127 214 203 124 212 131 218 208  128 215 205 125 213 202 121 209 130 217
206 127 215 203 123 211 131 218 207 128  216 205 125 213 202 220 209 129 217 206
127 215 204 123 210 131 219 207 128 216  205 124 212 201 122 209 129 218 207 126
214 203 123 210 131 219 208 128 216 205  125 212 201 122 210 129 217 206 126 213
203
"""
"""Month and day as one number, twenty years a line."""
NEW_YEARS = {_FIRST_YEAR + at: int(day) for at, day in enumerate(_NEW_YEARS.split())}
_EARLIEST, _LATEST = 121, 220


def animal_of(born: pl.Expr) -> pl.Expr:
    """Return the animal's id for dates; null between 21 January and 20 February of a year not listed."""
    day = born.dt.month().cast(pl.Int32) * 100 + born.dt.day()
    year = born.dt.year()
    begins = year.replace_strict(NEW_YEARS, default=None, return_dtype=pl.Int32)
    listed = pl.when(begins.is_not_null()).then(day < begins)
    outside = listed.when(day < _EARLIEST).then(pl.lit(True)).when(day > _LATEST).then(pl.lit(False))
    earlier = outside.cast(pl.Int32)
    animals = dict(enumerate(ANIMALS))
    return ((year - 4 - earlier) % 12).replace_strict(animals, default=None, return_dtype=pl.String)
