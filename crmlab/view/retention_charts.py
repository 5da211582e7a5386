"""The charts of retention: the matrix of cohorts, and curves of who is still there or has come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.view import theme
from crmlab.view.chart_parts import Tips, drawable, finished, order_of, tips_of, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from crmlab.labels import Language, Text

_CELL = 26
"""Height of a cell in pixels."""
_DIGIT = 6.6
"""Width of a digit in a cell in pixels."""


def cohort_matrix(
    frame: pl.DataFrame,
    *,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a value per ``cohort`` and ``age``, coloured by ``value`` with ``text`` written into it.

    A cell without a value is left white; its ``text`` is written all the same. Cohorts stand in the order of
    the frame. On a screen too narrow for the longest text the cells carry colours alone, and asterisks.
    """
    import altair as alt

    cohorts, ages = order_of(frame, "cohort"), sorted(set(frame["age"].to_list()))
    top = max((float(value) for value in frame["value"].drop_nulls()), default=1.0)
    room = _DIGIT * max((len(text) for text in frame["text"].to_list()), default=1) + 4
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "age:O", sort=ages, title=x_title.to(language), axis=alt.Axis(labelAngle=0, labelOverlap=True)
        ),
        y=alt.Y("cohort:N", sort=cohorts, title=y_title.to(language)),
    )
    cells = (
        base.transform_filter("isValid(datum.value)")
        .mark_rect(stroke="#ffffff", strokeWidth=1.5)
        .encode(
            color=alt.Color(
                "value:Q",
                legend=None,
                scale=alt.Scale(range=list(theme.SEQUENTIAL), domainMin=0),
            ),
            tooltip=tips_of(tooltips, language),
        )
    )
    dark = alt.datum["value"] > top * 0.55
    fits = f"width / {max(len(ages), 1)} > {room:.0f} || datum.text == '*'"
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text("text:N"),
        color=alt.condition(dark, alt.value("#ffffff"), alt.value(theme.INK)),
        opacity=alt.condition(fits, alt.value(1), alt.value(0)),
    )
    chart: alt.LayerChart = finished(
        cells + numbers, title, subtitle, language, height=_CELL * max(len(cohorts), 1)
    )
    return chart


def share_curves(
    frame: pl.DataFrame,
    *,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    name_title: Text,
    language: Language,
    colours: Sequence[str] = theme.PALETTE,
) -> alt.LayerChart:
    """Draw a share against days, one line per ``name`` with its 95 % interval as a band.

    ``frame``: ``name``, ``day``, ``share``, ``low``, ``high``, ``watched`` (how many it rests on), in order.
    """
    import altair as alt

    words, names = words_in(language), order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("day:Q", title=x_title.to(language), axis=alt.Axis(tickCount=6, format=",d")),
        color=alt.Color(
            "name:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names, range=list(colours[: max(len(names), 1)])),
            legend=alt.Legend(orient="top", columns=2) if len(names) > 1 else None,
        ),
    )
    share = alt.Y(
        "share:Q",
        title=y_title.to(language),
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    bands = base.mark_area(line=False, fillOpacity=0.18, interpolate="step-after").encode(
        y="low:Q", y2="high:Q"
    )
    lines = base.mark_line(strokeWidth=2, interpolate="step-after").encode(y=share)
    nearest = alt.selection_point(nearest=True, on="pointerover", fields=["day", "name"], empty=False)
    points = (
        base.mark_point(size=70)
        .encode(
            y="share:Q",
            opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
            tooltip=[
                *([alt.Tooltip("name:N", title=name_title.to(language))] if len(names) > 1 else []),
                alt.Tooltip("day:Q", title=x_title.to(language), format=",d"),
                alt.Tooltip("share:Q", title=y_title.to(language), format=".1%"),
                alt.Tooltip("low:Q", title=words["low"], format=".1%"),
                alt.Tooltip("high:Q", title=words["high"], format=".1%"),
                alt.Tooltip("watched:Q", title=words["retention_watched"], format=",d"),
            ],
        )
        .add_params(nearest)
    )
    chart: alt.LayerChart = finished(bands + lines + points, title, subtitle, language, height=320)
    return chart
