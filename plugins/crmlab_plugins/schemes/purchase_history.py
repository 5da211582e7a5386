"""Purchase history: RFM under the name that some managers look for."""

from __future__ import annotations

from typing import ClassVar

from crmlab.labels import Text
from crmlab_plugins.schemes.rfm import Rfm


class PurchaseHistory(Rfm):
    """RFM: what customers bought, when last, how often, and for how much."""

    title: ClassVar[Text] = Text("购买历史细分（RFM）", "Purchase history (RFM)")
    alias_of: ClassVar[str] = "rfm"
