"""MBG/NBD: as BG/NBD, but customers may leave after the very first purchase too.

Batislam, Denizel & Filiztekin 2007, "Empirical validation and comparison of models for customer base
analysis", International Journal of Research in Marketing 24:201–209.
"""

from __future__ import annotations

from typing import ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.beta_geometric_model import BetaGeometricModel
from crmlab_plugins.lifetime.bg_nbd import BgNbd


class MbgNbd(BgNbd):
    """The MBG/NBD process."""

    entry: ClassVar[bool] = True


class MbgNbdModel(BetaGeometricModel):
    """MBG/NBD: customers buy at random and may leave after each purchase, the first one included."""

    title: ClassVar[Text] = Text("MBG/NBD 模型", "MBG/NBD")

    def process(self) -> type[MbgNbd]:
        """Return MBG/NBD."""
        return MbgNbd
