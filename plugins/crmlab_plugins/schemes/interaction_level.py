"""Interaction level: who is in touch often."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.labels import Label, Measure, Scheme, Text
from crmlab_plugins.features.interactions import InteractionRate
from crmlab_plugins.rules.tiers import Tiers


class InteractionLevel(Tiers):
    """Cuts the interactions per 30 days into thirds of the customers who interact at all.

    Customers without an interaction are low; they do not move the cut-points, which would else all be
    zero where most customers never write or call.
    """

    title: ClassVar[Text] = Text("交互程度", "Interaction level")
    needs: ClassVar[Text] = Text("互动或活动触达记录", "a record of interactions or campaign contacts")
    scheme: ClassVar[Scheme] = Scheme(
        id="interaction_level",
        zh="交互程度",
        en="Interaction level",
        labels=(
            Label("high", "高互动", "High interaction"),
            Label("mid", "中互动", "Medium interaction"),
            Label("low", "低互动", "Low interaction"),
        ),
        axes=("loyalty",),
    )

    @property
    def column(self) -> str:
        """The weighted rate of interactions."""
        return "interaction_rate"

    @property
    def measure(self) -> Measure:
        """What readers call it."""
        return InteractionRate.measures["interaction_rate"]

    def definition(self) -> Text:
        """Return the rule, and who sets the cut-points."""
        rule = super().definition()
        if self.cut_points:
            return rule
        return Text(
            f"{rule.zh}分位数只按有过互动的客户计算；没有互动的客户归入低互动。",
            f"{rule.en} The quantiles are those of customers with an interaction; those without one are low.",
        )

    def _fit(self, features: pl.DataFrame) -> None:
        super()._fit(features.filter(pl.col(self.column) > 0))
