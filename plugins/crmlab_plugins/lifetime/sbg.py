"""The registered model of contracts whose customers each leave with a chance that does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.tenure import TenureModel

if TYPE_CHECKING:
    from crmlab_plugins.lifetime.contractual import Tenure


class Sbg(TenureModel):
    """Shifted beta-geometric (Fader & Hardie 2007): each customer leaves with a chance of their own."""

    title: ClassVar[Text] = Text("sBG 续约模型", "sBG renewals")

    @property
    def kind(self) -> type[Tenure]:
        """The shifted beta-geometric distribution."""
        from crmlab_plugins.lifetime.contractual import ShiftedBetaGeometric

        return ShiftedBetaGeometric
