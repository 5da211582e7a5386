"""ABC: customers by their part in the total of a value column."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import pareto, wording
from crmlab_plugins.rules.metrics import CutsMetric, measure_of, numbers_of


class AbcValue(CutsMetric, Classifier):
    """Sorts customers by value, largest first, and cuts where their running total passes a share.

    A customer is A while the running total, the customer included, is at most ``a_share`` of the
    whole, B while it is at most ``b_share``, and C after that. Customers of equal value stand
    together, at the end of their group; the largest ones are A even where they alone pass
    ``a_share``. Zero and negative values (refunds beyond what was paid) are C and count for nothing in
    the whole.

    ``metric`` names the column: total spend, or for example a margin. What is learned are the
    lowest values of A and of B, so later customers are placed by their own value.

    Source: the Pareto or ABC analysis customary since Dickie, Factory Management and Maintenance
    109 (1951); 80 % and 95 % are its usual lines.
    """

    title: ClassVar[Text] = Text("ABC 价值分级", "ABC value tiers")
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "离最近切分点越远越高（按比例）：在切分点上为 0.5，到所在等级正中为 1；不是概率",
        "distance from the nearest cut-point, by ratio: 0.5 at it, 1 in the middle of the tier; no "
        "probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="abc",
        zh="ABC 价值分级",
        en="ABC value tiers",
        labels=(
            Label("a", "A 类（高价值）", "A (high value)"),
            Label("b", "B 类（中价值）", "B (mid value)"),
            Label("c", "C 类（低价值）", "C (low value)"),
        ),
        axes=("revenue",),
    )

    metric: str = "total_spend"
    a_share: float = 0.8
    b_share: float = 0.95

    @property
    def requires(self) -> tuple[str, ...]:
        """The column that is added up."""
        return (self.metric,)

    def definition(self) -> Text:
        """Return the lines in words, with the lowest values of A and B once fitted."""
        name = measure_of(self.metric)
        zh = (
            f"按{name.zh}从高到低累计：累计占比不超过 {self.a_share:.0%} 为 A 类，"
            f"不超过 {self.b_share:.0%} 为 B 类，其余为 C 类；零和负值归入 C 类，数值相同的客户同级。"
        )
        en = (
            f"Customers from the highest {name.en} down: A up to {self.a_share:.0%} of the running total, "
            f"B up to {self.b_share:.0%}, C the rest; zero and negative values are C, equal values share "
            "a tier."
        )
        lowest: dict[str, float] = getattr(self, "thresholds_", {})
        if not lowest:
            return Text(zh, en)
        a, b = lowest["a"], lowest["b"]
        return Text(
            f"{zh}本次切分点：A 类不低于 {a:,.2f}，B 类不低于 {b:,.2f}。",
            f"{en} Cut-points: A from {a:,.2f}, B from {b:,.2f}.",
        )

    def cut_lines(self) -> list[float]:
        """Return the cut-points, rising."""
        return sorted(self.thresholds_.values())

    def _check_params(self) -> None:
        if not 0 < self.a_share < self.b_share <= 1:
            raise ParamsError(
                f"a_share is {self.a_share} and b_share is {self.b_share}; they must be shares with "
                "0 < a_share < b_share ≤ 1, for example 0.8 and 0.95."
            )

    def _fit(self, features: pl.DataFrame) -> None:
        values = numbers_of(features, self.metric)
        self.thresholds_ = dict(
            zip("ab", pareto.lowest_values(values, (self.a_share, self.b_share)), strict=False)
        )
        self.span_ = pareto.positive_span(values)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        place = pareto.place(pl.col(self.metric), list(self.thresholds_.values()))
        return pl.Series(self.scheme.ids[::-1], dtype=pl.String).gather(features.select(place).to_series())

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        clear = pareto.clearness(pl.col(self.metric), list(self.thresholds_.values()), self.span_)
        return features.select(confidence=clear).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        name, value = measure_of(self.metric), wording.number(pl.col(self.metric), 2)
        tier = self._predict(features).str.to_uppercase()
        return wording.reasons(
            features,
            pl.format("{} {}，属 {} 类", pl.lit(name.zh), value, tier),
            pl.format("{} {}, tier {}", pl.lit(name.en), value, tier),
        )
