"""The charts of profiles: the index of traits per segment, and the rhythm of a week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import drawable, finished, order_of
from crmlab.view.tables import MISSING
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

QUIET = "#f5f3ee"
"""The ground of cells that say nothing."""
_REACH = 1.0
"""Twice or half the average has the full colour, on a scale of doublings."""


def index_map(
    frame: pl.DataFrame,
    title: Text,
    subtitle: Text,
    trait_title: Text,
    segment_title: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw the index of each trait (rows) in each segment (columns); only ``telling`` cells have a colour.

    ``frame``: ``trait_name``, ``name``, ``index``, ``low``, ``high``, ``share``, ``everybody``, ``telling``.
    """
    words = texts()
    names = order_of(frame, "name")
    cells, numbers = _cells(
        frame,
        {
            "field": "name",
            "all": names,
            "title": segment_title.to(language),
            "angle": -40 if len(names) > 3 else 0,
        },
        {"field": "trait_name", "all": order_of(frame, "trait_name"), "title": trait_title.to(language)},
        [
            ("trait_name", trait_title, ""),
            ("name", segment_title, ""),
            ("index", words["index_tgi"], ".0f"),
            ("low", words["low"], ".0f"),
            ("high", words["high"], ".0f"),
            ("share", words["index_share"], ".1%"),
            ("everybody", words["index_everybody"], ".1%"),
        ],
        language,
    )
    height = 30 * frame["trait_name"].n_unique()
    chart: alt.LayerChart = finished(cells + numbers, title, subtitle, language, height)
    return chart


def week_index(
    frame: pl.DataFrame,
    days: Sequence[str],
    hours: Sequence[str],
    title: Text,
    subtitle: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw when a segment buys against all customers: ``day``, ``hour``, and the figures of the index."""
    words = texts()
    cells, numbers = _cells(
        frame,
        {"field": "day", "all": days, "title": words["trait_weekday"].to(language), "angle": 0},
        {"field": "hour", "all": hours, "title": words["rhythm_hours"].to(language)},
        [
            ("day", words["trait_weekday"], ""),
            ("hour", words["rhythm_hours"], ""),
            ("index", words["index_tgi"], ".0f"),
            ("low", words["low"], ".0f"),
            ("high", words["high"], ".0f"),
            ("share", words["rhythm_share"], ".1%"),
            ("everybody", words["index_everybody"], ".1%"),
        ],
        language,
    )
    chart: alt.LayerChart = finished(cells + numbers, title, subtitle, language, 32 * len(hours))
    return chart


def week_shares(
    frame: pl.DataFrame,
    days: Sequence[str],
    hours: Sequence[str],
    title: Text,
    subtitle: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw when customers buy: ``day``, ``hour``, the ``share`` of all orders and its ``text``.

    ``days`` and ``hours`` without any orders stay blank.
    """
    import altair as alt

    words = texts()
    top = max((float(share) for share in frame["share"].drop_nulls()), default=0.0)
    base = alt.Chart(drawable(frame)).encode(
        x=alt.X(
            "day:N",
            scale=alt.Scale(domain=list(days)),
            title=words["trait_weekday"].to(language),
            axis=alt.Axis(labelAngle=0, orient="bottom"),
        ),
        y=alt.Y("hour:N", scale=alt.Scale(domain=list(hours)), title=words["rhythm_hours"].to(language)),
    )
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(
        color=alt.Color(
            "share:Q", scale=alt.Scale(range=list(theme.SEQUENTIAL), domain=[0, top or 1.0]), legend=None
        ),
        tooltip=[
            alt.Tooltip("day:N", title=words["trait_weekday"].to(language)),
            alt.Tooltip("hour:N", title=words["rhythm_hours"].to(language)),
            alt.Tooltip("share:Q", title=words["rhythm_share"].to(language), format=".1%"),
        ],
    )
    numbers = base.mark_text(fontSize=11).encode(
        text="text:N",
        color=alt.condition(alt.datum.share > top * 0.55, alt.value("#ffffff"), alt.value(theme.INK)),
    )
    chart: alt.LayerChart = finished(cells + numbers, title, subtitle, language, 32 * len(hours))
    return chart


def _cells(
    frame: pl.DataFrame,
    x: dict[str, Any],
    y: dict[str, Any],
    tips: Sequence[tuple[str, Text, str]],
    language: Language,
) -> tuple[Any, Any]:
    """Return the coloured cells of an index and the numbers in them."""
    import altair as alt

    # Doublings: half the average is as far from it as twice.
    away = pl.when("telling").then((pl.col("index") / 100).log(2).clip(-_REACH, _REACH))
    middle = len(theme.DIVERGING) // 2
    grounds = dict(enumerate(theme.DIVERGING, start=-middle))
    inks = {step: theme.ink_on(colour) for step, colour in grounds.items()}
    shown = frame.with_columns(
        step=_outwards(away * (middle / _REACH)),
        text=pl.col("index")
        .map_elements(lambda value: f"{value:.0f}", return_dtype=pl.String)
        .fill_null(MISSING),
    ).with_columns(
        ground=pl.col("step").replace_strict(grounds, default=QUIET, return_dtype=pl.String),
        ink=pl.col("step").replace_strict(inks, default=theme.MUTED, return_dtype=pl.String),
    )
    base = alt.Chart(drawable(shown)).encode(
        x=alt.X(
            f"{x['field']}:N",
            scale=alt.Scale(domain=list(x["all"])),
            title=x["title"],
            axis=alt.Axis(labelAngle=x["angle"], orient="bottom", labelOverlap=False),
        ),
        y=alt.Y(f"{y['field']}:N", scale=alt.Scale(domain=list(y["all"])), title=y["title"]),
        tooltip=[
            alt.Tooltip(f"{column}:Q", title=name.to(language), format=form)
            if form
            else alt.Tooltip(f"{column}:N", title=name.to(language))
            for column, name, form in tips
        ],
    )
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(color=alt.Color("ground:N", scale=None))
    numbers = base.mark_text(fontSize=11).encode(text="text:N", color=alt.Color("ink:N", scale=None))
    return cells, numbers


def _outwards(steps: pl.Expr) -> pl.Expr:
    """Round away from zero: what is coloured at all is never the colour of the middle."""
    return pl.when(steps < 0).then(steps.floor()).otherwise(steps.ceil()).cast(pl.Int64)
