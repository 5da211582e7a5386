"""What readers call the columns that customers are valued or compared by."""

from __future__ import annotations

import polars as pl

from crmlab.errors import DataError
from crmlab.labels import Measure
from crmlab_plugins.features.orders import OrderSummary
from crmlab_plugins.features.periods import OrderPeriods
from crmlab_plugins.features.referrals import Referrals

_OURS = {**OrderSummary.measures, **OrderPeriods.measures, **Referrals.measures}


class CutsMetric:
    """What a classifier that cuts its column ``metric`` shows of that; ``cuts_`` are its cut-points."""

    metric: str
    cuts_: list[float]

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return the number that is cut, per row."""
        return features[self.metric].cast(pl.Float64)

    def cut_lines(self) -> list[float]:
        """Return the cut-points, rising."""
        return list(self.cuts_)

    def cut_measure(self) -> Measure:
        """Return what readers call the number."""
        return measure_of(self.metric)


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
