"""Charts of targeting: Qini curves of rankings, effects of campaigns, uplift by bins of a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import drawable, finished
from crmlab.view.scheme_view_charts import dots
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt


def qini_curves(
    frame: pl.DataFrame, names: Sequence[str], title: Text, subtitle: Text, language: Language
) -> alt.LayerChart:
    """Draw the Qini curve of each ranking with its band, and the straight line of a random order.

    ``frame``: ``name``, ``share``, ``qini``, ``low``, ``high``, ``random``, all gains in percentage points.
    ``names`` are the rankings in order; the band is that of the first.
    """
    import altair as alt

    words = texts()
    rows = drawable(frame)
    x = alt.X(
        "share:Q",
        title=words["winback_share_axis"].to(language),
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    gain = words["winback_gain_axis"].to(language)
    first = alt.Chart(rows.filter(pl.col("name") == names[0]))
    band = first.mark_area(line=False, opacity=1, fillOpacity=0.2, color=theme.PALETTE[0]).encode(
        x=x, y=alt.Y("low:Q", title=gain, axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    ends = rows.filter(pl.col("name") == names[0], pl.col("share").is_in([0.0, 1.0]))
    line = alt.Chart(ends).mark_line(strokeDash=[5, 4], strokeWidth=1.6, color=theme.MUTED)
    curves = (
        alt.Chart(rows)
        .mark_line(strokeWidth=2.4)
        .encode(
            x=x,
            y="qini:Q",
            color=alt.Color(
                "name:N",
                title=None,
                sort=list(names),
                scale=alt.Scale(domain=list(names), range=list(theme.PALETTE[: len(names)])),
                legend=alt.Legend(orient="top", columns=2),
            ),
            tooltip=[
                alt.Tooltip("name:N", title=words["winback_ranking"].to(language)),
                alt.Tooltip("share:Q", title=words["winback_share_axis"].to(language), format=".0%"),
                alt.Tooltip("qini:Q", title=gain, format=".2f"),
                alt.Tooltip("random:Q", title=words["winback_random"].to(language), format=".2f"),
            ],
        )
    )
    random = line.encode(x="share:Q", y="random:Q")
    chart: alt.LayerChart = finished(band + random + curves, title, subtitle, language, height=300)
    return chart


def effects(
    frame: pl.DataFrame, title: Text, subtitle: Text, name_title: Text, language: Language
) -> alt.LayerChart:
    """Draw one uplift with its interval per row, and a dashed line where nothing changes.

    ``frame``: ``name``, ``customers`` (as text, below the name), ``value``, ``low``, ``high`` in percentage
    points, ``label`` and ``interval`` as texts.
    """
    words = texts()
    tips = [
        ("name", name_title),
        ("label", words["winback_uplift"]),
        ("interval", words["interval_95"]),
        ("customers", words["customers"]),
    ]
    chart: Any = dots(frame, 0.0, title, subtitle, words["winback_uplift_axis"], name_title, language, tips)
    return chart  # type: ignore[no-any-return]
