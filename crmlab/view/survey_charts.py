"""The charts of surveys: shares and means with intervals, levels of agreement about a middle, waves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.view import theme
from crmlab.view.chart_parts import ROW, drawable, finished, order_of, words_in
from crmlab.view.numbers import percent
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.labels import Language, Text

_SMALLEST_LABEL = 0.06
"""A part of a bar that is smaller carries no number: it would not fit."""
_LEGEND_LETTERS = 46
"""So many letters fit beside each other in the legend on a phone, marks and gaps (four) among them."""
_WIDE = 0x2E80
_LABEL = 170
"""Pixels that the names of bars may take; on a phone more would leave no room for the bars."""


def interval_bars(
    frame: pl.DataFrame, *, title: Text, subtitle: Text, x_title: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw a share per ``name`` as a bar with its interval.

    ``frame``: ``name``, ``share``, ``low``, ``high``, ``count``; bars stand in its order.
    """
    import altair as alt

    words, names = words_in(language), order_of(frame, "name")
    shown = frame.with_columns(label=pl.col("share").map_elements(percent, return_dtype=pl.String))
    base = alt.Chart(drawable(shown)).encode(y=_names(names, y_title, language))
    bars = base.mark_bar().encode(
        x=alt.X("share:Q", title=x_title.to(language), axis=alt.Axis(format=".0%", tickCount=5)),
        tooltip=[
            alt.Tooltip("name:N", title=y_title.to(language)),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=x_title.to(language), format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    numbers = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(x="high:Q", text="label:N")
    chart: alt.LayerChart = finished(
        bars + whiskers + numbers, title, subtitle, language, height=ROW * len(names)
    )
    return chart


def interval_points(
    frame: pl.DataFrame,
    *,
    title: Text,
    subtitle: Text,
    x_title: Text,
    y_title: Text,
    language: Language,
    value_format: str = ".1%",
) -> alt.LayerChart:
    """Draw a ``value`` per ``name`` as a point with its interval (``low``, ``high``)."""
    import altair as alt

    words, names = words_in(language), order_of(frame, "name")
    base = alt.Chart(drawable(frame)).encode(y=_names(names, y_title, language))
    x = alt.X(
        "low:Q",
        title=x_title.to(language),
        axis=alt.Axis(tickCount=5, format=value_format if "%" in value_format else "~r"),
        scale=alt.Scale(zero=False, nice=True),
    )
    reach = base.mark_rule(strokeWidth=2, color=theme.SEQUENTIAL[3]).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=80, color=theme.ACCENT).encode(
        x="value:Q",
        tooltip=[
            alt.Tooltip("name:N", title=y_title.to(language)),
            alt.Tooltip("value:Q", title=x_title.to(language), format=value_format),
            alt.Tooltip("low:Q", title=words["low"], format=value_format),
            alt.Tooltip("high:Q", title=words["high"], format=value_format),
        ],
    )
    chart: alt.LayerChart = finished(reach + points, title, subtitle, language, height=ROW * len(names))
    return chart


def diverging_levels(
    frame: pl.DataFrame, *, reverse: bool, title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the levels of a scale per question: bad ones left of the middle, good ones right of it.

    ``frame``: ``question``, ``place``, ``level``, ``pole`` (bad, neither, good), ``count``, ``share``, in the
    order of questions, then of places. ``reverse``: low places are good. What is neither stands half on each
    side (Robbins & Heiberger 2011, "Plotting Likert and other rating scales").
    """
    import altair as alt

    words, questions = words_in(language), order_of(frame, "question")
    ordered = frame.sort(
        pl.col("question").replace_strict({q: i for i, q in enumerate(questions)}),
        "place",
        descending=[False, reverse],
    )
    levels = order_of(ordered.sort("place", descending=reverse), "level")
    left = pl.when(pole="bad").then("share").when(pole="neither").then(pl.col("share") / 2).otherwise(0.0)
    placed = ordered.with_columns(
        end=pl.col("share").cum_sum().over("question") - left.sum().over("question")
    ).with_columns(start=pl.col("end") - pl.col("share"))
    pole_of = dict(ordered.select("level", "pole").unique(maintain_order=True).iter_rows())
    colours = _level_colours([pole_of[level] for level in levels])
    inks = {level: theme.ink_on(colour) for level, colour in zip(levels, colours, strict=True)}
    placed = placed.with_columns(
        middle=(pl.col("start") + pl.col("end")) / 2,
        ink=pl.col("level").replace_strict(inks, return_dtype=pl.String),
        label=pl.when(pl.col("share") >= _SMALLEST_LABEL)
        .then(pl.col("share").map_elements(lambda share: percent(share, 0), return_dtype=pl.String))
        .otherwise(pl.lit("")),
    )
    # The title names a single question already, and its name would take half a phone.
    y = _names(questions, texts()["survey_question"], language, "question", labels=len(questions) > 1)
    base = alt.Chart(drawable(placed)).encode(y=y)
    bars = base.mark_bar(size=24, cornerRadius=0).encode(
        x=alt.X(
            "start:Q",
            title=words["survey_diverging_axis"],
            axis=alt.Axis(labelExpr="format(abs(datum.value), '.0%')", tickCount=6),
        ),
        x2="end:Q",
        color=alt.Color(
            "level:N",
            sort=levels,
            title=None,
            scale=alt.Scale(domain=levels, range=colours),
            legend=alt.Legend(orient="top", columns=_legend_columns(levels)),
        ),
        tooltip=[
            alt.Tooltip("question:N", title=words["survey_question"]),
            alt.Tooltip("level:N", title=words["survey_level"]),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )
    middle = alt.Chart(pl.DataFrame({"x": [0.0]})).mark_rule(color=theme.INK, strokeWidth=1).encode(x="x:Q")
    numbers = base.mark_text(fontSize=11).encode(
        x="middle:Q", text="label:N", color=alt.Color("ink:N", scale=None)
    )
    chart: alt.LayerChart = finished(
        bars + middle + numbers, title, subtitle, language, height=(ROW + 6) * len(questions)
    )
    return chart


def wave_lines(
    frame: pl.DataFrame, *, title: Text, subtitle: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw a figure per ``wave`` with its interval; a wave that differs from the one before is marked.

    ``frame``: ``wave``, ``value``, ``low``, ``high``, ``n``, ``differs``; values are shares or points as
    their ``unit`` says.
    """
    import altair as alt

    words, waves = words_in(language), order_of(frame, "wave")
    is_share = (frame["unit"] == "share").all()
    written = ".1%" if is_share else "+.1f"
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "wave:N",
            sort=waves,
            title=words["survey_wave"],
            axis=alt.Axis(labelAngle=-35 if len(waves) > 6 else 0),
        )
    )
    y = alt.Y(
        "low:Q",
        title=y_title.to(language),
        axis=alt.Axis(format=".0%" if is_share else "~r", tickCount=5),
        scale=alt.Scale(zero=False),
    )
    reach = base.mark_bar(color=theme.SEQUENTIAL[1], size=16, cornerRadius=3).encode(y=y, y2="high:Q")
    line = base.mark_line(strokeWidth=1.5).encode(y="value:Q")
    points = base.mark_point(filled=True, size=90).encode(
        y="value:Q",
        color=alt.condition(alt.datum["differs"], alt.value(theme.BAD), alt.value(theme.ACCENT)),
        tooltip=[
            alt.Tooltip("wave:N", title=words["survey_wave"]),
            alt.Tooltip("value:Q", title=y_title.to(language), format=written),
            alt.Tooltip("low:Q", title=words["low"], format=written),
            alt.Tooltip("high:Q", title=words["high"], format=written),
            alt.Tooltip("n:Q", title=words["survey_respondents"], format=",d"),
        ],
    )
    chart: alt.LayerChart = finished(reach + line + points, title, subtitle, language, height=280)
    return chart


def _names(
    names: list[str], title: Text, language: Language, field: str = "name", *, labels: bool = True
) -> alt.Y:
    import altair as alt

    return alt.Y(
        f"{field}:N",
        sort=names,
        title=title.to(language),
        axis=alt.Axis(labelLimit=_LABEL, labels=labels),
    )


def _legend_columns(levels: list[str]) -> int:
    """Return how many entries stand side by side on a phone; a Chinese sign is two letters wide."""
    widest = max(sum(2 if ord(sign) > _WIDE else 1 for sign in level) for level in levels)
    return max(min(len(levels), _LEGEND_LETTERS // (widest + 4)), 1)


def _level_colours(poles: list[str]) -> list[str]:
    """Return a colour per level, worst first: shades of bad, grey, shades of good."""
    shades = {"bad": list(theme.DIVERGING[:3]), "good": list(theme.DIVERGING[4:])}
    colours = []
    for pole in ("bad", "neither", "good"):
        n = poles.count(pole)
        if pole == "neither":
            colours += [theme.GRID] * n
        else:
            ramp = shades[pole]
            colours += [ramp[round(place * (len(ramp) - 1) / max(n - 1, 1))] for place in range(n)]
    return colours
