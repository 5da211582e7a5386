"""One measure as a reader sees it: the series with what would have been, methods, placebo dates, a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import merged_bins
from crmlab.improvement.evaluation import Evaluated
from crmlab.improvement.methods import together
from crmlab.improvement.metrics import Metric, written, written_p
from crmlab.improvement.segmented import Effect
from crmlab.improvement.verdicts import Judged
from crmlab.labels import Text
from crmlab.view import improvement_charts as charts
from crmlab.view.findings import Heading, Note, Sections
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

_POINTS = 40
"""A chart shows no more periods; they are put together."""
_SHOWN_TIMES = 1.1
"""Where hardly more observations would do, nothing is said of more."""


class MeasureView:
    """What is known of one measure, in the language of its lab."""

    def __init__(self, lab: Lab, judged: Judged, all_judged: Sequence[Judged]) -> None:
        self.lab = lab
        self.judged = judged
        self._all = all_judged

    def sections(self) -> Sections:
        """Show all of it under a heading."""
        measure = self.judged.measure
        heading = Heading(f"{measure.improvement_id} {measure.name}", self.lab.language)
        if self.judged.evaluated is None:
            return Sections([heading, self.note()])
        return Sections([heading, self.note(), self.chart(), self.table(), self.placebo_chart()])

    def chart(self) -> Any:
        """Draw the series, the fitted line, and what would have been without the measure."""
        found, metric = self.judged.evaluated, self.judged.metric
        if found is None or metric is None:
            return self.note()
        frame = self.series
        scaled = frame.with_columns(
            pl.col("day").cast(pl.String), *(pl.col(name) * metric.scale for name in _LINES)
        )
        return charts.series(
            scaled.with_columns(
                label=pl.Series([metric.value(value).to(self.lab.language) for value in frame["value"]])
            ),
            start=f"{self.judged.measure.started_on}",
            title=self._headline(found, metric),
            subtitle=joined(
                say(
                    "improvement_series_subtitle",
                    before=count(found.rows[0]),
                    after=count(found.rows[1]),
                    share=written(found.fit.confidence),
                ),
                texts()["improvement_series_compared"] if found.primary == "controlled" else None,
            ),
            x_title=texts()["improvement_day"],
            y_title=metric.axis,
            language=self.lab.language,
            tooltips=[
                ("day", texts()["improvement_day"]),
                ("label", metric.text),
                ("n", texts()["sample"]),
            ],
        )

    @property
    def series(self) -> pl.DataFrame:
        """One row per shown period: ``day``, ``days``, ``n``, ``value``, ``fitted``, ``counterfactual``.

        ``after`` says if it is after the start. Values are at the mix after it, in the metric's unit;
        neighbouring periods are put together until each has as many observations as the study's
        ``privacy.smallest_group``.
        """
        found = self.judged.evaluated
        if found is None:
            return pl.DataFrame(schema=_SERIES)
        return _series(found, self.lab.study.privacy.smallest_group)

    @property
    def methods(self) -> pl.DataFrame:
        """One row per method: ``method``, ``primary``, ``effect``, ``low``, ``high``, ``p``."""
        found = self.judged.evaluated
        if found is None:
            return pl.DataFrame(schema=_METHODS)
        rows = [
            (name, name == found.primary, each.value, each.low, each.high, each.p)
            for name, each in found.effects.items()
        ]
        return pl.DataFrame(rows, schema=_METHODS, orient="row")

    def table(self) -> Table | Note:
        """Show what each method says, the primary one first."""
        found, metric = self.judged.evaluated, self.judged.metric
        if found is None or metric is None:
            return self.note()
        language, words = self.lab.language, texts()
        rows = [
            {
                "method": words[
                    f"improvement_method_{name}_primary"
                    if name == found.primary
                    else f"improvement_method_{name}"
                ].to(language),
                "effect": metric.change(each.value).to(language),
                "between": metric.ends(each.low, each.high).to(language),
                "p": written_p(each.p),
            }
            for name, each in found.effects.items()
        ]
        return Table(
            pl.DataFrame(rows),
            [
                Column("method", words["improvement_method"]),
                Column("effect", words["improvement_effect"]),
                Column("between", say("improvement_interval", share=written(found.fit.confidence))),
                Column("p", words["improvement_p"]),
            ],
            caption=say("improvement_methods_caption", measure=self.judged.measure.name),
            note=words["improvement_methods_note"],
            language=language,
        )

    @property
    def placebos(self) -> pl.DataFrame:
        """One row per ``assumed_start``, the ``true`` one last: ``effect``, ``low``, ``high``.

        ``differences``, with its ``_low`` and ``_high``, is what difference-in-differences says.
        """
        found = self.judged.evaluated
        if found is None:
            return pl.DataFrame(schema=_PLACEBOS)
        tried = [(each.place, each.effect, each.differences) for each in found.placebos]
        tried.append((0, found.effect, found.effects.get("differences")))
        rows = [
            (
                found.panel.start + timedelta(days=place * found.panel.days),
                *_ends(effect),
                *(_ends(differences) if differences else (None, None, None)),
                place == 0,
            )
            for place, effect, differences in tried
        ]
        return pl.DataFrame(rows, schema=_PLACEBOS, orient="row")

    def placebo_chart(self) -> Any:
        """Draw what the primary method would have said had the measure begun on earlier days."""
        found, metric = self.judged.evaluated, self.judged.metric
        if found is None or metric is None:
            return self.note()
        if not found.placebos:
            return Note(texts()["improvement_no_placebos"], self.lab.language)
        language, words = self.lab.language, texts()
        kinds = [words["improvement_placebo"].to(language), words["improvement_true_start"].to(language)]
        frame = self.placebos
        alarms, tried = found.differences_alarms
        shown = frame.select(
            pl.col("assumed_start").cast(pl.String).alias("day"),
            *(pl.col(name) * metric.scale for name in ("effect", "low", "high")),
            kind=pl.when("true").then(pl.lit(kinds[1])).otherwise(pl.lit(kinds[0])),
            label=pl.Series([metric.change(value).to(language) for value in frame["effect"]]),
        ).rename({"effect": "value"})
        return charts.placebos(
            shown,
            kinds,
            title=say("improvement_placebo_title", n=len(found.placebos), alarms=found.false_alarms),
            subtitle=joined(
                say(
                    "improvement_placebo_subtitle",
                    share=written(found.fit.confidence),
                    p=percent(found.placebo_p, 0),
                ),
                say("improvement_placebo_differences", alarms=alarms, n=tried) if tried else None,
            ),
            x_title=words["improvement_assumed_start"],
            y_title=say("improvement_effect_unit", unit=words[f"improvement_change_{metric.unit}"]),
            language=language,
            tooltips=[
                ("day", words["improvement_assumed_start"]),
                ("label", words["improvement_effect"]),
                ("kind", words["improvement_kind"]),
            ],
        )

    def note(self) -> Note:
        """Say the verdict, what it rests on, and what to be careful about."""
        found, metric, measure = self.judged.evaluated, self.judged.metric, self.judged.measure
        if found is None or metric is None:
            assert self.judged.reason is not None
            said = joined(texts()["improvement_not_judged_because"], self.judged.reason)
            return Note(said, self.lab.language)
        whole = measure.aspect is not None and metric.id in ("csat", "nps")
        parts = [
            say(
                f"improvement_said_{self._verdict(found)}",
                n=sum(each.evaluated is not None for each in self._all),
                effect=metric.change(found.effect.value),
                between=metric.between(found.effect.low, found.effect.high),
                share=written(found.fit.confidence),
                p=written_p(self.judged.adjusted_p),
            ),
            say(
                "improvement_said_observed",
                before=metric.value(found.before),
                after=metric.value(found.after),
            ),
            self._compared(found),
            self._power(found, metric),
            self._target(found, metric),
            self._pretrend(found, metric),
            self._disagreement(found, metric),
            self._alarms(found),
            self._together_with(found),
            texts()["improvement_said_all_scores"] if whole else None,
        ]
        return Note(joined(*parts), self.lab.language)

    def _verdict(self, found: Evaluated) -> str:
        """Return the verdict, and whether it is one for the number of measures alone."""
        alone = self.judged.verdict == "no_evidence" and found.effect.p < 1 - found.fit.confidence
        return "no_evidence_among_many" if alone else self.judged.verdict

    def _headline(self, found: Evaluated, metric: Metric) -> Text:
        return say(
            "improvement_series_title",
            verdict=texts()[f"improvement_verdict_{self.judged.verdict}"],
            metric=metric.text,
            effect=metric.change(found.effect.value),
            between=metric.between(found.effect.low, found.effect.high),
        )

    def _compared(self, found: Evaluated) -> Text:
        outcome = self.judged.outcome
        assert outcome is not None
        if found.primary != "controlled":
            return texts()["improvement_said_alone"]
        names = list(outcome.names.values())
        shown = names[:6]
        more = len(names) - len(shown)
        listed = Text("、".join(each.zh for each in shown), ", ".join(each.en for each in shown))
        if more:
            listed = Text(f"{listed.zh}等 {len(names)} 项", f"{listed.en} and {more} more")
        return say(
            "improvement_said_compared", kind=texts()[f"improvement_kind_{outcome.kind}"], names=listed
        )

    def _power(self, found: Evaluated, metric: Metric) -> Text | None:
        if self.judged.verdict != "no_evidence":
            return None
        return say("improvement_said_power", least=metric.amount(found.detectable))

    def _target(self, found: Evaluated, metric: Metric) -> Text | None:
        """Say whether the target was reached, and what it would take to see such a change."""
        target = self.judged.measure.target
        if target is None:
            return None
        reached = (found.after - target) * metric.better >= 0
        said = say(
            "improvement_target_reached" if reached else "improvement_target_missed",
            target=metric.value(target),
            after=metric.value(found.after),
        )
        times = found.times_as_many(target - found.before)
        if self.judged.verdict != "no_evidence" or isnan(times) or times < _SHOWN_TIMES:
            return said
        wanted = say(
            "improvement_said_sample",
            change=metric.change(target - found.before),
            times=f"{times:.1f}",
            n=count(times * sum(found.rows)),
        )
        return joined(said, wanted)

    def _pretrend(self, found: Evaluated, metric: Metric) -> Text | None:
        trend = found.pretrend
        if isnan(trend.p) or trend.p >= 1 - found.fit.confidence:
            return None
        return say(
            "improvement_said_pretrend",
            trend=metric.change(trend.value),
            between=metric.between(trend.low, trend.high),
        )

    def _disagreement(self, found: Evaluated, metric: Metric) -> Text | None:
        """Warn where plain before and after says something else."""
        raw, limit = found.effects["before_after_raw"], 1 - found.fit.confidence
        if isnan(raw.p) or raw.p >= limit or self.judged.verdict in ("improved", "worse"):
            return None
        return say("improvement_said_naive", effect=metric.change(raw.value))

    def _alarms(self, found: Evaluated) -> Text | None:
        n = len(found.placebos)
        if n < 5 or found.false_alarms <= 0.2 * n:
            return None
        return say("improvement_said_alarms", alarms=found.false_alarms, n=n)

    def _together_with(self, found: Evaluated) -> Text | None:
        """Warn of other measures whose effects cannot be told apart from this one's.

        One for the same thing that began in the window changes the time after the start, one that began
        earlier bends the line through the time before it.
        """
        measure, first = self.judged.measure, found.panel.first_days[0]
        last = measure.started_on + timedelta(days=self.lab.study.improvement.window_days)
        others = [
            each.measure.name
            for each in self._all
            if each.measure is not measure
            and (
                each.measure.started_on == measure.started_on
                or (
                    first < each.measure.started_on <= last
                    and each.measure.target_metric == measure.target_metric
                    and (
                        each.measure.aspect == measure.aspect or None in (each.measure.aspect, measure.aspect)
                    )
                )
            )
        ]
        if not others:
            return None
        from crmlab.improvement.summary_views import enumerated

        return say("improvement_said_overlap", names=enumerated(others))


_LINES = ("value", "fitted", "counterfactual")
_SERIES = {
    "day": pl.Date,
    "days": pl.Int64,
    "n": pl.Int64,
    "value": pl.Float64,
    "fitted": pl.Float64,
    "counterfactual": pl.Float64,
    "after": pl.Boolean,
}
_METHODS = {
    "method": pl.String,
    "primary": pl.Boolean,
    "effect": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p": pl.Float64,
}


_PLACEBOS = {
    "assumed_start": pl.Date,
    "effect": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "differences": pl.Float64,
    "differences_low": pl.Float64,
    "differences_high": pl.Float64,
    "true": pl.Boolean,
}


def _ends(effect: Effect) -> tuple[float, float, float]:
    return effect.value, effect.low, effect.high


def _series(found: Evaluated, smallest: int) -> pl.DataFrame:
    import numpy as np

    panel, fit = found.panel, found.fit
    values, size = panel.own.adjusted(panel.after), panel.own.size
    lines = {name: np.full(len(panel.time), np.nan) for name in ("fitted", "counterfactual")}
    at = np.searchsorted(panel.time, fit.model.time)
    lines["fitted"][at], lines["counterfactual"][at] = fit.fitted, fit.counterfactual
    if found.primary == "controlled":
        comparison, _ = together(panel)
        lines = {name: line + comparison for name, line in lines.items()}
    rows = []
    step = -(-len(panel.time) // _POINTS)
    for after in (False, True):
        places = np.flatnonzero(panel.after == after)
        # Blocks begin so that the incomplete one is far from the start.
        cuts = (
            np.arange(step, len(places), step)
            if after
            else np.arange(len(places) % step or step, len(places), step)
        )
        blocks = np.split(places, cuts)
        counts = [int(size[block].sum()) for block in blocks]
        for first, last in merged_bins(counts, smallest):
            inside = np.concatenate(blocks[first : last + 1])
            weights = size[inside]
            shown = {
                name: _weighted(line[inside], weights) for name, line in {"value": values, **lines}.items()
            }
            rows.append(
                {
                    "day": panel.first_days[int(inside[0])] + timedelta(days=len(inside) * panel.days // 2),
                    "days": len(inside) * panel.days,
                    "n": int(weights.sum()),
                    **shown,
                    "counterfactual": shown["counterfactual"] if after else None,
                    "after": after,
                }
            )
    return pl.DataFrame(rows, schema=_SERIES)


def _weighted(values: Any, weights: Any) -> float:
    import numpy as np

    known = np.isfinite(values) & (weights > 0)
    return float(values[known] @ weights[known] / weights[known].sum()) if known.any() else nan
