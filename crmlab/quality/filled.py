"""How much of every column is filled, and how complete customers' profiles are."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.quality import completeness
from crmlab.data.quality.facts import Facts
from crmlab.data.quality.profile import PROFILE
from crmlab.data.schemas import TABLE_NAMES
from crmlab.data.schemas import columns as canonical
from crmlab.labels import Language, Text
from crmlab.view import quality_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import altair as alt

MOST = 30
"""A chart shows so many columns, the emptiest."""
MOSTLY = 0.5


class Filled:
    """The share of filled cells per column and per part of a customer's profile."""

    def __init__(self, facts: Facts, language: Language) -> None:
        self._facts = facts
        self._language = language

    @cached_property
    def columns(self) -> pl.DataFrame:
        """One row per column that may be empty; see :func:`crmlab.data.quality.completeness.by_column`."""
        return completeness.by_column(self._facts)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the columns with gaps, the emptiest first, or say that there are none."""
        words, language = texts(), self._language
        known = self.columns.drop_nulls("share")
        lacking = known.filter(pl.col("share") < 1)
        if not lacking.height:
            return Note(say("quality_filled_full", of=count(known.height)), language)
        shown = lacking.sort("share", maintain_order=True).head(MOST)
        several = known["table"].n_unique() > 1
        rows = []
        for row in shown.iter_rows(named=True):
            name = _column_name(row["table"], row["column"])
            if several:
                name = say("quality_rule_of", rule=name, table=TABLE_NAMES[row["table"]])
            rows.append(
                (
                    name.to(language),
                    row["share"],
                    "ok" if row["share"] > MOSTLY else "warning",
                    percent(row["share"]),
                    count(row["filled"]),
                    count(row["rows"]),
                )
            )
        schema = {
            "name": pl.String,
            "value": pl.Float64,
            "status": pl.String,
            "label": pl.String,
            "filled": pl.String,
            "rows": pl.String,
        }
        empty = known.filter(pl.col("share") <= MOSTLY).height
        return quality_charts.status_bars(
            pl.DataFrame(rows, schema=schema, orient="row"),
            say(
                "quality_filled_title",
                of=count(known.height),
                full=count(known.height - lacking.height),
                empty=count(empty),
            ),
            say("quality_filled_subtitle", n=count(shown.height), of=count(lacking.height)),
            words["filled_share"],
            words["column"],
            language,
            [("name", words["column"]), ("filled", words["filled"]), ("rows", words["quality_rows"])],
            whole=True,
            legend=False,
        )

    def profile(self) -> Table | Note:
        """Show how many customers have each part of a profile, and the mean of the whole."""
        words, language = texts(), self._language
        mean = completeness.mean_profile(self._facts)
        if mean is None:
            return Note(words["quality_profile_none"], language)
        names = {part: text.to(language) for part, (text, _) in PROFILE.items()}
        frame = completeness.of_profiles(self._facts).with_columns(
            name=pl.col("part").replace_strict(names, return_dtype=pl.String),
            interval=pl.concat_list("low", "high"),
        )
        return Table(
            frame,
            [
                Column("name", words["quality_profile_part"]),
                Column("filled", words["customers"], "integer"),
                Column("share", words["customer_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("quality_profile_caption", mean=percent(mean)),
            note=words["quality_profile_note"],
            language=language,
        )


def _column_name(table: str, column: str) -> Text:
    return next(known.text for known in canonical(table) if known.column == column)
