"""The animal of a birth date: the year turns at the lunar new year."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from crmlab.data.quality.zodiac import is_animal_of
from crmlab_plugins.rules.lunar_zodiac import ANIMALS, NEW_YEARS, animal_of


def _animal(*days: date) -> list[str | None]:
    return (
        pl.DataFrame({"born": days}, schema={"born": pl.Date})
        .select(animal_of(pl.col("born")))
        .to_series()
        .to_list()
    )


@pytest.mark.parametrize(
    ("new_year", "before", "after"),
    [
        (date(1954, 2, 3), "snake", "horse"),
        (date(1966, 1, 21), "snake", "horse"),
        (date(1984, 2, 2), "pig", "rat"),
        (date(1985, 2, 20), "rat", "ox"),
        (date(1990, 1, 27), "snake", "horse"),
        (date(2000, 2, 5), "rabbit", "dragon"),
        (date(2024, 2, 10), "rabbit", "dragon"),
        (date(2030, 2, 3), "rooster", "dog"),
    ],
)
def test_the_year_turns_at_the_new_year(new_year: date, before: str, after: str) -> None:
    assert _animal(new_year - timedelta(days=1), new_year) == [before, after]


def test_years_outside_the_table_are_known_but_for_the_days_on_which_they_can_turn() -> None:
    assert _animal(date(1929, 1, 20), date(1929, 2, 10), date(1929, 2, 21)) == ["dragon", None, "snake"]
    assert _animal(None) == [None]  # type: ignore[arg-type]


def test_new_years_are_possible_and_a_lunar_year_apart() -> None:
    assert list(NEW_YEARS) == list(range(1930, 2031))
    days = [date(year, day // 100, day % 100) for year, day in NEW_YEARS.items()]
    assert all(date(day.year, 1, 21) <= day <= date(day.year, 2, 20) for day in days)
    between = [(later - earlier).days for earlier, later in pairwise(days)]
    assert set(between) <= {353, 354, 355, 383, 384, 385}


def test_it_agrees_with_the_check_of_data_quality() -> None:
    days = pl.DataFrame({"born": [date(1935, 1, 1) + timedelta(days=17 * at) for at in range(1_800)]})
    chinese = dict(zip(ANIMALS, "鼠牛虎兔龙蛇马羊猴鸡狗猪", strict=True))
    animal = animal_of(pl.col("born")).replace_strict(chinese)
    assert days.select(is_animal_of(animal, pl.col("born")).all()).item()
