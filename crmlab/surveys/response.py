"""How many answered, and who did not: respondents against the customers or orders they stand for."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden_cells
from crmlab.intervals import wilson
from crmlab.surveys.frame import Frame, dimension, survey_frame
from crmlab.targeting.effects import standardised_difference
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent, signed
from crmlab.view.survey_charts import interval_bars
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.labels import Text
    from crmlab.surveys.sheets import Sheets

DIMENSIONS = ("class", "channel", "value")
_UNLIKE = 0.1


class Response:
    """The response rate, over all and by class of customers, channel and value.

    The number of invitations is in no table of a study, so the rate is of what one could have asked about:
    see :func:`crmlab.surveys.frame.survey_frame`. That is what a reader is told.
    """

    def __init__(self, lab: Lab, sheets: Sheets) -> None:
        self.lab = lab
        self._sheets = sheets

    @cached_property
    def frame(self) -> Frame | None:
        """Whom the survey is about; None where that is not known."""
        return survey_frame(self.lab, self._sheets)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row for all, then one per group of each dimension.

        ``dimension`` (null for all), ``name`` (what it is called), ``group``, ``asked`` (orders or
        customers), ``answered``, ``rate`` with its Wilson interval (``low``, ``high``), ``of_asked`` and
        ``of_answered`` (the group's shares of both), ``difference`` (standardised; Austin 2009, Statistics
        in Medicine 28:3083–3107: beyond ±0.1 respondents are unlike the others). Groups of too few people
        who answered or did not have no figures.
        """
        frame = self.frame
        if frame is None:
            return pl.DataFrame(schema=_SUMMARY)
        everything = frame.units.with_columns(
            group=pl.lit(texts()["survey_everything"].to(self.lab.language)), place=pl.lit(0)
        )
        rows = self._rows(None, texts()["survey_everything"], everything)
        for name in DIMENSIONS:
            if name == "class" and "customers" not in self.lab.tables:
                continue
            title, groups = dimension(self.lab, frame, name)
            if groups["group"].n_unique() > 1:
                rows += self._rows(name, title, frame.units.join(groups, on="unit", maintain_order="left"))
        return pl.DataFrame(rows, schema=_SUMMARY)

    @property
    def unlike(self) -> pl.DataFrame:
        """The groups that answered more or less often than fits their size, most unlike first."""
        known = self.summary.filter(pl.col("dimension").is_not_null(), pl.col("difference").abs() > _UNLIKE)
        return known.sort(pl.col("difference").abs(), "dimension", "group", descending=[True, False, False])

    def chart(self) -> alt.LayerChart | Note:
        """Draw the response rate of each group."""
        if self.frame is None:
            return self._unknown()
        shown = self.summary.drop_nulls("rate").with_columns(count=pl.col("answered"))
        # A group goes by its own name unless two dimensions share it.
        twice = pl.col("group").count().over("group") > 1
        names = pl.when(twice).then(pl.concat_str("name", pl.lit(" · "), "group")).otherwise("group")
        if shown.is_empty():
            return self._too_few()
        words = texts()
        return interval_bars(
            shown.select("low", "high", "count", name=names, share="rate"),
            title=self._said(),
            subtitle=self._frame_said(),
            x_title=words[f"survey_rate_{self.frame.of}"],
            y_title=words["survey_group"],
            language=self.lab.language,
        )

    def table(self) -> Table | Note:
        """Show response rates and how respondents differ from all."""
        if self.frame is None:
            return self._unknown()
        words, of = texts(), self.frame.of
        return Table(
            self.summary.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["survey_dimension"]),
                Column("group", words["survey_group"]),
                Column("asked", words[f"survey_asked_{of}"], "integer"),
                Column("answered", words["survey_answered_of"], "integer"),
                Column("rate", words[f"survey_rate_{of}"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("of_asked", words["survey_of_asked"], "percent"),
                Column("of_answered", words["survey_of_answered"], "percent"),
                Column("difference", words["survey_difference"], "decimal"),
            ],
            caption=words["survey_response_caption"],
            note=joined(
                self._frame_said(),
                words["survey_difference_note"],
                say("survey_few_cells", k=self.lab.study.privacy.smallest_group)
                if self.summary["rate"].has_nulls()
                else None,
            ),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say how many answered, and who is missing."""
        if self.frame is None:
            return self._unknown()
        said = [
            say(
                "survey_over" if row["difference"] > 0 else "survey_under",
                dimension=row["name"],
                group=row["group"],
                asked=percent(row["of_asked"]),
                answered=percent(row["of_answered"]),
                difference=signed(row["difference"], 2),
            )
            for row in self.unlike.head(3).iter_rows(named=True)
        ]
        alike = texts()["survey_alike"] if not said else None
        return Note(joined(self._said(), *said, alike, self._frame_said()), self.lab.language)

    def _rows(self, name: str | None, title: Text, units: pl.DataFrame) -> list[dict[str, Any]]:
        import numpy as np

        ordered = units.group_by("group").agg(pl.col("place").min(), pl.len().alias("n"))
        groups = ordered.sort("place", -pl.col("n").cast(pl.Int64), "group")["group"].to_list()
        people = [
            [part.filter(pl.col("answered") == said)["person"].n_unique() for said in (True, False)]
            for group in groups
            for part in [units.filter(pl.col("group") == group)]
        ]
        gone = hidden_cells(people, self.lab.study.privacy.smallest_group)
        answered = units["answered"].to_numpy()
        rows = []
        for group, hid in zip(groups, gone, strict=True):
            row: dict[str, Any] = {
                "dimension": name,
                "name": title.to(self.lab.language),
                "group": group,
            }
            rows.append(row)
            if any(hid):
                continue
            inside = (units["group"] == group).to_numpy()
            asked, filled = int(inside.sum()), int((inside & answered).sum())
            low, high = wilson(filled, asked)
            row |= {"asked": asked, "answered": filled, "rate": filled / asked, "low": low, "high": high}
            row |= {"of_asked": asked / len(answered), "of_answered": filled / max(int(answered.sum()), 1)}
            if name is not None:
                apart, _ = standardised_difference(
                    inside[answered].astype(np.float64), inside[~answered].astype(np.float64)
                )
                row["difference"] = apart if isfinite(apart) else None
        return rows

    def _said(self) -> Text:
        assert self.frame is not None
        row = self.summary.row(0, named=True)
        if row["rate"] is None:
            return say("survey_rate_hidden", k=self.lab.study.privacy.smallest_group)
        return say(
            f"survey_rate_said_{self.frame.of}",
            rate=percent(row["rate"]),
            low=percent(row["low"]),
            high=percent(row["high"]),
            answered=count(row["answered"]),
            asked=count(row["asked"]),
        )

    def _frame_said(self) -> Text:
        frame = self.frame
        assert frame is not None
        first, last = (date(1970, 1, 1) + timedelta(days=day) for day in (frame.first, frame.last))
        return joined(
            say(f"survey_frame_{frame.of}", first=first, last=last),
            say("survey_outside", n=count(frame.outside)) if frame.outside else None,
        )

    def _unknown(self) -> Note:
        return Note(texts()["survey_no_frame"], self.lab.language)

    def _too_few(self) -> Note:
        return Note(self._said(), self.lab.language)


_SUMMARY: dict[str, Any] = {
    "dimension": pl.String,
    "name": pl.String,
    "group": pl.String,
    "asked": pl.Int64,
    "answered": pl.Int64,
    **dict.fromkeys(("rate", "low", "high", "of_asked", "of_answered", "difference"), pl.Float64),
}
