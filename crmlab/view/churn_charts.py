"""Charts of churn: figures with intervals, calibration, gains and profit curves."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import Tips, drawable, finished, order_of, tips_of, words_in
from crmlab.view.numbers import percent

if TYPE_CHECKING:
    import altair as alt

_ROW = 46
"""Height in pixels of a row whose name may take three lines."""

_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def interval_rows(
    frame: pl.DataFrame,
    kinds: dict[str, str],
    *,
    at: float,
    title: Text,
    subtitle: Text,
    x_title: Text,
    name_title: Text,
    language: Language,
    tooltips: Tips,
    log: bool = False,
) -> alt.LayerChart:
    """Draw a figure with its interval per ``name``, in the order of the frame, and a line at ``at``.

    ``frame``: ``name`` (a line feed in it breaks the line), ``kind``, ``value``, ``low``, ``high``, ``label``
    (written above the dot), and the columns of ``tooltips``. ``kinds`` has the colour of each kind, in
    the order of the legend. With ``log`` equal distances are equal ratios; values must then be above 0.
    """
    import altair as alt

    present = [kind for kind in kinds if kind in set(frame["kind"])]
    ends = [float(end) for end in (*frame["low"].drop_nulls(), *frame["high"].drop_nulls(), at)]
    low, high = min(ends), max(ends)
    scale = alt.Scale(domain=[low, high], nice=True, zero=False)
    ticks: dict[str, Any] = {"tickCount": 4}
    if log:
        scale = alt.Scale(type="log", domain=[low / 2, high * 2], nice=False)
        ticks = {"values": [value for value in _RATIOS if low / 2 <= value <= high * 2]}
    base = alt.Chart(drawable(frame)).encode(
        y=alt.Y(
            "name:N",
            sort=order_of(frame, "name"),
            title=name_title.to(language),
            axis=alt.Axis(labelLimit=160, labelExpr=r"split(datum.label, '\n')"),
        ),
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=present, range=[kinds[kind] for kind in present]),
            legend=alt.Legend(orient="top"),
        ),
    )
    x = alt.X(
        "value:Q",
        title=x_title.to(language),
        scale=scale,
        axis=alt.Axis(**ticks, labelOverlap=True, format="~g"),
    )
    line = alt.Chart(pl.DataFrame({"at": [at]})).mark_rule(strokeDash=[4, 3], color=theme.MUTED)
    layers: Any = line.encode(x=alt.X("at:Q", scale=scale))
    layers += base.mark_rule(strokeWidth=2.4, opacity=0.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    layers += base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, tooltip=tips_of(tooltips, language)
    )
    for halo in (True, False):
        layers += base.mark_text(dy=-12, fontSize=11, **_halo(halo)).encode(
            x=alt.X("value:Q", scale=scale), text="label:N", color=alt.value("#ffffff" if halo else theme.INK)
        )
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=_ROW * frame.height)
    return chart


def calibration_points(
    frame: pl.DataFrame, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw what happened by what was stated: ``stated``, ``happened``, ``low``, ``high``, ``customers``."""
    import altair as alt

    words = words_in(language)
    top = max((float(end) for end in (*frame["stated"], *frame["high"])), default=1.0)
    scale = alt.Scale(domain=[0, top], nice=True)
    axis = alt.Axis(format=".0%", tickCount=5)
    equal = alt.Chart(pl.DataFrame({"x": [0.0, top], "y": [0.0, top]}))
    diagonal = equal.mark_line(color=theme.MUTED, strokeDash=[4, 4], strokeWidth=1).encode(
        x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale)
    )
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("stated:Q", title=words["churn_stated_axis"], scale=scale, axis=axis)
    )
    whiskers = base.mark_rule(strokeWidth=2.4, opacity=0.5, color=theme.ACCENT).encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1, color=theme.ACCENT).encode(
        y=alt.Y("happened:Q", title=words["churn_happened_axis"], scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("stated:Q", title=words["churn_stated_axis"], format=".1%"),
            alt.Tooltip("happened:Q", title=words["churn_happened_axis"], format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("customers:Q", title=words["customers"], format=",d"),
        ],
    )
    chart: alt.LayerChart = finished(diagonal + whiskers + dots, title, subtitle, language, height=280)
    return chart


def gains_lines(
    frame: pl.DataFrame, at: float | None, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the share of the lost that a list of the first x % holds, a line per model.

    ``frame``: ``name``, ``share``, ``caught``. ``at`` is a share to mark.
    """
    import altair as alt

    words = words_in(language)
    names = order_of(frame, "name")
    axis = alt.Axis(format=".0%", tickCount=5)
    scale = alt.Scale(domain=[0, 1])
    equal = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).encode(
        x=alt.X("x:Q", scale=scale), y=alt.Y("y:Q", scale=scale)
    )
    layers: Any = equal.mark_line(color=theme.MUTED, strokeDash=[4, 4], strokeWidth=1)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X("share:Q", title=words["churn_contacted_axis"], scale=scale, axis=axis),
        y=alt.Y("caught:Q", title=words["churn_caught_axis"], scale=scale, axis=axis),
        color=alt.Color(
            "name:N",
            sort=names,
            title=None,
            scale=alt.Scale(domain=names, range=list(theme.PALETTE[: len(names)])),
            legend=alt.Legend(orient="top", columns=1, labelLimit=320),
        ),
        tooltip=[
            alt.Tooltip("name:N", title=words["churn_model"]),
            alt.Tooltip("share:Q", title=words["churn_contacted_axis"], format=".0%"),
            alt.Tooltip("caught:Q", title=words["churn_caught_axis"], format=".1%"),
        ],
    )
    if at is not None:
        label = words["churn_capacity_at"].format(share=percent(at, 0))
        mark = alt.Chart(pl.DataFrame({"at": [at], "label": [label]}))
        layers += mark.mark_rule(color=theme.INK, strokeDash=[2, 3]).encode(x=alt.X("at:Q", scale=scale))
        right = at > 0.6
        layers += mark.mark_text(
            align="right" if right else "left", dx=-5 if right else 5, baseline="bottom", color=theme.INK
        ).encode(x=alt.X("at:Q", scale=scale), y=alt.value(274), text="label:N")
    layers += base.mark_line(strokeWidth=2)
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=280)
    return chart


def profit_line(
    frame: pl.DataFrame, best: float | None, y_title: Text, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw profit per customer by the share contacted, with its interval, and mark the best share.

    ``frame``: ``share``, ``profit``, ``low``, ``high``, ``amount`` (text for the tooltip), ``customers``.
    """
    import altair as alt

    words = words_in(language)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "share:Q",
            title=words["churn_contacted_axis"],
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", tickCount=5),
        )
    )
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=theme.INK, strokeWidth=1)
    layers: Any = zero.encode(y="zero:Q")
    layers += base.mark_area(opacity=1, fillOpacity=0.2, color=theme.ACCENT, line=False).encode(
        y="low:Q", y2="high:Q"
    )
    layers += base.mark_line(color=theme.ACCENT).encode(
        y=alt.Y(
            "profit:Q",
            title=y_title.to(language),
            axis=alt.Axis(tickCount=5, labelExpr=theme.number_label(language)),
        )
    )
    if best is not None:
        mark = alt.Chart(pl.DataFrame({"best": [best]}))
        layers += mark.mark_rule(color=theme.INK, strokeDash=[2, 3]).encode(x="best:Q")
    layers += base.mark_point(size=60, opacity=0).encode(
        y="profit:Q",
        tooltip=[
            alt.Tooltip("share:Q", title=words["churn_contacted_axis"], format=".0%"),
            alt.Tooltip("customers:Q", title=words["customers"], format=",d"),
            alt.Tooltip("amount:N", title=y_title.to(language)),
        ],
    )
    chart: alt.LayerChart = finished(layers, title, subtitle, language, height=280)
    return chart


def in_lines(name: str, language: Language) -> str:
    """Break a name so that it fits beside a chart on a phone; in Chinese before a comparison."""
    if language == "en":
        return "\n".join(wrap(name, 24))
    parts = re.split(r"(?=不超过|(?<!不)超过)", name)
    return "\n".join(part[at : at + 12] for part in parts for at in range(0, len(part), 12))


def _halo(halo: bool) -> dict[str, Any]:
    """Return how a text is drawn: first its white surroundings, then the text."""
    return {"stroke": "#ffffff", "strokeWidth": 4} if halo else {}
