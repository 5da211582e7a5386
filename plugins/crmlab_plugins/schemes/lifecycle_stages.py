"""Lifecycle stages: contact, acquisition, development, retention, churn."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.features.milestones import GROWTH
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.staged import BOUGHT, FIRST_ORDER, ORDERS, Staged


class LifecycleStages(Staged):
    """By the relation's course: contact, acquisition, development, retention, churn.

    Contact is whoever never bought, acquisition whoever bought on one day so far. Of those who bought
    again, development are the growing ones (spend, orders or a new category; see the feature
    ``order-growth``), retention the steady ones. All who bought are in churn once they fall silent beyond
    the limit of :class:`~crmlab_plugins.rules.lapse.Lapse`.
    """

    title: ClassVar[Text] = Text("客户生命周期阶段", "Lifecycle stages")
    journey: ClassVar[tuple[str, ...]] = ("contact", "acquisition", "development", "retention")
    exit: ClassVar[str] = "churn"
    gone: ClassVar[Text] = Text("流失", "Churn")
    scheme: ClassVar[Scheme] = Scheme(
        id="lifecycle-stages",
        zh="客户生命周期阶段",
        en="Lifecycle stages",
        labels=(
            Label("retention", "留存阶段", "Retention"),
            Label("development", "发展阶段", "Development"),
            Label("acquisition", "获取阶段", "Acquisition"),
            Label("contact", "接触阶段", "Contact"),
            Label("churn", "流失阶段", "Churn"),
        ),
        axes=("loyalty", "revenue"),
    )

    @property
    def milestones(self) -> tuple[str, ...]:
        """How the purchases of a repeat buyer go, and since when."""
        return (
            *("growth_state", "days_since_growth_changed", "days_since_first_growth"),
            *("days_since_first_steady_order", "growth_days"),
        )

    def definition(self) -> Text:
        """Return the rule in words, with the learned gap once fitted."""
        rule = self.lapse_rule()
        return Text(
            "从未付款购买为接触阶段；只在一天买过为获取阶段；"
            "再次购买后，近期（默认 90 天）消费或订单数比之前同样长的时间"
            f"增加（默认至少 20%）或购买了新品类的为发展阶段，其余为留存阶段。{rule.zh}",
            "Contact: never bought. Acquisition: bought on one day so far. Of those who bought again, "
            "development: spend or orders of the last days (90 by default) above those of as many days "
            f"before (by 20% at least by default), or a new category; retention: all others. {rule.en}",
        )

    def _reached(self) -> dict[str, pl.Expr]:
        now_steady = pl.when(_STEADY, ~self.is_lost).then("days_since_growth_changed")
        return {
            "contact": self.days_known(),
            "acquisition": pl.col(FIRST_ORDER),
            "development": pl.col("days_since_first_growth"),
            "retention": pl.max_horizontal("days_since_first_steady_order", now_steady),
            "churn": self.days_lost(),
        }

    def _present(self) -> dict[str, pl.Expr]:
        changed = pl.col("days_since_growth_changed")
        return {"development": changed, "retention": changed}

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        label = (
            pl.when(~BOUGHT)
            .then(pl.lit("contact"))
            .when(self.is_lost)
            .then(pl.lit("churn"))
            .when(_STATE.is_null())
            .then(pl.lit("acquisition"))
            .when(_STEADY)
            .then(pl.lit("retention"))
            .otherwise(pl.lit("development"))
        )
        return features.select(label=label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        sure = pl.when(BOUGHT).then(self.clear_of_loss()).otherwise(1.0)
        return features.select(confidence=sure).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        grown = [
            _STATE.replace_strict(
                {state: words.to(language) for state, words in GROWTH.items()},
                default=None,
                return_dtype=pl.String,
            )
            for language in ("zh", "en")
        ]
        changed, window = pl.col("days_since_growth_changed"), wording.number(pl.col("growth_days"))
        ago_zh, ago_en = wording.ago(pl.col(FIRST_ORDER))
        once = pl.format("只在一天买过，{}", ago_zh), pl.format("bought on one day only, {}", ago_en)
        growing = (
            pl.format(
                "近 {} 天{}，增长已持续 {} 天；已购买 {} 次", window, grown[0], *_numbers(changed, ORDERS)
            ),
            pl.format(
                "growing for {} ({} in the last {} days); {}",
                wording.counted(changed, "day"),
                grown[1],
                window,
                wording.counted(ORDERS, "order"),
            ),
        )
        steady = (
            pl.format("近 {} 天没有增长，已持续 {} 天；已购买 {} 次", window, *_numbers(changed, ORDERS)),
            pl.format(
                "steady for {} (no growth in the last {} days); {}",
                wording.counted(changed, "day"),
                window,
                wording.counted(ORDERS, "order"),
            ),
        )
        said = []
        for language in (0, 1):
            bought = (
                pl.when(self.is_lost)
                .then(self.lost_words()[language])
                .when(_STATE.is_null())
                .then(once[language])
                .when(_STEADY)
                .then(steady[language])
                .otherwise(growing[language])
            )
            said.append(pl.when(BOUGHT).then(bought).otherwise(self.prospect_words()[language]))
        return wording.reasons(features, *said)


def _numbers(*values: pl.Expr) -> list[pl.Expr]:
    return [wording.number(value) for value in values]


_STATE = pl.col("growth_state")
_STEADY = _STATE == "steady"
