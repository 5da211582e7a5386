"""Status: is a customer active, dormant or lost."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text

Method = Literal["fixed_days", "population_gap", "own_gap", "shrunk_gap"]

METHODS: dict[Method, Text] = {
    "fixed_days": Text("固定天数", "fixed days"),
    "population_gap": Text("全体客户的购买间隔", "the gap between orders of all customers"),
    "own_gap": Text("客户自己的购买间隔", "the customer's own gap between orders"),
    "shrunk_gap": Text(
        "客户自己与全体客户购买间隔的加权平均", "a weighted mean of the customer's own gap and everybody's"
    ),
}


class Status(Classifier):
    """Compares the days since the last paid order with a limit.

    A customer is active up to the limit, dormant beyond it and lost beyond a second one.

    * ``fixed_days``: the limits are ``dormant_after_days`` and ``lost_after_days``.
    * ``population_gap``: the limit is a high percentile (the 90th, unless the feature ``order-gaps``
      is set to another) of the days between two order days of all customers; beyond
      ``lost_multiple`` times it a customer is lost.
    * ``own_gap``: the same percentile of the customer's own gaps, where there are at least
      ``min_gaps``; everybody's where there are fewer.
    * ``shrunk_gap``: (gaps · own + ``shrinkage_gaps`` · everybody's) / (gaps + ``shrinkage_gaps``): the
      fewer gaps a customer has, the more everybody's counts.

    Where nobody has ordered on two days there is no gap, and the fixed limits hold. Rules by cadence
    carry over between trades where fixed days do not, but rank customers no better, so compare them
    on one's own data before trusting one.

    Sources: fixed days and gap percentiles are customary, the latter described by Exploratory and
    Dpananos for churn without contracts; the weighted mean is a shrinkage estimate.
    """

    title: ClassVar[Text] = Text("客户状态", "Customer status")
    accepts_nulls: ClassVar[bool] = True
    scheme: ClassVar[Scheme] = Scheme(
        id="status",
        zh="客户状态",
        en="Customer status",
        labels=(
            Label("active", "活跃", "Active"),
            Label("dormant", "休眠", "Dormant"),
            Label("lost", "流失", "Lost"),
        ),
        axes=("loyalty",),
    )

    method: Method = "fixed_days"
    dormant_after_days: int = 90
    lost_after_days: int = 180
    lost_multiple: float = 2.0
    min_gaps: int = 4
    shrinkage_gaps: float = 4.0

    @property
    def requires(self) -> tuple[str, ...]:
        """The days since the last order, and the gaps that the method compares them with."""
        if self.method == "fixed_days":
            return (_DAYS,)
        if self.method == "population_gap":
            return (_DAYS, "population_gap_days")
        return (_DAYS, "order_gap_count", "own_gap_days", "population_gap_days")

    def definition(self) -> Text:
        """Return the limits in words, with the learned gap once fitted."""
        fixed = Text(
            f"距最近一次付款订单不超过 {self.dormant_after_days} 天为活跃，"
            f"超过 {self.dormant_after_days} 天为休眠，超过 {self.lost_after_days} 天为流失。",
            f"Active up to {self.dormant_after_days} days since the last paid order, dormant beyond that, "
            f"lost beyond {self.lost_after_days} days.",
        )
        gap: int | None = getattr(self, "population_gap_days_", None)
        if self.method == "fixed_days":
            return fixed
        if gap is None and getattr(self, "fitted_", False):
            return Text(
                f"没有客户在两个不同的日子下过单，改用固定天数。{fixed.zh}",
                f"Nobody has ordered on two days, so fixed days hold. {fixed.en}",
            )
        limit, own = METHODS[self.method], self._own_words()
        learned = Text(f"全体客户的间隔：{gap} 天。", f" Gap of all customers: {gap} days.")
        return Text(
            f"以{limit.zh}（默认取第 90 百分位）为界：未超过为活跃，超过为休眠，"
            f"超过其 {self.lost_multiple:g} 倍为流失。{own.zh}{learned.zh if gap is not None else ''}",
            f"The limit is {limit.en} (the 90th percentile by default): active up to it, dormant beyond, "
            f"lost beyond {self.lost_multiple:g} times it.{own.en}{learned.en if gap is not None else ''}",
        )

    def _own_words(self) -> Text:
        if self.method == "own_gap":
            return Text(
                f"间隔少于 {self.min_gaps} 个的客户，采用全体客户的间隔。",
                f" Customers with fewer than {self.min_gaps} gaps get the gap of all customers.",
            )
        if self.method == "shrunk_gap":
            return Text(
                f"全体客户的间隔按 {self.shrinkage_gaps:g} 个间隔的权重计入。",
                f" The gap of all customers weighs as much as {self.shrinkage_gaps:g} of one's own.",
            )
        return Text("", "")

    def _check_params(self) -> None:
        problems = []
        if self.method not in METHODS:
            problems.append(
                f"method is {self.method!r}.{did_you_mean(self.method, METHODS)} "
                f"Allowed: {', '.join(METHODS)}."
            )
        if not 0 <= self.dormant_after_days < self.lost_after_days:
            problems.append(
                f"dormant_after_days is {self.dormant_after_days} and lost_after_days is "
                f"{self.lost_after_days}; the first must be 0 or more, the second greater."
            )
        if not self.lost_multiple > 1:
            problems.append(f"lost_multiple is {self.lost_multiple:g}; it must be above 1, for example 2.")
        if self.min_gaps < 1:
            problems.append(f"min_gaps is {self.min_gaps}; it must be 1 or more.")
        if not self.shrinkage_gaps > 0:
            problems.append(f"shrinkage_gaps is {self.shrinkage_gaps:g}; it must be above 0.")
        if problems:
            raise ParamsError(" ".join(problems))

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only customers with a paid order have a status; gaps may be missing."""
        return features[_DAYS].is_not_null()

    def _fit(self, features: pl.DataFrame) -> None:
        # The same value in every row of one day; kept, so that a replay compares with one limit.
        self.population_gap_days_ = (
            None if self.method == "fixed_days" else features["population_gap_days"].max()
        )

    def _limits(self) -> tuple[pl.Expr, pl.Expr]:
        """Return the days beyond which a customer is dormant, and lost."""
        everybody = self.population_gap_days_
        if everybody is None:
            return pl.lit(self.dormant_after_days), pl.lit(self.lost_after_days)
        limit = pl.lit(everybody)
        own, gaps = pl.col("own_gap_days"), pl.col("order_gap_count")
        if self.method == "own_gap":
            limit = pl.when(gaps >= self.min_gaps).then(pl.coalesce(own, limit)).otherwise(limit)
        elif self.method == "shrunk_gap":
            weight = self.shrinkage_gaps
            limit = pl.coalesce((gaps * own + weight * limit) / (gaps + weight), limit)
        return limit, limit * self.lost_multiple

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        days = pl.col(_DAYS)
        dormant, lost = self._limits()
        label = (
            pl.when(days > lost)
            .then(pl.lit("lost"))
            .when(days > dormant)
            .then(pl.lit("dormant"))
            .otherwise(pl.lit("active"))
        )
        return features.with_columns(label=label)["label"]

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        dormant, lost = self._limits()
        rows = features.with_columns(dormant=dormant, lost=lost).select(_DAYS, "dormant", "lost")
        reasons = [_reason(*row) for row in rows.iter_rows()]
        return pl.DataFrame(reasons, schema={"zh": pl.String, "en": pl.String}, orient="row")


_DAYS = "days_since_last_order"


def _reason(days: int, dormant: float, lost: float) -> Text:
    first, second = f"{dormant:.1f}".removesuffix(".0"), f"{lost:.1f}".removesuffix(".0")
    if days > lost:
        limit = Text(f"超过流失界限 {second} 天", f"beyond the limit for lost, {second}")
    elif days > dormant:
        limit = Text(
            f"超过休眠界限 {first} 天，未超过流失界限 {second} 天",
            f"beyond the limit for dormant, {first}, not that for lost, {second}",
        )
    else:
        limit = Text(f"未超过休眠界限 {first} 天", f"within the limit for dormant, {first}")
    return Text(
        f"距最近一次购买 {days:,} 天，{limit.zh}",
        f"{days:,} {'day' if days == 1 else 'days'} since the last order, {limit.en}",
    )
