"""The small line: where its points lie, and what it says to who cannot see it."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from crmlab.report.sparkline import MOST, sparkline

DAYS = st.dates(date(2000, 1, 1), date(2030, 1, 1))


def places(svg: str) -> list[tuple[float, float]]:
    (points,) = re.findall(r'points="([^"]*)"', svg)
    return [tuple(map(float, point.split(","))) for point in points.split()]  # type: ignore[misc]


@given(st.dictionaries(DAYS, st.floats(-1e9, 1e9), min_size=2, max_size=60))
def test_every_point_lies_inside_and_later_days_lie_to_the_right(values: dict[date, float]) -> None:
    points = sorted(values.items())
    drawn = places(sparkline(points, "said"))
    assert len(drawn) == min(len(points), MOST)
    assert all(0 <= x <= 96 and 0 <= y <= 24 for x, y in drawn)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)


def test_days_lie_as_far_apart_as_they_are_and_more_is_higher() -> None:
    points = [(date(2024, 1, 1), 5.0), (date(2024, 1, 2), 7.0), (date(2024, 1, 11), 6.0)]
    assert places(sparkline(points, "said")) == [(3.0, 21.0), (12.0, 3.0), (93.0, 12.0)]


def test_the_same_value_every_day_is_a_line_in_the_middle() -> None:
    points = [(date(2024, 1, day), 5.0) for day in (1, 2)]
    assert [y for _, y in places(sparkline(points, "said"))] == [12.0, 12.0]


def test_a_hairs_breadth_is_no_fall() -> None:
    points = [(date(2024, 1, 1), 99.87), (date(2024, 1, 2), 99.86)]
    (_, first), (_, last) = places(sparkline(points, "said"))
    assert abs(first - last) < 0.5


def test_one_point_is_no_line_and_texts_are_escaped() -> None:
    assert sparkline([(date(2024, 1, 1), 5.0)], "said") == ""
    points = [(date(2024, 1, day), 5.0) for day in (1, 2)]
    assert '"><script>' not in sparkline(points, '"><script>')
