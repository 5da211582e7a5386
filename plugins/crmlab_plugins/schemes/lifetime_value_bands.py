"""Lifetime value bands: the few top customers, the next, and the rest, by a value to date or ahead."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import did_you_mean
from crmlab.labels import Label, Measure, Scheme, Text
from crmlab_plugins.rules import cut_points, wording
from crmlab_plugins.rules.metrics import measure_of, numbers_of
from crmlab_plugins.rules.tiers import Tiers

Method = Literal["historic", "simple"]
METHODS: tuple[Method, ...] = ("historic", "simple")


class LifetimeValueBands(Tiers):
    """Cuts the lifetime value at quantiles: by default top 5 %, next 15 %, next 30 %, and the rest.

    * ``historic``: total spend net of refunds · ``margin``. A fact, not a forecast.
    * ``simple``: average paid order · paid orders of the last 365 days · ``margin`` · ``years``. It lets
      everybody go on as in the last year, and nobody leave, so it overshoots: the example in the readme
      of the package clvkit gives +61 % on the 39 weeks held out of CDNOW, where BG/NBD gives −16 %.
    * ``score_column``: where given, any column of the features, such as the score of a model, as it is.

    ``margin`` is the share of revenue that is earned; left at 1, values are revenue. It is one share for
    all customers, and moves none between quantile bands. An order split in two changes no label to
    date; ``simple`` counts orders, and may.
    """

    title: ClassVar[Text] = Text("客户生命周期价值分层", "Lifetime value bands")
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    scheme: ClassVar[Scheme] = Scheme(
        id="lifetime_value",
        zh="客户生命周期价值分层",
        en="Lifetime value bands",
        labels=(
            Label("top", "顶端价值客户", "Top value"),
            Label("high", "高价值客户", "High value"),
            Label("mid", "中价值客户", "Mid value"),
            Label("base", "基础价值客户", "Base value"),
        ),
        axes=("revenue",),
    )

    method: Method = "historic"
    score_column: str | None = None
    margin: float = 1.0
    years: float = 3.0
    shares: tuple[float, ...] = (0.5, 0.8, 0.95)

    @property
    def requires(self) -> tuple[str, ...]:
        """The columns that the value is made of."""
        if self.score_column:
            return (self.score_column,)
        simple = ("average_order_value", "orders_last_365_days")
        return simple if self.method == "simple" else ("total_spend",)

    @property
    def measure(self) -> Measure:
        """What the value is called."""
        if self.score_column:
            return measure_of(self.score_column)
        if self.method == "simple":
            return Measure("简单生命周期价值", "simple lifetime value", "currency")
        return Measure("历史价值", "value to date", "currency")

    def definition(self) -> Text:
        """Return what the value is, with its warning, and where it is cut."""
        worthless = Text("价值不为正的一律归入基础价值客户。", " A value of zero or less is base.")
        if self.score_column:
            worthless = Text("", "")
        return Text(
            f"{self._meaning().zh}{super().definition().zh}{worthless.zh}",
            f"{self._meaning().en} {super().definition().en}{worthless.en}",
        )

    def _meaning(self) -> Text:
        margin = Text(f"毛利率按 {self.margin:.0%} 计", f"a margin of {self.margin:.0%}")
        if self.margin == 1:
            margin = Text("未给出毛利率，按收入计", "no margin given, so it is revenue")
        if self.score_column:
            name = self.measure
            return Text(f"价值取自{name.zh}。", f"The value is {name.en}.")
        if self.method == "simple":
            return Text(
                f"简单生命周期价值 = 平均每单金额 × 近 365 天付款订单数 × 毛利率 × {self.years:g} 年"
                f"（{margin.zh}）；假定人人照近一年的节奏继续购买、无人流失，因此通常明显高估，"
                "只宜排序，不宜当作预测。",
                "The simple lifetime value is average order value × paid orders in the last 365 days × "
                "margin "
                f"× {self.years:g} years ({margin.en}). It assumes that all go on as in the last year and "
                "nobody "
                "leaves, so it usually overshoots by far: use it to rank, not as a forecast.",
            )
        return Text(
            f"历史价值 = 扣除退款后的累计消费 × 毛利率（{margin.zh}）；这是已发生的事实，不是预测。",
            f"The value to date is total spend net of refunds × margin ({margin.en}): a fact, not a "
            "forecast.",
        )

    def _check_params(self) -> None:
        cut_points.raise_for(
            None
            if self.method in METHODS
            else f"method is {self.method!r}.{did_you_mean(self.method, METHODS)} "
            f"Allowed: {', '.join(METHODS)}.",
            None
            if 0 < self.margin <= 1
            else f"margin is {self.margin:g}; it is a share above 0 and at most 1.",
            None
            if 0 < self.years <= 100
            else f"years is {self.years:g}; it must be above 0 and at most 100, for example 3.",
        )
        super()._check_params()

    def _fit(self, features: pl.DataFrame) -> None:
        if self.score_column:
            numbers_of(features, self.score_column)
        super()._fit(features)

    def _value(self) -> pl.Expr:
        if self.score_column:
            return pl.col(self.score_column)
        if self.method == "simple":
            orders = pl.col("orders_last_365_days")
            return pl.col("average_order_value") * orders * self.margin * self.years
        return pl.col("total_spend") * self.margin

    def _tier(self) -> pl.Expr:
        # Who is worth nothing, or less after refunds, is base, even where most are worth less.
        # A score may count from anywhere.
        tier = super()._tier()
        return tier if self.score_column else pl.when(self._value() > 0).then(tier).otherwise(0)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        if self.score_column or self.method == "historic":
            return super()._explain(features)
        zh, en = self._named(features)
        average, orders = wording.number(pl.col("average_order_value"), 2), pl.col("orders_last_365_days")
        value = wording.number(self._value(), 2)
        return wording.reasons(
            features,
            pl.format(
                "平均每单 {}，近 365 天 {} 单，简单生命周期价值 {}（偏高估），属{}",
                *(average, wording.number(orders), value, zh),
            ),
            pl.format(
                "average order {}, {} in the last 365 days, simple lifetime value {} (overshoots): {}",
                *(average, wording.counted(orders, "order"), value, en),
            ),
        )
