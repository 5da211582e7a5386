"""The charts of movement: alluvial ribbons over several days, and who comes and goes per period."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import finished
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

_GAP = 0.018
"""Space between two classes of a day, as a share of the tallest day."""
_LINE = 17
"""Pixels that the name of a class takes; narrower classes have their names pushed apart."""
_HALF = 0.022
"""Half the width of a day's bar, as a share of the chart's width."""
_STEPS = 9
"""Points along the edge of a ribbon; between them it is drawn as a smooth curve."""
_WIDE = "width > 460"
"""Where numbers have room inside the chart; on a phone they are in the tooltip and the table."""


@dataclass(frozen=True)
class Stratum:
    """One class on one day: its place from the left, customers, and the colour it is drawn in.

    ``text`` is written beside it at the left and right edge, ``inside`` in the middle of the chart.
    """

    column: int
    id: str
    name: str
    customers: int
    colour: str
    text: str
    inside: str


@dataclass(frozen=True)
class Ribbon:
    """The customers who went from one class to another between a day and the next one."""

    column: int
    before: str
    after: str
    customers: int
    share: float


def alluvial(
    days: Sequence[str],
    strata: Sequence[Stratum],
    ribbons: Sequence[Ribbon],
    title: Text,
    subtitle: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw classes as bars and movement between them as ribbons, from the first day to the last.

    Strata stand in the order given; a ribbon is as wide as it has customers and takes the colour of
    the class that it leaves.
    """
    import altair as alt

    words = texts()
    most = max(len([each for each in strata if each.column == column]) for column in range(len(days)))
    height = min(560, max(260, 46 * most))
    places = _places(strata)
    end = max((bottom for _, bottom in places.values()), default=1.0)
    scale = alt.Scale(domain=[0, end], reverse=True, nice=False, zero=False)
    reach = (len(days) - 1) * _HALF
    across = alt.Scale(domain=[-reach, len(days) - 1 + reach], nice=False)
    x_axis = alt.Axis(
        values=list(range(len(days))),
        labelExpr=f"split({json.dumps(list(days))}[datum.value], '|')",
        grid=False,
        labelFlush=False,
        labelOverlap=False,
    )
    x = alt.X("x:Q", title=words["as_of"].to(language), axis=x_axis, scale=across)

    def side(column: int, orient: Any) -> Any:
        shown = [each for each in strata if each.column == column]
        at = _apart([sum(places[column, each.id]) / 2 for each in shown], _LINE * end / height, end)
        written = {f"{place:.3f}": each.text for place, each in zip(at, shown, strict=True)}
        return alt.Axis(
            orient=orient,
            values=[float(place) for place in written],
            labelExpr=f"{json.dumps(written, ensure_ascii=False)}[format(datum.value, '.3f')]",
            grid=False,
            tickCount=len(written),  # Vega drops every second value beyond the count of the theme
            labelOverlap=False,
            labelColor=theme.INK,
            labelPadding=4,
        )

    colours = {(each.column, each.id): each.colour for each in strata}
    names = {(each.column, each.id): each.name for each in strata}
    edges = _edges(strata, ribbons, places)
    flows = pl.DataFrame(
        [
            (
                f"{ribbon.column}.{ribbon.before}.{ribbon.after}",
                ribbon.column + t,
                upper + (there - upper) * _smooth(t),
                upper + (there - upper) * _smooth(t) + ribbon.customers,
                colours[ribbon.column, ribbon.before],
                names[ribbon.column, ribbon.before],
                names[ribbon.column + 1, ribbon.after],
                ribbon.customers,
                ribbon.share,
            )
            for ribbon, (upper, there) in zip(ribbons, edges, strict=True)
            for t in (step / (_STEPS - 1) for step in range(_STEPS))
        ],
        schema=_FLOWS,
        orient="row",
    )
    bars = pl.DataFrame(
        [
            (
                each.column - reach,
                each.column + reach,
                *places[each.column, each.id],
                each.colour,
                each.name,
                each.customers,
                each.inside if 0 < each.column < len(days) - 1 else "",
            )
            for each in strata
        ],
        schema=_BARS,
        orient="row",
    ).with_columns(middle=(pl.col("top") + pl.col("bottom")) / 2)
    drawn = (
        alt.Chart(flows)
        .mark_area(line=False, fillOpacity=0.42, interpolate="monotone")
        .encode(
            x=x,
            y=alt.Y("top:Q", scale=scale, title=words["share"].to(language), axis=side(0, "left")),
            y2="bottom:Q",
            detail="flow:N",
            color=alt.Color("colour:N", scale=None),
            tooltip=[
                alt.Tooltip("before:N", title=words["movers_before"].to(language)),
                alt.Tooltip("after:N", title=words["movers_after"].to(language)),
                alt.Tooltip("customers:Q", title=words["customers"].to(language), format=",d"),
                alt.Tooltip("share:Q", title=words["share_of_row"].to(language), format=".1%"),
            ],
        )
    )
    base = alt.Chart(bars)
    blocks = base.mark_rect(stroke="#ffffff", strokeWidth=0.5).encode(
        x=alt.X("left:Q", scale=across, title=words["as_of"].to(language), axis=x_axis),
        x2="right:Q",
        y=alt.Y("top:Q", scale=scale, title=words["class"].to(language), axis=side(len(days) - 1, "right")),
        y2="bottom:Q",
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("name:N", title=words["class"].to(language)),
            alt.Tooltip("customers:Q", title=words["customers"].to(language), format=",d"),
        ],
    )
    labels = base.mark_text(align="left", dx=6, fontSize=11, color=theme.INK).encode(
        x=alt.X("right:Q", scale=across),
        y=alt.Y("middle:Q", scale=scale, axis=None),
        text=alt.Text("inside:N"),
        opacity=alt.condition(_WIDE, alt.value(1), alt.value(0)),
    )
    chart: alt.LayerChart = finished(
        (drawn + blocks + labels).resolve_axis(y="independent"), title, subtitle, language, height
    )
    return chart


def flow_bars(
    frame: pl.DataFrame,
    kinds: Sequence[tuple[str, Text, str]],
    title: Text,
    subtitle: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw who bought above the line and who stopped below it, per period.

    ``frame``: ``period``, ``kind``, ``value`` (signed), ``customers``. ``kinds``: id, name and colour,
    those nearest to the line first on either side.
    """
    import altair as alt

    words = texts()
    names = [name.to(language) for _, name, _ in kinds]
    inks = {name: theme.ink_on(colour) for name, (_, _, colour) in zip(names, kinds, strict=True)}
    tall = frame.group_by("period").agg(
        up=pl.col("value").filter(pl.col("value") > 0).sum(),
        down=pl.col("value").filter(pl.col("value") < 0).sum(),
    )
    span = max(tall["up"].to_list(), default=0) - min(tall["down"].to_list(), default=0)
    order = {name: place for place, name in enumerate(names)}
    above = pl.col("value") >= 0
    stacked = (
        frame.with_columns(place=pl.col("kind").replace_strict(order, return_dtype=pl.Int64))
        .sort("period", "place", maintain_order=True)
        .with_columns(end=pl.col("value").cum_sum().over("period", above))
        .with_columns(
            start=pl.col("end") - pl.col("value"),
            middle=pl.col("end") - pl.col("value") / 2,
            ink=pl.col("kind").replace_strict(inks, return_dtype=pl.String),
            text=pl.when(pl.col("value").abs() >= 0.055 * span)
            .then(pl.format("{}", "customers"))
            .otherwise(pl.lit("")),
        )
    )
    periods = frame["period"].unique(maintain_order=True).to_list()
    base = alt.Chart(stacked).encode(
        x=alt.X(
            "period:N",
            sort=periods,
            title=words["period"].to(language),
            axis=alt.Axis(labelAngle=-40 if len(periods) > 4 else 0, labelOverlap=True, offset=4),
        )
    )
    bars = base.mark_bar(cornerRadius=0, cornerRadiusEnd=0).encode(
        y=alt.Y(
            "start:Q",
            title=words["flow_axis"].to(language),
            axis=alt.Axis(labelExpr="format(abs(datum.value), ',d')", tickCount=6),
        ),
        y2="end:Q",
        color=alt.Color(
            "kind:N",
            title=None,
            sort=names,
            scale=alt.Scale(domain=names, range=[colour for _, _, colour in kinds]),
            legend=alt.Legend(orient="top", columns=2),
        ),
        tooltip=[
            alt.Tooltip("period:N", title=words["period"].to(language)),
            alt.Tooltip("kind:N", title=words["flow_kind"].to(language)),
            alt.Tooltip("customers:Q", title=words["customers"].to(language), format=",d"),
        ],
    )
    numbers = base.mark_text(fontSize=11).encode(
        y="middle:Q",
        text="text:N",
        color=alt.Color("ink:N", scale=None),
        opacity=alt.condition(f"width / {max(1, len(periods))} > 30", alt.value(1), alt.value(0)),
    )
    line = alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(color=theme.INK, strokeWidth=1).encode(y="zero:Q")
    chart: alt.LayerChart = finished(bars + numbers + line, title, subtitle, language, 340)
    return chart


_FLOWS = {
    "flow": pl.String,
    "x": pl.Float64,
    "top": pl.Float64,
    "bottom": pl.Float64,
    "colour": pl.String,
    "before": pl.String,
    "after": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
}
_BARS = {
    "left": pl.Float64,
    "right": pl.Float64,
    "top": pl.Float64,
    "bottom": pl.Float64,
    "colour": pl.String,
    "name": pl.String,
    "customers": pl.Int64,
    "inside": pl.String,
}


def _places(strata: Sequence[Stratum]) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the top and bottom of each bar, in customers from the top of the chart."""
    columns: dict[int, list[Stratum]] = {}
    for each in strata:
        columns.setdefault(each.column, []).append(each)
    tallest = max((sum(each.customers for each in column) for column in columns.values()), default=0)
    places = {}
    for column, inside in columns.items():
        at = 0.0
        for each in inside:
            places[column, each.id] = (at, at + each.customers)
            at += each.customers + _GAP * max(1, tallest)
    return places


def _edges(
    strata: Sequence[Stratum],
    ribbons: Sequence[Ribbon],
    places: dict[tuple[int, str], tuple[float, float]],
) -> list[tuple[float, float]]:
    """Return where the upper edge of each ribbon leaves one bar and meets the next."""
    rank = {(each.column, each.id): place for place, each in enumerate(strata)}
    out = {key: top for key, (top, _) in places.items()}
    into = dict(out)
    leaves, meets = {}, {}
    for ribbon in sorted(
        ribbons, key=lambda one: (rank[one.column, one.before], rank[one.column + 1, one.after])
    ):
        leaves[ribbon] = out[ribbon.column, ribbon.before]
        out[ribbon.column, ribbon.before] += ribbon.customers
    for ribbon in sorted(
        ribbons, key=lambda one: (rank[one.column + 1, one.after], rank[one.column, one.before])
    ):
        meets[ribbon] = into[ribbon.column + 1, ribbon.after]
        into[ribbon.column + 1, ribbon.after] += ribbon.customers
    return [(leaves[ribbon], meets[ribbon]) for ribbon in ribbons]


def _smooth(t: float) -> float:
    """Return the smoothstep of ``t``: level at both ends."""
    return t * t * (3 - 2 * t)


def _apart(places: Sequence[float], least: float, end: float) -> list[float]:
    """Push sorted places at least ``least`` apart, back up where the last would leave the chart."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    bound = end
    for at in range(len(moved) - 1, -1, -1):
        moved[at] = min(moved[at], bound)
        bound = moved[at] - least
    return moved
