"""Charts of classification schemes against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.view import theme
from crmlab.view.chart_parts import Tips, drawable, finished, order_of, tips_of

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

    from crmlab.labels import Language, Text


def interval_dots(
    frame: pl.DataFrame,
    kinds: dict[str, str],
    *,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
) -> alt.LayerChart:
    """Draw a share with its interval per ``name``, in the order of the frame.

    ``frame``: ``name``, ``kind``, ``value``, ``low``, ``high``, ``label`` (written beside the dot), and the
    columns of ``tooltips``. ``kinds`` has the colour of each kind, in the order of the legend.
    """
    import altair as alt

    names = order_of(frame, "name")
    present = [kind for kind in kinds if kind in set(frame["kind"])]
    base = alt.Chart(drawable(frame)).encode(y=alt.Y("name:N", sort=names, title=name_title.to(language)))
    x = alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(format=".0%", tickCount=5))
    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=present, range=[kinds[kind] for kind in present]),
        legend=alt.Legend(orient="top") if present else None,  # an empty one is endlessly high
    )
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.55).encode(x="low:Q", x2="high:Q", color=colour)
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=x, color=colour, tooltip=tips_of(tooltips, language)
    )
    labels = base.mark_text(align="left", dx=6, color=theme.INK, fontSize=11).encode(
        x="high:Q", text="label:N"
    )
    layers = whiskers + dots + labels
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=26 * len(names))
    return chart
