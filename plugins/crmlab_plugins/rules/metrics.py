"""What readers call the columns that customers are valued or compared by."""

from __future__ import annotations

import polars as pl

from crmlab.errors import DataError
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


def numbers_of(features: pl.DataFrame, column: str) -> pl.Series:
    """Return the numbers of the column that a parameter names, as Float64.

    Raises DataError, which quotes no value, where it holds something else.
    """
    values = features[column]
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise DataError(
            f"The column {column!r} holds {values.dtype} values; customers can only be compared by numbers. "
            "Name a column of numbers, for example total_spend."
        )
    numbers = values.cast(pl.Float64)
    if strange := int((~numbers.is_finite()).sum()):
        raise DataError(
            f"{strange} customers have no finite number in the column {column!r}. "
            "Mend the feature that makes it, or name another column, for example total_spend."
        )
    return numbers
