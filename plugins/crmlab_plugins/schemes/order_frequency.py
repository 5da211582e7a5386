"""Order frequency: customers by how often they buy, whether they came yesterday or years ago."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.labels import Label, Measure, Scheme, Text
from crmlab_plugins.rules import purchase_rate, wording
from crmlab_plugins.rules.purchase_rate import COUNT, DAYS, RatePrior
from crmlab_plugins.rules.tiers import Tiers


class OrderFrequency(Tiers):
    """Cuts the purchases per 30 days into high, mid and low.

    The rate is the mean of the gamma distribution that purchases after the first and days since it
    leave of the one learned from everybody (:mod:`crmlab_plugins.rules.purchase_rate`): a customer of a few
    days is near everybody's mean, one of many years near the own rate. A count of orders would call
    old customers frequent. Orders of one day are one purchase, so an order split in two changes
    nothing. Where nobody bought before the as-of day there is no rate, and nobody is classified.
    ``cut_points`` are in purchases per 30 days; those who stopped buying have a falling rate.

    Source: the gamma–Poisson model of Ehrenberg, Applied Statistics 8 (1959).
    """

    title: ClassVar[Text] = Text("消费频率", "Order frequency")
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    sureness: ClassVar[Text] = Text(
        "客户的真实购买频率落在该档的后验概率",
        "posterior probability that the customer's rate is in the tier",
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="order_frequency",
        zh="消费频率",
        en="Order frequency",
        labels=(
            Label("high", "高频客户", "Frequent"),
            Label("mid", "中频客户", "Occasional"),
            Label("low", "低频客户", "Rare"),
        ),
        axes=("loyalty",),
    )

    @property
    def requires(self) -> tuple[str, ...]:
        """Purchase days, and the time that they fell in."""
        return (COUNT, DAYS)

    @property
    def measure(self) -> Measure:
        """The rate."""
        return Measure("每 30 天的购买次数（收缩估计）", "purchases per 30 days (shrunk)", "rate")

    def definition(self) -> Text:
        """Return what is cut, where, and how the rate is estimated."""
        cut = super().definition()
        return Text(
            f"{cut.zh}购买次数按有付款订单的天数计，从首购之后算起；新客户的频率向全体均值收缩"
            "（伽马–泊松模型），以免把入会时间短误认为购买频繁。",
            f"{cut.en} Purchases are days with a paid order after the first one; the rate of new customers "
            "is "
            "drawn to everybody's mean (gamma–Poisson model), so that a short time is not taken for a "
            "high rate.",
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Only who has bought has a rate."""
        bought = (pl.col(COUNT) > 0) & pl.col(DAYS).is_not_null()
        return features.select(bought.fill_null(False)).to_series()

    def _fit(self, features: pl.DataFrame) -> None:
        self.prior_ = list(purchase_rate.learn_prior(features) or ())
        super()._fit(features)

    def _value(self) -> pl.Expr:
        return purchase_rate.monthly(RatePrior(*self.prior_) if self.prior_ else None)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return super()._predict(features) if self.prior_ else purchase_rate.unrated(features)["label"]

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        if not self.prior_:
            return purchase_rate.unrated(features)["confidence"]
        import numpy as np
        from scipy.special import gammainc

        prior = RatePrior(*self.prior_)
        own = features.select(
            shape=purchase_rate.shape_of(prior), days=purchase_rate.days_of(prior), tier=self._tier()
        )
        edges = np.array([0.0, *self.cut_points_, np.inf]) / purchase_rate.MONTH
        shape, days, tier = (own[name].to_numpy() for name in own.columns)
        inside = gammainc(shape, edges[tier + 1] * days) - gammainc(shape, edges[tier] * days)
        return pl.Series("confidence", inside).clip(0, 1)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        if not self.prior_:
            return purchase_rate.unrated(features).select("zh", "en")
        rate, count, days = wording.number(self._value(), 2), pl.col(COUNT), pl.col(DAYS)
        zh, en = self._named(features)
        return wording.reasons(
            features,
            pl.format(
                "首购至今 {} 天，购买 {} 次，估计每 30 天购买 {} 次，属{}",
                *(wording.number(days), wording.number(count), rate, zh),
            ),
            pl.format(
                "{} in {} since the first, an estimated {} per 30 days: {}",
                *(wording.counted(count, "purchase"), wording.counted(days, "day"), rate, en),
            ),
        )
