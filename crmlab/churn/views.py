"""What predictions are good for: whether probabilities hold, and whom a list of the highest ones catches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING

import polars as pl

from crmlab.churn.calibration_curve import CalibrationLine, calibration, calibration_line
from crmlab.churn.earnings import Profit
from crmlab.churn.judged import BASELINES, Judged
from crmlab.churn.metrics import hits_at, lift_at, precision_at, ranking
from crmlab.segments.separation import Estimate
from crmlab.view.churn_charts import calibration_points, gains_lines
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

__all__ = ["Calibration", "Lift", "Profit"]

PER_BIN = 30
"""Customers that a bin of the calibration curve has at least, where there are so many."""

STEPS = 50
LISTS = (0.05, 0.1, 0.2, 0.3)
"""Shares of customers for which the table of lists says what they hold."""


class Calibration(Judged):
    """Whether customers leave as often as the model says. See :class:`Judged` for ``predictions``."""

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The bins of :func:`~crmlab.churn.calibration_curve.calibration`, none below the smallest group."""
        y, p, _ = self.rows()
        bins = max(1, min(10, len(y) // PER_BIN))
        return calibration(y, p, bins, self.lab.study.privacy.smallest_group)

    @cached_property
    def line(self) -> CalibrationLine:
        """Slope and calibration-in-the-large."""
        y, p, _ = self.rows()
        return calibration_line(y, p)

    def chart(self) -> alt.LayerChart | Note:
        """Draw what happened by what was stated."""
        if problem := self.problem or self._too_few:
            return problem
        title = say(
            "churn_calibration_title", agree=int(self.summary["agrees"].sum()), bins=self.summary.height
        )
        subtitle = joined(self.sample, texts()["churn_calibration_subtitle"])
        return calibration_points(self.summary, title, subtitle, self.lab.language)

    def table(self) -> Table | Note:
        """Show the bins."""
        if problem := self.problem or self._too_few:
            return problem
        words = texts()
        frame = self.summary.with_columns(
            bounds=pl.concat_list("lowest", "highest"), interval=pl.concat_list("low", "high")
        )
        return Table(
            frame,
            [
                Column("bounds", words["churn_bin"], "interval", of="percent"),
                Column("customers", words["customers"], "integer"),
                Column("stated", words["churn_stated"], "percent"),
                Column("lost", words["churn_lost_customers"], "integer"),
                Column("happened", words["churn_happened"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("churn_calibration_caption", model=self.name(self.model)),
            note=joined(self.sample, words["churn_calibration_note"]),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say whether probabilities may be taken at their word: on average, and at the ends."""
        if problem := self.problem:
            return problem
        slope, large = self.line
        said = say(_side(large, _LARGE, 0), **_figures(large))
        spread = say(_side(slope, _SLOPE, 1), **_figures(slope)) if slope.value == slope.value else None
        holds = large.low <= 0 <= large.high and not slope.high < 1 and not slope.low > 1
        return Note(joined(said, spread), self.lab.language, "note" if holds else "warning")

    @property
    def _too_few(self) -> Note | None:
        if self.summary.height:
            return None
        few = say("churn_too_few", least=self.lab.study.privacy.smallest_group)
        return Note(few, self.lab.language)


class Lift(Judged):
    """How many of those who leave a list of the highest probabilities holds, at any length and at capacity.

    ``capacity`` is how many customers can be contacted. See :class:`Judged` for ``predictions``.
    """

    def __init__(
        self,
        predictions: pl.DataFrame,
        lab: Lab,
        model: str = "",
        *,
        capacity: int = 100,
        baselines: Sequence[str] = BASELINES,
    ) -> None:
        super().__init__(predictions, lab, model, baselines)
        self.capacity = capacity

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The gains curve of every model: ``model``, ``share`` contacted, ``caught`` of all who left."""
        import numpy as np

        frames = []
        shares = np.arange(STEPS + 1) / STEPS
        for model in sorted(self.models, key=lambda name: name != self.model):
            y, p, _ = self.rows(model)
            ranked = ranking(y, p)
            sizes, hits = (np.append(0, of.cumsum()) for of in (ranked.lost + ranked.stayed, ranked.lost))
            caught = np.interp(shares * len(y), sizes, hits) / max(float(ranked.lost.sum()), 1.0)
            curve = pl.DataFrame({"share": shares, "caught": caught})
            frames.append(curve.select(pl.lit(model).alias("model"), "share", "caught"))
        return pl.concat(frames) if frames else pl.DataFrame(schema={"model": pl.String, **_GAIN_TYPES})

    @cached_property
    def lists(self) -> pl.DataFrame:
        """What lists of the model shown hold: shares of ``LISTS``, and the capacity.

        ``customers`` on the list, ``share`` of all, ``hits`` (in expectation over ties), ``precision`` with
        ``low`` and ``high``, ``lift`` with ``lift_low`` and ``lift_high``, ``caught`` of all who left,
        ``capacity`` (Boolean): whether this is the list of that length.
        """
        y, p, _ = self.rows()
        n, lost = len(y), float(y.sum())
        sizes = {ceil(share * n - 1e-9): False for share in LISTS if n} | {min(self.capacity, n): True}
        found = []
        for k in sorted(size for size in sizes if size):
            precision, lift = precision_at(y, p, k), lift_at(y, p, k / n)
            hits = hits_at(y, p, k)
            found.append((k, k / n, hits, *precision, *lift, hits / lost if lost else None, sizes[k]))
        return pl.DataFrame(found, schema=_LISTS, orient="row")

    @property
    def at_capacity(self) -> Estimate:
        """Precision at capacity."""
        y, p, _ = self.rows()
        return precision_at(y, p, self.capacity)

    def chart(self) -> alt.LayerChart | Note:
        """Draw the gains curves of all models and mark the capacity."""
        if problem := self.problem:
            return problem
        language = self.lab.language
        names = {model: self.name(model).to(language) for model in self.models}
        n = len(self.rows().y)
        at = self.lists.filter(pl.col("capacity")).row(0, named=True)
        title = say("churn_gains_title", n=count(at["customers"]), caught=percent(at["caught"], 0))
        frame = self.summary.with_columns(name=pl.col("model").replace_strict(names, return_dtype=pl.String))
        marked = self.capacity / n if self.capacity < n else None
        subtitle = joined(self.sample, texts()["churn_gains_subtitle"])
        return gains_lines(frame, marked, title, subtitle, language)

    def table(self) -> Table | Note:
        """Show what lists of several lengths hold."""
        if problem := self.problem:
            return problem
        words = texts()
        frame = self.lists.with_columns(
            interval=pl.concat_list("low", "high"), lift_interval=pl.concat_list("lift_low", "lift_high")
        )
        return Table(
            frame,
            [
                Column("customers", words["churn_contacted"], "integer"),
                Column("share", words["share"], "percent"),
                Column("hits", words["churn_hits"], "decimal", decimals=1),
                Column("precision", words["churn_precision"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("caught", words["churn_caught"], "percent"),
                Column("lift", words["churn_lift"], "decimal", decimals=1),
                Column("lift_interval", words["interval_95"], "interval", of="decimal", decimals=1),
            ],
            caption=say("churn_lists_caption", model=self.name(self.model), n=count(self.capacity)),
            note=joined(self.sample, words["churn_lists_note"]),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say what contacting as many as the capacity allows finds, beside drawing by lot."""
        if problem := self.problem:
            return problem
        row = self.lists.filter(pl.col("capacity")).row(0, named=True)
        y = self.rows().y
        said = say(
            "churn_capacity_said",
            n=count(row["customers"]),
            hits=count(row["hits"]),
            precision=percent(row["precision"]),
            low=percent(row["low"]),
            high=percent(row["high"]),
            lot=count(row["customers"] * float(y.mean())),
            caught=percent(row["caught"]),
        )
        everybody = say("churn_capacity_all") if self.capacity >= len(y) else None
        return Note(joined(said, everybody), self.lab.language)


def _side(estimate: Estimate, keys: tuple[str, str, str], right: float) -> str:
    """Return the text of an estimate that lies below, about where, or above where it should."""
    below, about, above = keys
    if estimate.high < right:
        return below
    return above if estimate.low > right else about


def _figures(estimate: Estimate) -> dict[str, str]:
    value, low, high = (decimal(each) for each in estimate)
    return {"value": value, "low": low, "high": high}


_LARGE = ("churn_large_below", "churn_large_right", "churn_large_above")
_SLOPE = ("churn_slope_below", "churn_slope_right", "churn_slope_above")
_GAIN_TYPES = {"share": pl.Float64, "caught": pl.Float64}
_LISTS = {
    "customers": pl.Int64,
    "share": pl.Float64,
    "hits": pl.Float64,
    "precision": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "lift": pl.Float64,
    "lift_low": pl.Float64,
    "lift_high": pl.Float64,
    "caught": pl.Float64,
    "capacity": pl.Boolean,
}
