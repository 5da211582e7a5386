"""VIP: the few loyal customers of most value, beside prospects, new customers and everybody else."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, wording
from crmlab_plugins.rules.metrics import CutsMetric, measure_of, numbers_of

_ORDERS, _REFUNDS = "order_count", "refund_count"
_FIRST, _LAST = "days_since_first_order", "days_since_last_order"


class Vip(CutsMetric, Classifier):
    """Sorts customers into VIP, regular, new and prospects: the first of these that fits.

    * prospect: no paid order, and no refund either (who has a refund bought before the records begin);
    * VIP: ``metric`` above the quantile that leaves ``top_share`` of those who have bought, at least
      ``min_orders`` paid orders, the last at most ``active_days`` ago;
    * new: the first paid order at most ``new_days`` ago;
    * regular: the rest.

    Orders are counted one by one, so that an order split in two may make a VIP.
    """

    title: ClassVar[Text] = Text("VIP 客户分类", "VIP customers")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单或客户登记", "paid orders or a registration")
    sureness: ClassVar[Text] = Text(
        "忠诚且活跃的客户：离 VIP 价值线越远越高，在线上为 0.5；其余客户依据事实，为 1；不是概率",
        "for loyal, active customers the distance from the VIP line, 0.5 at it; for others 1, as the rule "
        "goes by facts; no probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="vip",
        zh="VIP 客户分类",
        en="VIP customers",
        labels=(
            Label("vip", "VIP客户", "VIP"),
            Label("regular", "普通客户", "Regular"),
            Label("new", "新客户", "New"),
            Label("prospect", "潜在客户", "Prospect"),
        ),
        axes=("revenue", "loyalty"),
    )

    metric: str = "total_spend"
    top_share: float = 0.1
    min_orders: int = 3
    active_days: int = 180
    new_days: int = 90

    @property
    def requires(self) -> tuple[str, ...]:
        """Orders, refunds, the first and the last day, and the value."""
        return tuple(dict.fromkeys((_ORDERS, _REFUNDS, _FIRST, _LAST, self.metric)))

    def definition(self) -> Text:
        """Return the rule in words, with the line of VIPs once fitted."""
        name = measure_of(self.metric)
        line = getattr(self, "cuts_", [])
        learned = Text("", "")
        if line:
            learned = Text(f"（本次高于 {line[0]:,.2f}）", f" (above {line[0]:,.2f})")
        return Text(
            f"没有付款订单为潜在客户；{name.zh}居已购客户前 {self.top_share:.0%}{learned.zh}、付款订单不少于 "
            f"{self.min_orders} 单且最近 {self.active_days} 天内有购买为 VIP客户；其余首购不超过 "
            f"{self.new_days} 天为新客户，再其余为普通客户。",
            f"Prospects have no paid order. VIPs are in the top {self.top_share:.0%} of buyers by {name.en}"
            f"{learned.en}, with at least {self.min_orders} paid orders, the last within {self.active_days} "
            f"days. Of the others, those whose first order is at most {self.new_days} days old are new, the "
            "rest regular.",
        )

    def _check_params(self) -> None:
        cut_points.raise_for(
            cut_points.check_share("top_share", self.top_share),
            *cut_points.check_least(self, min_orders=1, active_days=0, new_days=0),
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Prospects are known by their name alone; whose only order is a refund, bought earlier."""
        bought = (pl.col(_ORDERS) > 0).fill_null(value=False)
        return features.select(bought | (pl.col(_REFUNDS).fill_null(0) == 0)).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        values = numbers_of(features.filter(pl.col(_ORDERS) > 0), self.metric)
        self.cuts_ = cut_points.learn(values, [1 - self.top_share])
        self.span_ = cut_points.span(values)

    def _loyal(self) -> pl.Expr:
        """Say who meets what VIPs need beside the value."""
        loyal = (pl.col(_ORDERS) >= self.min_orders) & (pl.col(_LAST) <= self.active_days)
        return loyal.fill_null(False) & pl.col(self.metric).is_not_null()

    def _top(self) -> pl.Expr:
        return (cut_points.tier(pl.col(self.metric), self.cuts_) == 1) & bool(self.cuts_)

    def _label(self) -> pl.Expr:
        return (
            pl.when(pl.col(_ORDERS).fill_null(0) <= 0)
            .then(pl.lit("prospect"))
            .when(self._loyal() & self._top())
            .then(pl.lit("vip"))
            .when(pl.col(_FIRST) <= self.new_days)
            .then(pl.lit("new"))
            .otherwise(pl.lit("regular"))
        )

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return features.select(label=self._label()).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear = cut_points.clearness(pl.col(self.metric).cast(pl.Float64), self.cuts_, self.span_)
        return features.select(confidence=pl.when(self._loyal()).then(clear).otherwise(1.0)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        name, value = measure_of(self.metric), wording.number(pl.col(self.metric), 2)
        orders = pl.col(_ORDERS)
        (first_zh, first), (last_zh, last) = (wording.ago(pl.col(column)) for column in (_FIRST, _LAST))
        top = pl.when(self._top()).then(pl.lit("前")).otherwise(pl.lit("未进前"))
        top_en = pl.when(self._top()).then(pl.lit("in the top")).otherwise(pl.lit("not in the top"))
        share = f"{self.top_share:.0%}"
        zh = pl.format(
            "{} {}（{} {}），{} 单，首购{}，最近购买{}",
            *(pl.lit(name.zh), value.fill_null("未知"), top, pl.lit(share)),
            *(wording.number(orders), first_zh, last_zh),
        )
        en = pl.format(
            "{} {} ({} {}), {}, the first {}, the last {}",
            *(pl.lit(name.en), value.fill_null("unknown"), top_en, pl.lit(share)),
            *(wording.counted(orders, "order"), first, last),
        )
        return wording.reasons(features, zh.fill_null("没有付款订单"), en.fill_null("no paid order"))
