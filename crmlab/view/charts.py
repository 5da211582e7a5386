"""The charts of the reports: aggregated frame in, altair chart out.

Every chart has a title that states what it shows, axis titles with units, and a description for
readers who can't see it. No chart takes a row per customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Score, Text
from crmlab.view import theme
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

ROW = 34
"""Height of one bar row in pixels."""


def paired_bars(
    frame: pl.DataFrame, order: Sequence[str], title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw two shares per label side by side, with their 95 % intervals.

    ``frame``: ``name``, ``measure``, ``share``, ``low``, ``high``, ``amount`` (text for the tooltip).
    """
    import altair as alt

    words = _words(language)
    measures = frame["measure"].unique(maintain_order=True).to_list()
    y = alt.Y("name:N", sort=list(order), title=None)
    offset = alt.YOffset("measure:N", sort=measures)
    base = alt.Chart(frame).encode(y=y, yOffset=offset)
    bars = base.mark_bar().encode(
        x=alt.X("share:Q", title=words["share_axis"], axis=alt.Axis(format=".0%", tickCount=5)),
        color=alt.Color(
            "measure:N", title=None, scale=alt.Scale(domain=measures, range=[theme.NEUTRAL, theme.ACCENT]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("name:N", title=words["segment"]),
            alt.Tooltip("measure:N", title=words["measure"]),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
            alt.Tooltip("amount:N", title=words["amount"]),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
        ],
    )  # fmt: skip
    whiskers = base.mark_rule(strokeWidth=1.2, color=theme.INK, opacity=0.7).encode(x="low:Q", x2="high:Q")
    return _finished(bars + whiskers, title, subtitle, language, height=ROW * len(order))


def heat_map(
    frame: pl.DataFrame,
    x: str,
    y: str,
    value: str,
    *,
    x_title: Text,
    y_title: Text,
    value_title: Text,
    title: Text,
    subtitle: Text,
    language: Language,
    x_order: Sequence[Any],
    y_order: Sequence[Any],
    text: str,
    value_format: str = ",d",
    extra: Sequence[tuple[str, Text]] = (),
    diverging_at: float | None = None,
    height: int | None = None,
    x_angle: int = 0,
) -> alt.LayerChart:
    """Draw a matrix with its numbers written into the cells; ``text`` is the column written."""
    import altair as alt

    if diverging_at is None:
        scale = alt.Scale(range=list(theme.SEQUENTIAL), domainMin=0)
        top = float(frame[value].max() or 0)  # type: ignore[arg-type]
        dark = alt.datum[value] > top * 0.55
    else:
        reach = max(abs(float(v) - diverging_at) for v in frame[value].drop_nulls()) if frame.height else 1.0
        scale = alt.Scale(range=list(theme.DIVERGING), domain=[diverging_at - reach, diverging_at + reach])
        dark = abs(alt.datum[value] - diverging_at) > reach * 0.7
    base = alt.Chart(frame).encode(
        x=alt.X(
            f"{x}:N",
            sort=list(x_order),
            title=x_title.to(language),
            axis=alt.Axis(labelAngle=x_angle, orient="bottom"),
        ),
        y=alt.Y(f"{y}:N", sort=list(y_order), title=y_title.to(language)),
    )
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=2).encode(
        color=alt.Color(f"{value}:Q", title=value_title.to(language), scale=scale, legend=None),
        tooltip=[
            alt.Tooltip(f"{y}:N", title=y_title.to(language)),
            alt.Tooltip(f"{x}:N", title=x_title.to(language)),
            alt.Tooltip(f"{value}:Q", title=value_title.to(language), format=value_format),
            *[alt.Tooltip(column, title=name.to(language)) for column, name in extra],
        ],
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text(f"{text}:N"), color=alt.condition(dark, alt.value("#ffffff"), alt.value(theme.INK))
    )
    size = height or 46 * len(y_order)
    return _finished(cells + numbers, title, subtitle, language, height=size)


def pareto_curve(
    frame: pl.DataFrame, at: tuple[float, float], title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the share of revenue that the best x % of customers make (``customer_share``, ``value_share``)."""
    import altair as alt

    words = _words(language)
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(frame).encode(
        x=alt.X("customer_share:Q", title=words["pareto_x"], axis=axis, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y(
            "value_share:Q", title=words["pareto_y"], axis=axis, scale=alt.Scale(domain=[0, 1], clamp=True)
        ),
    )
    nearest = alt.selection_point(
        nearest=True, on="pointerover", fields=["customer_share"], empty=False, name="nearest"
    )
    curve = base.mark_line()
    dots = base.mark_point(size=80).encode(
        opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
        tooltip=[
            alt.Tooltip("customer_share:Q", title=words["pareto_x"], format=".1%"),
            alt.Tooltip("value_share:Q", title=words["pareto_y"], format=".1%"),
        ],
    ).add_params(nearest)  # fmt: skip
    equal = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).mark_line(
        color=theme.MUTED, strokeDash=[4, 4], strokeWidth=1
    ).encode(x="x:Q", y="y:Q")  # fmt: skip
    mark = pl.DataFrame({"x": [at[0]], "y": [at[1]], "text": [f"{at[0]:.1%} → {at[1]:.0%}"]})
    point = alt.Chart(mark).mark_point(size=110, color=theme.BAD).encode(x="x:Q", y="y:Q")
    label = alt.Chart(mark).mark_text(align="left", dx=12, dy=10, color=theme.INK, fontWeight="bold", fontSize=13).encode(
        x="x:Q", y="y:Q", text="text:N"
    )  # fmt: skip
    return _finished(equal + curve + dots + point + label, title, subtitle, language, height=340)


def share_bars(
    frame: pl.DataFrame,
    order: Sequence[str],
    colours: Sequence[str],
    groups: Sequence[str],
    title: Text,
    subtitle: Text,
    language: Language,
) -> alt.LayerChart:
    """Draw one full-width bar per ``group``, split into the shares of each ``name``."""
    import altair as alt

    words = _words(language)
    place = {name: i for i, name in enumerate(order)}
    frame = frame.with_columns(place=pl.col("name").replace_strict(place, return_dtype=pl.Int64))
    base = alt.Chart(frame).encode(
        y=alt.Y("group:N", sort=list(groups), title=None),
        x=alt.X(
            "share:Q",
            stack="zero",
            title=words["share_axis"],
            axis=alt.Axis(format=".0%", tickCount=5),
            scale=alt.Scale(domain=[0, 1]),
        ),
        order=alt.Order("place:Q"),
    )
    bars = base.mark_bar(cornerRadius=0, size=34).encode(
        color=alt.Color(
            "name:N", sort=list(order), title=None, scale=alt.Scale(domain=list(order), range=list(colours)),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("group:N", title=words["group"]),
            alt.Tooltip("name:N", title=words["segment"]),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )  # fmt: skip
    inks = alt.Scale(domain=list(order), range=[theme.ink_on(colour) for colour in colours])
    numbers = base.mark_text(fontWeight="bold", fontSize=12).encode(
        x=alt.X("middle:Q"), text="label:N", fill=alt.Fill("name:N", scale=inks, legend=None)
    )
    return _finished(bars + numbers, title, subtitle, language, height=52 * len(groups))


def diverging_bars(
    frame: pl.DataFrame, order: Sequence[str], title: Text, subtitle: Text, language: Language
) -> alt.Chart:
    """Draw negative shares to the left and positive to the right (``name``, ``side``, ``value``, ``count``)."""
    import altair as alt

    words = _words(language)
    sides = [words["negative"], words["positive"]]
    chart = alt.Chart(frame).mark_bar().encode(
        y=alt.Y("name:N", sort=list(order), title=None),
        x=alt.X("value:Q", title=words["mentions_axis"], axis=alt.Axis(labelExpr="format(abs(datum.value), ',d')", tickCount=6)),
        color=alt.Color("side:N", sort=sides, title=None, scale=alt.Scale(domain=sides, range=[theme.BAD, theme.GOOD]), legend=alt.Legend(orient="top")),
        tooltip=[
            alt.Tooltip("name:N", title=words["theme"]),
            alt.Tooltip("side:N", title=words["sentiment"]),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
            alt.Tooltip("share:Q", title=words["share"], format=".1%"),
        ],
    )  # fmt: skip
    return _finished(chart, title, subtitle, language, height=28 * len(order))


def interval_line(
    frame: pl.DataFrame, title: Text, subtitle: Text, y_title: Text, language: Language
) -> alt.LayerChart:
    """Draw a share per period with its interval (``period``, ``share``, ``low``, ``high``, ``count``)."""
    import altair as alt

    words = _words(language)
    periods = frame["period"].to_list()
    base = alt.Chart(frame).encode(
        x=alt.X(
            "period:N",
            sort=periods,
            title=words["period"],
            axis=alt.Axis(labelAngle=-35 if len(periods) > 6 else 0),
        )
    )
    band = base.mark_bar(color=theme.SEQUENTIAL[1], size=18, cornerRadius=3).encode(
        y=alt.Y(
            "low:Q", title=y_title.to(language), axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])
        ),
        y2="high:Q",
    )
    line = base.mark_line(strokeWidth=1.5).encode(y="share:Q")
    points = base.mark_point().encode(
        y="share:Q",
        tooltip=[
            alt.Tooltip("period:N", title=words["period"]),
            alt.Tooltip("share:Q", title=y_title.to(language), format=".1%"),
            alt.Tooltip("low:Q", title=words["low"], format=".1%"),
            alt.Tooltip("high:Q", title=words["high"], format=".1%"),
            alt.Tooltip("count:Q", title=words["count"], format=",d"),
        ],
    )
    labels = base.mark_text(dy=4, baseline="top", color=theme.MUTED, fontSize=11).encode(
        y=alt.value(0), text="n:N"
    )
    return _finished(band + line + points + labels, title, subtitle, language, height=300)


def signed_bars(
    frame: pl.DataFrame,
    order: Sequence[str],
    title: Text,
    subtitle: Text,
    x_title: Text,
    language: Language,
    tooltips: Sequence[tuple[str, Text]],
) -> alt.Chart:
    """Draw a signed ``value`` per ``name``, orange below zero and teal above."""
    import altair as alt

    chart = alt.Chart(frame).mark_bar().encode(
        y=alt.Y("name:N", sort=list(order), title=None),
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(tickCount=6)),
        color=alt.condition(alt.datum.value > 0, alt.value(theme.GOOD), alt.value(theme.BAD)),
        tooltip=[alt.Tooltip(column, title=name.to(language)) for column, name in tooltips],
    )  # fmt: skip
    return _finished(chart, title, subtitle, language, height=24 * len(order))


def bars(
    frame: pl.DataFrame,
    order: Sequence[str],
    title: Text,
    subtitle: Text,
    x_title: Text,
    language: Language,
    tooltips: Sequence[tuple[str, Text]],
    x_format: str = ".0%",
) -> alt.LayerChart:
    """Draw one ``value`` per ``name`` with the ``label`` written at its end."""
    import altair as alt

    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", sort=list(order), title=None),
        x=alt.X("value:Q", title=x_title.to(language), axis=alt.Axis(format=x_format, tickCount=5)),
    )
    drawn = base.mark_bar().encode(
        tooltip=[alt.Tooltip(column, title=name.to(language)) for column, name in tooltips]
    )
    labels = base.mark_text(align="left", dx=5, color=theme.INK).encode(text="label:N")
    return _finished(drawn + labels, title, subtitle, language, height=ROW * len(order))


def score_distribution(frame: pl.DataFrame, score: Score, title: Text, language: Language) -> alt.Chart:
    """Draw customers per bin (``low``, ``high``, ``count``)."""
    import altair as alt

    words = _words(language)
    chart = alt.Chart(frame).mark_bar().encode(
        x=alt.X("low:Q", title=score.text.to(language)), x2="high:Q",
        y=alt.Y("count:Q", title=words["customers"]),
        tooltip=[alt.Tooltip("low:Q", format=",.2f"), alt.Tooltip("high:Q", format=",.2f"), alt.Tooltip("count:Q", title=words["customers"], format=",d")],
    )  # fmt: skip
    return _finished(chart, title, score.text, language, height=260)


def _words(language: Language) -> dict[str, str]:
    return {key: text.to(language) for key, text in texts().items()}


def _finished(chart: Any, title: Text, subtitle: Text, language: Language, height: int) -> Any:
    import altair as alt

    said = title.to(language)
    below = subtitle.to(language)
    return chart.properties(
        title=alt.Title(said, subtitle=below),
        description=f"{said} {below}",
        width="container",
        height=height,
    )
