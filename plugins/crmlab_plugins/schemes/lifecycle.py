"""Lifecycle: prospect, new, existing or lost; and the same by loyalty."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.features.milestones import MILESTONES
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.lapse import Dormancy, clearness
from crmlab_plugins.rules.staged import BOUGHT, FIRST_ORDER, ORDERS, Staged

_PROSPECT = Label("prospect", "潜在客户", "Prospect")
_LOST = Label("lost", "流失客户", "Lost")


class Lifecycle(Staged):
    """By the number of orders, the age of the first, and silence: prospect, new, existing, lost.

    New is whoever bought first within ``new_within_days`` days, or has one order; existing is whoever
    has two or more and bought first before that. Both are lost once they fall silent beyond the limit of
    :class:`~crmlab_plugins.rules.lapse.Lapse`; with ``counts_lost`` off that class is left out.
    """

    title: ClassVar[Text] = Text("客户生命周期分类", "Customer lifecycle")
    journey: ClassVar[tuple[str, ...]] = ("prospect", "new", "existing")
    exit: ClassVar[str] = "lost"
    name: ClassVar[str] = "lifecycle"

    new_within_days: int = 90
    counts_lost: bool = True

    @property
    def scheme(self) -> Scheme:
        """The stages, best first."""
        labels = (Label("existing", "老客户", "Existing"), Label("new", "新客户", "New"), _PROSPECT)
        return Scheme(
            id=self.name,
            zh=self.title.zh,
            en=self.title.en,
            labels=(*labels, _LOST) if self.counts_lost else labels,
            axes=("loyalty",),
        )

    @property
    def milestones(self) -> tuple[str, ...]:
        """The second order makes a customer an existing one."""
        return ("days_since_order_2",)

    def definition(self) -> Text:
        """Return the rule in words, with the learned gap once fitted."""
        rule = (
            self.lapse_rule()
            if self.counts_lost
            else Text("不单列流失客户。", "Lost customers are no class.")
        )
        return Text(
            "从未付款购买为潜在客户；"
            f"首次购买不超过 {self.new_within_days} 天，或只有 1 个付款订单，为新客户；"
            f"至少 2 个付款订单且首次购买更早，为老客户。{rule.zh}",
            f"Prospect: never bought. New: first order within {self.new_within_days} days, or one order "
            f"only. Existing: two orders or more, the first earlier than that. {rule.en}",
        )

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self.new_within_days < 0:
            problems.append(f"new_within_days is {self.new_within_days}; it must be 0 or more.")
        return problems

    def _reached(self) -> dict[str, pl.Expr]:
        grown = pl.col(FIRST_ORDER) - self.new_within_days - 1
        existing = pl.min_horizontal("days_since_order_2", grown)
        reached = {
            "prospect": self.days_known(),
            "new": pl.col(FIRST_ORDER),
            "existing": pl.when(ORDERS > 1, grown >= 0).then(existing),
        }
        return reached | ({"lost": self.days_lost()} if self.counts_lost else {})

    def _gone(self) -> pl.Expr:
        return self.is_lost.fill_null(value=False) if self.counts_lost else pl.lit(value=False)

    def _is_new(self) -> pl.Expr:
        return (ORDERS == 1) | (pl.col(FIRST_ORDER) <= self.new_within_days)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        label = (
            pl.when(~BOUGHT)
            .then(pl.lit("prospect"))
            .when(self._gone())
            .then(pl.lit("lost"))
            .when(self._is_new())
            .then(pl.lit("new"))
            .otherwise(pl.lit("existing"))
        )
        return features.select(label=label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        age, limit = pl.col(FIRST_ORDER), pl.lit(self.new_within_days)
        by_age = clearness((age - limit).abs(), limit / 2)
        stage = pl.when(ORDERS == 1).then(1.0).otherwise(by_age)
        if self.counts_lost:
            clear = self.clear_of_loss()
            stage = pl.when(self._gone()).then(clear).otherwise(pl.min_horizontal(clear, stage))
        return features.select(confidence=pl.when(BOUGHT).then(stage).otherwise(1.0)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        said = []
        age = pl.col(FIRST_ORDER)
        ago_zh, ago_en = wording.ago(age)
        one = pl.format("仅购买 1 次，{}", ago_zh), pl.format("one order, {}", ago_en)
        young = (
            f"，首次购买不超过 {self.new_within_days} 天",
            f"; first order within {self.new_within_days} days",
        )
        for language in (0, 1):
            orders = self.order_words()[language]
            bought = (
                pl.when(self._gone())
                .then(self.lost_words()[language])
                .when(ORDERS == 1)
                .then(one[language])
                .when(self._is_new())
                .then(orders + young[language])
                .otherwise(orders)
            )
            said.append(pl.when(BOUGHT).then(bought).otherwise(self.prospect_words()[language]))
        return wording.reasons(features, *said)


class NeedStage(Lifecycle):
    """The lifecycle without lost customers: prospect, new, existing."""

    title: ClassVar[Text] = Text("客户需求分类", "Customer need stage")
    alias_of: ClassVar[str | None] = "lifecycle"
    name: ClassVar[str] = "customer-need-stage"

    counts_lost: bool = False


class LoyaltyStage(Staged, Dormancy):
    """By loyalty: prospect, initial, loyal, lost.

    Loyal is whoever has ``loyal_orders`` paid orders or more, bought first at least
    ``loyal_tenure_days`` days ago and in at least the share ``loyal_share`` of the 30-day periods since
    then, and is active: not beyond the first limit of :class:`~crmlab_plugins.rules.lapse.Dormancy`. Initial
    is whoever bought, is not loyal and not lost; a loyal customer who falls dormant is initial again
    from the day after the limit. The share has no date, so the day on which a customer became loyal is
    that of orders and tenure.
    """

    title: ClassVar[Text] = Text("客户忠诚阶段", "Loyalty stage")
    journey: ClassVar[tuple[str, ...]] = ("prospect", "initial", "loyal")
    exit: ClassVar[str] = "lost"
    scheme: ClassVar[Scheme] = Scheme(
        id="loyalty-stage",
        zh="客户忠诚阶段",
        en="Loyalty stage",
        labels=(
            Label("loyal", "忠诚客户", "Loyal"),
            Label("initial", "初始客户", "Initial"),
            _PROSPECT,
            _LOST,
        ),
        axes=("loyalty",),
    )

    loyal_orders: int = 4
    loyal_tenure_days: int = 180
    loyal_share: float = 0.0

    @property
    def milestones(self) -> tuple[str, ...]:
        """The order from which on a customer can be loyal, and how regularly he buys."""
        return (self._milestone, "active_period_share")

    @property
    def _milestone(self) -> str:
        return f"days_since_order_{self.loyal_orders}"

    def definition(self) -> Text:
        """Return the rule in words, with the learned gap once fitted."""
        rule, share = self.band_rule(), f"{self.loyal_share:.0%}"
        regular = Text(
            f"、自首次购买起至少 {share} 的月份（每 30 天）有购买" if self.loyal_share else "",
            f", orders in at least {share} of the 30-day periods since" if self.loyal_share else "",
        )
        return Text(
            f"从未付款购买为潜在客户；至少 {self.loyal_orders} 个付款订单、首次购买至少 "
            f"{self.loyal_tenure_days} 天{regular.zh}且状态为活跃的，为忠诚客户；"
            f"流失的为流失客户；其余为初始客户。状态：{rule.zh}",
            f"Prospect: never bought. Loyal: at least {self.loyal_orders} orders, the first at least "
            f"{self.loyal_tenure_days} days ago{regular.en}, and active. Initial: all others who bought and "
            f"are not lost. Status: {rule.en}",
        )

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self.loyal_orders not in MILESTONES:
            problems.append(
                f"loyal_orders is {self.loyal_orders}; it must be from {MILESTONES[0]} to {MILESTONES[-1]}."
            )
        if self.loyal_tenure_days < 0:
            problems.append(f"loyal_tenure_days is {self.loyal_tenure_days}; it must be 0 or more.")
        if not 0 <= self.loyal_share <= 1:
            problems.append(
                f"loyal_share is {self.loyal_share:g}; it is a share from 0 to 1, for example 0.5."
            )
        return problems

    def _reached(self) -> dict[str, pl.Expr]:
        grown = pl.col(FIRST_ORDER) - self.loyal_tenure_days
        return {
            "prospect": self.days_known(),
            "initial": pl.col(FIRST_ORDER),
            "loyal": pl.when(self._deserves()).then(pl.min_horizontal(self._milestone, grown)),
            "lost": self.days_lost(),
        }

    def _present(self) -> dict[str, pl.Expr]:
        dormant = self.since - self.dormant_limit.floor() - 1
        fell = pl.when(self._deserves(), self._is_dormant()).then(dormant)
        return {"initial": pl.coalesce(fell, FIRST_ORDER)}

    def _deserves(self) -> pl.Expr:
        """Whether everything but the status makes a customer loyal."""
        return ~(self._few() | self._young() | self._irregular())

    def _few(self) -> pl.Expr:
        return ORDERS.lt(self.loyal_orders)

    def _young(self) -> pl.Expr:
        return pl.col(FIRST_ORDER) < self.loyal_tenure_days

    def _irregular(self) -> pl.Expr:
        return pl.col("active_period_share") < self.loyal_share

    def _is_dormant(self) -> pl.Expr:
        return self.since > self.dormant_limit

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        label = (
            pl.when(~BOUGHT)
            .then(pl.lit("prospect"))
            .when(self.is_lost)
            .then(pl.lit("lost"))
            .when(self._deserves(), ~self._is_dormant())
            .then(pl.lit("loyal"))
            .otherwise(pl.lit("initial"))
        )
        return features.select(label=label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear, age = self.clear_of_limits(), pl.lit(self.loyal_tenure_days)
        by_age = (
            clearness((pl.col(FIRST_ORDER) - age).abs(), age / 2) if self.loyal_tenure_days else pl.lit(1.0)
        )
        # Whoever misses several conditions is as surely not loyal as the one missed by most says.
        missed = pl.max_horizontal(
            pl.when(self._few() | self._irregular()).then(1.0),
            pl.when(self._young()).then(by_age),
            pl.when(self._is_dormant()).then(clear),
        )
        initial = pl.min_horizontal(self.clear_of_loss(), missed)
        bought = (
            pl.when(self.is_lost)
            .then(clear)
            .when(self._deserves(), ~self._is_dormant())
            .then(pl.min_horizontal(clear, by_age))
            .otherwise(initial)
        )
        return features.select(confidence=pl.when(BOUGHT).then(bought).otherwise(1.0)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        share = wording.percent(pl.col("active_period_share"))
        days, wanted = wording.short(self.dormant_limit), f"{self.loyal_share:.0%}"
        because = (
            (
                self._few(),
                pl.lit(f"；不足 {self.loyal_orders} 次"),
                pl.lit(f"; fewer than {self.loyal_orders} orders"),
            ),
            (
                self._young(),
                pl.lit(f"；首次购买不满 {self.loyal_tenure_days} 天"),
                pl.lit(f"; the first less than {self.loyal_tenure_days} days ago"),
            ),
            (
                self._irregular(),
                pl.format(f"；有购买的月份占 {{}}，不足 {wanted}", share),
                pl.format(f"; orders in {{}} of the 30-day periods, less than {wanted}", share),
            ),
            (
                self._is_dormant(),
                pl.format("；超过休眠界限 {} 天", days),
                pl.format("; beyond the {}-day limit for dormant", days),
            ),
        )
        said = []
        for language in (0, 1):
            orders = self.order_words()[language]
            why = pl.coalesce(*(pl.when(case[0]).then(case[1 + language]) for case in because), pl.lit(""))
            bought = pl.when(self.is_lost).then(self.lost_words()[language]).otherwise(orders + why)
            said.append(pl.when(BOUGHT).then(bought).otherwise(self.prospect_words()[language]))
        return wording.reasons(features, *said)
