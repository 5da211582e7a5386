"""Buying stage: how far a customer's purchase has come."""

from __future__ import annotations

from typing import ClassVar

from crmlab.labels import Text
from crmlab_plugins.rules.mapping_rules import Mapped


class BuyingStage(Mapped):
    """Maps the stage of the sale, as the CRM states it, to a pipeline from lead to won or lost.

    It is the stage when the data was exported: a replay at an earlier day cannot know an earlier one.
    """

    title: ClassVar[Text] = Text("购买阶段", "Buying stage")
    needs: ClassVar[Text] = Text("购买阶段或销售阶段", "a buying or deal stage")
    column: ClassVar[str] = "deal_stage"
    measure: ClassVar[Text] = Text("购买阶段", "the deal stage")
    file: ClassVar[str] = "buying_stage"
    other: ClassVar[str] = "other"
    pipeline: ClassVar[tuple[str, ...]] = ("lead", "interest", "needs", "proposal", "negotiation", "won")
    pipeline_lost: ClassVar[str] = "lost"
