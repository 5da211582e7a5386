"""When silence means that a customer is gone: the limits that status, behaviour and lifecycle share."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import Label, Text
from crmlab_plugins.features.touches import KINDS
from crmlab_plugins.rules import wording

Method = Literal["fixed_days", "population_gap", "own_gap", "shrunk_gap"]
Evidence = Literal["orders", "touches"]

METHODS: dict[Method, Text] = {
    "fixed_days": Text("固定天数", "fixed days"),
    "population_gap": Text("全体客户的购买间隔", "the gap between orders of all customers"),
    "own_gap": Text("客户自己的购买间隔", "the customer's own gap between orders"),
    "shrunk_gap": Text(
        "客户自己与全体客户购买间隔的加权平均", "a weighted mean of the customer's own gap and everybody's"
    ),
}
EVIDENCE: dict[Evidence, Text] = {
    "orders": Text("距最近一次付款订单", "since the last paid order"),
    "touches": Text(
        "距最近一次往来（付款订单、互动、反馈、投诉或响应活动）",
        "since the last touch (paid order, interaction, feedback, complaint or campaign response)",
    ),
}
_MOST = 1000
SINCE_ORDER, SINCE_TOUCH = "days_since_last_order", "days_since_last_touch"


class Lapse(Classifier):
    """Compares the days since a customer's last sign of life with a limit beyond which he is lost.

    ``evidence`` says what a sign of life is: a paid order, or a touch of any kind (an order is one).
    ``method`` says where the limit lies:

    * ``fixed_days``: at ``lost_after_days``.
    * ``population_gap``: at ``lost_multiple`` times a high percentile (the 90th, unless the feature
      ``order-gaps`` is set to another) of the days between two order days of all customers.
    * ``own_gap``: the same percentile of the customer's own gaps, where there are at least
      ``min_gaps``; everybody's where there are fewer.
    * ``shrunk_gap``: (gaps · own + ``shrinkage_gaps`` · everybody's) / (gaps + ``shrinkage_gaps``): the
      fewer gaps a customer has, the more everybody's counts.

    Gaps are always those between orders, whatever the evidence. Where nobody has ordered on two days
    there is no gap, and the fixed limits hold. Rules by cadence carry over between trades where fixed
    days do not, but rank customers no better, so compare them on one's own data before trusting one.

    Sources: fixed days and gap percentiles are customary, the latter described by Exploratory and
    Dpananos for churn without contracts; the weighted mean is a shrinkage estimate.
    """

    accepts_nulls: ClassVar[bool] = True
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "离最近界限越远越高：恰在界限上为 0.5，相距达到该段一半宽度为 1；不是概率",
        "distance from the nearest limit: 0.5 at it, 1 from half the width of the class on; no probability",
    )

    gone: ClassVar[Text] = Text("流失", "Lost")
    """What whoever is beyond the limit is called."""

    method: Method = "fixed_days"
    evidence: Evidence = "orders"
    lost_after_days: int = 180
    lost_multiple: float = 2.0
    min_gaps: int = 4
    shrinkage_gaps: float = 4.0

    @property
    def requires(self) -> tuple[str, ...]:
        """The days since the last sign of life, and the gaps that the method compares them with."""
        touches = (SINCE_TOUCH, "last_touch", "last_touch_channel") if self.evidence == "touches" else ()
        if self.method == "fixed_days":
            return (SINCE_ORDER, *touches)
        if self.method == "population_gap":
            return (SINCE_ORDER, *touches, "population_gap_days")
        return (SINCE_ORDER, *touches, "order_gap_count", "own_gap_days", "population_gap_days")

    @property
    def since(self) -> pl.Expr:
        """The days since the last sign of life."""
        order = pl.col(SINCE_ORDER)
        return pl.coalesce(SINCE_TOUCH, order) if self.evidence == "touches" else order

    @property
    def is_lost(self) -> pl.Expr:
        """Whether the last sign of life lies beyond the limit; null without one."""
        return self.since > self.lost_limit

    @property
    def lost_limit(self) -> pl.Expr:
        """The days beyond which a customer is lost."""
        gap = self.gap
        return pl.lit(self.lost_after_days) if gap is None else gap * self.lost_multiple

    @property
    def gap(self) -> pl.Expr | None:
        """The gap that the method goes by; None where fixed days hold."""
        everybody = self.population_gap_days_
        if everybody is None:
            return None
        own, gaps, limit = pl.col("own_gap_days"), pl.col("order_gap_count"), pl.lit(everybody)
        if self.method == "own_gap":
            return pl.when(gaps >= self.min_gaps).then(pl.coalesce(own, limit)).otherwise(limit)
        if self.method == "shrunk_gap":
            weight = self.shrinkage_gaps
            return pl.coalesce((gaps * own + weight * limit) / (gaps + weight), limit)
        return limit

    def lapse_rule(self) -> Text:
        """Return when a customer is lost, in words, with the learned gap once fitted."""
        since = EVIDENCE[self.evidence]
        fixed = Text(
            f"{since.zh}超过 {self.lost_after_days} 天为{self.gone.zh}。",
            f"{self.gone.en}: more than {self.lost_after_days} days {since.en}.",
        )
        if self.method == "fixed_days":
            return fixed
        if self.gapless:
            return Text(f"{NO_GAP.zh}{fixed.zh}", f"{NO_GAP.en} {fixed.en}")
        limit, more = METHODS[self.method], self.gap_words()
        return Text(
            f"{since.zh}超过{limit.zh}（默认取第 90 百分位）的 {self.lost_multiple:g} 倍"
            f"为{self.gone.zh}。{more.zh}",
            f"{self.gone.en}: more days {since.en} than {self.lost_multiple:g} times {limit.en} (the 90th "
            f"percentile by default).{more.en}",
        )

    @property
    def gapless(self) -> bool:
        """Whether it is fitted, and nobody had ordered on two days."""
        return bool(getattr(self, "fitted_", False)) and self.population_gap_days_ is None

    def gap_words(self) -> Text:
        """Return what else there is to say of the method, and the gap of all customers once fitted."""
        own = Text("", "")
        if self.method == "own_gap":
            own = Text(
                f"间隔少于 {self.min_gaps} 个的客户，采用全体客户的间隔。",
                f" Customers with fewer than {self.min_gaps} gaps get the gap of all customers.",
            )
        elif self.method == "shrunk_gap":
            own = Text(
                f"全体客户的间隔按 {self.shrinkage_gaps:g} 个间隔的权重计入。",
                f" The gap of all customers weighs as much as {self.shrinkage_gaps:g} of one's own.",
            )
        gap: int | None = getattr(self, "population_gap_days_", None)
        learned = Text(f"全体客户的间隔：{gap} 天。", f" Gap of all customers: {gap} days.")
        return own if gap is None else Text(own.zh + learned.zh, own.en + learned.en)

    def _problems(self) -> list[str]:
        """Say what is wrong with the parameters."""
        problems = [
            f"{name} is {value!r}.{did_you_mean(value, allowed)} Allowed: {', '.join(allowed)}."
            for name, value, allowed in (
                ("method", self.method, METHODS),
                ("evidence", self.evidence, EVIDENCE),
            )
            if value not in allowed
        ]
        if self.lost_after_days < 1:
            problems.append(f"lost_after_days is {self.lost_after_days}; it must be 1 or more.")
        if not 1 < self.lost_multiple <= _MOST:
            problems.append(
                f"lost_multiple is {self.lost_multiple:g}; it must be above 1 and at most {_MOST}, "
                "for example 2."
            )
        if self.min_gaps < 1:
            problems.append(f"min_gaps is {self.min_gaps}; it must be 1 or more.")
        if not 0 < self.shrinkage_gaps <= _MOST:
            problems.append(
                f"shrinkage_gaps is {self.shrinkage_gaps:g}; it must be above 0 and at most {_MOST}, "
                "for example 4."
            )
        return problems

    def _check_params(self) -> None:
        if problems := self._problems():
            raise ParamsError(" ".join(problems))

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only customers with a paid order can be lost; gaps may be missing."""
        return features[SINCE_ORDER].is_not_null()

    def _fit(self, features: pl.DataFrame) -> None:
        # The same value in every row of one day; kept, so that a replay compares with one limit.
        gap = None if self.method == "fixed_days" else features["population_gap_days"].max()
        self.population_gap_days_ = cast("int | None", gap)

    def clear_of_loss(self) -> pl.Expr:
        """Return how clearly a customer is on his side of the limit: see ``sureness``."""
        limit = self.lost_limit
        return clearness((self.since - limit).abs(), limit / 2)

    def since_words(self) -> tuple[pl.Expr, pl.Expr]:
        """Return the days since the last sign of life, in words; null without one."""
        if self.evidence == "orders":
            days = pl.col(SINCE_ORDER)
            return (
                pl.format("距最近一次购买 {} 天", wording.number(days)),
                pl.format("{} since the last order", wording.counted(days, "day")),
            )
        zh, en = touch_words()
        number = wording.number(self.since)
        return (
            pl.format("距最近一次往来（{}）{} 天", zh, number),
            pl.format("{} since the last touch ({})", wording.counted(self.since, "day"), en),
        )


class Dormancy(Lapse):
    """Adds a first limit, beyond which a customer is not lost yet but dormant.

    It lies at ``dormant_after_days``, or where the method goes by gaps at the gap itself.
    ``bands`` are the labels up to the first limit, up to the second, and beyond it.
    """

    bands: ClassVar[tuple[Label, Label, Label]] = (
        Label("active", "活跃", "Active"),
        Label("dormant", "休眠", "Dormant"),
        Label("lost", "流失", "Lost"),
    )

    dormant_after_days: int = 90

    @property
    def dormant_limit(self) -> pl.Expr:
        """The days beyond which a customer is dormant."""
        gap = self.gap
        return pl.lit(self.dormant_after_days) if gap is None else gap

    def band(self) -> pl.Expr:
        """Return the label by the days since the last sign of life."""
        active, dormant, lost = (pl.lit(label.id) for label in self.bands)
        late = pl.when(self.since > self.dormant_limit).then(dormant).otherwise(active)
        return pl.when(self.is_lost).then(lost).otherwise(late)

    def clear_of_limits(self) -> pl.Expr:
        """Return how far the days are from the nearer limit; the last class is measured by the middle one."""
        days, first, second = self.since, self.dormant_limit, self.lost_limit
        middle = (second - first) / 2
        between = clearness(pl.min_horizontal(days - first, second - days), middle)
        late = pl.when(days > second).then(clearness(days - second, middle)).otherwise(between)
        return pl.when(days <= first).then(clearness(first - days, first / 2)).otherwise(late)

    def band_rule(self) -> Text:
        """Return the limits in words, with the learned gap once fitted."""
        active, dormant, lost = self.bands
        since = EVIDENCE[self.evidence]
        first, second = self.dormant_after_days, self.lost_after_days
        fixed = Text(
            f"{since.zh}不超过 {first} 天为{active.zh}，"
            f"超过 {first} 天为{dormant.zh}，超过 {second} 天为{lost.zh}。",
            f"{active.en} up to {first} days {since.en}, {dormant.en.lower()} beyond that, "
            f"{lost.en.lower()} beyond {second} days.",
        )
        if self.method == "fixed_days":
            return fixed
        if self.gapless:
            return Text(f"{NO_GAP.zh}{fixed.zh}", f"{NO_GAP.en} {fixed.en}")
        limit, more = METHODS[self.method], self.gap_words()
        what = (
            Text("", "")
            if self.evidence == "orders"
            else Text(f"{since.zh}的天数", f" for the days {since.en}")
        )
        names = f"{active.en.lower()} up to it, {dormant.en.lower()} beyond, {lost.en.lower()}"
        return Text(
            f"{what.zh}以{limit.zh}（默认取第 90 百分位）为界：未超过为{active.zh}，超过为{dormant.zh}，"
            f"超过其 {self.lost_multiple:g} 倍为{lost.zh}。{more.zh}",
            f"The limit{what.en} is {limit.en} (the 90th percentile by default): {names} beyond "
            f"{self.lost_multiple:g} times it.{more.en}",
        )

    def band_words(self) -> tuple[pl.Expr, pl.Expr]:
        """Return why a customer has the label of :meth:`band`, in words."""
        _, dormant, lost = (Text(label.zh.removesuffix("客户"), label.en.lower()) for label in self.bands)
        first, second = wording.short(self.dormant_limit), wording.short(self.lost_limit)
        days = self.since
        zh, en = self.since_words()
        is_late = days > self.dormant_limit
        return (
            zh
            + pl.when(self.is_lost)
            .then(pl.format(f"，超过{lost.zh}界限 {{}} 天", second))
            .when(is_late)
            .then(pl.format(f"，超过{dormant.zh}界限 {{}} 天，未超过{lost.zh}界限 {{}} 天", first, second))
            .otherwise(pl.format(f"，未超过{dormant.zh}界限 {{}} 天", first)),
            en
            + pl.when(self.is_lost)
            .then(pl.format(f", beyond the {{}}-day limit for {lost.en}", second))
            .when(is_late)
            .then(
                pl.format(
                    f", beyond the {{}}-day limit for {dormant.en}, within the {{}}-day limit for {lost.en}",
                    *(first, second),
                )
            )
            .otherwise(pl.format(f", within the {{}}-day limit for {dormant.en}", first)),
        )

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if not 0 <= self.dormant_after_days < self.lost_after_days:
            problems.append(
                f"dormant_after_days is {self.dormant_after_days} and lost_after_days is "
                f"{self.lost_after_days}; the first must be 0 or more, the second greater."
            )
        return problems


NO_GAP = Text(
    "没有客户在两个不同的日子下过单，改用固定天数。", "Nobody has ordered on two days, so fixed days hold."
)


def clearness(distance: pl.Expr, reach: pl.Expr) -> pl.Expr:
    """Return 0.5 at a limit, 1 from ``reach`` on."""
    share = pl.when(reach > 0).then(distance / reach).otherwise(0.0)
    return 0.5 + 0.5 * share.clip(0, 1)


def touch_words() -> tuple[pl.Expr, pl.Expr]:
    """Return what the last touch was and on which channel, in words."""
    channel = pl.col("last_touch_channel")
    zh, en = (
        pl.col("last_touch").replace_strict(
            {kind: words.to(language) for kind, words in KINDS.items()}, default=None, return_dtype=pl.String
        )
        for language in ("zh", "en")
    )
    zh, en = zh.fill_null("购买"), en.fill_null("order")
    return pl.coalesce(pl.format("{}，{}", zh, channel), zh), pl.coalesce(
        pl.format("{}, {}", en, channel), en
    )
