"""Reactivation: how many dormant customers come back by themselves, and how many of those stay."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.intervals import share_of_total
from crmlab.labels import Text
from crmlab.retention.curves import at_days, sentence, spoken
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.retention.lapse import silent_since
from crmlab.retention.purchases import Limits, Purchases, nothing_bought
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view import theme
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.segment_charts import interval_dots
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Ints = NDArray[np.int64]

DAYS = (30, 90, 180, 365)
BANDS = (0, 90, 180, 365)
"""Days that a customer has been dormant, at which one asks what the next days will bring."""


class Reactivation:
    """The share of dormant customers who buy again, by how long they have been dormant.

    A customer becomes dormant on the day on which the silence exceeds the limit of the study's ``status``,
    and comes back with the next purchase. One customer may do so several times; intervals allow for that.
    ``within`` is the number of days that each band of :attr:`summary` looks ahead.
    """

    def __init__(
        self, lab: Lab, purchases: Purchases | None, limits: Limits | None, within: int = 90
    ) -> None:
        self.lab = lab
        self.within = within
        self._purchases = purchases
        self._limits = limits
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per length of dormancy, the shortest first.

        ``from_day`` and ``to_day`` (null: no end) since the customer became dormant; ``episodes`` seen at its
        beginning; ``share`` back within the next ``within`` days with its interval ``low``, ``high``;
        ``dormant_now`` customers in the band on the as-of day and ``expected`` of them back in that time.
        """
        rows: list[dict[str, Any]] = []
        bands = (*pairwise(BANDS), (BANDS[-1], None))
        inside = [self._now(begin, end) for begin, end in bands]
        few = hidden(inside, self._fewest)
        for (begin, end), now, hid in zip(bands, inside, few, strict=True):
            share, episodes = self._after(begin)
            known = share.value == share.value
            shown = None if hid else now
            rows.append(
                {
                    "from_day": begin,
                    "to_day": end,
                    "episodes": episodes if episodes >= self._fewest else None,
                    "share": share.value if known else None,
                    "low": share.low if known else None,
                    "high": share.high if known else None,
                    "dormant_now": shown,
                    "expected": shown * share.value if known and shown is not None else None,
                }
            )
        return pl.DataFrame(rows if self._episodes else [], schema=_SCHEMA)

    @cached_property
    def curve(self) -> KaplanMeier | None:
        """Days from dormancy to the next purchase; None where nobody was ever dormant."""
        episodes = self._episodes
        if episodes is None:
            return None
        customer, began, back = episodes
        return self._watched(began, back, customer)

    @cached_property
    def by_days(self) -> pl.DataFrame:
        """The share back within 30, 90, 180, 365 days of becoming dormant, as :func:`at_days` has it."""
        return at_days({} if self.curve is None else {"all": self.curve}, DAYS, self._fewest, rising=True)

    @cached_property
    def stayed(self) -> tuple[Estimate, int]:
        """The share of those who came back that bought again before they were dormant anew, and how many."""
        import numpy as np

        bought, limits, episodes = self._purchases, self._limits, self._episodes
        if bought is None or limits is None or episodes is None:
            return UNKNOWN, 0
        again = np.flatnonzero((self._dormant_on >= 0) & (bought.following >= 0)) + 1
        whose = bought.customer[again]
        limit = np.floor(limits.dormant[whose]).astype(np.int64) + 1
        seen = bought.as_of - bought.day[again] >= limit  # who came back lately cannot be judged yet
        following = bought.following[again]
        stays = seen & (following >= 0) & (following - bought.day[again] <= limit)
        returns = int(seen.sum())
        if returns < max(self._fewest, 1):
            return UNKNOWN, 0
        low, high = share_of_total(np.bincount(whose, stays), np.bincount(whose, seen))
        return Estimate(float(stays.sum()) / returns, low, high), returns

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share back within the next days by the length of dormancy."""
        shown = self.summary.drop_nulls("share")
        if shown.is_empty():
            return Note(self.explain(), self.lab.language)
        words, language = texts(), self.lab.language
        kind = words["retention_dormant"].to(language)
        frame = self._named(shown).with_columns(
            value="share",
            kind=pl.lit(kind),
            label=pl.col("share").map_elements(percent, return_dtype=pl.String),
            interval=pl.format(
                "{} – {}",
                *(pl.col(end).map_elements(percent, return_dtype=pl.String) for end in ("low", "high")),
            ),
            seen=pl.col("episodes").map_elements(count, return_dtype=pl.String),
        )
        return interval_dots(
            frame,
            {kind: theme.ACCENT},
            title=self._title(),
            subtitle=say("retention_back_subtitle", n=self.within),
            x_title=say("retention_back_axis", n=self.within),
            name_title=words["retention_dormant_for"],
            language=language,
            tooltips=[
                ("name", words["retention_dormant_for"]),
                ("label", words["retention_back_share"]),
                ("interval", words["interval_95"]),
                ("seen", words["retention_episodes"]),
            ],
        )

    def table(self) -> Table | Note:
        """Show each length of dormancy with who is in it now and how many will be back by themselves."""
        if self.summary.is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        frame = self._named(self.summary).with_columns(
            interval=pl.when(pl.col("share").is_not_null()).then(pl.concat_list("low", "high"))
        )
        gaps = frame["dormant_now"].has_nulls()
        return Table(
            frame,
            [
                Column("name", words["retention_dormant_for"]),
                Column("episodes", words["retention_episodes"], "integer"),
                Column("share", say("retention_back_axis", n=self.within), "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("dormant_now", words["retention_dormant_now"], "integer"),
                Column("expected", words["retention_expected"], "decimal", decimals=0),
            ],
            caption=words["retention_back_caption"],
            note=joined(
                words["retention_back_note"],
                say("privacy_rows", k=self._fewest) if gaps else None,
            ),
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return what the figures say, in sentences."""
        if self._purchases is None:
            return nothing_bought(self.lab)
        if self._limits is None:
            return texts()["retention_no_limits"]
        if self._episodes is None:
            return texts()["retention_nobody_dormant"]
        return joined(self._title(), self._fading(), self._expected_said(), self._stay_said())

    def brief(self) -> Text:
        """Return the same in a sentence or two: the chance at first, and who is expected back."""
        if self._episodes is None:
            return self.explain()
        return joined(self._title(), self._expected_said())

    def note(self) -> Note:
        """Show what the figures say, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    @cached_property
    def _dormant_on(self) -> Ints:
        """The day after each purchase on which its customer became dormant, −1 where he did not."""
        import numpy as np

        if self._purchases is None or self._limits is None:
            return np.zeros(0, dtype=np.int64)
        return silent_since(self._purchases, self._limits.dormant)

    @cached_property
    def _episodes(self) -> tuple[Ints, Ints, Ints] | None:
        """Each dormancy: whose, since which day, and the day of the return, −1 without one."""
        bought, since = self._purchases, self._dormant_on
        if bought is None or not (since >= 0).any():
            return None
        there = since >= 0
        return bought.customer[there], since[there], bought.following[there]

    def _watched(self, began: Ints, back: Ints, customer: Ints, after: int = 0) -> KaplanMeier:
        """Return the curve of those still dormant ``after`` days, counted from then."""
        import numpy as np

        assert self._purchases is not None
        seen = back >= 0
        days = np.where(seen, back, self._purchases.as_of) - began - after
        there = days > 0 if after else np.ones(len(days), dtype=bool)
        return kaplan_meier(days[there], seen[there], customer=customer[there])

    def _after(self, begin: int) -> tuple[Estimate, int]:
        """Return the share back within the next days of those dormant for ``begin``, and how many."""
        if self._episodes is None:
            return UNKNOWN, 0
        customer, began, back = self._episodes
        curve = self._watched(began, back, customer, begin)
        return curve.reached([self.within], self._fewest)[0], curve.customers

    def _now(self, begin: int, end: int | None) -> int:
        if self._episodes is None or self._purchases is None:
            return 0
        _, began, back = self._episodes
        days = self._purchases.as_of - began[back < 0]
        inside = (days >= begin) & ((days < end) if end is not None else True)
        return int(inside.sum())

    def _title(self) -> Text:
        row = self.summary.row(0, named=True)
        if row["share"] is None:
            return texts()["retention_too_short"]
        share = Estimate(row["share"], row["low"], row["high"])
        return say("retention_back_title", n=self.within, **spoken(share))

    def _fading(self) -> Text | None:
        """Say what is left of the chance after the longest dormancy."""
        known = self.summary.drop_nulls("share")
        if known.height < 2:
            return None
        row = known.row(-1, named=True)
        return say(
            "retention_back_fading",
            days=row["from_day"],
            n=self.within,
            **spoken(Estimate(row["share"], row["low"], row["high"])),
        )

    def _expected_said(self) -> Text | None:
        """Say how many of the dormant will be back, and of how many nobody can tell."""
        expected = self.summary.drop_nulls("expected")
        if not expected["dormant_now"].sum():
            return None
        unknown = int(self.summary.filter(pl.col("share").is_null())["dormant_now"].sum())
        return joined(
            say(
                "retention_back_expected",
                of=count(float(expected["dormant_now"].sum())),
                n=count(float(expected["expected"].sum())),
                days=self.within,
            ),
            say("retention_back_unknown", n=count(unknown)) if unknown else None,
        )

    def _stay_said(self) -> Text | None:
        share, n = self.stayed
        if share.value != share.value:
            return None
        return say("retention_back_stay", n=count(n), **spoken(share))

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = []
        for begin, end in frame.select("from_day", "to_day").iter_rows():
            text = (
                say("retention_band_open", low=begin)
                if end is None
                else say("retention_band", low=begin, high=end)
            )
            names.append(text.to(self.lab.language))
        return frame.with_columns(name=pl.Series(names, dtype=pl.String))


_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("from_day", "to_day", "episodes"), pl.Int64),
    **dict.fromkeys(("share", "low", "high"), pl.Float64),
    "dormant_now": pl.Int64,
    "expected": pl.Float64,
}
