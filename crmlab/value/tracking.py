"""Tracking: repeat purchases week by week as a model expects them, against what happened.

The expectation is that of new customers from their first purchase on, summed over everybody known by
the cutoff (Fader, Hardie & Lee 2005, Marketing Science 24:275, figures 3 and 4): the days up to the
cutoff show the fit, the days after it the forecast.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.summary import day_number
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.value.holdout import Holdout

WEEK = 7
MOST_PERIODS = 80
"""A chart has no more points than this; in a longer history a point is several weeks."""
DRAWS = 200
"""Simulated totals that a prediction interval is taken from."""


class Tracking:
    """Expected and actual repeat purchases of the customers of a holdout, by period."""

    def __init__(self, holdout: Holdout, name: str | None = None) -> None:
        self.holdout = holdout
        self._lab = holdout.lab
        self._name = name

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.note()._repr_mimebundle_()

    @cached_property
    def name(self) -> str:
        """The model that is looked at."""
        return self.holdout.chosen(self._name)

    @cached_property
    def period_days(self) -> int:
        """How long a period is: whole weeks."""
        weeks = self.holdout.history_days // WEEK
        return WEEK * max(1, -(-weeks // MOST_PERIODS))

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per whole period, counted from the first purchase of all.

        ``ends_on`` (Date), ``part`` (``learned`` up to the cutoff, else ``holdout``), ``actual`` and
        ``expected`` repeat purchases of the period, ``actual_total`` and ``expected_total`` up to its end.
        """
        import numpy as np

        bought = self.holdout.purchases
        first = int(bought["born"].min() or 0)  # type: ignore[arg-type]
        last = day_number(self._lab.study.as_of)
        ends = np.arange(first + self.period_days - 1, last + 1, self.period_days)
        repeats = bought.filter(pl.col("day") > pl.col("born"))["day"].sort().to_numpy()
        done = np.searchsorted(repeats, ends, side="right")
        told = self._expected(ends)
        cutoff = day_number(self.holdout.cutoff)
        return pl.DataFrame(
            {
                "ends_on": [date(1970, 1, 1) + timedelta(days=int(end)) for end in ends],
                "part": ["learned" if end <= cutoff else "holdout" for end in ends],
                "actual": np.diff(done, prepend=0),
                "expected": np.diff(told, prepend=0.0),
                "actual_total": done,
                "expected_total": told,
            },
            schema_overrides={"ends_on": pl.Date, "actual": pl.Int64, "actual_total": pl.Int64},
        )

    @cached_property
    def forecast(self) -> Estimate:
        """Purchases in the whole holdout as foretold from each customer's own history.

        The ends are the 95 % prediction interval: unsure parameters, and what customers do by chance.
        """
        import numpy as np

        model, days = self.holdout.model(self.name), self.holdout.days
        totals = model.draw_totals(self.holdout.customers, float(days), DRAWS, 0)
        low, high = np.quantile(totals, (0.025, 0.975))
        return Estimate(float(self.holdout.expected[self.name].sum()), float(low), float(high))

    @property
    def inside(self) -> bool:
        """Whether the actual number lies within the prediction interval."""
        return self.forecast.low <= float(self.holdout.actual.sum()) <= self.forecast.high

    def explain(self) -> Text:
        """Say how near the forecast of the holdout came, and what may be the reason where it did not."""
        if self.holdout.missing:
            return self.holdout.missing
        return joined(self.outcome, None if self.inside else texts()["val_tracking_reasons"])

    @property
    def outcome(self) -> Text:
        """How near the forecast of the holdout came, in a sentence."""
        actual, forecast = float(self.holdout.actual.sum()), self.forecast
        return say(
            "val_tracking_in" if self.inside else "val_tracking_out",
            name=self.holdout.title(self.name),
            actual=count(actual),
            value=count(forecast.value),
            low=count(forecast.low),
            high=count(forecast.high),
            off=percent(abs(forecast.value / actual - 1)) if actual else "–",
            days=count(self.holdout.days),
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self._lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw all repeat purchases so far, expected and actual, by the end of each period."""
        return self._chart("_total", "val_cumulative_axis", "val_cumulative_title")

    def increments_chart(self) -> alt.LayerChart | Note:
        """Draw the repeat purchases of each period, expected and actual."""
        axis = "val_weekly_axis" if self.period_days == WEEK else "val_increments_axis"
        return self._chart("", axis, "val_increments_title")

    def _chart(self, kind: str, axis: str, title: str) -> alt.LayerChart | Note:
        if self.holdout.missing:
            return self.note()
        from crmlab.view.value_charts import tracking_lines

        words, language = texts(), self._lab.language
        frame = pl.concat(
            self.summary.select(
                "ends_on",
                measure=pl.lit(words[f"val_{name}"].to(language)),
                value=pl.col(name + kind).cast(float),
            )
            for name in ("actual", "expected")
        )
        weeks = self.period_days // WEEK
        return tracking_lines(
            frame,
            self.holdout.cutoff,
            self._title(title),
            joined(self.holdout.sample(), say("val_tracking_subtitle", cutoff=self.holdout.cutoff)),
            say(axis, weeks=weeks),
            language,
        )

    def _title(self, key: str) -> Text:
        """Name the model, and by how much it is off over the holdout."""
        import numpy as np

        actual = float(self.holdout.actual.sum())
        days = np.array([day_number(self.holdout.cutoff), day_number(self._lab.study.as_of)])
        expected = float(np.diff(self._expected(days))[0])  # periods may begin before the cutoff
        if not actual:
            return say("val_tracking_title_none", name=self.holdout.title(self.name))
        more = expected >= actual
        return say(
            f"{key}_more" if more else f"{key}_fewer",
            name=self.holdout.title(self.name),
            off=percent(abs(expected / actual - 1)),
        )

    def _expected(self, ends: Any) -> Any:
        """Return the repeats to expect of everybody up to each of the days ``ends``."""
        import numpy as np

        births = self.holdout.customers.select(
            born=day_number(self.holdout.cutoff) - pl.col("days_since_first_order")
        )
        days, customers = np.unique(births["born"].to_numpy(), return_counts=True)
        ages = np.maximum(ends[:, None] + 1 - days[None, :], 0)  # to the end of the day
        known, place = np.unique(ages, return_inverse=True)
        told = np.where(known > 0, self.holdout.model(self.name).expected_of_new(known.astype(float)), 0.0)
        return told[place.reshape(ages.shape)] @ customers
