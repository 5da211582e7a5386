"""Charts of key drivers: importance against performance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.view import theme
from crmlab.view.chart_parts import drawable, finished, words_in

if TYPE_CHECKING:
    import altair as alt

    from crmlab.labels import Language, Text


_NAMED = 8
"""Drivers that have their name beside the dot, the most important; names of more would cover each other."""


def importance_performance(
    frame: pl.DataFrame, cuts: tuple[float, float], title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw each ``name`` by how well it goes (x) and how much it matters (y), with both intervals.

    ``frame``: ``name``, ``share``, ``low``, ``high``, ``performance``, ``performance_low``,
    ``performance_high``, ``meaning`` (of its quadrant), ``first`` (to be fixed first). ``cuts`` are the
    performance and the importance where the quadrants meet.
    """
    import altair as alt

    words = words_in(language)
    rows = drawable(frame)
    base = alt.Chart(rows)
    x_ends = _room(frame["performance_low"], frame["performance_high"], cuts[0])
    y_ends = _room(frame["low"], frame["high"], cuts[1])
    x = alt.X(
        "performance:Q",
        title=words["drivers_performance_axis"],
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=x_ends, nice=False, zero=False),
    )
    y = alt.Y(
        "share:Q",
        title=words["drivers_share_axis"],
        axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domain=y_ends, nice=False, zero=False),
    )
    colour = alt.condition(alt.datum.first, alt.value(theme.BAD), alt.value(theme.ACCENT))
    lines: Any = base.mark_rule(opacity=0.35, color=theme.MUTED)
    layers = lines.encode(x="performance_low:Q", x2="performance_high:Q", y="share:Q")
    layers += lines.encode(x="performance:Q", y="low:Q", y2="high:Q")
    cut = alt.Chart(pl.DataFrame({"performance": [cuts[0]], "share": [cuts[1]]}))
    dashed = cut.mark_rule(strokeDash=[5, 4], color=theme.MUTED)
    layers += dashed.encode(x="performance:Q") + dashed.encode(y="share:Q")
    corners = pl.DataFrame(
        {
            "x": [x_ends[0], x_ends[1], x_ends[0], x_ends[1]],
            "y": [y_ends[1], y_ends[1], y_ends[0], y_ends[0]],
            "align": ["left", "right", "left", "right"],
            "base": ["top", "top", "bottom", "bottom"],
            "text": [
                words[f"drivers_quadrant_{name}"] for name in ("concentrate", "keep", "low", "overkill")
            ],
        }
    )
    for row in corners.iter_rows(named=True):
        place = alt.Chart(pl.DataFrame({"x": [row["x"]], "y": [row["y"]], "text": [row["text"]]}))
        layers += place.mark_text(
            align=row["align"],
            baseline=row["base"],
            dx=4 if row["align"] == "left" else -4,
            color=theme.MUTED,
            fontSize=11,
        ).encode(x="x:Q", y="y:Q", text="text:N")
    layers += base.mark_point(filled=True, size=110, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=[
            alt.Tooltip("name:N", title=words["drivers_driver"]),
            alt.Tooltip("share:Q", title=words["drivers_share"], format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("performance:Q", title=words["drivers_performance"], format=".1%"),
            alt.Tooltip("meaning:N", title=words["drivers_quadrant"]),
        ],
    )
    named = alt.Chart(drawable(frame.sort("share", "name", descending=[True, False]).head(_NAMED)))
    for halo in (True, False):
        outline: dict[str, Any] = {"stroke": "#ffffff", "strokeWidth": 3} if halo else {}
        layers += named.mark_text(dy=-12, fontSize=12, **outline).encode(
            x="performance:Q", y="share:Q", text="name:N"
        )
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=340)
    return chart


def _room(low: pl.Series, high: pl.Series, cut: float) -> list[float]:
    """Return the ends of an axis with room for the words at its corners."""
    least = min([cut, *low.drop_nulls().to_list()])
    most = max([cut, *high.drop_nulls().to_list()])
    margin = max(0.08 * (most - least), 0.01)
    return [max(least - margin, -margin), most + margin]
