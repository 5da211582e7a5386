"""The charts of complaints: rates over time, waits, bars with intervals, Pareto, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.view import theme
from crmlab.view.chart_parts import ROW, Tips, drawable, finished, order_of, tips_of, words_in

if TYPE_CHECKING:
    import altair as alt

    from crmlab.labels import Language, Text


def value_line(
    frame: pl.DataFrame, title: Text, subtitle: Text, y_title: Text, language: Language, tooltips: Tips
) -> alt.LayerChart:
    """Draw a ``value`` per ``period`` ("2024-05"), in order; ``low`` to ``high`` as a band where given."""
    import altair as alt

    words = words_in(language)
    base = alt.Chart(drawable(frame.with_columns(month=pl.col("period") + "-01"))).encode(
        x=alt.X(
            "month:T",
            title=words["period"],
            timeUnit="utcyearmonth",
            axis=alt.Axis(format="%Y-%m", tickCount=6, labelOverlap=True, grid=False),
        )
    )
    y = alt.Y("value:Q", title=y_title.to(language), scale=alt.Scale(zero=True))
    band = base.mark_area(line=False, fillOpacity=0.18).encode(y="low:Q", y2="high:Q")
    line = base.mark_line().encode(y=y)
    points = base.mark_point().encode(y=y, tooltip=tips_of(tooltips, language))
    layers = [band, line, points] if "low" in frame.columns else [line, points]
    chart: alt.LayerChart = finished(alt.layer(*layers), title, subtitle, language, height=280)
    return chart


def done_curves(
    frame: pl.DataFrame, title: Text, subtitle: Text, x_title: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw the share that is done by ``hours``, a line per ``name`` with its interval as a band.

    ``frame``: ``name``, ``hours``, ``value``, ``low``, ``high``, ``watched`` (how many still wait then).
    """
    import altair as alt

    words, names = words_in(language), order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("hours:Q", title=x_title.to(language), axis=alt.Axis(tickCount=6)),
        color=alt.Color(
            "name:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names, range=list(theme.PALETTE[: max(len(names), 1)])),
            legend=alt.Legend(orient="top", columns=1) if len(names) > 1 else None,
        ),
    )
    y = alt.Y(
        "value:Q",
        title=y_title.to(language),
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    bands = base.mark_area(line=False, fillOpacity=0.18).encode(y="low:Q", y2="high:Q")
    lines = base.mark_line(strokeWidth=2).encode(y=y)
    nearest = alt.selection_point(nearest=True, on="pointerover", fields=["hours", "name"], empty=False)
    points = (
        base.mark_point()
        .encode(
            y=y,
            opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
            tooltip=[
                *([alt.Tooltip("name:N", title=words["complaints_group"])] if len(names) > 1 else []),
                alt.Tooltip("hours:Q", title=x_title.to(language), format=",.1f"),
                alt.Tooltip("value:Q", title=y_title.to(language), format=".1%"),
                alt.Tooltip("low:Q", title=words["low"], format=".1%"),
                alt.Tooltip("high:Q", title=words["high"], format=".1%"),
                alt.Tooltip("watched:Q", title=words["complaints_still_waiting"], format=",d"),
            ],
        )
        .add_params(nearest)
    )
    chart: alt.LayerChart = finished(bands + lines + points, title, subtitle, language, height=300)
    return chart


def interval_bars(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
    *,
    shares: bool = False,
) -> alt.LayerChart:
    """Draw a ``value`` per ``name`` with ``label`` at its end, and ``low`` to ``high`` where given."""
    import altair as alt

    names = order_of(frame, "name")
    with_ends = "low" in frame.columns
    ends = [float(x) for x in (frame["high"] if with_ends else frame["value"]).drop_nulls() if x == x]
    top = max([*ends, *(float(x) for x in frame["value"].drop_nulls())], default=1.0) or 1.0
    shown = frame.with_columns(end=pl.max_horizontal("value", "high") if with_ends else pl.col("value"))
    base = alt.Chart(drawable(shown)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language), axis=alt.Axis(labelLimit=150)),
        x=alt.X(
            "value:Q",
            title=x_title.to(language),
            axis=alt.Axis(format=".0%", tickCount=4) if shares else alt.Axis(tickCount=4),
            # Room for the label behind the longest bar, which counts itself, or its interval.
            scale=alt.Scale(domain=[0, top * 1.35], nice=False),
        ),
    )
    layers = base.mark_bar(height=18).encode(tooltip=tips_of(tooltips, language))
    if with_ends:
        layers += base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    layers += base.mark_text(align="left", dx=6, color=theme.INK).encode(x="end:Q", text="label:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=ROW * len(names))
    return chart


def pareto(
    frame: pl.DataFrame, title: Text, subtitle: Text, name_title: Text, language: Language, tooltips: Tips
) -> alt.LayerChart:
    """Draw a share (``value``, ``low``, ``high``) per ``name``, largest first, and the line of their sum.

    ``cumulative`` is the sum of the shares down to a row; ``label`` stands behind the bar.
    """
    import altair as alt

    words, names = words_in(language), order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language), axis=alt.Axis(labelLimit=150))
    )
    x = alt.X(
        "value:Q",
        title=words["complaints_pareto_axis"],
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=[0, 1.12], nice=False),
    )
    bars = base.mark_bar(height=18).encode(x=x, tooltip=tips_of(tooltips, language))
    ends = base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    line = base.mark_line(color=theme.BAD, strokeWidth=1.8, order=False).encode(x="cumulative:Q")
    dots = base.mark_point(color=theme.BAD, size=45).encode(
        x="cumulative:Q", tooltip=tips_of(tooltips, language)
    )
    labels = base.mark_text(align="left", dx=7, color=theme.MUTED, fontSize=11).encode(
        x="cumulative:Q", text="label:N"
    )
    layers = bars + ends + line + dots + labels
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=ROW * len(names))
    return chart


def differences(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a difference of shares (``value``, ``low`` to ``high``) per ``name``, beside a line at none."""
    import altair as alt

    names = order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language), axis=alt.Axis(labelLimit=150))
    )
    ends = base.mark_rule(strokeWidth=2, color=theme.ACCENT).encode(x="low:Q", x2="high:Q")
    points = base.mark_point(size=90).encode(
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(format="+.0%", tickCount=5)),
        tooltip=tips_of(tooltips, language),
    )
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[4, 4]).encode(x="zero:Q")
    chart: alt.LayerChart = finished(
        zero + ends + points, title, subtitle, language, height=(ROW + 8) * len(names)
    )
    return chart
