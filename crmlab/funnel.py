"""The stages of a lifecycle as a funnel: how many went on, how long that took, how long they have stayed."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import polars as pl

from crmlab.errors import ParamsError
from crmlab.intervals import wilson, z_value
from crmlab.labels import Text
from crmlab.view import charts
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


@runtime_checkable
class Staged(Protocol):
    """What a classifier offers whose labels are stages in time.

    ``journey`` names the stages in the order of time, the first of which nobody leaves but by going on;
    ``exit`` is the label of those who are gone. Both return one row per customer in row order:
    ``reached_on`` ``customer_id`` and one Date column per label, when its condition was first met;
    ``entered_on`` the day on which the present stage began.
    """

    journey: tuple[str, ...]
    exit: str

    def reached_on(self, features: pl.DataFrame, as_of: date) -> pl.DataFrame:
        """Return the first day of each stage."""
        ...

    def entered_on(self, features: pl.DataFrame, as_of: date) -> pl.Series:
        """Return the first day of the present stage."""
        ...


class Funnel:
    """How customers went through the stages of a scheme, as of the day of its segmentation.

    A stage is reached by whoever met its condition or that of a later stage at any time, lost or not.
    Raises ParamsError where the classifier knows no stages.
    """

    def __init__(self, segmentation: Segmentation) -> None:
        classifier: Any = segmentation.classifier
        if not isinstance(classifier, Staged):
            raise ParamsError(
                f"The classifier {segmentation.name!r} has no stages in time, so there is no funnel of it. "
                "Take one that has, for example 'lifecycle'."
            )
        self.segmentation = segmentation
        self._stages: Staged = classifier
        self._smallest = segmentation.lab.study.privacy.smallest_group
        self._language = segmentation.lab.language

    @cached_property
    def entries(self) -> pl.DataFrame:
        """One row per customer: when each stage was entered.

        ``customer_id``, ``label`` (the present stage), ``entered_on`` (Date), ``days_in_stage`` (Int64),
        and for each label ``<label>_on``, the day on which its condition was first met, null if never.
        """
        at = self.segmentation
        entered = self._stages.entered_on(at.features, at.as_of)
        reached = self._stages.reached_on(at.features, at.as_of)
        return at.labels.with_columns(
            entered_on=entered, days_in_stage=(pl.lit(at.as_of) - entered).dt.total_days()
        ).hstack([reached[label].alias(f"{label}_on") for label in reached.columns[1:]])

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per stage in the order of time, the exit last.

        ``reached`` customers; ``conversion`` of those who reached the stage before, with its 95 % interval
        (Wilson); ``days`` from the stage before, the median of the ``timed`` customers whose both days are
        known and in order, with its 95 % interval; ``customers`` who are there now, and the median of the
        ``days_in_stage`` that they have been, with its interval. At the exit, ``reached`` is who is there
        now, ``conversion`` their share of all who bought. Where nobody stayed in the first stage the data
        hold buyers alone, and there is no conversion from it. Figures on fewer customers than the study's
        ``privacy.smallest_group``, and those with which others would give them away, are null.
        """
        journey, ways, now = self._stages.journey, self._reached, self._now
        shown = self._shown()
        rows: list[dict[str, Any]] = []
        for place, stage in enumerate(journey):
            row: dict[str, Any] = {"stage": stage, **self._stay(stage)}
            if shown[place]:
                row["reached"] = ways[place]
            if place and shown[place] and shown[place - 1] and (place > 1 or self._knows_prospects):
                row |= _share(ways[place], ways[place - 1]) | self._way(journey[place - 1], stage)
            rows.append(row)
        gone = self._stages.exit
        if gone in self.segmentation.scheme.ids:
            row = {"stage": gone, **self._stay(gone)}
            if gone not in self.segmentation.few:
                row["reached"] = now[gone]
                if len(ways) > 1 and shown[1]:
                    row |= _share(now[gone], ways[1])
            rows.append(row)
        return pl.DataFrame(rows, schema=_SCHEMA)

    def table(self) -> Table:
        """Show the summary."""
        words = texts()
        return Table(
            self._named(self.summary).with_columns(
                interval=pl.concat_list("conversion_low", "conversion_high"),
                days_interval=pl.concat_list("days_low", "days_high"),
                stay_interval=pl.concat_list("stay_low", "stay_high"),
            ),
            [
                Column("name", words["funnel_stage"]),
                Column("reached", words["funnel_reached"], "integer"),
                Column("conversion", words["funnel_conversion"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("days", words["funnel_days"], "decimal", decimals=0),
                Column("days_interval", words["interval_95"], "interval", of="integer"),
                Column("customers", words["funnel_now"], "integer"),
                Column("days_in_stage", words["funnel_stay"], "decimal", decimals=0),
                Column("stay_interval", words["interval_95"], "interval", of="integer"),
            ],
            caption=say("funnel_caption", scheme=self.segmentation.scheme.text, day=self.segmentation.as_of),
            note=joined(
                self.explain(),
                None if self._knows_prospects else texts()["funnel_buyers_only"],
                self._privacy_note(),
            ),
            language=self._language,
            currency=self.segmentation.lab.study.currency,
        )

    def chart(self) -> alt.LayerChart:
        """Draw how many of all customers reached each stage."""
        words, language = texts(), self._language
        first = self.summary["reached"][0]
        drawn = self.summary.filter(pl.col("stage").is_in(self._stages.journey)).drop_nulls("reached")
        bars = self._named(drawn).select(
            "name",
            value=pl.when(pl.lit(bool(first))).then(pl.col("reached") / (first or 1)).otherwise(0.0),
            reached=pl.col("reached").map_elements(count, return_dtype=pl.String),
            conversion=pl.col("conversion").map_elements(percent, return_dtype=pl.String),
        )
        labels = pl.coalesce(pl.format("{} ({})", "reached", "conversion"), "reached")
        return charts.bars(
            bars.with_columns(pl.col("conversion").fill_null(MISSING), label=labels),
            self._title(),
            say("funnel_subtitle", day=self.segmentation.as_of),
            words["funnel_axis"],
            words["funnel_stage"],
            language,
            [
                ("name", words["funnel_stage"]),
                ("reached", words["funnel_reached"]),
                ("conversion", words["funnel_conversion"]),
            ],
        )

    def explain(self) -> Text:
        """Return how the figures are to be read, in words."""
        return texts()["funnel_note"]

    def _title(self) -> Text:
        counted = self.summary.filter(pl.col("stage").is_in(self._stages.journey)).drop_nulls("reached")
        if counted.height < 2 or not counted["reached"][0]:
            return say("funnel_title_few", scheme=self.segmentation.scheme.text)
        last = self.segmentation.scheme[counted["stage"][-1]].text
        first, reached = counted["reached"][0], counted["reached"][-1]
        return say("funnel_title", n=count(first), share=percent(reached / first), stage=last)

    def _privacy_note(self) -> Text | None:
        gaps = self.summary.select(pl.any_horizontal(pl.col("reached", "customers").is_null()).any()).item()
        return say("privacy_rows", k=self._smallest) if gaps else None

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = self.segmentation.scheme.names(self._language)
        return frame.with_columns(name=pl.col("stage").replace_strict(names, return_dtype=pl.String))

    @cached_property
    def _furthest(self) -> list[int]:
        """How many got just as far as each stage."""
        known = [pl.col(f"{stage}_on").is_not_null() for stage in self._stages.journey]
        place = pl.max_horizontal(pl.when(flag).then(at) for at, flag in enumerate(known))
        sizes = dict(self.entries.select(place=place).drop_nulls().group_by("place").len().iter_rows())
        return [sizes.get(at, 0) for at in range(len(known))]

    @property
    def _reached(self) -> list[int]:
        return [sum(self._furthest[place:]) for place in range(len(self._furthest))]

    @property
    def _knows_prospects(self) -> bool:
        """Whether anybody stayed in the first stage."""
        return self._furthest[0] > 0

    @cached_property
    def _now(self) -> dict[str, int]:
        sizes = dict(self.segmentation.labels.group_by("label").len().iter_rows())
        return {label: sizes.get(label, 0) for label in self.segmentation.scheme.ids}

    def _shown(self) -> list[bool]:
        """Say which stages may show how many reached them.

        The difference between two of them is a group of customers, and so is that between this group
        and those who are in the stages now: each must be empty or large enough.
        """
        few, shown = self.segmentation.few, []
        stopped = moved = 0
        for place, stage in enumerate(self._stages.journey):
            fine = self._public(self._reached[place])
            if place:
                fine = fine and self._public(stopped) and self._public(moved)
            shown.append(fine)
            if fine:
                stopped = moved = 0
            stopped += self._furthest[place]
            moved += 0 if stage in few else self._furthest[place] - self._now[stage]
        return shown

    def _public(self, customers: int) -> bool:
        return not customers or abs(customers) >= self._smallest

    def _way(self, before: str, stage: str) -> dict[str, Any]:
        """Return the days from one stage to the next."""
        days = (self.entries[f"{stage}_on"] - self.entries[f"{before}_on"]).dt.total_days()
        forward = days.filter(days >= 0)
        enough = len(forward) >= max(self._smallest, 1)
        return {"timed": len(forward), **self._median(forward, "days", "days")} if enough else {}

    def _stay(self, stage: str) -> dict[str, Any]:
        """Return who is in a stage now, and for how long."""
        if stage in self.segmentation.few:
            return {}
        days = self.entries.filter(pl.col("label") == stage)["days_in_stage"].drop_nulls()
        return {"customers": self._now[stage], **self._median(days, "days_in_stage", "stay")}

    def _median(self, days: pl.Series, name: str, prefix: str) -> dict[str, Any]:
        """Return the median and the 95 % interval between two order statistics.

        The ranks are those of the normal approximation to the sign test (Conover 1999, Practical
        Nonparametric Statistics, section 3.2); without six customers there is no interval.
        """
        n = len(days)
        if n < max(self._smallest, 1):
            return {}
        found: dict[str, Any] = {name: days.median()}
        if n >= _FEWEST_FOR_INTERVAL:
            reach, ranked = z_value(0.95) * sqrt(n) / 2, days.sort()
            low, high = max(floor(n / 2 - reach), 1), min(ceil(n / 2 + reach) + 1, n)
            found |= {f"{prefix}_low": float(ranked[low - 1]), f"{prefix}_high": float(ranked[high - 1])}
        return found


def _share(part: int, whole: int) -> dict[str, Any]:
    if not whole:
        return {}
    low, high = wilson(part, whole)
    return {"conversion": part / whole, "conversion_low": low, "conversion_high": high}


_FEWEST_FOR_INTERVAL = 6
_SCHEMA: dict[str, Any] = {
    "stage": pl.String,
    "reached": pl.Int64,
    **dict.fromkeys(("conversion", "conversion_low", "conversion_high"), pl.Float64),
    "timed": pl.Int64,
    **dict.fromkeys(("days", "days_low", "days_high"), pl.Float64),
    "customers": pl.Int64,
    **dict.fromkeys(("days_in_stage", "stay_low", "stay_high"), pl.Float64),
}
