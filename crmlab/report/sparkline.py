"""A line so small that it stands in a sentence: how a figure went over the days of its data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from crmlab.view.html import escape

_WIDTH, _HEIGHT, _EDGE = 96, 24, 3
_LEAST = 0.05
MOST = 36
"""The latest days that a line shows."""


def sparkline(points: Sequence[tuple[date, float]], said: str) -> str:
    """Return inline SVG of (day, value) in the order of days; nothing for fewer than two.

    Days lie as far apart as they are; the lowest value lies at the bottom, and the last has a dot. The height
    is at least a twentieth of the largest value, lest a hair's breadth look like a fall. ``said`` is its text
    for who cannot see it.
    """
    shown = points[-MOST:]
    if len(shown) < 2:
        return ""
    days, values = [day.toordinal() for day, _ in shown], [value for _, value in shown]
    length = max(days[-1] - days[0], 1)
    span = max(max(values) - min(values), _LEAST * max(map(abs, values)))
    low = (min(values) + max(values) - span) / 2
    places = [
        (
            _EDGE + (_WIDTH - 2 * _EDGE) * (day - days[0]) / length,
            _HEIGHT / 2 if span == 0 else _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (value - low) / span,
        )
        for day, value in zip(days, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{escape(said)}"><title>{escape(said)}</title><polyline points="{line}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></svg>'
    )
