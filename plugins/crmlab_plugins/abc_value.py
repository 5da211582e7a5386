"""ABC: customers by their part in the total of a value column."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text


class AbcValue(Classifier):
    """Sorts customers by value, largest first, and cuts where their running total passes a share.

    A customer is A while the running total, the customer included, is at most ``a_share`` of the
    whole, B while it is at most ``b_share``, and C after that. Customers of equal value stand
    together, at the end of their group; the largest ones are A even where they alone pass
    ``a_share``. Zero and negative values are C and count for nothing in the whole.

    ``metric`` names the column: total spend, or for example a margin. What is learned are the
    lowest values of A and of B, so later customers are placed by their own value.

    Source: the Pareto or ABC analysis customary since Dickie, Factory Management and Maintenance
    109 (1951); 80 % and 95 % are its usual lines.
    """

    title: ClassVar[Text] = Text("ABC 价值分级", "ABC value tiers")
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
        name = _METRICS.get(self.metric, Text(self.metric, self.metric))
        zh = (
            f"按{name.zh}从高到低累计：累计占比不超过 {self.a_share:.0%} 为 A 类，"
            f"不超过 {self.b_share:.0%} 为 B 类，其余为 C 类；零和负值归入 C 类，数值相同的客户同级。"
        )
        en = (
            f"Customers from the highest {name.en} down: A up to {self.a_share:.0%} of the running total, "
            f"B up to {self.b_share:.0%}, C the rest; zero and negative values are C, equal values share "
            "a tier."
        )
        lowest: dict[str, float | None] = getattr(self, "thresholds_", {})
        a, b = lowest.get("a"), lowest.get("b")
        if a is None or b is None:
            return Text(zh, en)
        return Text(
            f"{zh}本次切分点：A 类不低于 {a:,.2f}，B 类不低于 {b:,.2f}。",
            f"{en} Cut-points: A from {a:,.2f}, B from {b:,.2f}.",
        )

    def _check_params(self) -> None:
        if not 0 < self.a_share < self.b_share <= 1:
            raise ParamsError(
                f"a_share is {self.a_share} and b_share is {self.b_share}; they must be shares with "
                "0 < a_share < b_share ≤ 1, for example 0.8 and 0.95."
            )

    def _fit(self, features: pl.DataFrame) -> None:
        value = pl.col("value")
        groups = (
            features.select(value=pl.col(self.metric).cast(pl.Float64))
            .filter(value > 0)
            .group_by("value")
            .agg(customers=pl.len())
            .sort("value", descending=True)
            .with_columns(running=(value * pl.col("customers")).cum_sum())
        )
        whole = groups["running"].max() or 0.0
        assert isinstance(whole, float)
        first = pl.int_range(pl.len()) == 0
        # A hair above, for sums of decimal amounts that are one rounding past the line.
        limit = whole * (1 + 1e-12)
        lowest = {
            name: groups.filter(first | (pl.col("running") <= share * limit))["value"].min()
            for name, share in (("a", self.a_share), ("b", self.b_share))
        }
        self.thresholds_ = lowest

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        value = pl.col(self.metric)
        label = pl.lit("c")
        for name in ("b", "a"):
            if (lowest := self.thresholds_[name]) is not None:
                label = pl.when(value >= lowest).then(pl.lit(name)).otherwise(label)
        return features.with_columns(label=label)["label"]

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        name = _METRICS.get(self.metric, Text(self.metric, self.metric))
        tiers = {label.id: label.id.upper() for label in self.scheme.labels}
        reasons = [
            (f"{name.zh} {value:,.2f}，属 {tiers[tier]} 类", f"{name.en} {value:,.2f}, tier {tiers[tier]}")
            for value, tier in zip(features[self.metric], self._predict(features), strict=True)
        ]
        return pl.DataFrame(reasons, schema={"zh": pl.String, "en": pl.String}, orient="row")


_METRICS = {
    "total_spend": Text("累计消费", "total spend"),
    "order_count": Text("付款订单数", "number of paid orders"),
    "average_order_value": Text("平均每单金额", "average order value"),
}
