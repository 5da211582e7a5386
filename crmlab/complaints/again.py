"""What comes back: reopened complaints, first-contact resolution, customers who complain repeatedly."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.complaints.part import Part
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

YEAR = 365
"""Days up to the as-of day in which repeated complaints of a customer are counted."""


class Again(Part):
    """The share reopened, the share resolved at the first contact, the share of repeat complainers.

    Reopened: ended complaints that were opened again at least once, of all that have ended. First contact:
    ended complaints with one contact that were not opened again, of those whose contacts are counted. Repeat
    complainers: customers with two complaints or more in the last 365 days, of all who complained in them.
    All intervals are Wilson's.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per share that the log allows.

        ``measure``: reopened, first_contact, repeat_customers (of complainers), repeat_complaints (the share
        of complaints that are theirs); ``successes``, ``n``, ``share``, ``low``, ``high``.
        """
        rows: list[tuple[str, int, int]] = []
        frame = self.log.frame
        ended = frame.filter(~pl.col("is_open") | (_times_reopened() > 0))
        if self._knows_reopened:
            rows.append(("reopened", ended.filter(_times_reopened() > 0).height, ended.height))
        if self.log.has("contacts_count"):
            told = frame.filter(pl.col("ended_at").is_not_null()).drop_nulls("contacts_count")
            at_once = told.filter(pl.col("contacts_count") <= 1, _times_reopened() == 0)
            rows.append(("first_contact", at_once.height, told.height))
        if self.log.has("customer_id"):
            several = self.customers.filter(pl.col("complaints") > 1)
            rows.append(("repeat_customers", several.height, self.customers.height))
            rows.append(
                (
                    "repeat_complaints",
                    int(several["complaints"].sum()),
                    int(self.customers["complaints"].sum()),
                )
            )
        made = [
            (measure, k, n, k / n if n else None, *(x if x == x else None for x in wilson(k, n)))
            for measure, k, n in rows
        ]
        return pl.DataFrame(made, schema=_SCHEMA, orient="row")

    @cached_property
    def customers(self) -> pl.DataFrame:
        """Customers with a complaint in the last 365 days: ``customer_id``, ``complaints``, most first."""
        since = day_number(self.log.as_of) - YEAR
        return (
            self.log.frame.filter(pl.col("day") > since)
            .drop_nulls("customer_id")
            .group_by("customer_id")
            .agg(complaints=pl.len().cast(pl.Int64))
            .sort("complaints", "customer_id", descending=[True, False])
        )

    @cached_property
    def same_cause(self) -> tuple[int, int]:
        """Complaints of the last 365 days on what the same customer had complained of before; all of them.

        Complaints without a category, or of one that is put together with others, are of no known kind.
        """
        since = day_number(self.log.as_of) - YEAR
        told = self.log.frame.filter(pl.col("day") > since).drop_nulls("customer_id")
        vague = [texts()[name].to(self.lab.language) for name in ("complaints_unsaid", "complaints_other")]
        known = told.filter(~pl.col("category").is_in(vague)).select("customer_id", "category")
        return known.height - known.n_unique(), told.height

    def share(self, measure: str) -> dict[str, Any] | None:
        """Return one row of the summary; None where the log does not tell, or counts too few."""
        rows = self.summary.filter(pl.col("measure") == measure, pl.col("n") >= max(self.fewest, 1))
        return rows.row(0, named=True) if rows.height else None

    def repeaters(self) -> Text | None:
        """Say how many customers complain repeatedly."""
        row, theirs = self.share("repeat_customers"), self.share("repeat_complaints")
        if row is None or theirs is None:
            return None
        return say("complaints_repeat_said", **_said(row), complaints=percent(theirs["share"]), days=YEAR)

    def _explain(self) -> Text:
        said = []
        for measure, (told, unknown) in _SENTENCES.items():
            row = self.share(measure)
            said.append(texts()[unknown] if row is None else say(told, **_said(row)))
        repeated = self.repeaters()
        if repeated is not None and self.log.has("category"):
            k, n = self.same_cause
            repeated = joined(
                repeated, say("complaints_same_said", n=count(k), share=percent(k / n if n else None))
            )
        return joined(*said, repeated or texts()["complaints_repeat_unknown"])

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().filter(pl.col("n") >= max(self.fewest, 1))
        if frame.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        return interval_bars(
            frame.with_columns(
                value="share", label=pl.col("share").map_elements(percent, return_dtype=pl.String)
            ),
            words["complaints_again_title"],
            say("complaints_again_subtitle", n=count(self.log.frame.height)),
            words["share"],
            words["complaints_measure"],
            self.lab.language,
            [("name", words["complaints_measure"]), ("n", words["complaints_of"]), ("label", words["share"])],
            shares=True,
        )

    def _table(self) -> Table | Note:
        frame = self._named().filter(pl.col("n") >= max(self.fewest, 1))
        if frame.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        return Table(
            frame.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_measure"]),
                Column("successes", words["count"], "integer"),
                Column("n", words["complaints_of"], "integer"),
                Column("share", words["share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["complaints_again_caption"],
            note=words["complaints_again_note"],
            language=self.lab.language,
        )

    @property
    def _knows_reopened(self) -> bool:
        return any(self.log.has(name) for name in ("reopened", "reopened_at", "reopened_count"))

    def _named(self) -> pl.DataFrame:
        words, language = texts(), self.lab.language
        names = {name: words[key].to(language) for name, key in _NAMES.items()}
        return self.summary.with_columns(name=pl.col("measure").replace_strict(names, return_dtype=pl.String))


_SENTENCES = {
    "reopened": ("complaints_reopened_said", "complaints_reopened_unknown"),
    "first_contact": ("complaints_contact_said", "complaints_contact_unknown"),
}
_NAMES = {
    "reopened": "complaints_again_reopened",
    "first_contact": "complaints_again_first_contact",
    "repeat_customers": "complaints_again_repeat_customers",
    "repeat_complaints": "complaints_again_repeat_complaints",
}
_SCHEMA = {
    "measure": pl.String,
    **dict.fromkeys(("successes", "n"), pl.Int64),
    **dict.fromkeys(("share", "low", "high"), pl.Float64),
}


def _times_reopened() -> pl.Expr:
    """Return how often a complaint was opened again, as far as the log says; 0 where it says nothing."""
    told = pl.col("reopened").cast(pl.Int64), pl.col("reopened_at").is_not_null().cast(pl.Int64)
    return pl.max_horizontal("reopened_count", *told).fill_null(0)


def _said(row: dict[str, Any]) -> dict[str, str]:
    return {name: percent(row[name]) for name in ("share", "low", "high")} | {"n": count(row["n"])}
