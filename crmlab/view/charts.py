"""The charts of the reports: aggregated frame in, altair chart out.

Every chart has a title that states what it shows, axis titles with units, and a description for
readers who can't see it. Bars stand in the order of the frame. No chart takes a row per customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Language, Score, Text
from crmlab.view import theme
from crmlab.view.chart_parts import ROW, Tips, drawable, finished, order_of, tips_of, words_in
from crmlab.view.numbers import percent

if TYPE_CHECKING:
    import altair as alt

_SMALLEST_LABEL = 0.05
"""A part of a bar that is smaller carries no number: it would not fit."""


def paired_bars(
    frame: pl.DataFrame, title: Text, subtitle: Text, name_title: Text, language: Language
) -> alt.LayerChart:
    """Draw two shares per ``name`` side by side, with their 95 % intervals.

    ``frame``: ``name``, ``measure``, ``share``, ``low``, ``high``, ``amount`` (text for the tooltip).
    """
    import altair as alt

    words = words_in(language)
    names, measures = order_of(frame, "name"), order_of(frame, "measure")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language)),
        yOffset=alt.YOffset("measure:N", sort=measures),
    )
    bars = base.mark_bar().encode(
        x=alt.X("share:Q", title=words["share_axis"], axis=alt.Axis(format=".0%", tickCount=5)),
        color=alt.Color(
            "measure:N",
            title=None,
            scale=alt.Scale(domain=measures, range=[theme.NEUTRAL, theme.ACCENT]),
            legend=alt.Legend(orient="top") if measures else None,  # an empty one is endlessly high
        ),
        tooltip=[
            alt.Tooltip("name:N", title=name_title.to(language)),
            alt.Tooltip("measure:N", title=words["measure"]),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
            alt.Tooltip("amount:N", title=words["amount"]),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    chart: alt.LayerChart = finished(bars + whiskers, title, subtitle, language, height=ROW * len(names))
    return chart


def heat_map(
    frame: pl.DataFrame,
    x: str,
    y: str,
    value: str,
    *,
    x_title: Text,
    y_title: Text,
    value_title: Text,
    title: Text,
    subtitle: Text,
    language: Language,
    x_order: Sequence[str],
    y_order: Sequence[str],
    value_format: str = ",d",
    tooltips: Tips = (),
    diverging_at: float | None = None,
    row_height: int = 46,
    x_angle: int = 0,
) -> alt.LayerChart:
    """Draw a matrix; what is written into the cells is the column ``text``."""
    import altair as alt

    if diverging_at is None:
        scale = alt.Scale(range=list(theme.SEQUENTIAL), domainMin=0)
        top = max((float(number) for number in frame[value].drop_nulls()), default=0.0)
        dark = alt.datum[value] > top * 0.55
    else:
        reach = max((abs(float(number) - diverging_at) for number in frame[value].drop_nulls()), default=0.0)
        reach = reach or 1.0
        scale = alt.Scale(range=list(theme.DIVERGING), domain=[diverging_at - reach, diverging_at + reach])
        dark = abs(alt.datum[value] - diverging_at) > reach * 0.7
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            f"{x}:N",
            sort=list(x_order),
            title=x_title.to(language),
            axis=alt.Axis(labelAngle=x_angle, orient="bottom"),
        ),
        y=alt.Y(f"{y}:N", sort=list(y_order), title=y_title.to(language)),
    )
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(
        color=alt.Color(f"{value}:Q", title=value_title.to(language), scale=scale, legend=None),
        tooltip=[
            alt.Tooltip(f"{y}:N", title=y_title.to(language)),
            alt.Tooltip(f"{x}:N", title=x_title.to(language)),
            alt.Tooltip(f"{value}:Q", title=value_title.to(language), format=value_format),
            *tips_of(tooltips, language),
        ],
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text("text:N"), color=alt.condition(dark, alt.value("#ffffff"), alt.value(theme.INK))
    )
    height = row_height * len(y_order)
    chart: alt.LayerChart = finished(cells + numbers, title, subtitle, language, height=height)
    return chart


def pareto_curve(
    frame: pl.DataFrame, at: tuple[float, float] | None, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the share of revenue that the best x % of customers make (``customer_share``, ``value_share``).

    ``at`` is a point to mark.
    """
    import altair as alt

    words = words_in(language)
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("customer_share:Q", title=words["pareto_x"], axis=axis, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y(
            "value_share:Q", title=words["pareto_y"], axis=axis, scale=alt.Scale(domain=[0, 1], clamp=True)
        ),
    )
    nearest = alt.selection_point(
        nearest=True, on="pointerover", fields=["customer_share"], empty=False, name="nearest"
    )
    dots = base.mark_point(size=80).encode(
        opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
        tooltip=[
            alt.Tooltip("customer_share:Q", title=words["pareto_x"], format=".1%"),
            alt.Tooltip("value_share:Q", title=words["pareto_y"], format=".1%"),
        ],
    )
    equal = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).encode(x="x:Q", y="y:Q")
    diagonal = equal.mark_line(color=theme.MUTED, strokeDash=[4, 4], strokeWidth=1)
    layers = diagonal + base.mark_line() + dots.add_params(nearest)
    if at is not None:
        written = f"{percent(at[0])} → {percent(at[1], 0)}"
        place = pl.DataFrame({"x": [at[0]], "y": [at[1]], "text": [written]})
        mark = alt.Chart(place).encode(x="x:Q", y="y:Q")
        label = mark.mark_text(align="left", dx=12, dy=10, color=theme.INK, fontWeight="bold", fontSize=13)
        layers = layers + mark.mark_point(size=110, color=theme.BAD) + label.encode(text="text:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=340)
    return chart


def share_bars(
    frame: pl.DataFrame,
    colours: Sequence[str],
    title: Text,
    subtitle: Text,
    group_title: Text,
    name_title: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw one full-width bar per ``group``, split by the ``count`` of each ``name``."""
    import altair as alt

    words = words_in(language)
    names, groups = order_of(frame, "name"), order_of(frame, "group")
    whole = pl.col("count").sum().over("group")
    share = pl.when(whole > 0).then(pl.col("count") / whole).otherwise(0.0)
    inks = {name: theme.ink_on(colour) for name, colour in zip(names, colours, strict=True)}
    shares = frame.with_columns(share=share).with_columns(
        ink=pl.col("name").replace_strict(inks, return_dtype=pl.String),
        place=pl.int_range(pl.len()).over("group"),
        middle=pl.col("share").cum_sum().over("group") - pl.col("share") / 2,
        label=pl.when(pl.col("share") >= _SMALLEST_LABEL)
        .then(pl.col("share").map_elements(percent, return_dtype=pl.String))
        .otherwise(pl.lit("")),
    )
    base = alt.Chart(drawable(shares)).encode(
        y=alt.Y("group:N", sort=groups, title=group_title.to(language)), order=alt.Order("place:Q")
    )
    bars = base.mark_bar(cornerRadius=0, size=34).encode(
        x=alt.X(
            "share:Q",
            stack="zero",
            title=words["share_axis"],
            axis=alt.Axis(format=".0%", tickCount=5),
            scale=alt.Scale(domain=[0, 1]),
        ),
        color=alt.Color(
            "name:N",
            sort=names,
            title=None,
            scale=alt.Scale(domain=names, range=list(colours)),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("group:N", title=group_title.to(language)),
            alt.Tooltip("name:N", title=name_title.to(language)),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )
    numbers = base.mark_text(fontWeight="bold", fontSize=12).encode(
        x="middle:Q", text="label:N", color=alt.Color("ink:N", scale=None)
    )
    chart: alt.LayerChart = finished(bars + numbers, title, subtitle, language, height=52 * len(groups))
    return chart


def diverging_bars(frame: pl.DataFrame, title: Text, subtitle: Text, language: Language) -> alt.Chart:
    """Draw negative counts to the left and positive to the right.

    ``frame``: ``name``, ``side``, ``value`` (the signed count), ``count``, ``share``.
    """
    import altair as alt

    words = words_in(language)
    names = order_of(frame, "name")
    sides = [words["negative"], words["positive"]]
    bars = alt.Chart(drawable(frame)).mark_bar()
    drawn = bars.encode(
        y=alt.Y("name:N", sort=names, title=words["aspect"]),
        x=alt.X(
            "value:Q",
            title=words["mentions_axis"],
            axis=alt.Axis(labelExpr="format(abs(datum.value), ',d')", tickCount=6),
        ),
        color=alt.Color(
            "side:N",
            sort=sides,
            title=None,
            scale=alt.Scale(domain=sides, range=[theme.BAD, theme.GOOD]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("name:N", title=words["aspect"]),
            alt.Tooltip("side:N", title=words["sentiment"]),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )
    chart: alt.Chart = finished(drawn, title, subtitle, language, height=28 * len(names))
    return chart


def interval_line(
    frame: pl.DataFrame, title: Text, subtitle: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw a share per period with its interval.

    ``frame``: ``period``, ``share``, ``low``, ``high``, ``count``, ``n`` (written above the period).
    """
    import altair as alt

    words = words_in(language)
    periods = order_of(frame, "period")
    angle = -35 if len(periods) > 6 else 0
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("period:N", sort=periods, title=words["period"], axis=alt.Axis(labelAngle=angle))
    )
    band = base.mark_bar(color=theme.SEQUENTIAL[1], size=18, cornerRadius=3).encode(
        y=alt.Y(
            "low:Q",
            title=y_title.to(language),
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[0, 1]),
        ),
        y2="high:Q",
    )
    line = base.mark_line(strokeWidth=1.5).encode(y="share:Q")
    points = base.mark_point().encode(
        y="share:Q",
        tooltip=[
            alt.Tooltip("period:N", title=words["period"]),
            alt.Tooltip("share:Q", title=y_title.to(language), format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
        ],
    )
    labels = base.mark_text(dy=4, baseline="top", color=theme.MUTED, fontSize=11)
    layers = band + line + points + labels.encode(y=alt.value(0), text="n:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=300)
    return chart


def signed_bars(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.Chart:
    """Draw a signed ``value`` per ``name``, orange below zero and teal above."""
    import altair as alt

    names = order_of(frame, "name")
    bars = alt.Chart(drawable(frame)).mark_bar()
    drawn = bars.encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language)),
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(tickCount=6)),
        color=alt.condition(alt.datum.value > 0, alt.value(theme.GOOD), alt.value(theme.BAD)),
        tooltip=tips_of(tooltips, language),
    )
    chart: alt.Chart = finished(drawn, title, subtitle, language, height=24 * len(names))
    return chart


def bars(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw one share (``value``) per ``name`` with the ``label`` written at its end."""
    import altair as alt

    names = order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language)),
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(format=".0%", tickCount=5)),
    )
    drawn = base.mark_bar().encode(tooltip=tips_of(tooltips, language))
    labels = base.mark_text(align="left", dx=5, color=theme.INK).encode(text="label:N")
    chart: alt.LayerChart = finished(drawn + labels, title, subtitle, language, height=ROW * len(names))
    return chart


def score_distribution(frame: pl.DataFrame, score: Score, title: Text, language: Language) -> alt.Chart:
    """Draw customers per bin (``low``, ``high``, ``count``)."""
    import altair as alt

    words = words_in(language)
    bars = alt.Chart(drawable(frame)).mark_bar()
    drawn = bars.encode(
        x=alt.X("low:Q", title=score.text.to(language)),
        x2="high:Q",
        y=alt.Y("count:Q", title=words["customers"]),
        tooltip=[
            alt.Tooltip("low:Q", title=words["from"], format=",.2f"),
            alt.Tooltip("high:Q", title=words["to"], format=",.2f"),
            alt.Tooltip("count:Q", title=words["customers"], format=",d"),
        ],
    )
    chart: alt.Chart = finished(drawn, title, score.text, language, height=260)
    return chart
