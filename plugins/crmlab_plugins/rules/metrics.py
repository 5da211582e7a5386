"""What readers call the columns that customers are valued or compared by."""

from __future__ import annotations

from crmlab.labels import Measure
from crmlab_plugins.features.orders import OrderSummary
from crmlab_plugins.features.periods import OrderPeriods
from crmlab_plugins.features.referrals import Referrals

_OURS = {**OrderSummary.measures, **OrderPeriods.measures, **Referrals.measures}


def measure_of(column: str) -> Measure:
    """Return the name and unit of a column of orders or customers; of another, its own name."""
    from crmlab.data.schemas import columns

    if column in _OURS:
        return _OURS[column]
    names = {each.column: each.text for each in columns("customers")}
    return Measure(*names.get(column, (column, column)), unit="text" if column in names else "number")
