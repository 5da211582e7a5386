"""Why customers leave: what was true of the lost, more than of those who stayed, before they were lost.

The contrast of :mod:`crmlab.churn.odds` over customers at risk on a day: who has a trait against who has
not. Each trait is looked at alone, so that one may stand for another; it is association, not cause.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from math import exp
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.churn.odds import contrast_of
from crmlab.churn.snapshots import Design, outcomes
from crmlab.churn.traits import Traits, traits
from crmlab.estimators import KEY
from crmlab.labels import Text
from crmlab.view import theme
from crmlab.view.churn_charts import in_lines, interval_rows
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


FALSE_FINDS = 0.05
FEWEST = 30
"""Customers who left, and who stayed, below which nothing is contrasted."""

_ALIKE = ("days_since_last_order", "order_count")
_IN_CHART = 12
_IN_WORDS = 3


class ChurnReasons:
    """The contrast of a study: traits known ``design.reach`` days before its day, and who has left since.

    At risk is who had a paid order in the ``active_days`` up to that day; lost, who had none in the
    ``window_days`` that begin ``lead_days`` after it.
    """

    def __init__(self, lab: Lab, design: Design | None = None) -> None:
        self.lab = lab
        self.design = design or Design()

    def __repr__(self) -> str:
        return f"<ChurnReasons: known on {self.day}, lost by {self.lab.study.as_of}>"

    @property
    def day(self) -> date:
        """The day on which traits were known."""
        return self.lab.study.as_of - timedelta(days=self.design.reach)

    @cached_property
    def customers(self) -> pl.DataFrame:
        """Customers at risk on the day, sorted: ``customer_id``, ``lost`` (Boolean)."""
        if "orders" not in self.lab.tables:
            return pl.DataFrame(schema={KEY: pl.String, "lost": pl.Boolean})
        found = outcomes(self.lab.model_tables()["orders"], self.day, self.design)
        return found.rename({"churned": "lost"})

    @cached_property
    def known(self) -> Traits:
        """What was known of them."""
        return traits(self.lab, self.customers[KEY], self.day, self.design.active_days)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The contrast over every trait: see :func:`~crmlab.churn.odds.contrast_of`.

        Empty where there is a :attr:`problem`.
        """
        if self.problem:
            return contrast_of(Traits(pl.DataFrame(), ()), pl.Series(dtype=pl.Boolean))
        least = self.lab.study.privacy.smallest_group
        return contrast_of(self.known, self.customers["lost"], least, self._alike)

    @property
    def _alike(self) -> pl.Series:
        """A number per customer: the third of recency and that of the number of orders."""
        known = self.customers.join(
            self.lab.features(*_ALIKE, as_of=self.day), on=KEY, how="left", maintain_order="left"
        )
        above = [
            (known[name] > known[name].quantile(share, "lower")).cast(pl.Int64)
            for name in _ALIKE
            for share in (1 / 3, 2 / 3)
        ]
        return 3 * (above[0] + above[1]) + above[2] + above[3]

    @property
    def found(self) -> pl.DataFrame:
        """The rows of the summary that count as found."""
        return self.summary.filter(pl.col("q") <= FALSE_FINDS)

    @cached_property
    def problem(self) -> Note | None:
        """Why nothing can be contrasted; None where it can."""
        if "orders" not in self.lab.tables:
            return Note(texts()["churn_reasons_no_orders"], self.lab.language)
        lost = int(self.customers["lost"].sum())
        stayed = self.customers.height - lost
        if min(lost, stayed) >= FEWEST:
            return None
        few = say("churn_reasons_few", day=self.day, lost=count(lost), stayed=count(stayed), least=FEWEST)
        return Note(few, self.lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the odds ratios of the surest traits, those of the lost first."""
        if self.problem or not self.summary.height:
            return self.note()
        words, language = texts(), self.lab.language
        sure = (
            self.summary.sort("p", "trait")
            .head(_IN_CHART)
            .sort("log_odds", "trait", descending=[True, False])
        )
        ratios = {name: pl.col(end).exp() for name, end in _RATIO.items()}
        frame = sure.with_columns(**ratios).select(
            "value",
            "low",
            "high",
            name=pl.Series([in_lines(name, language) for name in sure[language]], dtype=pl.String),
            kind=pl.when(pl.col("q") > FALSE_FINDS)
            .then(pl.lit(words["churn_reasons_unsure"].to(language)))
            .when(pl.col("log_odds") > 0)
            .then(pl.lit(words["churn_reasons_more"].to(language)))
            .otherwise(pl.lit(words["churn_reasons_less"].to(language))),
            label=pl.Series([_written(row) for row in sure.iter_rows(named=True)], dtype=pl.String),
            shares=pl.Series(
                [
                    f"{percent(row['share'])} / {percent(row['others_share'])}"
                    for row in sure.iter_rows(named=True)
                ],
                dtype=pl.String,
            ),
        )
        kinds = {"more": theme.BAD, "less": theme.GOOD, "unsure": theme.NEUTRAL}
        return interval_rows(
            frame,
            {words[f"churn_reasons_{kind}"].to(language): colour for kind, colour in kinds.items()},
            at=1.0,
            title=say("churn_reasons_title", n=self.found.height, tested=self.summary.height),
            subtitle=joined(self._sample, words["churn_reasons_subtitle"]),
            x_title=words["churn_reasons_axis"],
            name_title=words["churn_trait"],
            language=language,
            tooltips=[
                ("name", words["churn_trait"]),
                ("label", words["churn_reasons_axis"]),
                ("shares", words["churn_reasons_shares"]),
            ],
            log=True,
        )

    def table(self) -> Table | Note:
        """Show every trait, surest sign of leaving first."""
        if self.problem or not self.summary.height:
            return self.note()
        words, language = texts(), self.lab.language
        groups = {name: words[key].to(language) for name, key in _GROUPS.items()}
        frame = self.summary.with_columns(
            name=pl.col(language),
            about=pl.col("group").replace_strict(groups, return_dtype=pl.String),
            value=pl.col("log_odds").exp(),
            interval=pl.concat_list(pl.col("low").exp(), pl.col("high").exp()),
            alike=pl.col("alike").exp(),
            alike_interval=pl.concat_list(pl.col("alike_low").exp(), pl.col("alike_high").exp()),
        )
        return Table(
            frame,
            [
                Column("name", words["churn_trait"]),
                Column("about", words["churn_group"]),
                Column("customers", words["churn_reasons_customers"], "integer"),
                Column("share", words["churn_reasons_share"], "percent"),
                Column("others_share", words["churn_reasons_others_share"], "percent"),
                Column("value", words["churn_reasons_ratio"], "decimal"),
                Column("interval", words["interval_95"], "interval", of="decimal"),
                Column("alike", words["churn_reasons_alike"], "decimal"),
                Column("alike_interval", words["interval_95"], "interval", of="decimal"),
                Column("q", words["churn_reasons_q"], "decimal", decimals=3),
            ],
            caption=say("churn_reasons_caption", day=self.day),
            note=joined(self._sample, words["churn_reasons_note"], words["churn_reasons_not_cause"]),
            language=language,
        )

    def note(self) -> Note:
        """Say what goes with leaving most surely, how many traits were tried, and that it is no cause."""
        if self.problem:
            return self.problem
        words = texts()
        leaving = self.found.filter(pl.col("log_odds") > 0).head(_IN_WORDS)
        tried = say(
            "churn_reasons_tried",
            tested=self.summary.height,
            n=self.found.height,
            rate=percent(FALSE_FINDS, 0),
        )
        alike = self.found.filter(pl.col("alike_q") <= FALSE_FINDS).height
        kept = say("churn_reasons_kept", n=alike) if self.found["alike"].is_not_nan().any() else None
        said = [_said(row) for row in leaving.iter_rows(named=True)]
        head = joined(words["churn_reasons_first"], *said) if said else words["churn_reasons_none"]
        return Note(
            joined(self._sample, head, tried, kept, words["churn_reasons_not_cause"]), self.lab.language
        )

    @property
    def _sample(self) -> Text:
        lost, n = int(self.customers["lost"].sum()), self.customers.height
        return say(
            "churn_reasons_sample",
            n=count(n),
            day=self.day,
            active=self.design.active_days,
            lost=count(lost),
            share=percent(lost / n if n else None),
            window=self.design.window_days,
            end=self.lab.study.as_of,
        )


def _said(row: dict[str, Any]) -> Text:
    value, low, high = _ratios(row)
    return say(
        "churn_reasons_said",
        trait=Text(row["zh"], row["en"]),
        share=percent(row["share"]),
        others=percent(row["others_share"]),
        ratio=value,
        low=low,
        high=high,
    )


def _written(row: dict[str, Any]) -> str:
    value, low, high = _ratios(row)
    return f"{value} ({low} – {high})"


def _ratios(row: dict[str, Any]) -> list[str]:
    return [decimal(exp(row[name])) for name in ("log_odds", "low", "high")]


_GROUPS = {
    "behaviour": "churn_group_behaviour",
    "complaints": "churn_group_complaints",
    "feedback": "churn_group_feedback",
}
_RATIO = {"value": "log_odds", "low": "low", "high": "high"}
