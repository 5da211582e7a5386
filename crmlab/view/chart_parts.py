"""What every chart is finished with: its data, order, tooltips, title and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from crmlab.labels import Language, Text
from crmlab.view.texts import texts

if TYPE_CHECKING:
    import altair as alt

ROW = 34
"""Height of one bar row in pixels."""

Tips = Sequence[tuple[str, Text]]
"""What a tooltip shows: (column, its name)."""


def words_in(language: Language) -> dict[str, str]:
    """Return key → text in one language."""
    return {key: text.to(language) for key, text in texts().items()}


def drawable(frame: pl.DataFrame) -> pl.DataFrame:
    """Write NaN as null: a page cannot read it."""
    return frame.with_columns(cs.float().fill_nan(None))


def order_of(frame: pl.DataFrame, column: str) -> list[str]:
    """Return the values of a column as they first appear."""
    return frame[column].unique(maintain_order=True).to_list()


def tips_of(tooltips: Tips, language: Language) -> list[alt.Tooltip]:
    """Return the tooltips of a chart."""
    import altair as alt

    return [alt.Tooltip(column, title=name.to(language)) for column, name in tooltips]


def finished(chart: Any, title: Text, subtitle: Text, language: Language, height: int) -> Any:
    """Return the chart with title, description for readers who cannot see it, and size."""
    import altair as alt

    said = title.to(language)
    below = subtitle.to(language)
    return chart.properties(
        title=alt.Title(said, subtitle=below),
        description=f"{said} {below}",
        width="container",
        height=max(height, ROW),
    )
