"""Charts of what texts are about: the words of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Language, Text
from crmlab.view import theme
from crmlab.view.chart_parts import drawable, finished, order_of, words_in

if TYPE_CHECKING:
    import altair as alt

_ROW = 20


def words_by_group(frame: pl.DataFrame, title: Text, subtitle: Text, language: Language) -> alt.Chart:
    """Draw ``z`` of each ``word``, one block of bars per ``group``, in the order of the frame.

    ``inside`` and ``outside`` are the shares of texts with the word as text for the tooltip.
    """
    import altair as alt

    words = words_in(language)
    groups = order_of(frame, "group")
    # Two groups may share a word, so a bar is named by both; its axis shows the word alone.
    keyed = frame.with_columns(key=pl.concat_str("group", "word", separator="\n"))
    bars = alt.Chart(drawable(keyed.select("key", "group", "word", "z", "inside", "outside"))).mark_bar()
    drawn = bars.encode(
        y=alt.Y(
            "key:N",
            sort=order_of(keyed, "key"),
            title=words["word"],
            axis=alt.Axis(labelExpr="split(datum.value, '\\n')[1]", labelLimit=120),
        ),
        x=alt.X("z:Q", title=words["segment_words_axis"], axis=alt.Axis(tickCount=5)),
        color=alt.Color(
            "group:N",
            title=None,
            scale=alt.Scale(domain=groups, range=list(theme.PALETTE[: len(groups)])),
            legend=alt.Legend(orient="top", columns=2, labelLimit=140),
        ),
        tooltip=[
            alt.Tooltip("group:N", title=words["segment_words_group"]),
            alt.Tooltip("word:N", title=words["word"]),
            alt.Tooltip("inside:N", title=words["segment_words_inside"]),
            alt.Tooltip("outside:N", title=words["segment_words_outside"]),
            alt.Tooltip("z:Q", title=words["z"], format=".1f"),
        ],
    )
    chart: alt.Chart = finished(drawn, title, subtitle, language, height=_ROW * frame.height)
    return chart
