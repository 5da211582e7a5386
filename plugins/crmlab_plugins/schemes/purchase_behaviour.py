"""Purchase behaviour: how much at a time, how often, and from how many categories."""

from __future__ import annotations

import math
from itertools import product
from typing import ClassVar

import polars as pl

from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import cut_points, purchase_rate, wording
from crmlab_plugins.rules.purchase_rate import COUNT, DAYS, RatePrior

_AMOUNT, _SHARE, _CATEGORY = "average_order_value", "top_category_share", "top_category"
_AXES = (
    (("large", Text("大额", "Large orders")), ("small", Text("小额", "Small orders"))),
    (("frequent", Text("高频", "frequent")), ("rare", Text("低频", "rare"))),
    (("broad", Text("多品类", "many categories")), ("focused", Text("专一品类", "one category"))),
)


class PurchaseBehaviour(Classifier):
    """Profiles customers on three axes, high or low on each: eight classes.

    * amount: the average paid order, large above ``amount_above``;
    * frequency: the shrunk purchases per 30 days of :mod:`crmlab_plugins.rules.purchase_rate`, frequent above
      ``rate_above``;
    * kind of product: focused where the main category has more than ``focused_above`` of the spend.

    A limit that is not given is the median of the customers. A first order tends to be of one category,
    so new customers look focused. An order split in two halves its average, and may change that axis
    alone.
    """

    title: ClassVar[Text] = Text("消费行为", "Purchase behaviour")
    needs: ClassVar[Text] = Text("带品类的付款订单明细", "lines of paid orders with a category")
    sureness: ClassVar[Text] = Text(
        "三个维度中离切分点最近的一个：在切分点上为 0.5，到所在一侧正中为 1；不是概率",
        "of the axis nearest to its cut-point: 0.5 at it, 1 in the middle of its side; no probability",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="purchase_behaviour",
        zh="消费行为",
        en="Purchase behaviour",
        labels=tuple(
            Label(
                "_".join(name for name, _ in axes),
                f"{axes[0][1].zh}{axes[1][1].zh}·{axes[2][1].zh}",
                ", ".join(text.en for _, text in axes),
            )
            for axes in product(*_AXES)
        ),
        axes=("revenue", "loyalty", "need"),
    )

    amount_above: float | None = None
    rate_above: float | None = None
    focused_above: float = 0.5

    @property
    def requires(self) -> tuple[str, ...]:
        """Amount, what the rate is made of, and the category of most spend."""
        return (_AMOUNT, COUNT, DAYS, _SHARE, _CATEGORY)

    def definition(self) -> Text:
        """Return the three axes with their limits."""
        cuts: dict[str, list[float]] = getattr(self, "cuts_", {})

        def limit(name: str, given: float | None) -> Text:
            if given is not None:
                return Text(f" {given:,.2f} ", f"{given:,.2f}")
            if not cuts.get(name):
                return Text("中位数", "the median")
            return Text(f"中位数 {cuts[name][0]:,.2f} ", f"the median, {cuts[name][0]:,.2f}")

        amount, rate = limit("amount", self.amount_above), limit("rate", self.rate_above)
        return Text(
            f"三个维度组合为八类：平均每单金额高于{amount.zh}为大额，否则为小额；每 30 "
            "天购买次数（收缩估计）高于"
            f"{rate.zh}为高频，否则为低频；主要品类占消费超过 {self.focused_above:.0%} 为专一品类，"
            "否则为多品类。",
            f"Three axes make eight classes: orders are large where the average is above {amount.en}; "
            "customers "
            f"are frequent above a rate (purchases per 30 days, shrunk) of {rate.en}; and they buy one "
            "category "
            f"where the main one has more than {self.focused_above:.0%} of their spend.",
        )

    def _check_params(self) -> None:
        cut_points.raise_for(
            cut_points.check_share("focused_above", self.focused_above),
            *(
                f"{name} is {value:g}; it must be a finite number of 0 or more."
                for name, value in (("amount_above", self.amount_above), ("rate_above", self.rate_above))
                if value is not None and not 0 <= value < math.inf
            ),
        )

    def _fit(self, features: pl.DataFrame) -> None:
        self.prior_ = list(purchase_rate.learn_prior(features) or ())
        given = {"amount": self.amount_above, "rate": self.rate_above, "share": self.focused_above}
        self.cuts_, self.span_ = {}, {}
        for name, value in self._values().items():
            values, limit = features.select(value).to_series(), given[name]
            self.cuts_[name] = cut_points.learn(values, [0.5]) if limit is None else [limit]
            self.span_[name] = cut_points.span(values)

    def _values(self) -> dict[str, pl.Expr]:
        rate = purchase_rate.monthly(RatePrior(*self.prior_) if self.prior_ else None)
        return {"amount": pl.col(_AMOUNT), "rate": rate, "share": pl.col(_SHARE)}

    def _sides(self) -> list[pl.Expr]:
        """Return 0 or 1 per axis, the place of the side in ``_AXES``."""
        above = {name: cut_points.tier(value, self.cuts_[name]) for name, value in self._values().items()}
        return [1 - above["amount"], 1 - above["rate"], above["share"]]

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        if not self.prior_:
            return purchase_rate.unrated(features)["label"]
        amount, rate, kind = self._sides()
        place = features.select(4 * amount + 2 * rate + kind).to_series()
        return pl.Series(self.scheme.ids, dtype=pl.String).gather(place)

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        if not self.prior_:
            return purchase_rate.unrated(features)["confidence"]
        clear = [
            cut_points.clearness(value, self.cuts_[name], self.span_[name])
            for name, value in self._values().items()
        ]
        return features.select(confidence=pl.min_horizontal(clear)).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        if not self.prior_:
            return purchase_rate.unrated(features).select("zh", "en")
        zh, en = (
            [
                pl.when(side == 0)
                .then(pl.lit(axis[0][1].to(language)))
                .otherwise(pl.lit(axis[1][1].to(language)))
                for side, axis in zip(self._sides(), _AXES, strict=True)
            ]
            for language in ("zh", "en")
        )
        amount = wording.number(pl.col(_AMOUNT), 2)
        rate, share = wording.number(self._values()["rate"], 2), wording.percent(pl.col(_SHARE))
        category = pl.col(_CATEGORY)
        return wording.reasons(
            features,
            pl.format(
                "平均每单 {}（{}），每 30 天购买 {} 次（{}），主要品类“{}”占消费 {}（{}）",
                *(amount, zh[0], rate, zh[1], category, share, zh[2]),
            ),
            pl.format(
                "average order {} ({}), {} purchases per 30 days ({}), main category “{}” with {} of spend "
                "({})",
                *(amount, en[0].str.to_lowercase(), rate, en[1], category, share, en[2]),
            ),
        )
