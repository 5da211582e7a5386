"""How concentrated the value to come is, beside the spend so far."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.concentration import gini, pareto
from crmlab.data.suppression import hidden
from crmlab.intervals import Interval, gini_interval, z_value
from crmlab.labels import Text
from crmlab.value.worth import MODEL
from crmlab.view import worth_charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab
    from crmlab.value.worth import Worth

TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)
TOP = 0.2
"""The share of customers that sentences speak of."""


class Spread:
    """The concentration of expected lifetime value over customers with a value.

    Expected values are what customers are worth on average of what they may do: what really comes in will be
    more concentrated. Intervals take these customers as a sample of customers like them.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @property
    def missing(self) -> Text | None:
        """Say why nothing can be told; None where it can."""
        return self._worth.missing

    @cached_property
    def customers(self) -> pl.DataFrame:
        """``customer_id``, ``future`` (value to come) and ``past`` (spend so far), the best first."""
        values = self._worth.values.select("customer_id", future=MODEL)
        spend = self.lab.features("total_spend").rename({"total_spend": "past"})
        known = values.join(spend, on="customer_id", how="left")
        past = pl.col("past").fill_null(0.0).clip(lower_bound=0.0)
        return known.with_columns(past).sort("future", "customer_id", descending=[True, False])

    @cached_property
    def gini(self) -> float:
        """The Gini coefficient of the value to come."""
        return gini(self.customers["future"])

    @cached_property
    def gini_interval(self) -> Interval:
        """Its 95 % interval."""
        return gini_interval(self.customers["future"].to_numpy())

    @cached_property
    def summary(self) -> pl.DataFrame:
        """``top`` (share of customers), ``customers``, ``future_share``, ``low``, ``high``, ``past_share``.

        ``future_share`` is their part of the value to come, with its interval, ``past_share`` the part of the
        spend so far that came from as many customers who had spent most. Null where one of the two groups
        counts fewer than the study's ``privacy.smallest_group``.
        """
        n, smallest = self.customers.height, self.lab.study.privacy.smallest_group
        future = self.customers["future"].to_numpy()
        past = self.customers["past"].sort(descending=True)
        rows = []
        for top in TOPS:
            k = round(top * n)
            row: dict[str, Any] = {"top": top, "customers": k}
            if k and not any(hidden([k, n - k], smallest)):
                low, high = top_share_interval(future, k)
                whole = float(past.sum())
                row |= {"future_share": float(future[:k].sum() / future.sum()), "low": low, "high": high}
                row |= {"past_share": float(past.head(k).sum()) / whole if whole > 0 else None}
            rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def curve(self) -> pl.DataFrame:
        """``measure`` (future, past), ``customer_share`` and ``value_share``: at most 100 points each.

        Between two points lie at least ``privacy.smallest_group`` customers.
        """
        parts = [
            self._thinned(pareto(self.customers[name])).select(pl.lit(name).alias("measure"), pl.all())
            for name in ("future", "past")
        ]
        return pl.concat(parts)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the curves of value to come and spend so far."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        measures = {"future": words["spread_future"], "past": words["spread_past"]}
        names = {measure: name.to(self.lab.language) for measure, name in measures.items()}
        share = self._top["future_share"]
        title = (
            texts()["spread_title_few"]
            if share is None
            else say("spread_title", top=percent(TOP, 0), share=percent(share, 0))
        )
        return worth_charts.spread_curve(
            self.curve.with_columns(pl.col("measure").replace_strict(names)),
            None if share is None else (TOP, share),
            title,
            say(
                "spread_subtitle",
                gini=decimal(self.gini),
                low=decimal(self.gini_interval.low),
                high=decimal(self.gini_interval.high),
                n=count(self.customers.height),
            ),
            self.lab.language,
        )

    def table(self) -> Table | Note:
        """Show what the best customers make of the value to come."""
        if self.missing:
            return Note(self.missing, self.lab.language)
        words = texts()
        few = self.summary["future_share"].has_nulls()
        return Table(
            self.summary.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("top", words["spread_top"], "percent", decimals=0),
                Column("customers", words["customers"], "integer"),
                Column("future_share", words["spread_future_share"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("past_share", words["spread_past_share"], "percent"),
            ],
            caption=words["spread_caption"],
            note=joined(
                words["spread_note"],
                say("privacy_rows", k=self.lab.study.privacy.smallest_group) if few else None,
            ),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def explain(self) -> Text:
        """Say how much the best customers make, and how unequal values are."""
        if self.missing:
            return self.missing
        unequal = say(
            "spread_gini",
            gini=decimal(self.gini),
            low=decimal(self.gini_interval.low),
            high=decimal(self.gini_interval.high),
            past=decimal(gini(self.customers["past"])),
        )
        row = self._top
        if row["future_share"] is None:
            return unequal
        said = say(
            "spread_said",
            top=percent(TOP, 0),
            n=count(row["customers"]),
            share=percent(row["future_share"], 0),
            low=percent(row["low"], 0),
            high=percent(row["high"], 0),
        )
        return joined(said, unequal)

    @property
    def _worth(self) -> Worth:
        return self.lab.value.worth

    @property
    def _top(self) -> dict[str, Any]:
        return self.summary.filter(top=TOP).row(0, named=True)

    def _thinned(self, points: pl.DataFrame) -> pl.DataFrame:
        steps, n = points.height - 1, self.customers.height
        if steps < 1:
            return points
        apart = max(-(-self.lab.study.privacy.smallest_group * steps // n), -(-steps // 99))
        kept = [place for place in range(0, steps, apart) if place == 0 or steps - place >= apart]
        return points[[*kept, steps]]


def top_share_interval(values: NDArray[np.float64], k: int, confidence: float = 0.95) -> Interval:
    """Return the interval of the share that the ``k`` largest of ``values``, sorted from the best, hold.

    Customers are a sample of customers like them, of whom the same part is the best: by each one's influence
    on a share of the Lorenz curve (Beach & Davidson 1983, Review of Economic Studies 50(4):723–735).
    """
    import numpy as np

    n, least = values.size, values[k - 1]
    share = float(values[:k].sum() / values.sum())
    influence = np.maximum(values - least, 0.0) + k / n * least - share * values
    reach = z_value(confidence) * float(np.sqrt(np.square(influence).sum())) / float(values.sum())
    return Interval(max(share - reach, 0.0), min(share + reach, 1.0))


_SUMMARY = {
    "top": pl.Float64,
    "customers": pl.Int64,
    **dict.fromkeys(("future_share", "low", "high", "past_share"), pl.Float64),
}
