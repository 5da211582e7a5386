"""Questions whose answers are chosen from options: one, or as many as apply."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.suppression import hidden
from crmlab.data.surveys.answers import JOINED
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.surveys.sheets import KINDS, Asked
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.survey_charts import interval_bars
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_SHOWN = 12
"""A chart has room for so many options; the table and the saved table have all."""


class ChoiceQuestion:
    """One single- or multiple-choice question.

    Shares are of the respondents who answered, so those of a multiple choice sum to more than 1. An
    option that fewer people than ``privacy.smallest_group`` chose is not shown by itself.
    """

    def __init__(self, lab: Lab, asked: Asked, sheets: int) -> None:
        self.lab = lab
        self.asked = asked
        self.sheets = sheets
        self.kind = asked.kind
        self.title = asked.title

    @property
    def n(self) -> int:
        """How many respondents answered."""
        return self.asked.n

    @cached_property
    def ticks(self) -> pl.DataFrame:
        """One row per respondent and chosen option: ``respondent_id``, ``person``, ``option``."""
        split = pl.col("answer").str.split(JOINED) if self.kind == "multiple" else pl.concat_list("answer")
        ticks = (
            self.asked.frame.select("respondent_id", "person", option=split)
            .explode("option", empty_as_null=True)
            .with_columns(pl.col("option").str.strip_chars())
            .filter(pl.col("option").str.len_chars() > 0)
            .unique(["respondent_id", "option"], keep="first", maintain_order=True)
        )
        return ticks.with_columns(mask_text(ticks["option"]))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per option, most chosen first.

        ``option``, ``count`` of respondents, ``share`` of those who answered with its Wilson interval
        ``low``, ``high``. Options of too few people are one row with ``option`` null in a single choice; in
        a multiple choice, where shares do not sum to a total, each keeps its row without figures.
        """
        few = pl.col("option").is_in(sorted(self._few))
        counts = self.ticks.with_columns(pl.when(~few).then("option").alias("option"))
        if self.kind == "multiple":
            counts = counts.filter(pl.col("option").is_not_null())
        sizes = counts.group_by("option").agg(pl.len().alias("count"), pl.col("person").n_unique())
        ordered = sizes.sort(pl.col("option").is_null(), -pl.col("count").cast(pl.Int64), "option")
        rows: list[dict[str, Any]] = []
        for option, chosen, people in ordered.iter_rows():
            if people < self.lab.study.privacy.smallest_group:
                rows.append({"option": option})
                continue
            low, high = wilson(chosen, self.n)
            rows.append(
                {"option": option, "count": chosen, "share": chosen / self.n, "low": low, "high": high}
            )
        if self.kind == "multiple":
            rows += [{"option": option} for option in sorted(self._few)]
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def together(self) -> pl.DataFrame:
        """How often two options of a multiple choice were chosen by the same respondent.

        ``first``, ``second``, ``count``, ``share`` of those who answered, ``lift`` (share over what it would
        be if one had nothing to do with the other). Pairs of too few people are left out.
        """
        shown = self.summary.drop_nulls("share")["option"].to_list()
        people = self.ticks.group_by("option").agg("respondent_id", "person")
        who = {option: (set(ids), set(persons)) for option, ids, persons in people.iter_rows()}
        rows = []
        for first, second in combinations(shown, 2):
            both = who[first][0] & who[second][0]
            persons = who[first][1] & who[second][1]
            one, other = len(who[first][0]), len(who[second][0])
            least = self.lab.study.privacy.smallest_group
            # Subtracting the pair from an option leaves who chose the one without the other.
            if any(hidden([len(both), part - len(both)], least)[0] for part in (one, other)):
                continue
            if len(persons) >= least:
                rows.append(
                    (first, second, len(both), len(both) / self.n, len(both) * self.n / (one * other))
                )
        pairs = pl.DataFrame(rows, schema=_TOGETHER, orient="row")
        return pairs.sort("count", "first", "second", descending=[True, False, False])

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share of each option with its interval."""
        shown = self._named(self.summary.drop_nulls("share")).head(_SHOWN)
        if shown.is_empty():
            return self._too_few()
        return interval_bars(
            shown,
            title=Text(self.title, self.title),
            subtitle=self._subtitle(),
            x_title=texts()["survey_share_respondents"],
            y_title=texts()["survey_option"],
            language=self.lab.language,
        )

    def table(self) -> Table | Note:
        """Show count and share of each option."""
        if self.summary["share"].is_null().all():
            return self._too_few()
        words = texts()
        return Table(
            self._named(self.summary).with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["survey_option"]),
                Column("count", words["survey_respondents"], "integer"),
                Column("share", words["survey_share_respondents"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=Text(self.title, self.title),
            note=self._subtitle(),
            language=self.lab.language,
        )

    def together_table(self, rows: int = 10) -> Table | Note:
        """Show the pairs of options that most respondents chose together."""
        words = texts()
        if self.together.is_empty():
            return Note(words["survey_no_pairs"], self.lab.language)
        return Table(
            self.together.head(rows),
            [
                Column("first", words["survey_option"]),
                Column("second", words["survey_and"]),
                Column("count", words["survey_respondents"], "integer"),
                Column("share", words["survey_share_respondents"], "percent"),
                Column("lift", words["survey_lift"], "decimal", note=words["survey_lift_note"]),
            ],
            caption=say("survey_together_caption", question=self.title),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say which option leads, with its interval."""
        best = self.summary.drop_nulls("share").drop_nulls("option").head(1)
        if best.is_empty():
            return self._too_few()
        row = best.row(0, named=True)
        said = say(
            "survey_leads",
            question=self.title,
            option=row["option"],
            share=percent(row["share"]),
            low=percent(row["low"]),
            high=percent(row["high"]),
            n=count(self.n),
        )
        return Note(said, self.lab.language)

    @cached_property
    def _few(self) -> set[str]:
        """The options that too few people chose, or all but too few."""
        sizes = self.ticks.group_by("option").agg(pl.col("person").n_unique()).sort("option")
        least, options = self.lab.study.privacy.smallest_group, sizes["option"].to_list()
        counts = sizes["person"].to_list()
        if self.kind == "multiple":
            people = self.asked.frame["person"].n_unique()
            gone = [any(hidden([each, people - each], least)) for each in counts]
        else:
            gone = hidden(counts, least)
        return {option for option, few in zip(options, gone, strict=True) if few}

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        few = texts()["survey_other_options"].to(self.lab.language)
        return frame.with_columns(name=pl.col("option").fill_null(few))

    def _subtitle(self) -> Text:
        words = texts()
        return joined(
            say("survey_answered", kind=KINDS[self.kind], n=count(self.n), of=count(self.sheets)),
            words["survey_sums_to_more"] if self.kind == "multiple" else None,
            say("survey_few_hidden", k=self.lab.study.privacy.smallest_group) if self._few else None,
            say("survey_few_answers", n=self.lab.study.surveys.few)
            if self.n < self.lab.study.surveys.few
            else None,
        )

    def _too_few(self) -> Note:
        return Note(
            say("survey_question_too_few", question=self.title, k=self.lab.study.privacy.smallest_group),
            self.lab.language,
        )


_SUMMARY: dict[str, Any] = {
    "option": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_TOGETHER: dict[str, Any] = {
    "first": pl.String,
    "second": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "lift": pl.Float64,
}
