"""Models of uplift, learned from the campaigns of a study that held out some customers by chance."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Model
from crmlab.labels import Score, Text
from crmlab.targeting.experiment import WINDOW
from crmlab.targeting.history import COLUMNS
from crmlab.view.numbers import count
from crmlab_plugins.targeting import learners
from crmlab_plugins.targeting.judging import judged
from crmlab_plugins.targeting.past_contacts import later_experiment, past_experiment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.estimators import Tables

    Floats = NDArray[np.float64]

FEWEST = 50
"""Customers who returned, and who did not, that an arm must have to learn from it."""


class UpliftModel(Model):
    """What both models share: features of the order history, learning from past contacts, judging.

    ``window_days`` are the days after a contact in which a purchase counts, ``penalty`` shrinks the
    coefficients of standardised columns (L2). Without enough past contacts the score is null.
    """

    title: ClassVar[Text] = Text("增量模型", "Uplift model")
    needs: ClassVar[Text] = Text(
        "带随机对照组的营销触达记录和订单",
        "contacts of campaigns with a randomised control group, and orders",
    )
    scores: ClassVar[tuple[Score, ...]] = (
        Score(
            "uplift", "ratio", "触达带来的回购概率增量", "gain in the probability to buy through a contact"
        ),
    )
    how: ClassVar[Text]
    window_days: int = WINDOW
    penalty: float = 1.0

    @property
    def requires(self) -> tuple[str, ...]:
        """The customer summary as of the day; learned from is that of the day before each contact."""
        return COLUMNS

    def definition(self) -> Text:
        """Return what the score is and what it was learned from."""
        learned: dict[str, Any] = getattr(self, "learned_", {})
        meaning = Text(
            f"触达后 {self.window_days} 天内购买的概率，比不触达高多少；{self.how.zh}"
            "所用特征为触达前一天的订单数、累计消费、客单价、距首次和最近一次购买的天数。",
            f"By how much a contact raises the probability to buy within {self.window_days} days. "
            f"{self.how.en} Its columns are orders, spend, average order value, and days since the first and "
            "the last order, as of the day before the contact.",
        )
        if not hasattr(self, "learned_"):
            return meaning
        if not learned:
            return Text(
                f"{meaning.zh}带对照组的触达记录不足（每组至少需要 {FEWEST} 人购买、{FEWEST} 人未购买），"
                "因此没有得分。",
                f"{meaning.en} There are too few contacts with a control group (each arm needs {FEWEST} "
                f"customers who bought and {FEWEST} who did not), so nobody has a score.",
            )
        treated, control = count(learned["contacted"]), count(learned["held_out"])
        return Text(
            f"{meaning.zh}由 {treated} 人次触达与 {control} 人次对照学得。",
            f"{meaning.en} Learned from {treated} contacted and {control} held out.",
        )

    def held_out_uplift(self, customers: pl.DataFrame, seed: int = 0) -> Floats:
        """Return the uplift of half of the customers by a model learned from the others, NaN for those."""
        import numpy as np

        ids = customers["customer_id"].unique().sort()
        half = pl.Series(np.random.default_rng(seed).permutation(len(ids)) % 2)
        side = customers.select(pl.col("customer_id").replace_strict(ids, half)).to_series().to_numpy()
        told = np.full(customers.height, np.nan)
        learned = self._learn(customers.filter(pl.Series(side == 1)))
        if learned:
            told[side == 0] = learners.uplift(learned, _matrix(customers.filter(pl.Series(side == 0))))
        return told

    def evaluate(self, tables: Tables, cutoff: date) -> pl.DataFrame:
        """Learn from the campaigns over by ``cutoff``, and judge the ranking on those that came after."""
        learned = self._learned_by(tables, cutoff)
        later = later_experiment(tables, cutoff, self.window_days)
        if not learned or later is None or not later.learnable.height:
            return judged(None)
        rows = later.learnable
        return judged(rows.with_columns(score=pl.Series(learners.uplift(learned, _matrix(rows)))))

    def _check_params(self) -> None:
        if self.window_days < 1:
            raise ParamsError(f"window_days is {self.window_days}; it must be 1 or more, for example 30.")
        if self.penalty <= 0:
            raise ParamsError(f"penalty is {self.penalty}; it must be above 0, for example 1.")

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        self.learned_ = self._learned_by(tables, as_of)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        known = features.select(
            complete=pl.all_horizontal(pl.col(COLUMNS).is_not_null()) & bool(self.learned_)
        ).to_series()
        gain = pl.repeat(None, features.height, dtype=pl.Float64, eager=True)
        if known.any():
            told = learners.uplift(self.learned_, _matrix(features.filter(known)))
            gain = gain.scatter(known.arg_true(), pl.Series(told))
        return features.select("customer_id", uplift=gain)

    def _learned_by(self, tables: Tables, day: date) -> dict[str, Any]:
        past = past_experiment(tables, day, self.window_days)
        return {} if past is None else self._learn(past.learnable)

    def _learn(self, customers: pl.DataFrame) -> dict[str, Any]:
        """Return what was learned; nothing where there is too little to learn from."""
        arms = customers.group_by("treated").agg(
            pl.len(), fewest=pl.min_horizontal(pl.col("returned").sum(), (~pl.col("returned")).sum())
        )
        if arms.height < 2 or int(arms["fewest"].min() or 0) < FEWEST:  # type: ignore[arg-type]
            return {}
        columns = (customers[name].to_numpy() for name in ("treated", "returned", "propensity"))
        sizes = dict(arms.select("treated", "len").iter_rows())
        return {
            **self._learned_from(_matrix(customers), *columns),
            "contacted": sizes[True],
            "held_out": sizes[False],
        }

    @abstractmethod
    def _learned_from(
        self, features: Floats, treated: Floats, outcome: Floats, propensity: Floats
    ) -> learners.Learned:
        """Learn from arrays."""


class TwoModel(UpliftModel):
    """Uplift as the difference of two logistic regressions, of the contacted and of the control group."""

    title: ClassVar[Text] = Text("双模型增量", "Two-model uplift")
    how: ClassVar[Text] = Text(
        "分别对触达组和对照组做逻辑回归，取两者概率之差。",
        "It is the difference of two logistic regressions, of the contacted and of the control group.",
    )

    def _learned_from(
        self, features: Floats, treated: Floats, outcome: Floats, propensity: Floats
    ) -> learners.Learned:
        return learners.two_model(features, treated, outcome, propensity, self.penalty)


class TransformedOutcome(UpliftModel):
    """Uplift as a ridge regression of an outcome transformed so that its mean is the uplift."""

    title: ClassVar[Text] = Text("结果变换增量", "Transformed-outcome uplift")
    how: ClassVar[Text] = Text(
        "对变换后的结果（其均值等于增量）做岭回归。",
        "It is a ridge regression of the outcome, transformed so that its mean is the gain.",
    )

    def _learned_from(
        self, features: Floats, treated: Floats, outcome: Floats, propensity: Floats
    ) -> learners.Learned:
        return learners.transformed_outcome(features, treated, outcome, propensity, self.penalty)


def _matrix(customers: pl.DataFrame) -> Floats:
    """Return the columns in logs, and recency squared as well: its effect may rise and fall."""
    logs = [pl.col(name).cast(pl.Float64).clip(0).log1p() for name in COLUMNS]
    recency = pl.col("days_since_last_order").cast(pl.Float64).clip(0).log1p() ** 2
    return customers.select(*logs, recency.alias("recency_squared")).to_numpy()
