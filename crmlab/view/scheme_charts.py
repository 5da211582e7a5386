"""Charts of several schemes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import finished, words_in
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

_ROW = 46
_BAR = 22
_LETTER = 6.2
"""Width of a Latin letter in pixels; a Chinese character has two."""
_RAMP = ("#084a4c", "#0f6b6b", "#2f8c88", "#5fada6", "#97cac2", "#c9e3de", "#e4efec")
"""Best class to last: one hue, dark to light, so that the order of a scheme can be seen."""
_NO_CLASS = "#dedbd4"
_HAN = 0x2E80
"""Characters from here on are as wide as they are high."""


def stacked_schemes(frame: pl.DataFrame, title: Text, subtitle: Text, language: Language) -> alt.LayerChart:
    """Draw one full-width bar per scheme, split into classes; a class wide enough carries its name.

    ``frame``: ``scheme``, ``name``, ``customers``, ``share``, ``shade`` (0 for the best class of the
    scheme to 1 for the last; null for customers without a class), in order.
    """
    import altair as alt

    words = words_in(language)
    schemes = frame["scheme"].unique(maintain_order=True).to_list()
    colours = [_colour(shade) for shade in frame["shade"]]
    ends = frame.with_columns(end=pl.col("share").cum_sum().over("scheme").clip(0, 1)).with_columns(
        start=pl.col("end") - pl.col("share"),
        colour=pl.Series(colours),
        ink=pl.Series([theme.ink_on(colour) for colour in colours]),
        wide=pl.Series([_letters(name) / max(len(name), 1) * _LETTER for name in frame["name"]]),
    )
    base = alt.Chart(ends).encode(
        y=alt.Y(
            "scheme:N",
            sort=schemes,
            title=texts()["scheme"].to(language),
            axis=alt.Axis(labelLimit=130),
        ),
        tooltip=[
            alt.Tooltip("scheme:N", title=texts()["scheme"].to(language)),
            alt.Tooltip("name:N", title=texts()["class"].to(language)),
            alt.Tooltip("customers:Q", title=words["customers"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )
    bars = base.mark_bar(height=_BAR, stroke="white", strokeWidth=1.2, cornerRadius=0).encode(
        x=alt.X(
            "start:Q",
            title=words["customer_share"],
            axis=alt.Axis(format=".0%", tickCount=5),
            scale=alt.Scale(domain=[0, 1]),
        ),
        x2="end:Q",
        color=alt.Color("colour:N", scale=None),
    )
    names = (
        base.transform_calculate(
            middle="(datum.start + datum.end) / 2", room="floor(datum.share * width / datum.wide) - 1"
        )
        .transform_calculate(
            label="datum.room >= length(datum.name) ? datum.name : datum.room >= 4 ? "
            "truncate(datum.name, datum.room) : ''"
        )
        .mark_text(fontSize=11)
        .encode(x="middle:Q", text="label:N", color=alt.Color("ink:N", scale=None))
    )
    chart: alt.LayerChart = finished(bars + names, title, subtitle, language, height=_ROW * len(schemes))
    return chart


def _colour(shade: float | None) -> str:
    return _NO_CLASS if shade is None else _RAMP[round(shade * (len(_RAMP) - 1))]


def _letters(name: str) -> int:
    """Return how many Latin letters a name is wide."""
    return sum(2 if ord(char) > _HAN else 1 for char in name)
