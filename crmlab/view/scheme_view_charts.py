"""Charts of one classification: the number that it cuts, and figures of its classes with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import Tips, drawable, finished, order_of, tips_of, words_in
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.scheme_views.axis import Axis

_RAMP = ("#084a4c", "#16736f", "#2f8c88", "#5fada6", "#97cac2", "#bcdcd6")
"""Best class to last, dark to light; the lightest is still seen on white."""
_LINE = 15
"""Pixels between two lines of labels."""


def cut_histogram(
    frame: pl.DataFrame,
    cuts: Sequence[tuple[float, str]],
    names: Sequence[str],
    axis: Axis,
    title: Text,
    subtitle: Text,
    x_title: Text,
    language: Language,
    *,
    percent_axis: bool = False,
) -> alt.LayerChart:
    """Draw customers per bar, stacked by class, and the cut-points as lines with their values.

    ``frame``: ``low``, ``high``, ``start``, ``end`` (the same as texts), ``name``, ``customers``,
    ``height``. ``names`` are the classes in order; without any, bars have one colour.
    """
    import altair as alt

    words = words_in(language)
    order = {name: at for at, name in enumerate(names)}
    class_tip = [alt.Tooltip("name:N", title=texts()["class"].to(language))] if names else []
    stacked = (
        frame.with_columns(place=pl.col("name").replace_strict(order, default=0, return_dtype=pl.Int64))
        .sort("low", "place")
        .with_columns(top=pl.col("height").cum_sum().over("low"))
        .with_columns(bottom=pl.col("top") - pl.col("height"))
    )
    highest = float(stacked["top"].max() or 1)  # type: ignore[arg-type]
    rows = min(len(cuts), 3)
    scale: dict[str, Any] = {"type": axis.kind, "domain": list(axis.ends), "nice": False}
    if axis.kind == "symlog":
        scale["constant"] = axis.constant
    ticks: dict[str, Any] = {"values": marks} if (marks := axis.ticks()) else {"tickCount": 6}
    label: dict[str, Any] = {"format": ".0%"} if percent_axis else {"labelExpr": theme.number_label(language)}
    base = alt.Chart(drawable(stacked))
    bars = base.mark_bar(cornerRadius=0, stroke="#ffffff", strokeWidth=0.6).encode(
        x=alt.X(
            "low:Q",
            title=x_title.to(language),
            scale=alt.Scale(**scale),
            axis=alt.Axis(**ticks, **label, labelOverlap=True),
        ),
        x2="high:Q",
        y=alt.Y(
            "bottom:Q",
            title=texts()["distribution_axis"].to(language),
            scale=alt.Scale(domain=[0, highest * (1 + 0.08 * (rows + 0.4))], nice=False),
            axis=alt.Axis(tickCount=5),
        ),
        y2="top:Q",
        color=alt.Color(
            "name:N",
            sort=list(names),
            title=None,
            scale=alt.Scale(domain=list(names), range=ramp(len(names))),
            legend=alt.Legend(orient="top"),
        )
        if names
        else alt.value(theme.ACCENT),
        tooltip=[
            *class_tip,
            alt.Tooltip("start:N", title=words["from"]),
            alt.Tooltip("end:N", title=words["to"]),
            alt.Tooltip("customers:Q", title=words["customers"], format=",d"),
        ],
    )
    layers: Any = bars
    for at, (cut, written) in enumerate(cuts):
        line = alt.Chart(pl.DataFrame({"cut": [cut], "label": [written]}))
        place = alt.X("cut:Q", scale=alt.Scale(**scale))
        layers += line.mark_rule(strokeDash=[4, 3], strokeWidth=1.4, color=theme.INK).encode(x=place)
        # Away from the other lines, unless the edge of the chart is near.
        way = axis.reach(axis.ends[0], cut) / axis.reach(*axis.ends)
        left = way > (0.75 if at else 0.25) if len(cuts) > 1 else way > 0.5
        for halo in (True, False):
            layers += line.mark_text(
                align="right" if left else "left",
                dx=-5 if left else 5,
                baseline="top",
                fontSize=11.5,
                fontWeight=600,
                **_halo(halo),
            ).encode(x=place, y=alt.value(2 + _LINE * (at % 3)), text="label:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=270)
    return chart


def dots(
    frame: pl.DataFrame,
    everybody: float | None,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
    *,
    percent_axis: bool = False,
) -> alt.LayerChart:
    """Draw a figure with its interval per ``name``, in the order of the frame, and a line for everybody's.

    ``frame``: ``name``, ``customers`` (as text, written below it), ``value``, ``low``, ``high``, ``label``
    (written above the dot), and the columns of ``tooltips``.
    """
    import altair as alt

    rows = frame.with_columns(row=pl.format("{}\n{}", "name", "customers"))
    base = alt.Chart(drawable(rows)).encode(
        y=alt.Y(
            "row:N",
            sort=order_of(rows, "row"),
            title=name_title.to(language),
            axis=alt.Axis(labelLimit=150, labelExpr=r"split(datum.label, '\n')"),
        )
    )
    nearest = min((float(end) for end in frame["low"].drop_nulls()), default=0.0)
    furthest = max((float(end) for end in frame["high"].drop_nulls()), default=0.0) * 1.06 or 1.0
    label: dict[str, Any] = {"format": ".0%"} if percent_axis else {"labelExpr": theme.number_label(language)}
    x = alt.X(
        "value:Q",
        title=x_title.to(language),
        axis=alt.Axis(tickCount=5, **label),
        scale=alt.Scale(
            domain=[min(nearest, 0.0), min(furthest, 1.0) if percent_axis else furthest], nice=False
        ),
    )
    layers: Any = base.mark_rule(strokeWidth=2.4, opacity=0.5, color=theme.ACCENT).encode(
        x="low:Q", x2="high:Q"
    )
    if everybody is not None:
        line = alt.Chart(pl.DataFrame({"all": [everybody]}))
        layers += line.mark_rule(strokeDash=[4, 3], color=theme.MUTED).encode(x="all:Q")
    layers += base.mark_point(filled=True, size=100, opacity=1).encode(
        x=x, tooltip=tips_of(tooltips, language)
    )
    for halo in (True, False):
        layers += base.mark_text(dy=-12, fontSize=11, **_halo(halo)).encode(x="value:Q", text="label:N")
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=42 * frame.height)
    return chart


def candidates(
    frame: pl.DataFrame, order: Sequence[str], title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw figures within 0–1 by number of segments: ``segments``, ``name``, ``value``, ``chosen``."""
    import altair as alt

    words = texts()
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("segments:O", title=words["choice_segments"].to(language), axis=alt.Axis(labelAngle=0)),
        y=alt.Y(
            "value:Q",
            title=words["choice_axis"].to(language),
            scale=alt.Scale(domain=[0, 1], clamp=True),
            axis=alt.Axis(tickCount=5),
        ),
        color=alt.Color(
            "name:N",
            sort=list(order),
            title=None,
            scale=alt.Scale(domain=list(order), range=list(theme.PALETTE[: len(order)])),
            legend=alt.Legend(orient="top", columns=2),
        ),
    )
    lines = base.mark_line(strokeWidth=1.6)
    points = base.mark_point(filled=True, opacity=1).encode(
        size=alt.condition("datum.chosen", alt.value(150), alt.value(40)),
        tooltip=[
            alt.Tooltip("segments:O", title=words["choice_segments"].to(language)),
            alt.Tooltip("name:N", title=words["measure"].to(language)),
            alt.Tooltip("value:Q", title=words["choice_axis"].to(language), format=".2f"),
        ],
    )
    chosen = (
        alt.Chart(drawable(frame.filter(pl.col("chosen")).head(1)))
        .mark_rule(strokeDash=[4, 3], color=theme.MUTED)
        .encode(x="segments:O")
    )
    chart: alt.LayerChart = finished(chosen + lines + points, title, subtitle, language, height=240)
    return chart


def _halo(halo: bool) -> dict[str, Any]:
    """Return how a text is drawn: first its white surroundings, then the text."""
    return {"stroke": "#ffffff", "strokeWidth": 4} if halo else {"color": theme.INK}


def ramp(classes: int) -> list[str]:
    """Return one colour per class, the best first."""
    last = max(classes - 1, 1)
    return [_RAMP[round(at / last * (len(_RAMP) - 1))] for at in range(classes)]
