"""How long customers without a contract stay, until they have been silent for so long that they are lost."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.labels import Text
from crmlab.retention.curves import at_days, drawn, sentence, spoken
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.retention.purchases import Limits, Purchases, nothing_bought
from crmlab.view import theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.retention_charts import share_curves
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DAYS = (30, 90, 180, 365, 730, 1095)
_AFTER = 90
_HALF = 0.5


class Lapse:
    """The share of customers who have not lapsed, by the days since their first purchase.

    A customer lapses on the first day on which the silence since the last purchase exceeds the limit at
    which the study's ``status`` calls him lost; who comes back later had lapsed all the same. Whoever has not
    lapsed by the as-of day is censored there. Without a contract nobody sees a customer leave: the end is
    defined, not observed, and nobody can lapse sooner than the limit.
    """

    def __init__(self, lab: Lab, purchases: Purchases | None, limits: Limits | None) -> None:
        self.lab = lab
        self._purchases = purchases
        self._limits = limits
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def curve(self) -> KaplanMeier | None:
        """The Kaplan–Meier estimate; None without paid orders or limits."""
        import numpy as np

        if self._purchases is None or self._limits is None:
            return None
        on, _, whose = self._lapsed
        ends = np.full(len(self._purchases.ids), self._purchases.as_of)
        ends[whose] = on
        seen = np.zeros(len(ends), dtype=bool)
        seen[whose] = True
        return kaplan_meier(ends - self._purchases.first, seen)

    @cached_property
    def returned(self) -> KaplanMeier | None:
        """Days from the first lapse to the next purchase; None where nobody lapsed."""
        import numpy as np

        if self._purchases is None or self._limits is None:
            return None
        on, back, whose = self._lapsed
        if not len(whose):
            return None
        return kaplan_meier(np.where(back >= 0, back, self._purchases.as_of) - on, back >= 0)

    @cached_property
    def _lapsed(self) -> tuple[Ints, Ints, Ints]:
        """The day of each first lapse, that of the next purchase (−1: none), and whose it is."""
        import numpy as np

        bought, limits = self._purchases, self._limits
        assert bought is not None
        assert limits is not None
        lost_on = silent_since(bought, limits.lost)
        at = np.flatnonzero(lost_on >= 0)
        whose, first = np.unique(bought.customer[at], return_index=True)
        return lost_on[at[first]], bought.following[at[first]], whose

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per 30, 90, 180, 365, 730, 1095 days: see :func:`crmlab.retention.curves.at_days`."""
        return at_days({} if self.curve is None else {"all": self.curve}, DAYS, self._fewest)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share that has not lapsed against the days since the first purchase."""
        points = drawn({} if self.curve is None else {"all": self.curve}, self._fewest)
        if self.curve is None or points.height < 2:
            return Note(self.explain(), self.lab.language)
        words = texts()
        return share_curves(
            points,
            title=self.title(),
            subtitle=say(
                "retention_lapse_subtitle", n=count(self.curve.customers), of=count(self.curve.ended)
            ),
            x_title=words["retention_days_since_first"],
            y_title=words["retention_lapse_axis"],
            name_title=words["retention_group"],
            language=self.lab.language,
            colours=[theme.ACCENT],
        )

    def table(self) -> Table | Note:
        """Show the share that has not lapsed after some days."""
        if self.curve is None or self._limits is None:
            return Note(self.explain(), self.lab.language)
        words = texts()
        frame = self.summary.drop_nulls("share").with_columns(interval=pl.concat_list("low", "high"))
        return Table(
            frame,
            [
                Column("day", words["retention_days_since_first"], "integer"),
                Column("share", words["retention_lapse_axis"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("watched", words["retention_watched"], "integer"),
            ],
            caption=words["retention_lapse_caption"],
            note=joined(self._limits.text, words["retention_lapse_note"]),
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return what the curve says, in sentences."""
        if self._purchases is None:
            return nothing_bought(self.lab)
        if self.curve is None:
            return texts()["retention_no_limits"]
        return joined(self.title(), self.comeback(), texts()["retention_lapse_meaning"])

    def comeback(self) -> Text | None:
        """Say how many of the lapsed buy again all the same; None where nobody lapsed or too few are seen."""
        if self.returned is None:
            return None
        share = self.returned.reached([_AFTER], self._fewest)[0]
        if share.value != share.value:
            return None
        back = say("retention_lapse_back", n=_AFTER, **spoken(share))
        return joined(back, texts()["retention_lapse_early"] if share.low > _HALF else None)

    def note(self) -> Note:
        """Show what the curve says, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    def title(self) -> Text:
        """Return after how long half have lapsed, or how many have not in the time seen."""
        known, curve = self.summary.drop_nulls("share"), self.curve
        if curve is None or known.is_empty():
            return texts()["retention_too_short"]
        middle = curve.quantile(0.5, self._fewest)
        if len(curve.days) and middle.value == curve.days[0]:  # the median is the limit itself
            first = int(middle.value)
            share = curve.reached([first], self._fewest)[0]
            return say("retention_lapse_at_once", n=count(first), **spoken(share))
        if middle.value == middle.value:
            ends = say("retention_unknown_end") if middle.high != middle.high else count(middle.high)
            low = say("retention_unknown_end") if middle.low != middle.low else count(middle.low)
            return say("retention_lapse_median", n=count(middle.value), low=low, high=ends)
        day = int(known["day"][-1])
        share = curve.at([day], self._fewest)[0]
        return say("retention_lapse_share", n=day, **spoken(share))


def silent_since(purchases: Purchases, limit: Floats) -> Ints:
    """Return the day after each purchase on which the silence exceeded a customer's limit, else −1.

    A silence of more than ``limit`` days (one per customer) that a purchase on the next day ends in
    time is none: the customer would never have been seen silent.
    """
    import numpy as np

    known = np.where(np.isnan(limit), np.inf, limit)[purchases.customer]
    on = purchases.day + np.floor(np.minimum(known, 1e9)).astype(np.int64) + 1
    until = np.where(purchases.following >= 0, purchases.following - 1, purchases.as_of)
    return np.where(on <= until, on, -1)
