"""How long customers stay in each status before they move, and where they go."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.retention.curves import at_days, drawn, sentence
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.retention.purchases import Limits, Purchases, codes
from crmlab.retention.stays import LABELS, Stays, stays_between
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.retention_charts import share_curves
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Ints = NDArray[np.int64]

STEP = 30
"""Days between two replays."""
MOST = 24
_LEAST = 3
_MILESTONES = (30, 90, 180, 360)


class StatusSurvival:
    """The share of customers still in a status so many days after they entered it.

    With the ``limits`` of ``status`` stays are known to the day. Without them the classifier ``name`` is
    replayed every 30 days over at most two years, with the cut-points of the study's own day: a stay begins
    at the first replay that finds a customer in the status, and ends at the first that finds him in another;
    stays that had begun before the first replay are left out, for nobody saw their beginning. Whoever is
    still there at the as-of day is censored. One customer may stay several times; intervals allow for that.
    """

    def __init__(
        self,
        lab: Lab,
        purchases: Purchases | None,
        limits: Limits | None = None,
        name: str = "status",
        replays: int = MOST,
    ) -> None:
        self.lab = lab
        self.name = name
        self._purchases = purchases
        self._limits = limits
        self._replays = replays
        self._fewest = lab.study.privacy.smallest_group

    @cached_property
    def days(self) -> list[date]:
        """The days of the replays, the as-of day last; none where none are needed or records too short."""
        if self._purchases is None or self._limits is not None:
            return []
        reach = (self._purchases.as_of - int(self._purchases.first.min())) // STEP
        back = min(self._replays, reach)
        if back < _LEAST:
            return []
        return [self.lab.study.as_of - timedelta(days=STEP * at) for at in range(back, -1, -1)]

    @cached_property
    def curves(self) -> dict[str, KaplanMeier]:
        """The curve of each status, by label, in the order of the scheme."""
        stays, found = self._stays, {}
        for place, name in enumerate(self._labels):
            there = stays.label == place
            if there.sum() >= max(self._fewest, 1):
                found[name] = kaplan_meier(
                    stays.days[there], stays.seen[there], customer=stays.customer[there]
                )
        return found

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per status: how long stays last and where they lead.

        ``label``, ``stays`` (their beginning was seen), ``ended``, the median of the ``days`` with its
        interval (null where half have not ended in the time seen), and ``next``, the label that most of those
        whose end was seen went to, with its ``next_share`` and interval (Wilson).
        """
        _, label, after, _, seen = self._stays
        rows: list[dict[str, Any]] = []
        for place, name in enumerate(self._labels):
            curve = self.curves.get(name)
            row: dict[str, Any] = {"label": name}
            rows.append(row)
            if curve is None:
                continue
            middle = curve.quantile(0.5, self._fewest)
            row |= {"stays": curve.customers, "ended": curve.ended}
            ends = zip(("days", "days_low", "days_high"), middle, strict=True)
            row |= {key: None if value != value else value for key, value in ends}
            onward = [int(((label == place) & seen & (after == at)).sum()) for at in range(len(self._labels))]
            total = sum(onward)
            most = max(range(len(onward)), key=lambda at: (onward[at], -at))
            if total and not any(hidden([onward[most], total - onward[most]], self._fewest)):
                low, high = wilson(onward[most], total)
                row |= {
                    "next": self._labels[most], "next_share": onward[most] / total,
                    "next_low": low, "next_high": high,
                }  # fmt: skip
        return pl.DataFrame(rows, schema=_SCHEMA)

    @cached_property
    def by_days(self) -> pl.DataFrame:
        """The share still in each status after 30, 90, 180, 360 days, as :func:`at_days` has it."""
        return at_days(self.curves, _MILESTONES, self._fewest)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the share still in each status against the days since it was entered."""
        points = drawn(self.curves, self._fewest, step=1 if self._limits else STEP)
        if points.filter(pl.col("day") > 0).is_empty():
            return Note(self.explain(), self.lab.language)
        words = texts()
        return share_curves(
            points.with_columns(pl.col("name").replace_strict(self._names, return_dtype=pl.String)),
            title=self._title(),
            subtitle=joined(
                say(
                    "retention_status_subtitle",
                    n=count(sum(curve.customers for curve in self.curves.values())),
                ),
                None if self._limits else say("retention_status_replays", replays=len(self.days), step=STEP),
            ),
            x_title=words["retention_days_in_status"],
            y_title=words["retention_status_axis"],
            name_title=words["retention_status"],
            language=self.lab.language,
        )

    def table(self) -> Table | Note:
        """Show how long stays last, the share left after half a year, and where they lead."""
        if not self.curves:
            return Note(self.explain(), self.lab.language)
        words = texts()
        later = self.by_days.filter(pl.col("day") == _MILESTONES[2]).select(
            label="name", left="share", left_low="low", left_high="high"
        )
        frame = (
            self.summary.join(later, on="label", how="left", maintain_order="left")
            .with_columns(
                pl.col("label").replace_strict(self._names, return_dtype=pl.String).alias("name"),
                pl.col("next").replace_strict(self._names, return_dtype=pl.String, default=None),
            )
            .with_columns(
                pl.when(pl.col(f"{name}_low").is_not_null())
                .then(pl.concat_list(f"{name}_low", f"{name}_high"))
                .alias(f"{name}_interval")
                for name in ("days", "left", "next")
            )
        )
        between = words["interval_95"]
        return Table(
            frame,
            [
                Column("name", words["retention_status"]),
                Column("stays", words["retention_stays"], "integer"),
                Column("days", words["retention_median"], "decimal", decimals=0),
                Column("days_interval", between, "interval", of="integer"),
                Column("left", say("retention_left_after", n=_MILESTONES[2]), "percent", bar=True),
                Column("left_interval", between, "interval", of="percent"),
                Column("next", words["retention_next"]),
                Column("next_share", words["retention_next_share"], "percent"),
                Column("next_interval", between, "interval", of="percent"),
            ],
            caption=words["retention_status_caption"],
            note=joined(
                say("retention_status_note_replays", step=STEP)
                if self._limits is None
                else self._limits.text,
                words["retention_status_note"],
            ),
            language=self.lab.language,
        )

    def explain(self) -> Text:
        """Return what the curves say, in sentences."""
        if not self.curves:
            return texts()["retention_status_none"]
        said = []
        for row in self.summary.drop_nulls("stays").iter_rows(named=True):
            name = self._scheme[row["label"]].text
            if row["days"] is not None:
                said.append(say("retention_status_median", label=name, days=count(row["days"])))
            else:
                left = self.curves[row["label"]]
                day = max((d for d in _MILESTONES if left.watched(d) >= self._fewest), default=0)
                share = left.at([day], self._fewest)[0]
                if day and share.value == share.value:
                    said.append(say("retention_status_left", label=name, n=day, value=percent(share.value)))
        return joined(*said) if said else texts()["retention_too_short"]

    def note(self) -> Note:
        """Show what the curves say, in sentences."""
        return Note(sentence(self.explain()), self.lab.language)

    @property
    def _scheme(self) -> Any:
        return self.lab.classify(self.name).scheme

    @cached_property
    def _labels(self) -> list[str]:
        if self._purchases is None:  # without orders nothing can be classified
            return []
        if self._limits is not None:
            return list(LABELS)
        return [label for label in self._scheme.ids if label != UNCLASSIFIED.id]

    @property
    def _names(self) -> dict[str, str]:
        names: dict[str, str] = self._scheme.names(self.lab.language)
        return names

    def _title(self) -> Text:
        """Say how long the shortest stay lasts, for half of the customers."""
        known = self.summary.drop_nulls("days")
        if known.is_empty():
            return texts()["retention_status_title"]
        row = known.sort("days", maintain_order=True).row(0, named=True)
        return say("retention_status_median", label=self._scheme[row["label"]].text, days=count(row["days"]))

    @cached_property
    def _stays(self) -> Stays:
        """All stays, from the limits where there are some, from the replays else."""
        import numpy as np

        if self._purchases is not None and self._limits is not None:
            return stays_between(self._purchases, self._limits)
        places = self._replayed()
        nothing = np.zeros(0, dtype=np.int64)
        if places.shape[1] < 2:
            return Stays(nothing, nothing, nothing, nothing, nothing.astype(bool))
        moved = places[:, 1:] != places[:, :-1]
        whose, begins = np.nonzero(moved & (places[:, 1:] >= 0))
        begins = begins + 1
        last = places.shape[1] - 1
        # The next move of the same customer, the end of the replays without one.
        every_whose, every_move = np.nonzero(moved)
        at = np.searchsorted(
            every_whose * (last + 2) + every_move + 1, whose * (last + 2) + begins, side="right"
        )
        same = at < len(every_whose)
        same[same] = every_whose[at[same]] == whose[same]
        ends = np.full(len(whose), last)
        ends[same] = every_move[at[same]] + 1
        after = np.where(same, places[whose, ends], -1)
        return Stays(whose, places[whose, begins], after, (ends - begins) * STEP, same)

    def _replayed(self) -> Ints:
        """Return the place of each customer's label on each day, −1 without one: (customers, days)."""
        import numpy as np

        if not self.days:
            return np.zeros((0, 0), dtype=np.int64)
        ids = self.lab.classify(self.name).labels["customer_id"].sort()
        places = np.full((len(ids), len(self.days)), -1, dtype=np.int64)
        order = {label: place for place, label in enumerate(self._labels)}
        for column, day in enumerate(self.days):
            then = self.lab.classify(self.name, as_of=day)
            label = then.labels["label"].replace_strict(order, default=-1, return_dtype=pl.Int64)
            places[codes(then.labels["customer_id"], ids), column] = label.to_numpy()
            if day != self.lab.study.as_of:
                self.lab.forget(then)
        return places


_SCHEMA: dict[str, Any] = {
    "label": pl.String,
    "stays": pl.Int64,
    "ended": pl.Int64,
    **dict.fromkeys(("days", "days_low", "days_high"), pl.Float64),
    "next": pl.String,
    **dict.fromkeys(("next_share", "next_low", "next_high"), pl.Float64),
}
