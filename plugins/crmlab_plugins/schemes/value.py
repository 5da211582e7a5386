"""Value: high, mid and low, by the part in the total or by a composite score."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import Label, Measure, Scheme, Text
from crmlab_plugins.rules import cut_points, pareto, ranks, wording
from crmlab_plugins.rules.metrics import measure_of, numbers_of

Method = Literal["abc", "score"]
METHODS: dict[Method, Text] = {
    "abc": Text("累计占比", "part in the total"),
    "score": Text("综合得分", "composite score"),
}
LABELS = (
    Label("high", "高价值客户", "High value"),
    Label("mid", "中等价值客户", "Mid value"),
    Label("low", "低价值客户", "Low value"),
)


class Value(Classifier):
    """Sorts customers into high, mid and low value.

    * ``abc``: ``metric``, any column of amounts, is cut as by
      :class:`~crmlab_plugins.schemes.abc_value.AbcValue` at ``high_share`` and ``mid_share`` of the
      running total. Zero and negative values are low.
    * ``score``: the weighted mean of a customer's ranks by total spend, paid orders and customers
      referred, cut at ``score_shares`` of the customers, from the lowest. A rank is the share of
      customers below, with half of those equal. Referrals that are unknown are left out of the mean,
      as is a weight of 0; ``score_shares`` of (0.5, 0.8) make a fifth high and half low.

    An order split in two changes no label of ``abc``, and may change those of ``score``, which counts
    orders.

    Sources: the ABC analysis of Dickie, Factory Management and Maintenance 109 (1951); a mean of ranks
    is as robust as ranks are, and its weights are a judgement, not an estimate.
    """

    title: ClassVar[Text] = Text("客户价值", "Customer value")
    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "离最近切分点越远越高：在切分点上为 0.5，到所在档位正中为 1；不是概率",
        "distance from the nearest cut-point: 0.5 at it, 1 in the middle of the tier; no probability",
    )
    scheme: ClassVar[Scheme] = Scheme("value", "客户价值", "Customer value", LABELS, axes=("revenue",))

    method: Method = "abc"
    metric: str = "total_spend"
    high_share: float = 0.8
    mid_share: float = 0.95
    spend_weight: float = 0.6
    frequency_weight: float = 0.3
    referral_weight: float = 0.1
    score_shares: tuple[float, float] = (0.5, 0.8)

    @property
    def weights(self) -> dict[str, float]:
        """The columns of the score and what each weighs."""
        every = {
            "total_spend": self.spend_weight,
            "order_count": self.frequency_weight,
            "referral_count": self.referral_weight,
        }
        return {column: weight for column, weight in every.items() if weight}

    @property
    def requires(self) -> tuple[str, ...]:
        """The column that is added up, or those of the score."""
        return (self.metric,) if self.method == "abc" else tuple(self.weights)

    def definition(self) -> Text:
        """Return the rule in words, with the cut-points once fitted."""
        rule = self._abc_rule() if self.method == "abc" else self._score_rule()
        if not (cuts := getattr(self, "cuts_", [])):
            return rule
        mid, high = (f"{cut:,.2f}" for cut in cuts)
        at_least = self.method == "abc"
        return Text(
            f"{rule.zh}本次切分点：高价值{'不低于' if at_least else '高于'} {high}，"
            f"中等价值{'不低于' if at_least else '高于'} {mid}。",
            f"{rule.en} Cut-points: high {'from' if at_least else 'above'} {high}, "
            f"mid {'from' if at_least else 'above'} {mid}.",
        )

    def _abc_rule(self) -> Text:
        name = measure_of(self.metric)
        return Text(
            f"按{name.zh}从高到低累计：累计占比不超过 {self.high_share:.0%} 为高价值，"
            f"不超过 {self.mid_share:.0%} 为中等价值，其余为低价值；零和负值为低价值，数值相同的客户同级。",
            f"Customers from the highest {name.en} down: high up to {self.high_share:.0%} of the running "
            f"total, mid up to {self.mid_share:.0%}, low the rest; zero and negative values are low, equal "
            "values share a tier.",
        )

    def _score_rule(self) -> Text:
        total = sum(self.weights.values())
        parts = [(measure_of(column), weight / total) for column, weight in self.weights.items()]
        zh = "、".join(f"{name.zh} {weight:.0%}" for name, weight in parts)
        en = ", ".join(f"{name.en} {weight:.0%}" for name, weight in parts)
        low, high = self.score_shares
        return Text(
            f"综合得分为客户在各项指标上的排位（低于该客户的客户占比）的加权平均，权重：{zh}；"
            f"推荐情况未知时不计入。得分最高的 {1 - high:.0%} 为高价值，最低的 {low:.0%} 为低价值。",
            f"The score is the weighted mean of a customer's ranks (the share of customers below) by: {en}; "
            f"unknown referrals are left out. The top {1 - high:.0%} by score are high, the lowest {low:.0%} "
            "low.",
        )

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return the amount that is added up, or the score, per row."""
        if self.method == "abc":
            return features[self.metric].cast(pl.Float64)
        return self._scores(features)["score"]

    def cut_lines(self) -> list[float]:
        """Return the cut-points, rising."""
        return list(self.cuts_)

    def cut_measure(self) -> Measure:
        """Return what readers call the number."""
        if self.method == "abc":
            return measure_of(self.metric)
        return Measure("综合得分", "composite score", "number")

    def _check_params(self) -> None:
        weights = (self.spend_weight, self.frequency_weight, self.referral_weight)
        given = (
            f"spend_weight, frequency_weight and referral_weight are {', '.join(f'{w:g}' for w in weights)}"
        )
        cut_points.raise_for(
            None
            if self.method in METHODS
            else f"method is {self.method!r}.{did_you_mean(self.method, METHODS)} Allowed: abc, score.",
            None
            if 0 < self.high_share < self.mid_share <= 1
            else f"high_share is {self.high_share} and mid_share is {self.mid_share}; they must be shares "
            "with 0 < high_share < mid_share ≤ 1, for example 0.8 and 0.95.",
            None
            if min(weights) >= 0 and self.spend_weight > 0
            else f"{given}; none may be negative, and that of spend must be above 0.",
            cut_points.check_shares("score_shares", self.score_shares),
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Spend must be known, and orders where they count; referrals may be unknown."""
        needed = [column for column in self.requires if column != "referral_count"]
        return features.select(
            pl.all_horizontal(pl.col(column).is_not_null() for column in needed)
        ).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        if self.method == "abc":
            values = numbers_of(features, self.metric)
            self.cuts_ = pareto.lowest_values(values, (self.high_share, self.mid_share))[::-1]
            self.span_ = pareto.positive_span(values)
            return
        self.ranks_ = {column: ranks.learn(features[column]) for column in self.weights}
        scores = self._scores(features)["score"]
        self.cuts_ = cut_points.learn(scores, self.score_shares)
        self.span_ = cut_points.span(scores)

    def _scores(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return the rank by each column, null where unknown, and ``score``, all within 0–1."""
        each = pl.DataFrame(
            {column: ranks.of(features[column], self.ranks_[column]) for column in self.weights}
        )
        weighted = [pl.col(column) * weight for column, weight in self.weights.items()]
        counted = [pl.col(column).is_not_null() * weight for column, weight in self.weights.items()]
        return each.with_columns(score=pl.sum_horizontal(weighted) / pl.sum_horizontal(counted))

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        if self.method == "abc":
            place = features.select(pareto.place(pl.col(self.metric), self.cuts_)).to_series()
        else:
            place = self._scores(features).select(cut_points.tier(pl.col("score"), self.cuts_)).to_series()
        return pl.Series(self.scheme.ids[::-1], dtype=pl.String).gather(place)

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        if self.method == "abc":
            clear = pareto.clearness(pl.col(self.metric), self.cuts_, self.span_)
            return features.select(confidence=clear).to_series()
        clear = cut_points.clearness(pl.col("score"), self.cuts_, self.span_)
        return self._scores(features).select(confidence=clear).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        labels = self._predict(features)
        zh, en = (
            labels.replace_strict(self.scheme.names(lang), return_dtype=pl.String) for lang in ("zh", "en")
        )
        if self.method == "abc":
            name, value = measure_of(self.metric), wording.number(pl.col(self.metric), 2)
            return wording.reasons(
                features,
                pl.format("{} {}，属{}", pl.lit(name.zh), value, zh),
                pl.format("{} {}: {}", pl.lit(name.en), value, en),
            )
        scores = self._scores(features)
        score = scores.select(wording.number(pl.col("score"), 2)).to_series()
        parts_zh, parts_en = [], []
        for column in self.weights:
            name = measure_of(column)
            value = wording.number(pl.col(column), 2 if name.unit == "currency" else 0)
            rank = scores.select(wording.percent(pl.col(column))).to_series()
            said_zh = pl.format("{} {}（排位 {}）", pl.lit(name.zh), value, rank)
            said_en = pl.format("{} {} (rank {})", pl.lit(name.en), value, rank)
            parts_zh.append(said_zh.fill_null(f"{name.zh}未知，不计入"))
            parts_en.append(said_en.fill_null(f"{name.en} unknown, left out"))
        return wording.reasons(
            features,
            pl.format("{}；综合得分 {}，属{}", pl.concat_str(parts_zh, separator="，"), score, zh),
            pl.format("{}; score {}: {}", pl.concat_str(parts_en, separator=", "), score, en),
        )
