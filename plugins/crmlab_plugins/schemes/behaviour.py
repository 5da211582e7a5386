"""Behaviour: active, potential, silent or churned, by the last touch of any kind."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.lapse import SINCE_TOUCH, Dormancy, Evidence, touch_words


class Behaviour(Dormancy):
    """Compares the days since the last touch with two limits; whoever never bought is potential.

    The limits are those of the classifier ``status``; see :class:`~crmlab_plugins.rules.lapse.Lapse`. The
    reason names the last touch and its channel, by which a silent customer may be reached again.
    A customer whose only order is a refund bought before the records begin, and is judged by other
    touches, where there are any.
    """

    title: ClassVar[Text] = Text("客户行为分类", "Customer behaviour")
    needs: ClassVar[Text] = Text("付款订单或其他往来", "paid orders or other touches")
    bands: ClassVar[tuple[Label, Label, Label]] = (
        Label("active", "活跃客户", "Active"),
        Label("silent", "沉默客户", "Silent"),
        Label("churned", "流失客户", "Churned"),
    )
    scheme: ClassVar[Scheme] = Scheme(
        id="behaviour",
        zh="客户行为分类",
        en="Customer behaviour",
        labels=(bands[0], Label("potential", "潜在客户", "Potential"), *bands[1:]),
        axes=("loyalty",),
    )

    watch: ClassVar[tuple[str, ...]] = ("silent", "churned")

    evidence: Evidence = "touches"

    @property
    def requires(self) -> tuple[str, ...]:
        """What the limits need, who ever bought, and the last touch."""
        return tuple(
            dict.fromkeys(
                (
                    *super().requires,
                    *("order_count", "refund_count", "touch_count", SINCE_TOUCH, "last_touch"),
                    *("last_touch_channel", "days_since_registration"),
                )
            )
        )

    def definition(self) -> Text:
        """Return the limits in words, with the learned gap once fitted."""
        rule = self.band_rule()
        return Text(
            f"从未购买但已登记或有过往来的为潜在客户；其余客户：{rule.zh}",
            f"Whoever registered or was in touch but never bought is potential. {rule.en}",
        )

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Prospects are known by their name alone, customers by a sign of life."""
        return features.select(~_BOUGHT | self.since.is_not_null()).to_series()

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return features.select(
            label=pl.when(_BOUGHT).then(self.band()).otherwise(pl.lit("potential"))
        ).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        sure = pl.when(_BOUGHT).then(self.clear_of_limits()).otherwise(1.0)
        return features.select(confidence=sure).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        zh, en = self.band_words()
        if self.evidence == "orders":
            zh, en = zh + _CHANNEL_ZH, en + _CHANNEL_EN
        never_zh, never_en = never_bought()
        return wording.reasons(
            features,
            pl.when(_BOUGHT).then(zh).otherwise(never_zh),
            pl.when(_BOUGHT).then(en).otherwise(never_en),
        )


def never_bought() -> tuple[pl.Expr, pl.Expr]:
    """Return the reason of somebody who never bought: the last touch, else the registration.

    Whoever is neither listed nor in touch has no ``touch_count``: all that is known is an order of no amount.
    """
    touched_zh, touched_en = wording.ago(pl.col(SINCE_TOUCH))
    listed_zh, listed_en = wording.ago(pl.col("days_since_registration"))
    listed = pl.col("touch_count").is_not_null()
    zh, en = touch_words()
    return (
        pl.coalesce(
            pl.format("从未购买，最近一次往来（{}）{}", zh, touched_zh),
            pl.format("从未购买，{}登记", listed_zh),
            pl.when(listed).then(pl.lit("从未购买，已在客户名单中")),
            pl.lit("从未购买，没有登记或往来记录"),
        ),
        pl.coalesce(
            pl.format("never bought; last touch ({}) {}", en, touched_en),
            pl.format("never bought; registered {}", listed_en),
            pl.when(listed).then(pl.lit("never bought; on the list of customers")),
            pl.lit("never bought; no registration or touch on record"),
        ),
    )


_BOUGHT = (pl.col("order_count").fill_null(0) > 0) | (pl.col("refund_count").fill_null(0) > 0)
_ZH, _EN = touch_words()
_CHANNEL_ZH = pl.format("；最近一次往来：{}", _ZH)
_CHANNEL_EN = pl.format("; last touch: {}", _EN)
