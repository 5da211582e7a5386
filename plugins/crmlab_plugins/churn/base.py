"""What every churn model shares: snapshots to learn from, calibration in time, scores, and judging."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import nan
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.churn.snapshots import (
    Design,
    Snapshots,
    adjustable,
    features_on,
    outcomes,
    snapshots,
    until,
)
from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Model
from crmlab.labels import Score, Text
from crmlab_plugins.churn import calibrating
from crmlab_plugins.churn.learners import LEARNERS, Kind, Learner, from_state, state_of

if TYPE_CHECKING:
    from crmlab.estimators import Tables

    Floats = NDArray[np.float64]

SINCE = "days_since_last_order"
DEFAULT = (
    SINCE,
    "days_since_first_order",
    "purchase_days",
    "average_days_between_orders",
    "orders_last_90_days",
    "orders_previous_90_days",
    "orders_last_365_days",
    "average_order_value",
    "spend_last_365_days",
    "refund_count",
)
"""What orders alone tell of a customer."""
MOST_ROWS = 100_000
"""Rows that a model learns from, and is calibrated on; of more, every n-th in the order of their values."""
FEWEST = 20
"""Customers of each outcome below which nothing is learned."""


class ChurnModel(Model):
    """Says how likely a customer at risk buys nothing in a window of days, and what that would cost.

    At risk is who has a paid order within ``active_days``; others are gone already and get no score.
    Churned is who has no paid order in the ``window_days`` that begin ``lead_days`` after the day. The
    model learns from snapshots of ``snapshot_days`` past days (see :mod:`crmlab.churn.snapshots`).
    Probabilities are calibrated on days that come after those that were learned from. Expected loss is
    the probability times the column ``value`` times ``margin``. ``feature_settings`` are parameters of
    features, and of models whose scores are inputs, by name, where the study sets them too.
    """

    scores: ClassVar[tuple[Score, ...]] = (
        Score("churn_probability", "probability", "流失概率", "probability of churn"),
        Score("expected_loss", "currency", "预期损失", "expected loss"),
    )
    needs: ClassVar[Text] = Text("付款订单", "paid orders")

    window_days: int = 90
    lead_days: int = 0
    snapshot_days: int = 4
    active_days: int = 365
    value: str = "spend_last_365_days"
    margin: float = 1.0
    feature_settings: dict[str, dict[str, Any]] | None = None

    @property
    def kind(self) -> Kind:
        """How it learns."""
        return "logistic"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The feature columns that it learns from."""
        return DEFAULT

    @property
    def design(self) -> Design:
        """What it predicts, of whom, and from how many past days."""
        return Design(self.window_days, self.lead_days, self.snapshot_days, self.active_days)

    @property
    def requires(self) -> tuple[str, ...]:
        """The inputs, who is at risk, and what a customer is worth."""
        return tuple(dict.fromkeys((*self.inputs, SINCE, self.value)))

    @property
    def verdict(self) -> Text | None:
        """Why nothing could be learned, or what is to be careful about; None if all is well."""
        said = getattr(self, "verdict_", None)
        return None if said is None else Text(said["zh"], said["en"])

    def definition(self) -> Text:
        """Return what the scores mean and how they were learned."""
        lead = Text(
            f"观察日 {self.lead_days} 天之后的 {self.window_days} 天内"
            if self.lead_days
            else f"此后 {self.window_days} 天内",
            f"in the {self.window_days} days that begin {self.lead_days} days after the day"
            if self.lead_days
            else f"in the {self.window_days} days after the day",
        )
        learned = Text("", "")
        if history := getattr(self, "history_", None):
            rows = sum(day["customers"] for day in history)
            learned = Text(
                f"由 {len(history)} 个观察日（{history[0]['observed_on']} 至 {history[-1]['observed_on']}）"
                f"共 {rows:,} 行学习。",
                f" Learned from {rows:,} rows of {len(history)} observation days, "
                f"{history[0]['observed_on']} to {history[-1]['observed_on']}.",
            )
        said = self.verdict or Text("", "")
        return Text(
            f"{self.title.zh}：近 {self.active_days} 天内有付款订单的客户，{lead.zh}没有付款订单的概率，"
            f"用观察日之后的结果校准；预期损失 = 概率 × 客户价值 × {self.margin:g}。{learned.zh}{said.zh}",
            f"{self.title.en}: for customers with a paid order within {self.active_days} days, the "
            f"probability of no paid order {lead.en}, calibrated on later outcomes; expected loss = "
            f"probability × value of the customer × {self.margin:g}.{learned.en}"
            f"{' ' * bool(said.en)}{said.en}",
        )

    def learn(self, rows: Snapshots) -> Self:
        """Learn from snapshots: forward chaining for the calibration, then all rows."""
        self._check_params()
        self.history_ = [
            {**row, "observed_on": str(row["observed_on"]), "window_ends_on": str(row["window_ends_on"])}
            for row in rows.summary.iter_rows(named=True)
        ]
        self.learner_, self.calibration_, self.verdict_ = None, None, None
        rows = replace(rows, rows=self.view(rows.rows))
        known = _canonical(rows.rows, self.inputs)
        if problem := _too_few(known):
            self.verdict_ = problem._asdict()
            self.fitted_ = True
            return self
        learner, pairs = LEARNERS[self.kind], []
        for day in rows.days:
            before, then = (_canonical(part.rows, self.inputs) for part in (rows.ended_by(day), rows.on(day)))
            if _too_few(before) is None and then.height:
                early = learner.learn(before, self.inputs, before["churned"].to_numpy())
                pairs.append((early.log_odds(then), then["churned"].to_numpy()))
        final = learner.learn(known, self.inputs, known["churned"].to_numpy())
        self._keep(final)
        slope = calibrating.slope_of(pairs)
        if slope is None:
            self.verdict_ = _UNCALIBRATED._asdict()
        else:
            last = _canonical(rows.on(rows.days[-1]).rows, self.inputs)
            level = calibrating.level_of(final.log_odds(last), last["churned"].to_numpy(), slope)
            self.calibration_ = {"slope": slope, "intercept": level}
        self.fitted_ = True
        return self

    def probabilities(self, features: pl.DataFrame) -> Floats:
        """Return the probability of churn per row, NaN where nothing was learned."""
        if self.learner_ is None:
            return np.full(features.height, nan)
        return calibrating.apply(self._learner.log_odds(self.view(features)), self.calibration_)

    def contributions(self, features: pl.DataFrame) -> Floats:
        """Return what each input adds to the log-odds of each row: shape (rows, inputs), in their order."""
        if self.learner_ is None:
            return np.full((features.height, len(self.inputs)), nan)
        slope = self.calibration_["slope"] if self.calibration_ else 1.0
        return self._learner.contributions(self.view(features)) * slope

    def evaluate(self, tables: Tables, cutoff: date) -> pl.DataFrame:
        """Judge a fit on what was known by ``cutoff`` by the window after it; baseline: recency alone.

        ``tables`` must reach to the end of that window. Where nothing can be told, values are NaN.
        """
        from crmlab.churn.metrics import auc, average_precision, brier
        from crmlab_plugins.churn.models import ChurnRecency

        after = outcomes(tables["orders"], cutoff, self.design)
        known = until(tables, cutoff)
        basic = {name: getattr(self, name) for name in ("window_days", "lead_days", "snapshot_days")}
        said = {}
        for name, model in (
            ("value", self),
            ("baseline", ChurnRecency(active_days=self.active_days, **basic)),
        ):
            features = features_on(known, model.requires, cutoff, self.feature_settings)
            model.fit(known, features, cutoff)
            said[name] = after.join(model.predict(features), on=KEY, how="left", maintain_order="left")
        both = said["value"].with_columns(baseline=said["baseline"]["churn_probability"]).drop_nulls()
        y, p, plain = (both[name].to_numpy() for name in ("churned", "churn_probability", "baseline"))
        share = float(y.mean()) if len(y) else 0.5
        without = {"auc": 0.5, "average_precision": share, "brier": share * (1 - share)}
        rows = []
        for name, measure in (("auc", auc), ("average_precision", average_precision), ("brier", brier)):
            value, other = measure(y.astype(float), p), measure(y.astype(float), plain)
            told = without[name] if other.value != other.value else other.value
            rows.append((name, value.value, value.low, value.high, told))
        columns = ("metric", "value", "low", "high", "baseline")
        return pl.DataFrame(
            rows, orient="row", schema=dict.fromkeys(columns, pl.Float64) | {"metric": pl.String}
        )

    def view(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows as the model looks at them; the inputs as they are unless it says otherwise."""
        return rows

    def _check_params(self) -> None:
        if problems := self._problems():
            raise ParamsError(" ".join(problems))

    def _problems(self) -> list[str]:
        problems = self.design.problems()
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            problems.append(f"features is {list(self.inputs)}; give one or more columns, each once.")
        if not 0 < self.margin <= 1:
            problems.append(
                f"margin is {self.margin}; give a share above 0 and not above 1, for example 0.3."
            )
        return problems

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        self._check_settings(tables, features, as_of)
        self.learn(snapshots(tables, self.inputs, as_of, self.design, self.feature_settings))

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        since = pl.col(SINCE).cast(pl.Float64, strict=False)
        at_risk = features.select((since <= self.active_days).fill_null(value=False)).to_series()
        chance = pl.Series("churn_probability", self.probabilities(features)).fill_nan(None)
        worth = features[self.value].cast(pl.Float64, strict=False).clip(lower_bound=0) * self.margin
        scores = pl.DataFrame({KEY: features[KEY], "at_risk": at_risk, "p": chance, "worth": worth})
        shown = pl.when("at_risk").then("p")
        return scores.select(KEY, churn_probability=shown, expected_loss=shown * pl.col("worth"))

    def _check_settings(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        """Raise ParamsError where the study makes a feature otherwise than the snapshots would."""
        columns = adjustable(self.inputs)
        if not columns:
            return
        made = features_on(until(tables, as_of), columns, as_of, self.feature_settings)
        both = features.select(KEY, *columns).join(made, on=KEY, suffix="_made", maintain_order="left")
        other = [name for name in columns if not _alike(both[name], both[f"{name}_made"])]
        if other:
            raise ParamsError(
                f"The study sets what makes {', '.join(other)} in its own way, and the past days "
                f"that {type(self).__name__} learns from would be made in another. Give it the same settings "
                "as feature_settings: {name of the feature or model: {parameter: value}}."
            )

    def _keep(self, learner: Learner) -> None:
        self.learner_, frame = state_of(learner)
        if frame is not None:
            self.trees_ = frame
        self._learner = learner

    def __getattr__(self, name: str) -> Any:
        """Build the learner again from the saved state when it is first asked for."""
        if name == "_learner":
            learner = from_state(self.kind, vars(self)["learner_"], vars(self).get("trees_"))
            self._learner = learner
            return learner
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _canonical(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return the rows in an order that values decide, not names; of very many every n-th."""
    if not rows.height:
        return rows
    ordered = rows.drop(KEY).sort("observed_on", "churned", *columns, maintain_order=True)
    return ordered.gather_every(-(-ordered.height // MOST_ROWS))


def _too_few(rows: pl.DataFrame) -> Text | None:
    churned = int(rows["churned"].sum()) if rows.height else 0
    if min(churned, rows.height - churned) >= FEWEST:
        return None
    if not rows.height:
        return Text(
            "订单历史太短，还没有一个观察日可供学习，因此不给出流失概率；"
            "请等到历史更长，或把 window_days 设小。",
            "The history of orders is too short for a single observation day to learn from, so there are no "
            "probabilities; wait for more history, or set fewer window_days.",
        )
    return Text(
        f"过去的观察日共 {rows.height:,} 行，其中流失 {churned:,} 行；流失与留存各至少要 {FEWEST} 行"
        "才能学习，因此不给出流失概率。",
        f"Of {rows.height:,} rows of past observation days {churned:,} churned; it takes at least {FEWEST} "
        "of each outcome to learn from, so there are no probabilities.",
    )


_UNCALIBRATED = Text(
    "历史只够一个观察日，概率未能用之后的结果校准，只宜用来排序。",
    "The history has room for one observation day only, so the probabilities are not calibrated on later "
    "outcomes: use them to rank.",
)


def _alike(given: pl.Series, made: pl.Series) -> bool:
    """Say whether two versions of a column agree wherever both are known."""
    both = given.is_not_null() & made.is_not_null()
    first, second = given.filter(both), made.filter(both)
    if first.dtype.is_numeric() and second.dtype.is_numeric():
        return bool(np.allclose(first.cast(pl.Float64), second.cast(pl.Float64), rtol=1e-9, atol=1e-9))
    return first.cast(pl.String).equals(second.cast(pl.String))
