"""A backtest of one flat table: attributes of customers beside whether they left, without any date.

Without dates there is no forward chaining; each customer is judged once, by models that learned from
the others (stratified folds). What such a table cannot show is when its columns were written down, so
that the search for leakage comes first and can refuse the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from crmlab.churn.figures import DECIMALS, METRIC_NAMES, METRICS, figures, margin_words
from crmlab.churn.leakage import NEAR_ONE, Leakage, leakage
from crmlab.churn.metrics import auc_difference
from crmlab.churn.snapshots import Design, LearnsChurn, Snapshots
from crmlab.churn.strength import strength
from crmlab.errors import DataError, ParamsError, did_you_mean
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

EVERYBODY, SINGLE = "everybody", "single-column"
MODELS = ("churn-logistic", "churn-boosting")
_DAY = date(2000, 1, 1)
"""Stands for the day that a table without dates was taken on."""


@dataclass(frozen=True)
class TableBacktest:
    """What models say of customers that they have not learned from.

    ``scores`` has ``row``, ``fold`` (from 0), ``churned`` and a probability per model, baselines first:
    ``everybody`` gets the share of the training rows, ``single-column`` learns from the strongest column.
    """

    scores: pl.DataFrame
    names: tuple[str, ...]
    columns: tuple[str, ...]
    leakage: Leakage
    language: Language = "zh"

    @cached_property
    def folds(self) -> pl.DataFrame:
        """One row per fold, model and metric, with ``value``, ``low`` and ``high``; ``fold`` from 0."""
        rows = []
        for (fold,), part in self.scores.group_by("fold", maintain_order=True):
            y = part["churned"].cast(pl.Float64).to_numpy()
            for name in self.names:
                for metric, value in figures(y, part[name].to_numpy(), max(1, round(len(y) * 0.1))).items():
                    rows.append((fold, name, metric, *value))
        schema = {
            "fold": pl.Int64,
            "model": pl.String,
            "metric": pl.String,
            **dict.fromkeys(_ENDS, pl.Float64),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per model and metric, baselines first: the mean of the folds.

        ``model``, ``metric``, ``value``, ``low``, ``high`` (95 %: each customer is judged once, so that the
        errors of the folds add as those of a mean of independent figures) and ``deviation`` over the folds.
        """
        rows = []
        for name in self.names:
            for metric in METRICS:
                part = self.folds.filter((pl.col("model") == name) & (pl.col("metric") == metric))
                value = cast("float", part["value"].mean())
                reach = [sqrt(sum(gap**2 for gap in part["value"] - part["low"])) / part.height]
                reach.append(sqrt(sum(gap**2 for gap in part["high"] - part["value"])) / part.height)
                rows.append((name, metric, value, value - reach[0], value + reach[1], part["value"].std()))
        ends = dict.fromkeys((*_ENDS, "deviation"), pl.Float64)
        return pl.DataFrame(rows, schema={"model": pl.String, "metric": pl.String, **ends}, orient="row")

    def figure(self, model: str, metric: str = "auc") -> Estimate:
        """Return a metric of a model, the mean of the folds."""
        row = self.summary.row(
            by_predicate=(pl.col("model") == model) & (pl.col("metric") == metric), named=True
        )
        return Estimate(row["value"], row["low"], row["high"])

    @property
    def winner(self) -> str:
        """The model with the highest mean AUC."""
        return max(self.names, key=lambda name: self.figure(name).value)

    @cached_property
    def margin(self) -> Estimate:
        """By how much the AUC of the winner is above that of the strongest single column: folds' mean."""
        parts = []
        for _, part in self.scores.group_by("fold", maintain_order=True):
            y = part["churned"].cast(pl.Float64).to_numpy()
            parts.append(auc_difference(y, part[self.winner].to_numpy(), part[SINGLE].to_numpy()))
        value = sum(part.value for part in parts) / len(parts)
        reach = sqrt(sum((part.high - part.value) ** 2 for part in parts)) / len(parts)
        return Estimate(value, value - reach, value + reach) if value == value else UNKNOWN

    @property
    def success(self) -> bool:
        """Whether a model beats the strongest single column beyond doubt, and no column knows the outcome."""
        clean = not self.leakage.found and self.figure(self.winner).value < NEAR_ONE
        return clean and self.winner in MODELS and self.margin.low > 0

    def explain(self) -> Text:
        """Return the verdict in words: refused where a column knows the outcome."""
        area = self.figure(self.winner)
        model = _title(self.winner)
        if self.leakage.found:
            refused = say("churn_backtest_refused", model=model, auc=decimal(area.value, 3))
            return joined(refused, self.leakage.explain())
        if area.value >= NEAR_ONE:
            return joined(
                say("churn_backtest_refused", model=model, auc=decimal(area.value, 3)),
                say("churn_leak_model"),
            )
        said = say(
            "churn_table_winner",
            n=count(self.scores.height),
            base=percent(self.leakage.base_rate),
            folds=self.scores["fold"].n_unique(),
            model=model,
            auc=decimal(area.value, 3),
            low=decimal(area.low, 3),
            high=decimal(area.high, 3),
        )
        ends = margin_words(self.margin)
        key = "churn_backtest_margin" if self.margin.low > 0 else "churn_backtest_no_margin"
        compared = say(key, baseline=_title(SINGLE), **ends)
        return joined(said, compared, say("churn_table_chosen", n=len(MODELS)), self.leakage.explain())

    def note(self) -> Note:
        """Show :meth:`explain`, as a warning where the result is refused."""
        from crmlab.view.findings import Note

        return Note(self.explain(), self.language, "note" if self.success else "warning")

    def table(self) -> Table:
        """Show the summary, a row per model."""
        from crmlab.view.tables import Column, Table

        words = texts()
        rows = []
        for name in self.names:
            row: dict[str, Any] = {"name": _title(name).to(self.language)}
            for metric in METRICS:
                value = self.figure(name, metric)
                row |= {metric: value.value, f"{metric}_interval": [value.low, value.high]}
            rows.append(row)
        columns = [Column("name", words["churn_backtest_model"])]
        for metric in METRICS:
            kind: Any = "percent" if metric == "precision" else "decimal"
            columns.append(Column(metric, words[METRIC_NAMES[metric]], kind, decimals=DECIMALS[metric]))
            columns.append(Column(f"{metric}_interval", words["interval_95"], "interval", of=kind))
        return Table(
            pl.DataFrame(rows),
            columns,
            caption=say("churn_table_caption", folds=self.scores["fold"].n_unique()),
            note=say("churn_table_note", n=count(self.scores.height), columns=len(self.columns)),
            language=self.language,
        )


def table_backtest(
    frame: pl.DataFrame,
    label: str,
    *,
    columns: Sequence[str] | None = None,
    key: str | None = None,
    folds: int = 5,
    seed: int = 0,
    language: Language = "zh",
) -> TableBacktest:
    """Judge models on a flat table by stratified folds, after looking for columns that know the outcome.

    ``label`` is the column that says who left: Boolean, 0 and 1, a date of the end (empty: stayed), or
    the words Yes/No, 是/否, 流失/留存. ``columns`` are all others but ``key``, the id, unless given. The
    model's choices (how strict it is) are made within the training folds. Raises DataError where the label is
    none of these, ParamsError for columns that are not there or folds that cannot be.
    """
    churned = _label(frame, label)
    chosen = tuple(columns or (name for name in frame.columns if name not in (label, key)))
    absent = [name for name in chosen if name not in frame.columns]
    if absent or label in chosen or not chosen:
        raise ParamsError(
            f"columns must be columns of the table other than the label; {absent or [label]} is not one."
            f"{''.join(did_you_mean(name, frame.columns) for name in absent[:1])}"
        )
    least = int(min(churned.sum(), (~churned).sum()))
    if not 2 <= folds <= least:
        raise ParamsError(
            f"folds is {folds}; the rarer outcome has {least} customers: give 2 to {least} folds."
        )
    numbered = [f"{place:09}" for place in range(frame.height)]
    rows = frame.select(chosen).with_columns(
        pl.Series(KEY, numbered), pl.lit(_DAY).alias("observed_on"), pl.Series("churned", churned)
    )
    fold = _folds(churned, folds, seed)
    made = []
    for place in range(folds):
        train, test = rows.filter(fold != place), rows.filter(fold == place)
        strongest = _strongest(train, chosen)
        said: dict[str, Any] = {EVERYBODY: [train["churned"].mean()] * test.height}
        for name, inputs in ((SINGLE, (strongest,)), *((model, chosen) for model in MODELS)):
            model = _model(MODELS[0] if name == SINGLE else name, inputs)
            said[name] = model.learn(Snapshots(train, inputs, Design())).probabilities(test)
        made.append(
            test.select(
                row=pl.col(KEY).cast(pl.Int64), fold=pl.lit(place, pl.Int64), churned="churned"
            ).with_columns(pl.Series(name, values, dtype=pl.Float64) for name, values in said.items())
        )
    found = leakage(rows.drop("observed_on"), chosen, "churned", language=language)
    return TableBacktest(pl.concat(made), (EVERYBODY, SINGLE, *MODELS), chosen, found, language)


def _model(name: str, inputs: tuple[str, ...]) -> LearnsChurn:
    from crmlab import registry

    return cast("LearnsChurn", registry.models[name].from_params({"features": list(inputs)}))


def _label(frame: pl.DataFrame, label: str) -> pl.Series:
    if label not in frame.columns:
        raise ParamsError(f"The table has no column {label!r}.{did_you_mean(label, frame.columns)}")
    values = frame[label]
    if values.dtype.is_temporal():
        return values.is_not_null()
    if values.null_count():
        raise DataError(
            f"{values.null_count()} customers have no value in the column {label!r}: who left must be known "
            "of everybody. Leave these rows out, or fill the column."
        )
    if values.dtype == pl.Boolean:
        return values
    words = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    told = words.replace_strict(_WORDS, default=None, return_dtype=pl.Boolean)
    if told.null_count():
        raise DataError(
            f"{told.null_count()} customers have a value in the column {label!r} that says neither yes nor "
            "no. Allowed: true/false, 1/0, yes/no, 是/否, 流失/留存, or a date of the end."
        )
    return told


def _folds(churned: pl.Series, folds: int, seed: int) -> pl.Series:
    """Deal the rows of each outcome out over the folds at random."""
    import numpy as np

    rng, place = np.random.default_rng(seed), np.empty(len(churned), dtype=np.int64)
    for outcome in (True, False):
        rows = rng.permutation((churned == outcome).arg_true().to_numpy())
        place[rows] = np.arange(len(rows)) % folds
    return pl.Series(place)


def _strongest(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    y = rows["churned"].cast(pl.Float64)
    areas = {name: strength(rows[name], y).value for name in columns}
    return max(columns, key=lambda name: areas[name] if areas[name] == areas[name] else 0.0)


def _title(name: str) -> Text:
    from crmlab import registry

    if name in MODELS:
        title: Text = registry.models[name].title
        return title
    return texts()["churn_table_everybody" if name == EVERYBODY else "churn_table_single"]


_ENDS = ("value", "low", "high")
_WORDS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "y", "是", "流失", "已流失", "churned"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "n", "否", "留存", "未流失", "stayed"), False),
}
