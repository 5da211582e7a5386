"""What a campaign by the predictions earns: the profit curve, its best list, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.churn.judged import BASELINES, Judged
from crmlab.churn.profit import Campaign, best_share, empc, profit_curve
from crmlab.segments.separation import Estimate
from crmlab.view.churn_charts import profit_line
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.labels import Text


class Profit(Judged):
    """What contacting by the model's probabilities earns under the terms of a campaign.

    Customers' own lifetime values, the column ``value`` of the predictions, take the place of the
    campaign's one where they are there. See :class:`Judged` for ``predictions``.
    """

    def __init__(
        self,
        predictions: pl.DataFrame,
        lab: Lab,
        model: str = "",
        *,
        campaign: Campaign | None = None,
        baselines: Sequence[str] = BASELINES,
    ) -> None:
        super().__init__(predictions, lab, model, baselines)
        self.campaign = campaign or Campaign()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The :func:`~crmlab.churn.profit.profit_curve` of the model shown."""
        y, p, values = self.rows(valued=True)
        return profit_curve(y, p, self.campaign, values)

    @cached_property
    def expected(self) -> Estimate:
        """The expected maximum profit per customer of the model shown (EMPC)."""
        y, p, values = self.rows(valued=True)
        return empc(y, p, self.campaign, values).profit

    @cached_property
    def share(self) -> Estimate:
        """The share of customers to contact."""
        y, p, values = self.rows(valued=True)
        return best_share(y, p, self.campaign, values)

    def chart(self) -> alt.LayerChart | Note:
        """Draw profit per customer by the share contacted."""
        if problem := self.problem:
            return problem
        best = self.summary.sort("profit", "share", descending=[True, False]).row(0, named=True)
        amounts = [self._money(value).to(self.lab.language) for value in self.summary["profit"]]
        frame = self.summary.with_columns(amount=pl.Series(amounts, dtype=pl.String))
        pays = best["profit"] > 0
        title = say(
            "churn_profit_title" if pays else "churn_profit_title_never",
            share=percent(best["share"], 0),
            profit=self._money(best["profit"]),
        )
        subtitle = joined(
            self.sample, say("churn_profit_subtitle", share=percent(self.campaign.acceptance, 0))
        )
        y_title = say("churn_profit_axis", currency=self.lab.study.currency)
        return profit_line(
            frame, best["share"] if pays else None, y_title, title, subtitle, self.lab.language
        )

    def table(self) -> Table | Note:
        """Show the expected maximum profit of every model and how many customers it contacts."""
        if problem := self.problem:
            return problem
        words = texts()
        found = []
        for model in self.models:
            y, p, values = self.rows(model, valued=True)
            profit, share = empc(y, p, self.campaign, values)
            found.append(
                (self.name(model).to(self.lab.language), profit.value, [profit.low, profit.high], share)
            )
        frame = pl.DataFrame(found, schema=_PROFITS, orient="row")
        return Table(
            frame.sort("profit", "model", descending=[True, False]),
            [
                Column("model", words["churn_model"]),
                Column("profit", words["churn_profit"], "money"),
                Column("interval", words["interval_95"], "interval", of="money"),
                Column("share", words["churn_share_contacted"], "percent"),
            ],
            caption=words["churn_profit_caption"],
            note=joined(self.sample, self._terms),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def note(self) -> Note:
        """Say what the campaign earns, how many to contact, and what that rests on."""
        if problem := self.problem:
            return problem
        n = len(self.rows(valued=True).y)
        said = say(
            "churn_profit_said" if self.expected.low > 0 else "churn_profit_unsure",
            profit=self._money(self.expected.value),
            low=self._money(self.expected.low),
            high=self._money(self.expected.high),
            n=count(n),
            total=self._money(self.expected.value * n),
            share=percent(self.share.value, 0),
            share_low=percent(self.share.low, 0),
            share_high=percent(self.share.high, 0),
        )
        borrowed = texts()["churn_profit_defaults"] if self.campaign == Campaign() else None
        return Note(joined(said, self._terms, borrowed), self.lab.language, "warning" if borrowed else "note")

    @property
    def _terms(self) -> Text:
        """The terms of the campaign in a sentence."""
        own = "value" in self.predictions.columns
        return say(
            "churn_profit_terms_own" if own else "churn_profit_terms",
            clv=self._money(self.campaign.clv),
            incentive=self._money(self.campaign.incentive),
            contact=self._money(self.campaign.contact),
            acceptance=percent(self.campaign.acceptance, 0),
            alpha=decimal(self.campaign.alpha, 0),
            beta=decimal(self.campaign.beta, 0),
        )

    def _money(self, value: float) -> Text:
        return money(value, self.lab.study.currency)


_PROFITS: dict[str, pl.DataType | type[pl.DataType]] = {
    "model": pl.String,
    "profit": pl.Float64,
    "interval": pl.List(pl.Float64),
    "share": pl.Float64,
}
