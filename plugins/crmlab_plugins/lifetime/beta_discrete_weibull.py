"""The registered model of contracts whose customers leave with a chance that changes with age."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from crmlab.labels import Text
from crmlab_plugins.lifetime.tenure import TenureModel

if TYPE_CHECKING:
    from crmlab_plugins.lifetime.contractual import Tenure


class BetaDiscreteWeibullModel(TenureModel):
    """Beta-discrete-Weibull (Fader et al. 2018): a customer's own chance to leave falls or rises with age.

    It falls for c < 1 and rises for c > 1; with c = 1 this is the shifted beta-geometric.
    """

    title: ClassVar[Text] = Text("BdW 续约模型", "Beta-discrete-Weibull renewals")

    @property
    def kind(self) -> type[Tenure]:
        """The beta-discrete-Weibull distribution."""
        from crmlab_plugins.lifetime.contractual import BetaDiscreteWeibull

        return BetaDiscreteWeibull
