"""Charts of what customers are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.view import theme
from crmlab.view.chart_parts import ROW, drawable, finished, order_of, words_in

if TYPE_CHECKING:
    import altair as alt

    from crmlab.labels import Language, Text


def amounts(
    frame: pl.DataFrame,
    actual: float | None,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw an amount with its interval per ``name``, and a line at what ``actual`` became of them.

    ``frame``: ``name``, ``main`` (the figure that the report stands on), ``value``, ``low``, ``high``.
    """
    import altair as alt

    words = words_in(language)
    names = order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y("name:N", sort=names, title=name_title.to(language), axis=alt.Axis(labelLimit=220))
    )
    colour = alt.condition(alt.datum.main, alt.value(theme.ACCENT), alt.value(theme.NEUTRAL))
    x = alt.X(
        "value:Q",
        title=x_title.to(language),
        axis=alt.Axis(labelExpr=theme.number_label(language), tickCount=5),
        scale=alt.Scale(domainMin=0),
    )
    bars = base.mark_bar(size=18).encode(
        x=x,
        color=colour,
        tooltip=[
            alt.Tooltip("name:N", title=name_title.to(language)),
            alt.Tooltip("value:Q", title=x_title.to(language), format=",.0f"),
            alt.Tooltip("low:Q", title=words["low"], format=",.0f"),
            alt.Tooltip("high:Q", title=words["high"], format=",.0f"),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=2, color=theme.INK).encode(x="low:Q", x2="high:Q")
    layers = bars + whiskers
    if actual is not None:
        line = pl.DataFrame({"actual": [actual], "text": [words["worth_actual"]]})
        at = alt.Chart(line).encode(x="actual:Q")
        layers = layers + at.mark_rule(color=theme.BAD, strokeWidth=2, strokeDash=[6, 3])
        layers = layers + at.mark_text(
            color=theme.BAD, fontWeight="bold", align="left", dx=3, baseline="bottom"
        ).encode(y=alt.value(-3), text="text:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=ROW * len(names))
    return chart


def ageing(
    frame: pl.DataFrame, title: Text, subtitle: Text, x_title: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw a cumulative amount by ``age`` with its band: ``value``, ``low``, ``high``, ``customers``."""
    import altair as alt

    words = words_in(language)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("age:Q", title=x_title.to(language), axis=alt.Axis(tickMinStep=1, tickCount=8))
    )
    y = alt.Y(
        "value:Q",
        title=y_title.to(language),
        axis=alt.Axis(labelExpr=theme.number_label(language), tickCount=5),
        scale=alt.Scale(domainMin=0),
    )
    # The layers share an axis, whose title is made of all theirs.
    band = base.mark_area(line=False, opacity=1, fillOpacity=0.2, color=theme.ACCENT).encode(
        y=alt.Y("low:Q", title=y_title.to(language)), y2="high:Q"
    )
    points = base.mark_point(size=40, filled=True).encode(
        y=y,
        tooltip=[
            alt.Tooltip("age:Q", title=x_title.to(language)),
            alt.Tooltip("value:Q", title=y_title.to(language), format=",.2f"),
            alt.Tooltip("low:Q", title=words["low"], format=",.2f"),
            alt.Tooltip("high:Q", title=words["high"], format=",.2f"),
            alt.Tooltip("customers:Q", title=words["count"], format=",d"),
        ],
    )
    layers = band + base.mark_line().encode(y=y) + points
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=300)
    return chart


def spread_curve(
    frame: pl.DataFrame, at: tuple[float, float] | None, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the share of a total that the best x % of customers make, per ``measure``.

    ``frame``: ``measure``, ``customer_share``, ``value_share``; ``at`` is a point to mark.
    """
    import altair as alt

    words = words_in(language)
    measures = order_of(frame, "measure")
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("customer_share:Q", title=words["spread_x"], axis=axis, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("value_share:Q", title=words["spread_y"], axis=axis, scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "measure:N",
            title=None,
            scale=alt.Scale(domain=measures, range=[theme.ACCENT, theme.NEUTRAL][: len(measures)]),
            legend=alt.Legend(orient="top"),
        ),
    )
    dots = base.mark_point(size=60, opacity=0).encode(
        tooltip=[
            alt.Tooltip("measure:N", title=words["measure"]),
            alt.Tooltip("customer_share:Q", title=words["spread_x"], format=".1%"),
            alt.Tooltip("value_share:Q", title=words["spread_y"], format=".1%"),
        ]
    )
    equal = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).encode(x="x:Q", y="y:Q")
    layers = equal.mark_line(color=theme.MUTED, strokeDash=[4, 4], strokeWidth=1) + base.mark_line() + dots
    if at is not None:
        place = alt.Chart(pl.DataFrame({"x": [at[0]], "y": [at[1]]})).encode(x="x:Q", y="y:Q")
        layers = layers + place.mark_point(size=110, color=theme.BAD, filled=True)
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=340)
    return chart
