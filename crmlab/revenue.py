"""How revenue is spread over customers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.concentration import gini, pareto, share_for
from crmlab.data.suppression import hidden
from crmlab.intervals import Interval, gini_interval
from crmlab.view import charts
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

LEVELS = (0.5, 0.8, 0.95)


class Concentration:
    """The Pareto curve and the Gini coefficient of net spend, over customers with a paid order."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @cached_property
    def spend(self) -> pl.Series:
        """Net spend per customer with at least one paid order; below zero it counts as zero."""
        features = self._lab.features("order_count", "total_spend")
        return features.filter(pl.col("order_count") > 0)["total_spend"].clip(lower_bound=0.0)

    @cached_property
    def curve(self) -> pl.DataFrame:
        """``customer_share`` and ``value_share``: at most 200 points, from 0 to 1.

        Between two points lie at least ``privacy.smallest_group`` customers, so that no point tells
        what one customer spent.
        """
        points = pareto(self.spend)
        steps, customers = points.height - 1, self.spend.len()
        if steps < 1:
            return points
        apart = -(-self._lab.study.privacy.smallest_group * steps // customers)
        kept = [place for place in range(0, steps, apart) if place == 0 or steps - place >= apart]
        return points[[*kept, steps]]

    @cached_property
    def gini(self) -> float:
        """The Gini coefficient: 0 when all spend the same, towards 1 when one spends all."""
        return gini(self.spend)

    @cached_property
    def gini_interval(self) -> Interval:
        """Its 95 % interval, taking these customers as a sample of customers like them."""
        return gini_interval(self.spend.to_numpy())

    def share_for(self, share: float) -> float | None:
        """Return the smallest share of customers that makes ``share`` of the revenue; 0 without revenue.

        None where they, or the others, are fewer than the study's ``privacy.smallest_group``.
        """
        found, everybody = share_for(self.spend, share), self.spend.len()
        few = round(found * everybody)
        smallest = self._lab.study.privacy.smallest_group
        return None if any(hidden([few, everybody - few], smallest)) else found

    def chart(self) -> alt.LayerChart | Note:
        """Draw the Pareto curve with the 80 % point, or say that nobody spent anything."""
        few = self.share_for(0.8)
        if few == 0:
            return Note(texts()["nobody"], self._lab.language)
        return charts.pareto_curve(
            self.curve,
            None if few is None else (few, 0.8),
            say("pareto_title_few") if few is None else say("pareto_title", few=percent(few)),
            say(
                "pareto_subtitle",
                gini=decimal(self.gini),
                low=decimal(self.gini_interval.low),
                high=decimal(self.gini_interval.high),
                n=count(self.spend.len()),
            ),
            self._lab.language,
        )

    def table(self) -> Table:
        """Show how few customers make half, 80 % and 95 % of the revenue."""
        words = texts()
        shares = [self.share_for(level) for level in LEVELS]
        customers = [None if share is None else round(share * self.spend.len()) for share in shares]
        smallest = self._lab.study.privacy.smallest_group
        return Table(
            pl.DataFrame({"level": LEVELS, "share": shares, "customers": customers}, schema=_LEVELS),
            [
                Column("level", words["share_of_revenue"], "percent", decimals=0),
                Column("customers", words["made_by_customers"], "integer"),
                Column("share", words["made_by_share"], "percent", bar=True),
            ],
            caption=words["pareto_caption"],
            note=joined(words["pareto_note"], say("privacy_rows", k=smallest) if None in shares else None),
            language=self._lab.language,
        )


_LEVELS = {"level": pl.Float64, "share": pl.Float64, "customers": pl.Int64}
