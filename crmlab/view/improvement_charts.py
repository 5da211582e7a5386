"""The charts of improvements: when measures ran, a series with what it would have been, placebo dates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import ROW, Tips, drawable, finished, order_of, tips_of, words_in

if TYPE_CHECKING:
    import altair as alt

_DASHES = [5, 4]


def timeline(
    frame: pl.DataFrame,
    colours: dict[str, str],
    *,
    as_of: str,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a bar per measure from ``start`` to ``end``, coloured by ``verdict``, and the as-of day.

    ``frame``: ``name``, ``start``, ``end`` (dates as text), ``verdict`` (a name of ``colours``, in legend
    order), and the columns of ``tooltips``.
    """
    import altair as alt

    x = alt.X("start:T", title=x_title.to(language), axis=alt.Axis(tickCount=5, labelOverlap=True))
    names = order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y(
            "name:N",
            sort=names,
            title=name_title.to(language),
            axis=alt.Axis(labelLimit=150),
        )
    )
    bars = base.mark_bar(height=14, cornerRadius=3).encode(
        x=x,
        x2="end:T",
        color=alt.Color(
            "verdict:N",
            title=None,
            sort=list(colours),
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=alt.Legend(orient="top", columns=2),
        ),
        tooltip=tips_of(tooltips, language),
    )
    dots = base.mark_point(size=60, color=theme.INK).encode(x=x, tooltip=tips_of(tooltips, language))
    today = alt.Chart(pl.DataFrame({"day": [as_of]})).mark_rule(
        strokeDash=_DASHES, strokeWidth=1.4, color=theme.INK
    )
    layers = bars + dots + today.encode(x="day:T")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=ROW * len(names))
    return chart


def series(
    frame: pl.DataFrame,
    *,
    start: str,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw what was observed, the line that was fitted to it, and what would have been without the measure.

    ``frame``: ``day`` (as text), ``value``, ``fitted``, ``counterfactual`` (null before the start), and the
    columns of ``tooltips``. ``start`` is the first day of the measure.
    """
    import altair as alt

    words = words_in(language)
    kinds = [words[f"improvement_{kind}"] for kind in ("observed", "fitted", "counterfactual")]
    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[theme.PALETTE[0], theme.INK, theme.BAD]),
        legend=alt.Legend(orient="top", columns=1, symbolType="stroke"),
    )
    x = alt.X("day:T", title=x_title.to(language), axis=alt.Axis(tickCount=6, labelOverlap=True))
    y = alt.Y("value:Q", title=y_title.to(language), scale=alt.Scale(zero=False, nice=True))
    rows = drawable(frame)
    observed = (
        alt.Chart(rows.with_columns(kind=pl.lit(kinds[0])))
        .mark_point(size=42, opacity=0.75)
        .encode(x=x, y=y, color=colour, tooltip=tips_of(tooltips, language))
    )
    lines: Any = None
    for kind, column, dash in ((kinds[1], "fitted", []), (kinds[2], "counterfactual", _DASHES)):
        part = rows.select("day", value=column, after="after", kind=pl.lit(kind)).drop_nulls("value")
        # The fitted line is broken where the measure begins.
        mark = alt.Chart(part).mark_line(strokeWidth=2.2, strokeDash=dash)
        drawn = mark.encode(x=x, y=y, color=colour, detail="after:N")
        lines = drawn if lines is None else lines + drawn
    begins = alt.Chart(pl.DataFrame({"day": [start], "label": [words["improvement_start"]]})).encode(
        x="day:T"
    )
    rule = begins.mark_rule(strokeDash=[2, 3], strokeWidth=1.4, color=theme.INK)
    label = begins.mark_text(align="right", dx=-5, baseline="top", fontSize=11.5).encode(
        y=alt.value(2), text="label:N"
    )
    chart: alt.LayerChart = finished(lines + observed + rule + label, title, subtitle, language, height=270)
    return chart


def placebos(
    frame: pl.DataFrame,
    names: Sequence[str],
    *,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw the effect with its interval for each assumed start, the true one set off.

    ``frame``: ``day`` (as text), ``value``, ``low``, ``high``, ``kind`` (one of the two ``names``: placebo,
    true), and the columns of ``tooltips``.
    """
    import altair as alt

    colour = alt.Color(
        "kind:N",
        title=None,
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=[theme.NEUTRAL, theme.PALETTE[0]]),
        legend=alt.Legend(orient="top", columns=1),
    )
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("day:T", title=x_title.to(language), axis=alt.Axis(tickCount=5, labelOverlap=True)),
        color=colour,
        tooltip=tips_of(tooltips, language),
    )
    y = alt.Y("low:Q", title=y_title.to(language), axis=alt.Axis(tickCount=5))
    ranges = base.mark_rule(strokeWidth=2).encode(y=y, y2="high:Q")
    points = base.mark_point(size=55, opacity=1).encode(y="value:Q")
    zero = alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(strokeDash=_DASHES, color=theme.MUTED)
    layers = zero.encode(y="zero:Q") + ranges + points
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=220)
    return chart
