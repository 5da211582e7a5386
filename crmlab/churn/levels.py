"""Warning levels by expected loss: whom to call first is who costs most, not who is likeliest to leave.

Expected loss is the probability of churn times what the customer is worth. Two ways to cut it:

* by shares (the default): from the largest loss down, ``high`` are the customers who carry the first
  half of the total expected loss, ``medium`` those up to four fifths, ``low`` the rest;
* by break-even, where the study states ``success_rate`` (the share of contacted leavers who stay): a
  contact pays where expected loss × success rate is more than it costs. ``high`` is where a personal
  contact with its incentive pays, ``medium`` where only a contact without incentive does.

Customers with the same expected loss have the same level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.estimators import KEY
from crmlab.labels import Label
from crmlab.view.numbers import count, money, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.labels import Language, Text
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

LEVELS = (Label("high", "高", "High"), Label("medium", "中", "Medium"), Label("low", "低", "Low"))
SHARES = (0.5, 0.8)
"""Shares of the total expected loss at which high and medium end."""


@dataclass(frozen=True)
class Levels:
    """The level of every customer at risk.

    ``customers`` has ``customer_id``, ``churn_probability``, ``expected_loss`` and ``level``, the largest
    loss first. ``lines`` are the losses from which high and medium begin. ``break_even`` says whether
    these come from costs. ``refused`` says why they are not to be used, where a feature knows the outcome.
    """

    customers: pl.DataFrame
    lines: tuple[float, float]
    break_even: bool = False
    language: Language = "zh"
    currency: str = "CNY"
    smallest: int = 1
    refused: Text | None = None

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per level: ``level``, ``customers``, ``share``, ``expected_loss`` (sum), ``loss_share``.

        Then ``probability`` (mean). Levels of too few customers are null beside their name.
        """
        total = self.customers.height
        loss = float(self.customers["expected_loss"].sum())
        rows = self.customers.group_by("level").agg(
            customers=pl.len().cast(pl.Int64),
            expected_loss=pl.col("expected_loss").sort().sum(),
            probability=pl.col("churn_probability").sort().mean(),
        )
        order = pl.DataFrame({"level": [label.id for label in LEVELS]})
        every = order.join(rows, on="level", how="left", maintain_order="left").with_columns(
            pl.col("customers").fill_null(0), pl.col("expected_loss").fill_null(0.0)
        )
        told = every.select(
            "level",
            "customers",
            share=pl.col("customers") / max(total, 1),
            expected_loss="expected_loss",
            loss_share=pl.col("expected_loss") / loss if loss > 0 else pl.lit(None, pl.Float64),
            probability="probability",
        )
        few = pl.Series("few", hidden(told["customers"].to_list(), self.smallest), dtype=pl.Boolean)
        figures = [name for name in told.columns if name != "level"]
        return told.with_columns(pl.when(~few).then(pl.col(figures)))

    def explain(self) -> Text:
        """Return how the levels are cut, and what they hold; why not, where they are refused."""
        if self.refused:
            return self.refused
        if not self.customers.height:
            return texts()["churn_levels_none"]
        row = self.summary.row(0, named=True)
        if row["customers"] is None:
            return self._cut
        said = say(
            "churn_levels_said",
            n=count(row["customers"]),
            share=percent(row["share"]),
            loss=money(row["expected_loss"], self.currency),
            loss_share=percent(row["loss_share"]),
        )
        return joined(said, self._cut)

    @property
    def _cut(self) -> Text:
        """How the levels are cut."""
        high, medium = (money(line, self.currency) for line in self.lines)
        key = "churn_levels_break_even" if self.break_even else "churn_levels_shares"
        return say(key, high=high, medium=medium)

    def note(self) -> Note:
        """Show :meth:`explain`."""
        from crmlab.view.findings import Note

        return Note(self.explain(), self.language, "warning" if self.refused else "note")

    def table(self) -> Table | Note:
        """Show the summary; a note where nobody is at risk, or the levels are refused."""
        from crmlab.view.tables import Column, Table

        if self.refused or not self.customers.height:
            return self.note()
        words = texts()
        names = {label.id: label.text.to(self.language) for label in LEVELS}
        return Table(
            self.summary.with_columns(name=pl.col("level").replace_strict(names, return_dtype=pl.String)),
            [
                Column("name", words["churn_level"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["churn_level_share"], "percent", bar=True),
                Column("expected_loss", words["churn_expected_loss"], "money"),
                Column("loss_share", words["churn_loss_share"], "percent", bar=True),
                Column("probability", words["churn_mean_probability"], "percent"),
            ],
            caption=words["churn_levels_caption"],
            note=joined(self._cut, words["churn_levels_by_loss"]),
            language=self.language,
            currency=self.currency,
        )


def levels(
    scores: pl.DataFrame,
    shares: tuple[float, float] = SHARES,
    costs: tuple[float, float] | None = None,
    success_rate: float | None = None,
    language: Language = "zh",
    currency: str = "CNY",
    smallest: int = 1,
    refused: Text | None = None,
) -> Levels:
    """Give every customer with a score a level by expected loss.

    ``scores`` has ``customer_id``, ``churn_probability`` and ``expected_loss``; customers without are left
    out. With ``costs`` (of a contact with incentive, and of one without) and ``success_rate`` the cut is
    by break-even, otherwise by ``shares``. Raises ParamsError for shares that do not rise within 0–1.
    """
    if not 0 < shares[0] < shares[1] <= 1:
        raise ParamsError(
            f"shares are {list(shares)}; give two that rise within 0–1, for example [0.5, 0.8]."
        )
    known = (
        scores.drop_nulls("expected_loss")
        .select(KEY, "churn_probability", "expected_loss")
        .sort("expected_loss", KEY, descending=[True, False])
    )
    by_costs = costs is not None and success_rate is not None
    if costs is not None and success_rate is not None:
        lines = (costs[0] / success_rate, costs[1] / success_rate)
    else:
        lines = _by_shares(known["expected_loss"], shares)
    loss = pl.col("expected_loss")
    level = (
        pl.when((loss >= lines[0]) & (loss > 0))
        .then(pl.lit("high"))
        .when((loss >= lines[1]) & (loss > 0))
        .then(pl.lit("medium"))
        .otherwise(pl.lit("low"))
    )
    return Levels(known.with_columns(level=level), lines, by_costs, language, currency, smallest, refused)


def _by_shares(losses: pl.Series, shares: tuple[float, float]) -> tuple[float, float]:
    """Return the losses with which the first customers, largest first, reach each share of the total."""
    total = float(losses.sum())
    if total <= 0:
        return 0.0, 0.0
    reached = losses.cum_sum() / total
    high, medium = (float(losses[int((reached < share - 1e-12).sum())]) for share in shares)
    return high, medium
