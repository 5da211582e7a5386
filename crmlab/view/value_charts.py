"""Charts that set what a model of purchases expects beside what happened."""

from __future__ import annotations

from datetime import date
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import Tips, drawable, finished, order_of, tips_of, words_in

if TYPE_CHECKING:
    import altair as alt


def tracking_lines(
    frame: pl.DataFrame, cutoff: date, title: Text, subtitle: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw two lines over time, and where the days that were learned from end.

    ``frame``: ``ends_on``, ``measure`` (what happened, then what was expected), ``value``.
    """
    import altair as alt

    words = words_in(language)
    measures = order_of(frame, "measure")
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "ends_on:T",
            title=words["val_date"],
            axis=alt.Axis(format="%Y-%m", tickCount=5, labelOverlap=True),
        ),
    )
    lines = base.mark_line(strokeWidth=2).encode(
        y=alt.Y(
            "value:Q",
            title=y_title.to(language),
            axis=alt.Axis(tickCount=5, labelExpr=theme.number_label(language)),
            scale=alt.Scale(domainMin=0),
        ),
        color=alt.Color(
            "measure:N",
            title=None,
            sort=measures,
            scale=alt.Scale(domain=measures, range=[theme.MUTED, theme.ACCENT]),
            legend=alt.Legend(orient="top", symbolType="stroke"),
        ),
        strokeDash=alt.StrokeDash(
            "measure:N", scale=alt.Scale(domain=measures, range=[[1, 0], [6, 3]]), legend=None
        ),
    )
    points = base.mark_point(size=60, opacity=0).encode(
        y="value:Q",
        tooltip=[
            alt.Tooltip("ends_on:T", title=words["val_period_end"], format="%Y-%m-%d"),
            alt.Tooltip("measure:N", title=words["measure"]),
            alt.Tooltip("value:Q", title=y_title.to(language), format=",.0f"),
        ],
    )
    line = alt.Chart(pl.DataFrame({"at": [cutoff], "text": [words["val_learned_until"]]}))
    rule = line.mark_rule(strokeDash=[4, 3], color=theme.INK).encode(x="at:T")
    layers: Any = rule + lines + points
    for halo in (True, False):
        layers += line.mark_text(align="right", dx=-5, baseline="top", fontSize=11.5, **_halo(halo)).encode(
            x="at:T", y=alt.value(2), text="text:N"
        )
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=280)
    return chart


def expected_and_actual(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    *,
    percent_axis: bool = False,
) -> alt.LayerChart:
    """Draw per group what happened with its interval, and what was expected as a line across it.

    ``frame``: ``group`` in order, ``customers``, ``actual``, ``low``, ``high``, ``expected``, ``interval``
    (the ends as text).
    """
    import altair as alt

    words = words_in(language)
    groups = order_of(frame, "group")
    written = ".0%" if percent_axis else ",.2f"
    kinds = [words["val_actual"], words["val_expected"]]
    colour = alt.Scale(domain=kinds, range=[theme.MUTED, theme.ACCENT])
    tips = [
        alt.Tooltip("group:N", title=x_title.to(language)),
        alt.Tooltip("customers:Q", title=words["customers"], format=",d"),
        alt.Tooltip("actual:Q", title=words["val_actual"], format=written),
        alt.Tooltip("interval:N", title=words["interval_95"]),
        alt.Tooltip("expected:Q", title=words["val_expected"], format=written),
    ]
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "group:N", sort=groups, title=x_title.to(language), axis=alt.Axis(labelAngle=0, labelOverlap=True)
        )
    )
    axis = alt.Axis(format=".0%", tickCount=5) if percent_axis else alt.Axis(tickCount=5)
    whiskers = base.mark_rule(strokeWidth=2, color=theme.MUTED, opacity=0.6).encode(y="low:Q", y2="high:Q")
    actual = base.mark_point(size=75, opacity=1).encode(
        y=alt.Y("actual:Q", title=y_title.to(language), axis=axis, scale=alt.Scale(domainMin=0)),
        color=alt.Color("kind:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
        tooltip=tips,
    )
    expected = base.mark_tick(thickness=3, width=20, orient="horizontal").encode(
        y="expected:Q", color=alt.Color("kind:N", title=None, scale=colour), tooltip=tips
    )
    layers = (
        whiskers
        + actual.transform_calculate(kind=_literal(kinds[0]))
        + expected.transform_calculate(kind=_literal(kinds[1]))
    )
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=280)
    return chart


def gains(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a share with its interval per ``name``, in the order of the frame, and a line at 0.

    ``frame``: ``name`` (a long one takes two lines), ``value``, ``low``, ``high``, ``label``, and the columns
    of ``tooltips``.
    """
    import altair as alt

    width = 10 if language == "zh" else 18
    lines = pl.col("name").map_elements(lambda name: "\n".join(wrap(name, width)), return_dtype=pl.String)
    rows = frame.with_columns(row=lines)
    base = alt.Chart(drawable(rows)).encode(
        y=alt.Y(
            "row:N",
            sort=order_of(rows, "row"),
            title=name_title.to(language),
            axis=alt.Axis(labelLimit=150, labelExpr=r"split(datum.label, '\n')"),
        )
    )
    layers: Any = (
        alt.Chart(pl.DataFrame({"at": [0]})).mark_rule(strokeDash=[4, 3], color=theme.MUTED).encode(x="at:Q")
    )
    layers += base.mark_rule(strokeWidth=2, opacity=0.55, color=theme.ACCENT).encode(x="low:Q", x2="high:Q")
    layers += base.mark_point(size=100, opacity=1, color=theme.ACCENT).encode(
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(format=".0%", tickCount=4)),
        tooltip=tips_of(tooltips, language),
    )
    for halo in (True, False):
        layers += base.mark_text(dy=-11, fontSize=11, **_halo(halo)).encode(x="value:Q", text="label:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=40 * frame.height)
    return chart


def density(frame: pl.DataFrame, title: Text, subtitle: Text, x_title: Text, language: Language) -> alt.Chart:
    """Draw a density (``value``, ``density``); the scale of the density says nothing and is not written."""
    import altair as alt

    words = words_in(language)
    area = alt.Chart(drawable(frame.sort("value"))).mark_area()
    drawn = area.encode(
        x=alt.X(
            "value:Q", title=x_title.to(language), axis=alt.Axis(tickCount=6), scale=alt.Scale(nice=False)
        ),
        y=alt.Y("density:Q", title=words["val_density"], axis=alt.Axis(labels=False, tickCount=3)),
        tooltip=[alt.Tooltip("value:Q", title=x_title.to(language), format=",.3f")],
    )
    chart: alt.Chart = finished(drawn, title, subtitle, language, height=200)
    return chart


def _literal(text: str) -> str:
    """Return a text as a Vega expression."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"


def _halo(halo: bool) -> dict[str, Any]:
    """Return how a text is drawn: first its white surroundings, then the text."""
    return {"stroke": "#ffffff", "strokeWidth": 4} if halo else {"color": theme.INK}
