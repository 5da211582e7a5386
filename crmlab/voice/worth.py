"""What each customer is worth, for feedback to be weighed with: lifetime value, or else a year's spend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.errors import CrmlabError
from crmlab.intervals import z_value
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.view.numbers import percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

MODEL = "clv"
YEAR = 365


@dataclass(frozen=True, eq=False)
class Worth:
    """What customers are worth.

    ``customers``: ``customer_id``, ``value`` (in the study's currency), ``alive`` (null for spend).
    ``basis`` says what a value is; ``why`` why it is not the lifetime value.
    """

    basis: Literal["clv", "spend"]
    customers: pl.DataFrame
    why: Text | None
    _lab: Lab

    def total(self, ids: pl.Series) -> Estimate:
        """Return what these customers are worth together, with its 95 % interval.

        Of lifetime values: the prediction interval of the model. Of spend: as far as chance made who bought
        how much, the customers being independent (Poisson, variance Σ value²).
        """
        chosen = self.customers.filter(pl.col("customer_id").is_in(ids.implode()))
        if chosen.is_empty():
            return Estimate(0.0, 0.0, 0.0)
        if self.basis == "clv":
            model: Any = self._lab.model(MODEL)
            features = self._lab.features(*model.requires)
            found = model.total(features.filter(pl.col("customer_id").is_in(chosen["customer_id"].implode())))
            return Estimate(found.value, found.low, found.high)
        value = float(chosen["value"].sum())
        reach = z_value(0.95) * sqrt(float((chosen["value"] ** 2).sum()))
        return Estimate(value, max(0.0, value - reach), value + reach)

    def definition(self) -> Text:
        """Say what a value is; for lifetime values, that the probability of being alive is inside."""
        if self.basis == "spend":
            return say("worth_by_spend", why=self.why or Text("", ""))
        model: Any = self._lab.model(MODEL)
        return say("worth_by_clv", days=model.horizon_days, margin=percent(model.margin, 0))

    @property
    def name(self) -> Text:
        """What a value is called."""
        return texts()["worth_name_clv" if self.basis == "clv" else "worth_name_spend"]


def worth_of(lab: Lab) -> Worth | None:
    """Return what the study's customers are worth; None without orders.

    Lifetime values of the model ``clv``, which are expected values and so hold the probability of being
    alive. Where there is too little for it, what was spent in the last 365 days, less refunds and at least 0.
    """
    if "orders" not in lab.tables:
        return None
    why = lab.value.missing
    if why is None:
        try:
            scores = lab.score(MODEL).scores.drop_nulls(MODEL)
        except CrmlabError as error:
            scores, why = pl.DataFrame(), say("worth_failed", why=str(error))
        if scores.height:
            told = scores.select("customer_id", value=MODEL, alive="probability_alive")
            return Worth("clv", told, None, lab)
    spend = lab.features("total_spend").drop_nulls("total_spend")
    before = lab.features("total_spend", as_of=lab.study.as_of - timedelta(days=YEAR))
    before = before.rename({"total_spend": "before"})
    both = spend.join(before, on="customer_id", how="left", maintain_order="left")
    value = (pl.col("total_spend") - pl.col("before").fill_null(0.0)).clip(lower_bound=0.0)
    none = pl.lit(None, pl.Float64)
    return Worth("spend", both.select("customer_id", value=value, alive=none), why, lab)


def of_everybody(worth: Worth, labels: pl.DataFrame) -> pl.DataFrame:
    """Add ``value`` and ``alive`` to labelled customers; who never bought is worth 0."""
    return labels.join(worth.customers, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.col("value").fill_null(0.0)
    )
