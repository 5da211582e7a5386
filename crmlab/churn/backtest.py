"""Backtest: what each model would have said on past days, beside what came afterwards.

Forward chaining: on a test day a model has learned only from label windows that ended by then, and
from nothing else. All models see the same rows on the same days, the baselines among them. The days
are those of :mod:`crmlab.churn.snapshots`; the last one is the fairest judge of tomorrow, and its
customers are each there once, so that its intervals hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from crmlab.churn.figures import (
    DECIMALS,
    METRIC_NAMES,
    METRICS,
    TOP_SHARE,
    figures,
    margin_words,
    window_words,
)
from crmlab.churn.leakage import NEAR_ONE, Leakage
from crmlab.churn.metrics import auc_difference
from crmlab.churn.snapshots import Design, LearnsChurn, Snapshots, watched
from crmlab.estimators import KEY
from crmlab.labels import Text
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.labels import Language
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

    Floats = NDArray[np.float64]

BASELINES = ("churn-recency", "churn-last-status")


@dataclass(frozen=True)
class Contender:
    """A model that takes part: its registered name, its title, and the model with its parameters."""

    name: str
    title: Text
    model: LearnsChurn


@dataclass(frozen=True)
class Backtest:
    """What the contenders said on the test days.

    ``scores`` has ``observed_on``, ``customer_id``, ``churned`` (Boolean) and a column of probabilities per
    contender; ``capacity`` is how many customers can be contacted, a tenth of those of a day unless given.
    """

    scores: pl.DataFrame
    contenders: tuple[Contender, ...]
    leakage: Leakage
    design: Design
    capacity: int | None = None
    language: Language = "zh"
    smallest: int = 1

    @property
    def days(self) -> list[date]:
        """The test days, rising."""
        return self.scores["observed_on"].unique().sort().to_list()

    @property
    def told(self) -> bool:
        """Whether the history has a test day with customers of both outcomes."""
        return bool(self.judged_on)

    @cached_property
    def judged_on(self) -> date | None:
        """The last test day with enough customers of both outcomes: the headline is about it."""
        least = max(self.smallest, 1)
        counted = (
            self.scores.group_by("observed_on")
            .agg(lost=pl.col("churned").sum(), stayed=(~pl.col("churned")).sum())
            .filter(pl.min_horizontal("lost", "stayed") >= least)
        )
        return cast("date | None", counted["observed_on"].max())

    @cached_property
    def last(self) -> pl.DataFrame:
        """The scores of :attr:`judged_on`."""
        return self.scores.filter(pl.col("observed_on") == pl.lit(self.judged_on, pl.Date))

    @property
    def predictions(self) -> pl.DataFrame:
        """The scores of that day, long: ``model``, ``observed_on``, ``customer_id``, ``y``, ``p``."""
        names = [each.name for each in self.contenders]
        index = ["observed_on", KEY, "churned"]
        long = self.last.unpivot(names, index=index, variable_name="model", value_name="p")
        return long.select("model", "observed_on", KEY, pl.col("churned").cast(pl.Int64).alias("y"), "p")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per test day, model and metric, baselines first.

        ``observed_on``, ``model``, ``baseline`` (Boolean), ``customers``, ``churn_rate``, ``metric``
        (``auc``, ``average_precision``, ``brier``, ``lift`` of the first tenth, ``precision`` among as many
        as can be contacted), ``value`` with the ends of its 95 % interval ``low`` and ``high``; null where a
        day has no customers of one outcome.
        """
        rows: list[dict[str, Any]] = []
        for day in self.days:
            frame = self.scores.filter(pl.col("observed_on") == day)
            y = frame["churned"].cast(pl.Float64).to_numpy()
            enough = min(y.sum(), len(y) - y.sum()) >= max(self.smallest, 1)
            for each in self.contenders:
                p = frame[each.name].to_numpy()
                told = figures(y, p, self._contacts(len(y))) if enough else {}
                for metric in METRICS:
                    value = told.get(metric, UNKNOWN)
                    rows.append(
                        {
                            "observed_on": day,
                            "model": each.name,
                            "baseline": each.name in BASELINES,
                            "customers": len(y),
                            "churn_rate": float(y.mean()) if enough else None,
                            "metric": metric,
                            **{k: None if v != v else v for k, v in value._asdict().items()},
                        }
                    )
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def chosen_on(self) -> tuple[date, ...]:
        """The test days before the one of the headline; that one itself where there is no other."""
        if self.judged_on is None:
            return ()
        told = self.summary.filter(pl.col("value").is_not_null())["observed_on"].unique().sort()
        return tuple(day for day in told if day < self.judged_on) or (self.judged_on,)

    @cached_property
    def winner(self) -> Contender | None:
        """The contender with the highest AUC on average over ``chosen_on``; the earlier one of a tie.

        What it does on the day of the headline is no reason to choose it, so that its figures of that
        day are not too good by the choice.
        """
        if not self.told:
            return None
        on_days = pl.col("observed_on").is_in(self.chosen_on) & (pl.col("metric") == "auc")
        means = self.summary.filter(on_days).group_by("model").agg(pl.col("value").mean())
        found = dict(means.iter_rows())
        return max(self.contenders, key=lambda each: found.get(each.name) or 0.0)

    @cached_property
    def best_baseline(self) -> Contender | None:
        """The baseline with the highest AUC on the day that the headline is about."""
        basic = [each for each in self.contenders if each.name in BASELINES]
        return (
            max(basic, key=lambda each: self.figure(each.name, "auc").value) if basic and self.told else None
        )

    @cached_property
    def margin(self) -> Estimate:
        """By how much the winner's AUC is above that of the best baseline, paired, on the same customers."""
        if not self.told or self.winner is None or self.best_baseline is None:
            return UNKNOWN
        y = self.last["churned"].cast(pl.Float64).to_numpy()
        best, basic = (self.last[each.name].to_numpy() for each in (self.winner, self.best_baseline))
        return auc_difference(y, best, basic)

    @property
    def too_good(self) -> tuple[str, ...]:
        """The contenders whose AUC is near 1: what nobody can know of the future."""
        near = self.summary.filter((pl.col("metric") == "auc") & (pl.col("value") >= NEAR_ONE))
        return tuple(near["model"].unique(maintain_order=True))

    @property
    def refused(self) -> bool:
        """Whether no result counts, because a feature or a model knows the outcome."""
        return self.leakage.found or bool(self.too_good)

    @property
    def success(self) -> bool:
        """Whether a model beats every baseline beyond doubt, and no feature knows the outcome."""
        clean = self.told and not self.refused
        return clean and self.winner is not None and self.winner.name not in BASELINES and self.margin.low > 0

    def figure(self, model: str, metric: str) -> Estimate:
        """Return a metric of a model on the day that the headline is about."""
        row = self.summary.filter(
            (pl.col("observed_on") == pl.lit(self.judged_on, pl.Date))
            & (pl.col("model") == model)
            & (pl.col("metric") == metric)
        )
        if not row.height or row["value"][0] is None:
            return UNKNOWN
        return Estimate(row["value"][0], row["low"][0], row["high"][0])

    def explain(self) -> Text:
        """Return the verdict in words: refused where a feature knows the outcome, else winner and margin."""
        if not self.told or self.winner is None:
            return say("churn_backtest_none", days=self.design.window_days, needed=3 * self.design.reach)
        area = self.figure(self.winner.name, "auc")
        if self.refused:
            top = max(self.contenders, key=lambda each: self.figure(each.name, "auc").value)
            highest = decimal(self.figure(top.name, "auc").value, 3)
            refused = say("churn_backtest_refused", model=top.title, auc=highest)
            return joined(refused, self.leakage.explain() if self.leakage.found else say("churn_leak_model"))
        said = say(
            "churn_backtest_winner",
            day=self.judged_on,
            n=count(self.last.height),
            base=percent(self.last["churned"].mean()),  # type: ignore[arg-type]
            window=window_words(self.design),
            model=self.winner.title,
            auc=decimal(area.value, 3),
            low=decimal(area.low, 3),
            high=decimal(area.high, 3),
        )
        alone = self.chosen_on == (self.judged_on,)
        picked = say("churn_backtest_same_day" if alone else "churn_backtest_chosen", n=len(self.chosen_on))
        return joined(said, self._compared(), picked, self._listed(), self._repeated())

    def note(self) -> Note:
        """Show :meth:`explain`."""
        from crmlab.view.findings import Note

        return Note(self.explain(), self.language, "warning" if self.told and self.refused else "note")

    def table(self) -> Table | Note:
        """Show every model on the day that the headline is about, baselines first."""
        from crmlab.view.tables import Column, Table

        if not self.told:
            return self.note()
        words = texts()
        rows = []
        for each in self.contenders:
            row: dict[str, Any] = {"name": each.title.to(self.language)}
            for metric in METRICS:
                value = self.figure(each.name, metric)
                row |= {metric: value.value, f"{metric}_interval": [value.low, value.high]}
            rows.append(row)
        between = words["interval_95"]
        formats: dict[str, Any] = dict.fromkeys(METRICS, "decimal") | {"precision": "percent"}
        columns = [Column("name", words["churn_backtest_model"])]
        for metric in METRICS:
            columns.append(
                Column(metric, words[METRIC_NAMES[metric]], formats[metric], decimals=DECIMALS[metric])
            )
            columns.append(Column(f"{metric}_interval", between, "interval", of=formats[metric]))
        return Table(
            pl.DataFrame(rows),
            columns,
            caption=say("churn_backtest_caption", day=self.judged_on, days=self.design.window_days),
            note=say(
                "churn_backtest_note",
                n=count(self.last.height),
                base=percent(self.last["churned"].mean()),  # type: ignore[arg-type]
                k=count(self._contacts(self.last.height)),
                lead=self.design.lead_days,
                active=self.design.active_days,
            ),
            language=self.language,
        )

    def _contacts(self, customers: int) -> int:
        return self.capacity or max(1, round(customers * TOP_SHARE))

    def _compared(self) -> Text | None:
        if self.best_baseline is None or self.winner is None:
            return None
        if self.winner.name in BASELINES:
            return say("churn_backtest_baseline_best", baseline=self.winner.title)
        key = "churn_backtest_margin" if self.margin.low > 0 else "churn_backtest_no_margin"
        ends = margin_words(self.margin)
        return say(key, baseline=self.best_baseline.title, **ends)

    def _listed(self) -> Text:
        assert self.winner is not None
        precision = self.figure(self.winner.name, "precision")
        return say(
            "churn_backtest_precision",
            k=count(self._contacts(self.last.height)),
            share=percent(precision.value),
            low=percent(precision.low),
            high=percent(precision.high),
        )

    def _repeated(self) -> Text | None:
        assert self.winner is not None
        areas = self.summary.filter((pl.col("metric") == "auc") & (pl.col("model") == self.winner.name))
        values = areas["value"].drop_nulls()
        if len(values) < 2:
            return None
        low, high = cast("tuple[float, float]", (values.min(), values.max()))
        return say("churn_backtest_days", n=len(values), low=decimal(low, 3), high=decimal(high, 3))


def backtest(
    rows: Snapshots,
    contenders: Sequence[Contender],
    leakage: Leakage,
    capacity: int | None = None,
    language: Language = "zh",
    smallest: int = 1,
    *,
    progress: bool = False,
) -> Backtest:
    """Let every contender learn before each test day and say what it says of it.

    ``rows`` have the inputs of all contenders. A customer whom one of them says nothing of is left out for
    all, and so is a day on which one of them could not have learned.
    """
    made = []
    for day in watched(rows.days, "backtest", progress):
        before, then = rows.ended_by(day), rows.on(day)
        if not before.rows.height or not then.rows.height:
            continue
        scored = then.rows.select("observed_on", KEY, "churned").with_columns(
            pl.Series(each.name, _said(each.model, before, then)) for each in contenders
        )
        names = [each.name for each in contenders]
        made.append(scored.with_columns(pl.col(names).fill_nan(None)).drop_nulls(names))
    empty = {"observed_on": pl.Date, KEY: pl.String, "churned": pl.Boolean}
    schema = empty | {each.name: pl.Float64 for each in contenders}
    scores = pl.concat(made) if made else pl.DataFrame(schema=schema)
    return Backtest(scores, tuple(contenders), leakage, rows.design, capacity, language, smallest)


def _said(model: LearnsChurn, before: Snapshots, then: Snapshots) -> Floats:
    fresh = cast("LearnsChurn", cast("Any", model).clone())
    return fresh.learn(replace(before, columns=model.inputs)).probabilities(then.rows)


_SUMMARY = {
    "observed_on": pl.Date,
    "model": pl.String,
    "baseline": pl.Boolean,
    "customers": pl.Int64,
    "churn_rate": pl.Float64,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
