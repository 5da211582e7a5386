"""Whether the best customers complain more than others, and which of them are waiting."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING

import polars as pl

from crmlab.complaints.again import YEAR
from crmlab.complaints.part import Part
from crmlab.complaints.rates import rate
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.complaint_charts import interval_bars
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

BEST = 0.2
"""Share of the customers who are called best: those who have spent most."""
_ROWS = 10


class BestCustomers(Part):
    """The fifth of the customers with the highest total spend against all others who bought.

    Both by the share of customers who complained in the last 365 days (Wilson) and by complaints per 1,000
    orders of these days (exact): who buys more often has more to complain of.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row for best and one for others.

        ``group``, ``customers``, ``complainers``, ``share``, ``low``, ``high``, ``complaints``, ``orders``,
        ``rate``, ``rate_low``, ``rate_high``.
        """
        since = day_number(self.log.as_of) - YEAR
        placed_on = self.lab.tables["orders"]["day"]
        # Of days that the orders do not reach nobody knows what was bought.
        reached = (pl.col("day") > since) & pl.col("day").is_between(placed_on.min(), placed_on.max())
        complaints = self.log.frame.filter(reached).group_by("customer_id").len("complaints")
        orders = (
            self.lab.tables["orders"]
            .filter(pl.col("amount_hundredths") > 0, reached)
            .group_by("customer_id")
            .len("orders")
        )
        told = self._ranked.join(complaints, on="customer_id", how="left").join(
            orders, on="customer_id", how="left"
        )
        rows = []
        for name, best in (("best", True), ("others", False)):
            group = told.filter(pl.col("best") == best)
            complainers, n = int(group["complaints"].is_not_null().sum()), group.height
            low, high = wilson(complainers, n)
            many, placed = int(group["complaints"].sum()), int(group["orders"].sum())
            share = complainers / n if n else None
            rows.append((name, n, complainers, share, low, high, many, placed, *rate(many, placed)))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row").fill_nan(None)

    @cached_property
    def waiting(self) -> pl.DataFrame:
        """Open complaints of the best customers, highest spend first.

        ``customer_id``, ``total_spend``, ``age`` in days, ``category``, ``severity``, ``stage``.
        """
        best = self._ranked.filter("best").select("customer_id", "total_spend")
        opened = self.log.frame.filter("is_open").with_columns(age=pl.col("age_calendar") / 24)
        return (
            opened.join(best, on="customer_id")
            .sort("total_spend", "age", "complaint_id", descending=[True, True, False])
            .select("customer_id", "total_spend", "age", "category", "severity", "stage")
        )

    def title(self) -> Text:
        """Compare both by complaints per 1,000 orders."""
        best, others = self.summary.iter_rows(named=True)
        if best["rate"] is None or others["rate"] is None:
            return texts()["complaints_best_unknown"]
        key = "complaints_best_alike"
        if best["rate_low"] > others["rate_high"] or best["rate_high"] < others["rate_low"]:
            key = "complaints_best_more" if best["rate"] > others["rate"] else "complaints_best_less"
        return say(
            key,
            best=decimal(best["rate"], 1),
            others=decimal(others["rate"], 1),
            share=percent(best["share"]),
            n=count(best["customers"]),
        )

    def _explain(self) -> Text:
        waiting = (
            say("complaints_best_waiting", n=count(self.waiting.height)) if self.waiting.height else None
        )
        return joined(self.title(), waiting)

    def _chart(self) -> alt.LayerChart | Note:
        words = texts()
        frame = self._named().drop_nulls("rate")
        if frame.is_empty():
            return Note(self.title(), self.lab.language)
        return interval_bars(
            frame.select(
                "name",
                "customers",
                value="rate",
                low="rate_low",
                high="rate_high",
                label=pl.col("rate").map_elements(lambda x: decimal(x, 1), return_dtype=pl.String),
            ),
            self.title(),
            say("complaints_best_subtitle", n=count(int(self.summary["complaints"].sum()))),
            words["complaints_rate"],
            words["complaints_group"],
            self.lab.language,
            [
                ("name", words["complaints_group"]),
                ("customers", words["customers"]),
                ("label", words["complaints_rate"]),
            ],
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().with_columns(
                interval=pl.concat_list("low", "high"), rate_interval=pl.concat_list("rate_low", "rate_high")
            ),
            [
                Column("name", words["complaints_group"]),
                Column("customers", words["customers"], "integer"),
                Column("complainers", words["complaints_complainers"], "integer"),
                Column("share", words["share"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("rate", words["complaints_rate"], "decimal", decimals=1),
                Column("rate_interval", words["interval_95"], "interval", of="decimal", decimals=1),
            ],
            caption=words["complaints_best_caption"],
            note=words["complaints_best_note"],
            language=self.lab.language,
        )

    def list(self) -> Table | Note:
        """Show the best customers who are waiting, the ten with the highest spend."""
        problem = self.problem
        if problem is not None or self.waiting.is_empty():
            return Note(problem or texts()["complaints_best_none"], self.lab.language)
        words = texts()
        top = self.waiting.head(_ROWS)
        return Table(
            top.with_columns(customer_id=self.lab.shown_ids(top["customer_id"])),
            [
                Column("customer_id", words["complaints_customer"]),
                Column("total_spend", words["complaints_spend"], "money"),
                Column("age", words["complaints_age"], "decimal", decimals=1),
                Column("category", words["complaints_category"]),
                Column("severity", words["complaints_severity"]),
            ],
            caption=say("complaints_best_list", n=top.height),
            language=self.lab.language,
            currency=self.lab.study.currency,
        )

    @cached_property
    def _ranked(self) -> pl.DataFrame:
        bought = self.lab.features("order_count", "total_spend").filter(pl.col("order_count") > 0)
        ranked = bought.sort("total_spend", "customer_id", descending=[True, False])
        return ranked.with_row_index("place").with_columns(best=pl.col("place") < ceil(BEST * ranked.height))

    def _named(self) -> pl.DataFrame:
        words = texts()
        keys = {"best": "complaints_who_best", "others": "complaints_who_others"}
        names = {name: words[key].to(self.lab.language) for name, key in keys.items()}
        return self.summary.with_columns(name=pl.col("group").replace_strict(names, return_dtype=pl.String))

    def _lacks(self) -> Text | None:
        known = "orders" in self.lab.tables and self.log.has("customer_id")
        return None if known and self._ranked.height else texts()["complaints_staying_lacks"]


_SCHEMA = {
    "group": pl.String,
    **dict.fromkeys(("customers", "complainers"), pl.Int64),
    **dict.fromkeys(("share", "low", "high"), pl.Float64),
    **dict.fromkeys(("complaints", "orders"), pl.Int64),
    **dict.fromkeys(("rate", "rate_low", "rate_high"), pl.Float64),
}
