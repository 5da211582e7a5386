"""The second purchase: how many first-time buyers come back, and how soon."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.retention.curves import at_days, drawn, sentence, spoken
from crmlab.retention.kaplan_meier import KaplanMeier, difference, kaplan_meier
from crmlab.retention.purchases import Purchases, nothing_bought
from crmlab.view import theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.retention_charts import share_curves
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.segments.separation import Estimate

DAYS = (30, 60, 90, 180, 365)
_MAIN = 90


class SecondPurchase:
    """The share of customers who have bought on a second day, by the days since the first.

    One minus the Kaplan–Meier estimate: who has not come back yet, but was new only lately, counts for as
    long as he was seen. ``all`` are all customers; ``earlier`` and ``later`` the halves by first purchase.
    """

    def __init__(self, lab: Lab, purchases: Purchases | None) -> None:
        self.lab = lab
        self._purchases = purchases
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def curves(self) -> dict[str, KaplanMeier]:
        """The curves ``all``, ``earlier`` and ``later``; none without paid orders."""
        import numpy as np

        bought = self._purchases
        if bought is None:
            return {}
        first, second = bought.first, bought.following[bought.starts]
        seen = second >= 0
        days = np.where(seen, second, bought.as_of) - first
        late = first > int(np.median(first))
        groups = {"all": np.ones_like(late), "earlier": ~late, "later": late}
        return {name: kaplan_meier(days[group], seen[group]) for name, group in groups.items()}

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per group and 30, 60, 90, 180, 365 days: see :func:`crmlab.retention.curves.at_days`."""
        return at_days(self.curves, DAYS, self._fewest, rising=True)

    def by(self, days: int) -> Estimate:
        """Return the share of all who bought again within so many days."""
        return self.curves["all"].reached([days], self._fewest)[0]

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share with a second purchase against the days since the first."""
        points = drawn({n: c for n, c in self.curves.items() if n == "all"}, self._fewest, rising=True)
        if points.height < 2:
            return Note(self.explain(), self.lab.language)
        words = texts()
        return share_curves(
            points,
            title=self.title(),
            subtitle=say("retention_second_subtitle", n=count(self.curves["all"].customers)),
            x_title=words["retention_days_since_first"],
            y_title=words["retention_second_axis"],
            name_title=words["retention_group"],
            language=self.lab.language,
            colours=[theme.ACCENT],
        )

    def table(self) -> Table | Note:
        """Show the shares by 30, 60, 90, 180 and 365 days, as far as seen, of all and of both halves."""
        if not self.curves:
            return Note(self.explain(), self.lab.language)
        words = texts()
        titles = {
            "all": words["retention_all"],
            "earlier": words["retention_earlier_half"],
            "later": words["retention_later_half"],
        }
        frame = self.summary.filter(name="all").drop_nulls("share").select("day", "watched")
        columns = [Column("day", words["retention_within"], "integer")]
        for name, title in titles.items():
            group = self.summary.filter(name=name).select(
                "day",
                pl.col("share").alias(name),
                pl.when(pl.col("share").is_not_null())
                .then(pl.concat_list("low", "high"))
                .alias(f"{name}_interval"),
            )
            frame = frame.join(group, on="day", how="left", maintain_order="left")
            columns += [
                Column(name, title, "percent", bar=name == "all"),
                Column(f"{name}_interval", words["interval_95"], "interval", of="percent"),
            ]
        return Table(
            frame,
            [*columns, Column("watched", words["retention_watched"], "integer")],
            caption=words["retention_second_caption"],
            note=words["retention_second_note"],
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return what the curve says, in sentences."""
        if not self.curves:
            return nothing_bought(self.lab)
        return joined(self.title(), self._half_of_those(), self._trend())

    def note(self) -> Note:
        """Show what the curve says, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    def title(self) -> Text:
        """Return the share that has bought again within 90 days, or the longest time seen."""
        day = next((day for day in (_MAIN, 60, 30) if self._is_known(day)), None)
        if day is None:
            return texts()["retention_too_short"]
        return say("retention_second_title", n=day, **spoken(self.by(day)))

    def _half_of_those(self) -> Text | None:
        """Say after how many days half of those are back who come back within the longest time seen."""
        last = max((day for day in DAYS if self._is_known(day)), default=None)
        if last is None:
            return None
        total = self.by(last)
        half = self.curves["all"].quantile(1 - total.value / 2, self._fewest).value
        if not total.value or half != half:
            return None
        return say("retention_second_half", n=last, days=count(half), **spoken(total))

    def _trend(self) -> Text | None:
        """Compare the halves by first purchase at the longest of the days that both reach."""
        if self._purchases is not None and self._purchases.earlier_customers() is not None:
            return texts()["retention_not_compared"]
        for day in (_MAIN, 60, 30):
            early, late = (self.curves[n].reached([day], self._fewest)[0] for n in ("earlier", "later"))
            apart = difference(late, early)
            if apart.value != apart.value:
                continue
            values = {"n": day, "early": spoken(early)["value"], "late": spoken(late)["value"]}
            if apart.low > 0:
                return say("retention_second_better", **values)
            return say("retention_second_worse" if apart.high < 0 else "retention_second_alike", **values)
        return None

    def _is_known(self, day: int) -> bool:
        share = self.by(day)
        return share.value == share.value
