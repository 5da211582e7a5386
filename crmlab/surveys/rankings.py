"""Questions that ask for an order of options, best first."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.data.suppression import hidden
from crmlab.data.surveys.answers import RANKED
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.satisfaction import mean_interval
from crmlab.surveys.sheets import KINDS, Asked
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.survey_charts import interval_points
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


class RankingQuestion:
    """One ranking question: the mean rank of each option, and how often it was put first.

    Options that somebody did not rank share the places that were left: their rank is the mean of these
    (mid-ranks; Kendall 1948, Rank Correlation Methods, chapter 3), so that no option gains by being left out.
    """

    kind = "ranking"

    def __init__(self, lab: Lab, asked: Asked, sheets: int) -> None:
        self.lab = lab
        self.asked = asked
        self.sheets = sheets
        self.title = asked.title

    @property
    def n(self) -> int:
        """How many respondents ranked."""
        return self.asked.n

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per option, best mean rank first.

        ``option``, ``mean_rank`` with its t interval (``low``, ``high``), ``first`` (respondents who put it
        first), ``first_share`` with its Wilson interval, ``ranked`` (how many placed it at all). Without
        rows where fewer people than ``privacy.smallest_group`` ranked; first places of fewer are missing,
        with others from which they could be computed.
        """
        least = max(self.lab.study.privacy.smallest_group, 1)
        people = self.asked.frame["person"].to_list()
        if len(set(people)) < least:
            return pl.DataFrame(schema=_SUMMARY)
        orders = [self._order(answer) for answer in mask_text(self.asked.frame["answer"]).to_list()]
        options = sorted({option for order in orders for option in order})
        firsts = [next(iter(order), None) for order in orders]
        firsts_of = {option: set[str]() for option in options}
        for person, first_option in zip(people, firsts, strict=True):
            if first_option is not None:
                firsts_of[first_option].add(person)
        few = dict(zip(options, hidden([len(firsts_of[option]) for option in options], least), strict=True))
        rows = []
        for option in options:
            left = [(len(order) + 1 + len(options)) / 2 for order in orders]
            ranks = [
                float(order.index(option) + 1) if option in order else rest
                for order, rest in zip(orders, left, strict=True)
            ]
            mean, ends = mean_interval(ranks)
            first = sum(each == option for each in firsts)
            row: dict[str, Any] = {"option": option, "mean_rank": mean}
            row |= {"low": max(ends.low, 1.0), "high": min(ends.high, float(len(options)))}
            if len({p for p, order in zip(people, orders, strict=True) if option in order}) < least:
                continue  # an option that hardly anybody named is what a few people wrote
            row["ranked"] = sum(option in order for order in orders)
            if not few[option]:
                below, above = wilson(first, self.n)
                row |= {"first": first, "first_share": first / self.n}
                row |= {"first_low": below, "first_high": above}
            rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY).sort("mean_rank", "option")

    def chart(self) -> alt.LayerChart | Note:
        """Draw the mean rank of each option with its interval."""
        if self.summary.is_empty():
            return self._too_few()
        return interval_points(
            self.summary.select(name="option", value="mean_rank", low="low", high="high"),
            title=Text(self.title, self.title),
            subtitle=self._subtitle(),
            x_title=texts()["survey_mean_rank"],
            y_title=texts()["survey_option"],
            language=self.lab.language,
            value_format=".2f",
        )

    def table(self) -> Table | Note:
        """Show mean rank and share of first places."""
        if self.summary.is_empty():
            return self._too_few()
        words = texts()
        return Table(
            self.summary.with_columns(
                interval=pl.concat_list("low", "high"),
                first_interval=pl.concat_list("first_low", "first_high"),
            ),
            [
                Column("option", words["survey_option"]),
                Column("mean_rank", words["survey_mean_rank"], "decimal"),
                Column("interval", words["interval_95"], "interval", note=words["survey_t_interval"]),
                Column("first_share", words["survey_ranked_first"], "percent"),
                Column("first_interval", words["interval_95"], "interval", of="percent"),
                Column("ranked", words["survey_ranked"], "integer"),
            ],
            caption=Text(self.title, self.title),
            note=self._subtitle(),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say which option is ranked best."""
        if self.summary.is_empty():
            return self._too_few()
        best = self.summary.row(0, named=True)
        said = say(
            "survey_ranking_said",
            question=self.title,
            option=best["option"],
            mean=decimal(best["mean_rank"]),
            share=percent(best["first_share"]),
            n=count(self.n),
        )
        return Note(said, self.lab.language)

    @staticmethod
    def _order(answer: str) -> list[str]:
        places = (option.strip() for option in answer.split(RANKED))
        return list(dict.fromkeys(option for option in places if option))

    def _subtitle(self) -> Text:
        few = self.lab.study.surveys.few
        return joined(
            say("survey_answered", kind=KINDS["ranking"], n=count(self.n), of=count(self.sheets)),
            texts()["survey_rank_note"],
            say("survey_few_answers", n=few) if self.n < few else None,
        )

    def _too_few(self) -> Note:
        return Note(
            say("survey_question_too_few", question=self.title, k=self.lab.study.privacy.smallest_group),
            self.lab.language,
        )


_SUMMARY: dict[str, Any] = {
    "option": pl.String,
    "mean_rank": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "first": pl.Int64,
    "first_share": pl.Float64,
    "first_low": pl.Float64,
    "first_high": pl.Float64,
    "ranked": pl.Int64,
}
