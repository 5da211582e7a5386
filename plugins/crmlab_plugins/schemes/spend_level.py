"""Spend level: customers by how much they spend at a time, or in a year; not by their total."""

from __future__ import annotations

from typing import ClassVar, Literal

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Label, Measure, Scheme, Text
from crmlab_plugins.rules.metrics import measure_of
from crmlab_plugins.rules.tiers import Tiers

Level = Literal["average_order_value", "spend_last_365_days"]
LEVELS: tuple[Level, ...] = ("average_order_value", "spend_last_365_days")


class SpendLevel(Tiers):
    """Cuts the level of spend into high, mid and low thirds.

    ``level`` is the average paid order, or the spend of the last 365 days: what younger customers have
    spent so far, not scaled up to a year. Unlike customer value, which is about the total, a customer
    with one large order has a high level. An order split in two halves its average and may change the
    label; the year's spend knows no orders.
    """

    title: ClassVar[Text] = Text("消费水平", "Spend level")
    needs: ClassVar[Text] = Text("付款订单", "paid orders")
    scheme: ClassVar[Scheme] = Scheme(
        id="spend_level",
        zh="消费水平",
        en="Spend level",
        labels=(
            Label("high", "高消费水平（高价值）", "High spend level"),
            Label("mid", "中消费水平（中价值）", "Mid spend level"),
            Label("low", "低消费水平（低价值）", "Low spend level"),
        ),
        axes=("revenue",),
    )

    level: Level = "average_order_value"

    @property
    def column(self) -> str:
        """The column that is cut."""
        return self.level

    @property
    def measure(self) -> Measure:
        """What readers call it."""
        return measure_of(self.level)

    def _check_params(self) -> None:
        if self.level not in LEVELS:
            raise ParamsError(
                f"level is {self.level!r}.{did_you_mean(self.level, LEVELS)} Allowed: {', '.join(LEVELS)}."
            )
        super()._check_params()
