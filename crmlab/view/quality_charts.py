"""The charts of the data-quality report: scores, rules over their limit, filled columns, the trend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import ROW, Tips, drawable, finished, order_of, tips_of
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

STATUS_COLOURS = {
    "ok": theme.GOOD,
    "notice": theme.NEUTRAL,
    "warning": theme.PALETTE[1],
    "error": theme.BAD,
}
"""Kept, a hint, over the limit, far more serious; told in words, too, wherever it is drawn."""

_LONGEST_LINE = {"zh": 10, "en": 24}
"""Characters of an axis label that leave room for the chart on a phone; a longer one takes two lines."""

_AROUND = 0.05
"""Room above and below a line of scores: a change of a point shall not look like a landslide."""

_STEPS, _MOST_STEPS = (0.02, 0.05, 0.1), 8

_CENTRED = {
    "condition": {"test": r"indexof(datum.label, '\n') >= 0", "value": "bottom"},
    "value": "middle",
}
"""Vega puts further lines below the first: with its bottom in the middle, two lines are centred."""

STATUS_WORDS = {
    "ok": "quality_status_ok",
    "notice": "quality_status_notice",
    "warning": "quality_status_warning",
    "error": "quality_status_error",
}
"""Status → key of its text."""


def status_bars(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
    *,
    limit: bool = False,
    whole: bool = False,
    legend: bool = True,
) -> alt.LayerChart:
    """Draw one share (``value``) per ``name`` in the colour of its ``status``, with a ``label`` at its end.

    ``status`` holds ids, best first in the legend. With ``limit`` a stroke marks the column ``limit``;
    with ``whole`` the axis runs from 0 to 100 %.
    """
    import altair as alt

    words = texts()
    names = order_of(frame, "name")
    axis_names = {name: _broken(name, language) for name in names}
    present = [status for status in STATUS_COLOURS if status in frame["status"]]
    said = {status: words[STATUS_WORDS[status]].to(language) for status in present}
    top = 1.0 if whole else max([*frame["value"], *(frame["limit"] if limit else [])], default=1.0) or 1.0
    quarters = top > 0.5  # or the room behind the longest bar would be marked 120 %
    base = alt.Chart(
        drawable(
            frame.with_columns(
                status=pl.col("status").replace_strict(said, return_dtype=pl.String),
                axis=pl.col("name").replace_strict(axis_names, return_dtype=pl.String),
            )
        )
    ).encode(
        y=alt.Y(
            "axis:N",
            sort=list(axis_names.values()),
            title=name_title.to(language),
            axis=alt.Axis(labelExpr=r"split(datum.label, '\n')", labelBaseline=_CENTRED),
        )
    )
    drawn = base.mark_bar(height=18).encode(
        x=alt.X(
            "value:Q",
            title=x_title.to(language),
            axis=alt.Axis(
                format=".0%" if top > 0.05 else ".1%",
                tickCount=5,
                values=[0, 0.25, 0.5, 0.75, 1] if quarters else alt.Undefined,
                labelOverlap=not quarters,
            ),
            scale=alt.Scale(domain=[0, top * 1.28], nice=False),  # room for the label behind the longest bar
        ),
        color=alt.Color(
            "status:N",
            title=None,
            scale=alt.Scale(
                domain=[said[status] for status in present],
                range=[STATUS_COLOURS[status] for status in present],
            ),
            legend=alt.Legend(orient="top") if present and legend else None,
        ),
        tooltip=tips_of(tooltips, language),
    )
    layers = drawn + base.mark_text(align="left", dx=6, color=theme.INK).encode(x="value:Q", text="label:N")
    if limit:
        layers += base.mark_tick(color=theme.INK, thickness=2, height=24).encode(x="limit:Q")
    height = ROW * len(names)
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=height)
    return chart


def score_line(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a score per ``run`` (in the order of the frame) with its ``label`` above the point."""
    import altair as alt

    runs = order_of(frame, "run")
    low, high = (float(bound) for bound in frame.select(low=pl.min("score"), high=pl.max("score")).row(0))
    bottom, top = max(0.0, low - _AROUND), min(1.0, high) + _AROUND
    step = next((step for step in _STEPS if (top - bottom) / step <= _MOST_STEPS), 0.2)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "run:N",
            sort=runs,
            title=x_title.to(language),
            axis=alt.Axis(labelAngle=-35 if len(runs) > 4 else 0, grid=False),
        ),
        y=alt.Y(
            "score:Q",
            title=y_title.to(language),
            # The room above the line is for its labels: no score is over 100 %.
            axis=alt.Axis(format=".0%", values=_ticks(bottom, step)),
            scale=alt.Scale(domain=[bottom, top], nice=False),
        ),
    )
    points = base.mark_point().encode(tooltip=tips_of(tooltips, language))
    labels = base.mark_text(dy=-14, color=theme.INK).encode(text="label:N")
    chart: alt.LayerChart = finished(
        base.mark_line() + points + labels, title, subtitle, language, height=260
    )
    return chart


def _ticks(bottom: float, step: float) -> list[float]:
    """Return the multiples of a step from the bottom of an axis to 100 %."""
    return [round(place * step, 2) for place in range(math.ceil(bottom / step), round(1 / step) + 1)]


def _broken(name: str, language: Language) -> str:
    """Break a long name into two lines of about equal length: Chinese anywhere, English between words."""
    if len(name) <= _LONGEST_LINE[language]:
        return name
    if language == "zh":
        half = math.ceil(len(name) / 2)
        return f"{name[:half]}\n{name[half:]}"
    words = name.split(" ")
    breaks = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    return "\n".join(min(breaks, key=lambda lines: max(map(len, lines)), default=(name,)))
