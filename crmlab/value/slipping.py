"""Who is slipping away, and what that costs."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.value.worth import MODEL
from crmlab.view import worth_charts
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.value.worth import Worth

STATES = ("steady", "slipping", "lost")
"""Those who were probably customers on the earlier day: as before, less surely so, or probably gone."""


class Slipping:
    """Customers whose probability of being alive fell within ``days``, and the value at risk.

    Both probabilities are those of today's model, from what was known on each day. Looked at are customers
    who were probably alive on the earlier day (at least one half). ``slipping`` are those whose probability
    fell by ``least`` or more, ``lost`` those of them who are below one half today. The expected loss of a
    customer is the value of a living one times the fall.
    """

    def __init__(self, lab: Lab, days: int = 90, least: float = 0.1) -> None:
        if days < 1:
            raise ParamsError(f"days is {days}; give 1 or more, for example 90.")
        if not 0 < least < 1:
            raise ParamsError(f"least is {least}; give a fall between 0 and 1, for example 0.1.")
        self.lab = lab
        self.days = days
        self.least = least

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def missing(self) -> Text | None:
        """Say why nothing can be told; None where it can."""
        if self._worth.missing:
            return self._worth.missing
        return None if self.customers.height else say("slip_none", day=self.since, days=count(self.days))

    @property
    def since(self) -> date:
        """The earlier day."""
        return self.lab.study.as_of - timedelta(days=self.days)

    @cached_property
    def customers(self) -> pl.DataFrame:
        """One row per customer who was probably alive on the earlier day, the largest loss first.

        ``customer_id``, ``state``, ``alive_then``, ``alive_now``, ``value`` and ``loss`` (expected).
        """
        now, then = self._pairs
        frame = pl.DataFrame(
            {
                "customer_id": now["customer_id"],
                "alive_then": self._model.purchases_model.probability_alive(then),
                "alive_now": self._model.purchases_model.probability_alive(now),
                "loss": self._model.losses(now, then),
            }
        ).join(self._worth.values.select("customer_id", value=MODEL), on="customer_id", how="inner")
        fell = pl.col("alive_then") - pl.col("alive_now") >= self.least
        state = (
            pl.when(fell & (pl.col("alive_now") < 0.5))
            .then(pl.lit("lost"))
            .when(fell)
            .then(pl.lit("slipping"))
            .otherwise(pl.lit("steady"))
        )
        return (
            frame.filter(pl.col("alive_then") >= 0.5)
            .with_columns(state=state)
            .select("customer_id", "state", "alive_then", "alive_now", "value", "loss")
            .sort("loss", "customer_id", descending=[True, False])
        )

    @cached_property
    def at_risk(self) -> Any:
        """The expected loss of the slipping and the lost: ``value``, ``low``, ``high``, ``customers``.

        The interval is that of the parameters.
        """
        fell = self.customers.filter(pl.col("state") != "steady").select("customer_id").sort("customer_id")
        now, then = (fell.join(part, on="customer_id", how="left") for part in self._pairs)
        return self._model.at_risk(now, then)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per state.

        ``state``, ``customers``, ``share``, means ``alive_then``, ``alive_now``, sums ``value``, ``loss``.
        Means and sums are null where a group counts fewer than the study's ``privacy.smallest_group``.
        """
        n = self.customers.height
        groups = [self.customers.filter(state=state) for state in STATES]
        few = hidden([group.height for group in groups], self.lab.study.privacy.smallest_group)
        rows = []
        for state, group, hide in zip(STATES, groups, few, strict=True):
            row: dict[str, Any] = {"state": state}
            if not hide:
                row |= {"customers": group.height, "share": group.height / n if n else None}
                row |= {name: group[name].mean() for name in ("alive_then", "alive_now")}
                row |= {name: group[name].sum() for name in ("value", "loss")}
            rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY)

    def figures(self) -> KeyFigures | Note:
        """Show how many slip away and what that costs."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words, risk = texts(), self.at_risk
        return KeyFigures(
            [
                (count(risk.customers), say("slip_figure_customers", days=count(self.days))),
                (self._money(risk.value).to(self.lab.language), words["slip_figure_loss"]),
                (percent(self._share), words["slip_figure_share"]),
            ],
            self.lab.language,
        )

    def chart(self) -> alt.LayerChart | Note:
        """Draw the expected loss of each state that fell."""
        fell = pl.col("loss").is_not_null() & (pl.col("state") != "steady")
        shown = None if self.missing else self.summary.filter(fell)
        if shown is None or shown.is_empty():
            return Note(self.missing or texts()["slip_few"], self.lab.language)
        names = self._names
        frame = shown.select(
            name=pl.col("state").replace_strict(names, return_dtype=pl.String),
            main=pl.col("state") == "slipping",
            value="loss",
            low=pl.lit(None, pl.Float64),
            high=pl.lit(None, pl.Float64),
        )
        return worth_charts.amounts(
            frame,
            None,
            say("slip_title", n=count(self.at_risk.customers), loss=self._money(self.at_risk.value)),
            say("slip_subtitle", n=count(self.customers.height), day=self.since, now=self.lab.study.as_of),
            say("slip_axis", currency=self.lab.study.currency),
            texts()["slip_state"],
            self.lab.language,
        )

    def states(self) -> Table | Note:
        """Show the summary."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        names = self._names
        few = self.summary["customers"].has_nulls()
        return Table(
            self.summary.with_columns(name=pl.col("state").replace_strict(names, return_dtype=pl.String)),
            [
                Column("name", words["slip_state"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share"], "percent"),
                Column("alive_then", say("slip_alive_on", day=self.since), "percent"),
                Column("alive_now", say("slip_alive_on", day=self.lab.study.as_of), "percent"),
                Column("value", words["slip_value"], "money"),
                Column("loss", words["slip_loss"], "money", bar=True),
            ],
            caption=say("slip_states_caption", day=self.since, n=count(self.customers.height)),
            note=joined(
                say("slip_states_note", least=count(100 * self.least)),
                say("privacy_rows", k=self.lab.study.privacy.smallest_group) if few else None,
            ),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def table(self, rows: int = 15) -> Table | Note:
        """Show the customers with the largest expected loss, under codes unless the study says otherwise."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        fell = self.customers.filter(pl.col("state") != "steady").head(rows)
        if not fell.height:
            return Note(say("slip_nobody", days=count(self.days)), self.lab.language)
        names = self._names
        silence = self.lab.features("days_since_last_order")
        frame = fell.join(silence, on="customer_id", how="left", maintain_order="left").with_columns(
            customer_id=self.lab.shown_ids(fell["customer_id"]),
            name=pl.col("state").replace_strict(names, return_dtype=pl.String),
        )
        masked = self.lab.study.privacy.ids == "masked"
        return Table(
            frame,
            [
                Column("customer_id", words["customer_code"] if masked else words["customer_id"]),
                Column("name", words["slip_state"]),
                Column("loss", words["slip_loss"], "money", bar=True),
                Column("alive_then", say("slip_alive_on", day=self.since), "percent", decimals=0),
                Column("alive_now", say("slip_alive_on", day=self.lab.study.as_of), "percent", decimals=0),
                Column("value", words["slip_value"], "money"),
                Column("days_since_last_order", words["recency"], "integer"),
            ],
            caption=say("slip_caption", n=count(frame.height)),
            note=joined(
                words["slip_note"], words["watch_note_masked"] if masked else words["watch_note_plain"]
            ),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    def note(self) -> Note:
        """Show :meth:`explain`, with a warning where those given up have come back before."""
        if self.missing or self.lab.value.holdout().missing:
            return Note(self.explain(), self.lab.language)
        doubt = self.lab.value.calibration().understated
        said = joined(self.explain(), doubt)
        return Note(said, self.lab.language, "warning" if doubt else "note")

    def explain(self) -> Text:
        """Say how many slip away, what that costs, and whom the model cannot warn of."""
        if self.missing:
            return self.missing
        risk = self.at_risk
        if not risk.customers:
            return say("slip_nobody", days=count(self.days))
        said = say(
            "slip_said",
            n=count(risk.customers),
            of=count(self.customers.height),
            days=count(self.days),
            least=count(100 * self.least),
            loss=self._money(risk.value),
            low=self._money(risk.low),
            high=self._money(risk.high),
            share=percent(self._share),
        )
        once = int((self._pairs[0]["repeat_purchase_days"] == 0).sum())
        blind = self._model.get_params()["purchases"] in ("bg-nbd", "bg-cnbd-k", "nbd")
        return joined(said, say("slip_blind", n=count(once)) if blind and once else None)

    @property
    def _share(self) -> float:
        """Return the loss as a share of what the base would be worth without it; at most 1."""
        return float(self.at_risk.value / (self._worth.total.value + self.at_risk.value))

    @property
    def _worth(self) -> Worth:
        return self.lab.value.worth

    @property
    def _names(self) -> dict[str, str]:
        """Return state → what readers call it."""
        words = texts()
        named = (words["slip_steady"], words["slip_slipping"], words["slip_lost"])
        return {state: name.to(self.lab.language) for state, name in zip(STATES, named, strict=True)}

    @property
    def _model(self) -> Any:
        return self._worth.model

    @cached_property
    def _pairs(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the features of today and of the earlier day of who had bought by then, in one order."""
        columns = self._model.requires
        then = self.lab.features(*columns, as_of=self.since).drop_nulls("days_since_first_order")
        now = then.select("customer_id").join(
            self.lab.features(*columns), on="customer_id", how="left", maintain_order="left"
        )
        return now, then

    def _money(self, value: float) -> Text:
        return money(value, self.lab.study.currency)


_SUMMARY = {
    "state": pl.String,
    "customers": pl.Int64,
    **dict.fromkeys(("share", "alive_then", "alive_now", "value", "loss"), pl.Float64),
}
