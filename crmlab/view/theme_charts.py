"""The charts of themes: how large and how negative, how they move, what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import ROW, drawable, finished, order_of, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt


def theme_bars(frame: pl.DataFrame, title: Text, subtitle: Text, language: Language) -> alt.LayerChart:
    """Draw the share of each theme with its interval; the more negative it is, the darker.

    ``frame``: ``name``, ``share``, ``low``, ``high``, ``texts``, ``negative_share``.
    """
    import altair as alt

    words = words_in(language)
    names = order_of(frame, "name")
    base = alt.Chart(
        drawable(frame.select("name", "share", "low", "high", "texts", "negative_share"))
    ).encode(y=alt.Y("name:N", sort=names, title=words["themes_name"]))
    percent = alt.Axis(format=".0%", tickCount=5)
    shades = alt.Scale(domain=[0, 1], range=[theme.DIVERGING[-2], theme.DIVERGING[3], theme.DIVERGING[1]])
    bars = base.mark_bar(stroke=theme.GRID).encode(
        x=alt.X("share:Q", title=words["themes_share_axis"], axis=percent),
        color=alt.Color(
            "negative_share:Q",
            title=words["negative_share"],
            scale=shades,
            legend=alt.Legend(orient="top", format=".0%", gradientLength=140),
        ),
        tooltip=[
            alt.Tooltip("name:N", title=words["themes_name"]),
            alt.Tooltip("texts:Q", title=words["texts"], format=",d"),
            alt.Tooltip("share:Q", title=words["of_texts"], format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("negative_share:Q", title=words["negative_share"], format=".1%"),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    chart: alt.LayerChart = finished(bars + whiskers, title, subtitle, language, height=ROW * len(names))
    return chart


def share_lines(frame: pl.DataFrame, title: Text, subtitle: Text, language: Language) -> alt.LayerChart:
    """Draw the share of each theme per period, one line per theme, with its interval.

    ``frame``: ``name``, ``period``, ``share``, ``low``, ``high``, ``hits``, ``count``.
    """
    import altair as alt

    words = words_in(language)
    names, periods = order_of(frame, "name"), sorted(order_of(frame, "period"))
    base = alt.Chart(
        drawable(frame.select("name", "period", "share", "low", "high", "hits", "count"))
    ).encode(
        x=alt.X(
            "period:N",
            sort=periods,
            title=words["period"],
            axis=alt.Axis(labelAngle=-35 if len(periods) > 6 else 0, labelOverlap=True),
        ),
        color=alt.Color(
            "name:N",
            sort=names,
            title=None,
            scale=alt.Scale(domain=names, range=list(theme.PALETTE[: len(names)])),
            legend=alt.Legend(orient="top", columns=1),
        ),
    )
    y_axis = alt.Axis(format=".0%", tickCount=5)
    band = base.mark_rule(strokeWidth=4, opacity=0.3).encode(
        y=alt.Y("low:Q", title=words["themes_share_axis"], axis=y_axis), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.8).encode(y="share:Q")
    points = base.mark_point(size=40).encode(
        y="share:Q",
        tooltip=[
            alt.Tooltip("name:N", title=words["themes_name"]),
            alt.Tooltip("period:N", title=words["period"]),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("hits:Q", title=words["texts"], format=",d"),
            alt.Tooltip("count:Q", title=words["themes_of_period"], format=",d"),
        ],
    )
    chart: alt.LayerChart = finished(band + line + points, title, subtitle, language, height=300)
    return chart


def change_bars(
    frame: pl.DataFrame, title: Text, subtitle: Text, kinds: Sequence[str], language: Language
) -> alt.LayerChart:
    """Draw how far the share of each theme or word has moved, with its interval; zero is no change.

    ``frame``: ``name``, ``difference``, ``low``, ``high``, ``side`` (one of ``kinds``: new, rising,
    falling), ``text`` and ``text_before`` (counts for the tooltip).
    """
    import altair as alt

    words = words_in(language)
    names = order_of(frame, "name")
    base = alt.Chart(
        drawable(frame.select("name", "difference", "low", "high", "side", "text", "text_before"))
    ).encode(
        y=alt.Y("name:N", sort=names, title=words["emerging_item"]),
        color=alt.Color(
            "side:N",
            title=None,
            scale=alt.Scale(domain=list(kinds), range=[theme.PALETTE[2], theme.ACCENT, theme.PALETTE[1]]),
            legend=alt.Legend(orient="top"),
        ),
    )
    axis = alt.Axis(format="+.0%", tickCount=5)
    reach = base.mark_rule(strokeWidth=3, opacity=0.5).encode(
        x=alt.X("low:Q", title=words["emerging_axis"], axis=axis), x2="high:Q"
    )
    points = base.mark_point(size=80).encode(
        x="difference:Q",
        tooltip=[
            alt.Tooltip("name:N", title=words["emerging_item"]),
            alt.Tooltip("side:N", title=words["emerging_change"]),
            alt.Tooltip("difference:Q", title=words["emerging_axis"], format="+.1%"),
            alt.Tooltip("low:Q", title=words["low"], format="+.1%"),
            alt.Tooltip("high:Q", title=words["high"], format="+.1%"),
            alt.Tooltip("text:N", title=words["emerging_now_count"]),
            alt.Tooltip("text_before:N", title=words["emerging_before_count"]),
        ],
    )
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=theme.MUTED, strokeDash=[4, 4])
    layers = zero.encode(x="zero:Q") + reach + points
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=ROW * len(names))
    return chart
