"""All models on the same unseen outcomes, the baselines beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.churn.judged import BASELINES, Judged
from crmlab.churn.metrics import (
    auc,
    auc_difference,
    average_precision,
    brier,
    brier_skill,
    lift_at,
    precision_at,
)
from crmlab.churn.profit import Campaign, empc
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view import theme
from crmlab.view.churn_charts import in_lines, interval_rows
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, money, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.labels import Text

_NAMES = {
    "auc": "churn_auc",
    "average_precision": "churn_average_precision",
    "brier": "churn_brier",
    "brier_skill": "churn_brier_skill",
    "lift": "churn_lift",
    "precision": "churn_precision",
    "profit": "churn_profit",
}
METRICS = tuple(_NAMES)


class Metrics(Judged):
    """Ranking, probabilities and profit of every model with intervals, and the gain over the baselines.

    ``capacity`` is how many customers can be contacted, ``share`` where lift is read, ``campaign`` what
    contacts cost and bring. See :class:`Judged` for ``predictions``.
    """

    def __init__(
        self,
        predictions: pl.DataFrame,
        lab: Lab,
        model: str = "",
        *,
        capacity: int = 100,
        share: float = 0.1,
        campaign: Campaign | None = None,
        baselines: Sequence[str] = BASELINES,
    ) -> None:
        super().__init__(predictions, lab, model, baselines)
        self.capacity = capacity
        self.share = share
        self.campaign = campaign or Campaign()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per model and metric of ``METRICS``: ``model``, ``metric``, ``value``, ``low``, ``high``.

        ``profit`` is the expected maximum profit per customer in units of currency. Brier score and skill
        are NaN for a model whose scores are not all within 0–1.
        """
        found: list[tuple[str, str, float, float, float]] = []
        for model in self.models:
            y, p, _ = self.rows(model)
            stated = not len(p) or (float(p.min()) >= 0 and float(p.max()) <= 1)
            valued = self.rows(model, valued=True)
            estimates = (
                auc(y, p),
                average_precision(y, p),
                brier(y, p) if stated else UNKNOWN,
                brier_skill(y, p) if stated else UNKNOWN,
                lift_at(y, p, self.share),
                precision_at(y, p, self.capacity),
                empc(valued.y, valued.p, self.campaign, valued.values).profit,
            )
            found += [(model, name, *each) for name, each in zip(METRICS, estimates, strict=True)]
        columns = {"model": pl.String, "metric": pl.String}
        return pl.DataFrame(
            found,
            schema={**columns, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
            orient="row",
        )

    @cached_property
    def best_baseline(self) -> str | None:
        """The baseline with the highest AUC; None without one."""
        areas = {name: self.estimate(name, "auc").value for name in self.baselines}
        told = [name for name, area in areas.items() if area == area]  # NaN is not
        return max(told, key=lambda name: areas[name]) if told else None

    @cached_property
    def differences(self) -> pl.DataFrame:
        """By how much the AUC of each other model is above the best baseline's.

        ``model``, ``value``, ``low``, ``high``; on the customers that both give a probability.
        """
        keys = [name for name in ("customer_id", "observed_on") if name in self.predictions.columns]
        found = []
        mine = self.predictions.filter(pl.col("model") == (self.best_baseline or ""))
        for model in self.models if self.best_baseline else []:
            both = self.predictions.filter(pl.col("model") == model).join(mine, on=keys, suffix="_baseline")
            difference = auc_difference(both["y"], both["p"], both["p_baseline"])
            found += [(model, *difference)] if model not in self.baselines else []
        schema = {"model": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        return pl.DataFrame(found, schema=schema, orient="row")

    def estimate(self, model: str, metric: str) -> Estimate:
        """Return one figure of the summary."""
        rows = self.summary.filter(pl.col("model") == model, pl.col("metric") == metric)
        return Estimate(*rows.select("value", "low", "high").row(0)) if rows.height else UNKNOWN

    def chart(self) -> alt.LayerChart | Note:
        """Draw the AUC of every model with its interval; a note where nothing can be judged."""
        if problem := self.problem:
            return problem
        words, language = texts(), self.lab.language
        kinds = {words["churn_kind_model"]: theme.ACCENT, words["churn_kind_baseline"]: theme.NEUTRAL}
        areas = self.summary.filter(pl.col("metric") == "auc").sort(
            "value", "model", descending=[True, False]
        )
        frame = areas.with_columns(
            name=pl.Series([in_lines(self.name(model).to(language), language) for model in areas["model"]]),
            kind=pl.when(pl.col("model").is_in(list(self.baselines)))
            .then(pl.lit(words["churn_kind_baseline"].to(language)))
            .otherwise(pl.lit(words["churn_kind_model"].to(language))),
            label=pl.Series([self._cell(model, "auc") for model in areas["model"]], dtype=pl.String),
        )
        return interval_rows(
            frame,
            {kind.to(language): colour for kind, colour in kinds.items()},
            at=0.5,
            title=words["churn_auc_title"],
            subtitle=joined(self.sample, words["churn_auc_subtitle"]),
            x_title=words["churn_auc"],
            name_title=words["churn_model"],
            language=language,
            tooltips=[("name", words["churn_model"]), ("label", words["churn_auc"])],
        )

    def table(self) -> Table | Note:
        """Show every metric of every model with its interval, the best AUC first."""
        if problem := self.problem:
            return problem
        words, language = texts(), self.lab.language
        order = sorted(self.models, key=lambda model: (-self.estimate(model, "auc").value, model))
        cells: dict[str, list[str | None]] = {"model": [self.name(model).to(language) for model in order]}
        for metric in METRICS:
            cells[metric] = [self._cell(model, metric) for model in order]
        titles = {
            "precision": say("churn_precision_at", n=count(self.capacity)),
            "lift": say("churn_lift_at", share=percent(self.share, 0)),
        }
        columns = [
            Column(metric, titles.get(metric) or words[_NAMES[metric]], note=words["interval_95"])
            for metric in METRICS
        ]
        return Table(
            pl.DataFrame(cells),
            [Column("model", words["churn_model"]), *columns],
            caption=words["churn_metrics_caption"],
            note=joined(self.sample, words["churn_metrics_note"], self._left_out),
            language=language,
        )

    def note(self) -> Note:
        """Say in words how well the model shown ranks, and whether it beats the best baseline."""
        if problem := self.problem:
            return problem
        area, baseline = self.estimate(self.model, "auc"), self.best_baseline
        figures = {
            "model": self.name(self.model),
            "auc": decimal(area.value, 3),
            "low": decimal(area.low, 3),
            "high": decimal(area.high, 3),
        }
        gain = self.differences.filter(pl.col("model") == self.model)
        if baseline is None or not gain.height or gain["value"].is_nan().any():
            return Note(
                joined(say("churn_auc_said", **figures), texts()["churn_auc_means"]), self.lab.language
            )
        value, low, high = gain.select("value", "low", "high").row(0)
        verdict = "churn_better" if low > 0 else "churn_worse" if high < 0 else "churn_not_better"
        said = say(
            verdict,
            baseline=self.name(baseline),
            gain=signed(value, 3) if verdict == "churn_not_better" else decimal(abs(value), 3),
            gain_low=signed(low, 3),
            gain_high=signed(high, 3),
        )
        sentence = joined(say("churn_auc_said", **figures), said, texts()["churn_auc_means"])
        return Note(sentence, self.lab.language, "note" if low > 0 else "warning")

    def _cell(self, model: str, metric: str) -> str | None:
        """Write a figure with the ends of its interval; None where it cannot be told."""
        estimate = self.estimate(model, metric)
        if estimate.value != estimate.value:  # NaN
            return None
        return with_ends(estimate, lambda value: self._written(metric, value))

    def _written(self, metric: str, value: float) -> str:
        if metric == "profit":
            return money(value, self.lab.study.currency).to(self.lab.language)
        if metric == "lift":
            return f"{decimal(value, 1)}×"
        return percent(value) if metric in ("precision", "brier_skill") else decimal(value, 3)

    @property
    def _left_out(self) -> Text | None:
        n = self.without_score
        return say("churn_without_score", n=count(n)) if n else None


def with_ends(estimate: Estimate, how: Callable[[float], str]) -> str:
    """Write a figure with the ends of its interval in brackets."""
    return f"{how(estimate.value)} ({how(estimate.low)} – {how(estimate.high)})"
