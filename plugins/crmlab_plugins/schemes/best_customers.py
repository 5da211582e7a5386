"""Best customers: who meets every condition of a good customer and is in the top by value."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, wording
from crmlab_plugins.rules.metrics import CutsMetric, measure_of, numbers_of

_ORDERS, _LAST, _SPEND = "order_count", "days_since_last_order", "total_spend"
_FEEDBACK = ("satisfied_weight", "dissatisfied_weight", "open_complaint_count")


class _Condition(NamedTuple):
    """One condition: whether it holds, and its words with the customer's own figure."""

    holds: pl.Expr
    zh: pl.Expr
    en: pl.Expr


class BestCustomers(CutsMetric, Classifier):
    """Takes those who meet all conditions: a rule, and a place among the most valuable.

    The rule: at least ``min_orders`` paid orders, the last at most ``active_days`` ago, and a total
    spend above 0 net of refunds. The place: ``metric`` above the quantile that leaves ``top_share`` of
    those who have bought; a value at that line is not above it, so equal values share one side.
    ``metric`` may be any column where more is better, for example a model's expected value.

    With ``mind_feedback`` nobody is best who has an open complaint, or whose recent feedback is more
    dissatisfied than satisfied (feature ``feedback-summary``); where nothing is known, nothing is
    held against a customer. It needs a study with feedback or complaints.
    """

    title: ClassVar[Text] = Text("优质客户识别", "Best customers")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "其余条件都符合的客户：离价值线越远越高，在线上为 0.5；有一项事实条件不符合的，为 1；不是概率",
        "for those who meet every other condition the distance from the line of value, 0.5 at it; 1 where a "
        "fact rules it out; no probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="best_customers",
        zh="优质客户识别",
        en="Best customers",
        labels=(Label("best", "优质客户", "Best"), Label("other", "其他客户", "Other")),
        axes=("revenue", "loyalty"),
    )

    watch: ClassVar[tuple[str, ...]] = ("best",)

    metric: str = "total_spend"
    top_share: float = 0.2
    min_orders: int = 3
    active_days: int = 90
    mind_feedback: bool = False

    @property
    def requires(self) -> tuple[str, ...]:
        """Orders, the value, and the feedback where it counts."""
        columns = (_ORDERS, _LAST, _SPEND, self.metric, *(_FEEDBACK if self.mind_feedback else ()))
        return tuple(dict.fromkeys(columns))

    def definition(self) -> Text:
        """Return the conditions in words, with the line of value once fitted."""
        name, line = measure_of(self.metric), getattr(self, "cuts_", [])
        above = Text(f"（高于 {line[0]:,.2f}）", f" (above {line[0]:,.2f})") if line else Text("", "")
        mood = Text("", "")
        if self.mind_feedback:
            mood = Text(
                "，且没有未解决的投诉、近期反馈不以不满意为主",
                ", with no open complaint and no recent feedback that is mostly dissatisfied",
            )
        return Text(
            f"同时符合以下条件为优质客户：付款订单不少于 {self.min_orders} 单，"
            f"最近 {self.active_days} 天内有购买，扣除退款后累计消费大于 0，"
            f"{name.zh}居已购客户前 {self.top_share:.0%}{above.zh}{mood.zh}；"
            "其余已购客户为其他客户。",
            f"Best is who meets all of these: at least {self.min_orders} paid orders, the last within "
            f"{self.active_days} days, total spend net of refunds above 0, in the top "
            f"{self.top_share:.0%} of buyers by {name.en}{above.en}{mood.en}; other buyers are not.",
        )

    def _check_params(self) -> None:
        cut_points.raise_for(
            cut_points.check_share("top_share", self.top_share),
            *cut_points.check_least(self, min_orders=1, active_days=0),
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Who has bought, and whose value is known."""
        known = (pl.col(_ORDERS) > 0).fill_null(value=False) & pl.all_horizontal(
            pl.col(name).is_not_null() for name in (_LAST, _SPEND, self.metric)
        )
        return features.select(known=known).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        values = numbers_of(features, self.metric)
        self.cuts_ = cut_points.learn(values, [1 - self.top_share])
        self.span_ = cut_points.span(values)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        best = pl.all_horizontal(condition.holds for condition in (*self._facts(), self._value()))
        label = pl.when(best).then(pl.lit("best")).otherwise(pl.lit("other"))
        return features.select(label=label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear = cut_points.clearness(pl.col(self.metric).cast(pl.Float64), self.cuts_, self.span_)
        facts = pl.all_horizontal(condition.holds for condition in self._facts())
        return features.select(confidence=pl.when(facts).then(clear).otherwise(1.0)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        conditions = (*self._facts(), self._value())
        said = []
        for language, comma, met, unmet, stop in (
            ("zh", "、", "符合：", "不符合：", "；"),
            ("en", ", ", "holds: ", "fails: ", "; "),
        ):
            parts = []
            for head, wanted in ((met, True), (unmet, False)):
                words = [
                    pl.when(condition.holds == wanted).then(getattr(condition, language))
                    for condition in conditions
                ]
                listed = pl.concat_str(words, separator=comma, ignore_nulls=True)
                parts.append(pl.when(listed != "").then(head + listed))
            said.append(pl.concat_str(parts, separator=stop, ignore_nulls=True))
        return wording.reasons(features, *said)

    def _facts(self) -> list[_Condition]:
        """Return the conditions that need nothing learned."""
        orders, last, spend = pl.col(_ORDERS), pl.col(_LAST), pl.col(_SPEND)
        least, (last_zh, last_en) = f"{self.min_orders:,}", wording.ago(last)
        # A sum that is stated with its line need not be stated twice.
        said = (spend <= 0) | (self.metric != _SPEND)
        facts = [
            _Condition(
                orders >= self.min_orders,
                pl.format(f"付款订单 {{}} 单（须不少于 {least} 单）", wording.number(orders)),
                pl.format(f"{{}} (at least {least})", wording.counted(orders, "paid order")),
            ),
            _Condition(
                last <= self.active_days,
                pl.format(f"最近购买{{}}（须在 {self.active_days} 天内）", last_zh),
                pl.format(f"last order {{}} (within {self.active_days} days)", last_en),
            ),
            _Condition(
                spend > 0,
                pl.when(said).then(pl.format("累计消费 {}（须大于 0）", wording.number(spend, 2))),
                pl.when(said).then(pl.format("total spend {} (above 0)", wording.number(spend, 2))),
            ),
        ]
        if self.mind_feedback:
            satisfied, not_so, waiting = (pl.col(name).fill_null(0) for name in _FEEDBACK)
            facts.append(
                _Condition(
                    (not_so <= satisfied) & (waiting == 0),
                    pl.lit("没有不满意的记录"),
                    pl.lit("not dissatisfied"),
                )
            )
        return facts

    def _value(self) -> _Condition:
        name, value, share = measure_of(self.metric), pl.col(self.metric), f"{self.top_share:.0%}"
        top = (cut_points.tier(value, self.cuts_) == 1) if self.cuts_ else pl.lit(value=False)
        written = wording.number(value, 2)
        line = [f"{cut:,.2f}" for cut in self.cuts_]
        above = Text(*(f"，高于 {line[0]}", f": above {line[0]}") if line else ("", ""))
        return _Condition(
            top,
            pl.format(f"{{}} {{}}（须居前 {share}{above.zh}）", pl.lit(name.zh), written),
            pl.format(f"{{}} {{}} (the top {share}{above.en})", pl.lit(name.en), written),
        )
