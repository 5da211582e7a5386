"""The churn models: two baselines, two that learn from everything, one from P(alive), and the chosen one."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import polars as pl

from crmlab.labels import Text
from crmlab_plugins.churn.base import DEFAULT, SINCE, ChurnModel
from crmlab_plugins.churn.learners import Kind

Choice = Literal["churn-recency", "churn-last-status", "churn-logistic", "churn-boosting", "churn-alive"]
_ALIVE = "mbg-nbd.probability_alive"


class ChurnRecency(ChurnModel):
    """The baseline that any model must beat: days since the last order, and nothing else."""

    title: ClassVar[Text] = Text("最近购买时间（基线）", "days since the last order (baseline)")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The days since the last order."""
        return (SINCE,)


class ChurnLastStatus(ChurnModel):
    """The baseline that says of the next window what was in the last one: whether an order came."""

    title: ClassVar[Text] = Text("上期是否购买（基线）", "bought in the last period or not (baseline)")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The days since the last order, of which only counts whether they are more than a window."""
        return (SINCE,)

    def view(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return whether the last window had no order in place of the days since the last one."""
        return rows.with_columns(
            (pl.col(SINCE).cast(pl.Float64, strict=False) >= self.window_days).alias(SINCE)
        )


class ChurnLogistic(ChurnModel):
    """Regularised logistic regression on ``features``; numbers are splines, classes columns of their own."""

    title: ClassVar[Text] = Text("流失预测（逻辑回归）", "churn by logistic regression")
    features: tuple[str, ...] = DEFAULT

    @property
    def inputs(self) -> tuple[str, ...]:
        """The chosen features."""
        return self.features


class ChurnBoosting(ChurnModel):
    """Histogram gradient boosting on ``features``: trees that find steps and interplay by themselves."""

    title: ClassVar[Text] = Text("流失预测（梯度提升树）", "churn by gradient boosting")
    features: tuple[str, ...] = DEFAULT

    @property
    def kind(self) -> Kind:
        """Boosted trees."""
        return "boosting"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The chosen features."""
        return self.features


class ChurnAlive(ChurnModel):
    """The probability that a customer is still one, by a model of purchases, calibrated for the window.

    ``alive`` names the score, such as ``mbg-nbd.probability_alive``; it is fitted anew on each past day.
    """

    title: ClassVar[Text] = Text("流失预测（存活概率 P(alive)）", "churn by P(alive)")
    alive: str = _ALIVE

    @property
    def inputs(self) -> tuple[str, ...]:
        """The score."""
        return (self.alive,)


class Churn(ChurnModel):
    """The churn model that the study chooses by ``model``; its parameters are those of all of them.

    ``capacity`` is how many customers can be contacted per round, a tenth of those at risk unless given.
    ``contact_cost`` and ``incentive`` are what a contact and an accepted offer cost, ``customer_value``
    what a customer is worth who is kept: the report's profit curve stands on them. ``success_rate`` is
    the share of contacted leavers who stay, where the business has measured it.
    """

    title: ClassVar[Text] = Text("流失预警模型", "churn warning model")
    model: Choice = "churn-logistic"
    features: tuple[str, ...] = DEFAULT
    alive: str = _ALIVE
    capacity: int | None = None
    contact_cost: float = 1.0
    incentive: float = 10.0
    customer_value: float = 200.0
    success_rate: float | None = None

    @property
    def chosen(self) -> ChurnModel:
        """The chosen model with the parameters that it has of these."""
        known: dict[str, Any] = self.get_params()
        kind = _CLASSES[self.model]
        return kind(**{name: known[name] for name in kind.parameter_names()})

    @property
    def kind(self) -> Kind:
        """How the chosen model learns."""
        return self.chosen.kind

    @property
    def inputs(self) -> tuple[str, ...]:
        """The feature columns of the chosen model."""
        return self.chosen.inputs

    def view(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows as the chosen model looks at them."""
        return self.chosen.view(rows)

    def definition(self) -> Text:
        """Say which model was chosen, and what the scores mean."""
        said, chosen = super().definition(), self.chosen.title
        return Text(f"{said.zh}所选模型：{chosen.zh}。", f"{said.en} The chosen model: {chosen.en}.")

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self.capacity is not None and self.capacity < 1:
            problems.append(
                f"capacity is {self.capacity}; give how many customers can be contacted, 1 or more."
            )
        for name in ("contact_cost", "incentive", "customer_value"):
            if getattr(self, name) < 0:
                problems.append(f"{name} is {getattr(self, name)}; give an amount of 0 or more.")
        if self.success_rate is not None and not 0 < self.success_rate <= 1:
            problems.append(f"success_rate is {self.success_rate}; give a share above 0 and not above 1.")
        return problems


_CLASSES: dict[Choice, type[ChurnModel]] = {
    "churn-recency": ChurnRecency,
    "churn-last-status": ChurnLastStatus,
    "churn-logistic": ChurnLogistic,
    "churn-boosting": ChurnBoosting,
    "churn-alive": ChurnAlive,
}
