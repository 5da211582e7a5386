"""What the lifecycle schemes have in common: stages that customers enter on a day, and may leave for good."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import polars as pl

from crmlab.labels import Text
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.lapse import SINCE_ORDER, SINCE_TOUCH, Lapse
from crmlab_plugins.schemes.behaviour import never_bought

FIRST_ORDER = "days_since_first_order"
ORDERS = pl.col("order_count").fill_null(0)


class Staged(Lapse):
    """A scheme of stages: whoever never bought is in the first, whoever fell silent in the last.

    One event model serves all such schemes: the days on which a customer was first heard of, bought
    first, bought again, and fell silent beyond the limit of :class:`~crmlab_plugins.rules.lapse.Lapse`.
    Subclasses say which labels they make of these (:attr:`journey`, in the order of time, and
    :attr:`exit`), and since when a customer has met the condition of each.

    A customer whose only order is a refund bought before the records begin; his stage is unknown.
    """

    needs: ClassVar[Text] = Text("付款订单或客户登记", "paid orders or a registration")
    sureness: ClassVar[Text] = Text(
        "离最近的天数界限越远越高：恰在界限上为 0.5，相距达到该段一半宽度为 1；"
        "由订单数等事实决定的为 1；不是概率",
        "distance from the nearest limit in days: 0.5 at it, 1 from half the width of the class on; 1 where "
        "facts such as the number of orders decide; no probability",
    )
    journey: ClassVar[tuple[str, ...]]
    exit: ClassVar[str]

    @property
    def requires(self) -> tuple[str, ...]:
        """What the limit needs, and the events."""
        events = (
            *("order_count", "refund_count", FIRST_ORDER, "touch_count", SINCE_TOUCH),
            *("days_since_first_touch", "last_touch", "last_touch_channel", "days_since_registration"),
        )
        return tuple(dict.fromkeys((*super().requires, *events, *self.milestones)))

    @property
    def milestones(self) -> tuple[str, ...]:
        """Further columns that the stages of a subclass need."""
        return ()

    def reached_on(self, features: pl.DataFrame, as_of: date) -> pl.DataFrame:
        """Return the day on which each customer first met the condition of each stage.

        ``customer_id`` and one Date column per label, in row order; null where a customer never did.
        ``features`` are as of the day ``as_of``. The label :attr:`exit` is dated for those who are there
        now: who was lost in between and came back is not in the records of one day.
        """
        return self._dated(features, self._reached(), as_of)

    def entered_on(self, features: pl.DataFrame, as_of: date) -> pl.Series:
        """Return the day on which each customer entered the present stage (Date); null if unclassified."""
        self._check_ready(features)
        days = self._reached() | self._present()
        dated = self._dated(features, days, as_of).with_columns(self.predict(features))
        there = [pl.when(pl.col("label") == label).then(label) for label in days]
        return dated.select(entered_on=pl.coalesce(there)).to_series()

    def _dated(self, features: pl.DataFrame, days: dict[str, pl.Expr], as_of: date) -> pl.DataFrame:
        self._check_ready(features)
        known = self._known(features)
        today = pl.lit(as_of)
        return features.with_columns(known=known).select(
            "customer_id",
            *(
                pl.when("known")
                .then(today - pl.duration(days=since.cast(pl.Int64)))
                .cast(pl.Date)
                .alias(label)
                for label, since in days.items()
            ),
        )

    def _reached(self) -> dict[str, pl.Expr]:
        """Return label → days since the customer first met its condition; null if never."""
        raise NotImplementedError

    def _present(self) -> dict[str, pl.Expr]:
        """Return the same for labels that can be entered several times, since the last time."""
        return {}

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Prospects are known by their name alone, all others by a paid order."""
        return features.select(BOUGHT | (pl.col("refund_count").fill_null(0) == 0)).to_series()

    def days_known(self) -> pl.Expr:
        """Return the days since the first touch, order or registration, whichever came first."""
        return pl.max_horizontal("days_since_first_touch", "days_since_registration", FIRST_ORDER)

    def days_lost(self) -> pl.Expr:
        """Return the days since a customer passed the limit; null for who has not."""
        return pl.when(self.is_lost).then(self.since - self.lost_limit.floor() - 1)

    def lost_words(self) -> tuple[pl.Expr, pl.Expr]:
        """Return why a customer is lost, in words."""
        (zh, en), limit = self.since_words(), wording.short(self.lost_limit)
        return (
            zh + pl.format(f"，超过{self.gone.zh}界限 {{}} 天", limit),
            en + pl.format(f", beyond the {{}}-day limit for {self.gone.en.lower()}", limit),
        )

    def prospect_words(self) -> tuple[pl.Expr, pl.Expr]:
        """Return why a customer is a prospect, in words."""
        return never_bought()

    def order_words(self) -> tuple[pl.Expr, pl.Expr]:
        """Return number, first and last of the orders, in words."""
        (first_zh, first), (last_zh, last) = (
            wording.ago(pl.col(name)) for name in (FIRST_ORDER, SINCE_ORDER)
        )
        return (
            pl.format("已购买 {} 次，首次{}，最近一次{}", wording.number(ORDERS), first_zh, last_zh),
            pl.format("{}, the first {}, the last {}", wording.counted(ORDERS, "order"), first, last),
        )


BOUGHT = ORDERS > 0
