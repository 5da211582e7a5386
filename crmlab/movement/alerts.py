"""Sentences about movement that crosses a threshold; none where nothing does."""

from __future__ import annotations

from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

import polars as pl

from crmlab.errors import ParamsError
from crmlab.intervals import wilson, z_value
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent, signed
from crmlab.view.texts import say

if TYPE_CHECKING:
    from crmlab.movement.matrix import Movement


class Alerts:
    """What of a movement is larger than the reader wants to be told of, beyond chance.

    ``share_change``: a class whose share of customers changed, at the nearer end of the 95 % interval of the
    change, by more than this (0.02 is two points). ``best_left``: more than this share of the best class
    left it, at the lower end of the interval, in a scheme that has one. Classes too small to be shown
    raise no alert. Raises ParamsError for a threshold that is no share.
    """

    def __init__(self, movement: Movement, share_change: float = 0.02, best_left: float = 0.2) -> None:
        for name, value in (("share_change", share_change), ("best_left", best_left)):
            if not 0 <= value <= 1:
                raise ParamsError(f"{name} is {value}; it is a share between 0 and 1, for example 0.1.")
        self.movement = movement
        self.share_change = share_change
        self.best_left = best_left

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class in the scheme's order: ``label``, its share ``then`` and ``now``, ``change``.

        ``low`` and ``high`` are the 95 % interval of the change, ``alert`` says whether it crosses the
        threshold. The change is that of one population seen twice, so its variance is linearised over
        customers, with those known on one day only (Cochran 1977, Sampling Techniques, ch. 6).
        """
        before, after = self.movement.before, self.movement.after
        both = before.labels.rename({"label": "then"}).join(
            after.labels.rename({"label": "now"}), on="customer_id", how="full", coalesce=True
        )
        then, now = (pl.col(name).fill_null(UNCLASSIFIED.id) for name in ("then", "now"))
        pairs = both.group_by(then, now).len()
        first = int(pairs.filter(pl.col("then") != UNCLASSIFIED.id)["len"].sum())
        second = int(pairs.filter(pl.col("now") != UNCLASSIFIED.id)["len"].sum())
        few, rows = {*before.few, *after.few}, []
        for label in after.scheme.ids:
            if label in few or not first or not second:
                continue
            was = int(pairs.filter(pl.col("then") == label)["len"].sum()) / first
            share = int(pairs.filter(pl.col("now") == label)["len"].sum()) / second
            variance = 0.0
            for old, new, n in pairs.sort("then", "now").iter_rows():
                moved = 0.0
                if new != UNCLASSIFIED.id:
                    moved += ((new == label) - share) / second
                if old != UNCLASSIFIED.id:
                    moved -= ((old == label) - was) / first
                variance += n * moved * moved
            reach = z_value(0.95) * sqrt(variance)
            change = share - was
            rows.append(
                (
                    label,
                    was,
                    share,
                    change,
                    change - reach,
                    change + reach,
                    abs(change) - reach > self.share_change,
                )
            )
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    @cached_property
    def texts(self) -> list[Text]:
        """The alerts as sentences; empty where nothing crosses its threshold."""
        scheme, day = self.movement.after.scheme, self.movement.before.as_of
        said = []
        best = scheme.labels[0] if scheme.labels and self.movement.ranked else None
        moved = self.movement.moved(best.id, set(scheme.ids[1:])) if best else None
        if best and moved and moved[1]:
            gone, of = moved
            low, high = wilson(gone, of)
            if low > self.best_left:
                said.append(
                    say(
                        "alert_best_left",
                        day=day,
                        of=count(of),
                        label=best.text,
                        gone=count(gone),
                        share=percent(gone / of),
                        low=percent(low),
                        high=percent(high),
                        limit=_limit(self.best_left),
                    )
                )
        for row in self.summary.filter("alert").iter_rows(named=True):
            said.append(
                say(
                    "alert_share_rose" if row["change"] > 0 else "alert_share_fell",
                    day=day,
                    label=scheme[row["label"]].text,
                    then=percent(row["then"]),
                    now=percent(row["now"]),
                    points=signed(row["change"] * 100, 1),
                    low=signed(row["low"] * 100, 1),
                    high=signed(row["high"] * 100, 1),
                    limit=f"{self.share_change * 100:g}",
                )
            )
        return said

    def note(self) -> Note | None:
        """Show the alerts as one warning; None where there are none."""
        if not self.texts:
            return None
        text = Text("".join(each.zh for each in self.texts), " ".join(each.en for each in self.texts))
        return Note(text, self.movement.after.lab.language, "warning")


_SCHEMA = {
    "label": pl.String,
    **dict.fromkeys(("then", "now", "change", "low", "high"), pl.Float64),
    "alert": pl.Boolean,
}


def _limit(share: float) -> str:
    return f"{share * 100:g}%"
