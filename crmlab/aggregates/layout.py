"""Which columns the customer summary has beside those that it always has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from crmlab.errors import ParamsError
from crmlab.labels import Measure
from crmlab.summary import day_number

BITS = 62
"""Categories that one Int64 column of the state holds a bit of."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The values, windows and statistics that a state keeps apart.

    Paid orders are counted by each of ``channels``, and by each of the first ``counted`` of ``categories``;
    how many of ``categories`` a customer bought is counted over all of them. Columns are numbered from 1 in
    the order given, because engines disagree on which names are equal. ``windows`` are days back from the
    as-of day, which is the first of them. ``gaps`` adds purchase days and the gaps between them, which
    need the orders in the order of days. ``category_column`` is the column of orders that has categories.
    """

    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    windows: tuple[int, ...] = (30, 90, 365)
    counted: int = 5
    gaps: bool = True
    category_column: str = "category"

    def __post_init__(self) -> None:
        for name, values in (("channels", self.channels), ("categories", self.categories)):
            if len(set(values)) < len(values):
                raise ParamsError(f"{name} names a value twice. Give each once.")
        if any(days < 1 for days in self.windows) or len(set(self.windows)) < len(self.windows):
            raise ParamsError(f"windows is {list(self.windows)}; give different numbers of days from 1 up.")
        if self.counted < 0:
            raise ParamsError(f"counted is {self.counted}; give 0 or more.")

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Layout:
        """Return the layout that JSON says, as :func:`dataclasses.asdict` made it."""
        fields: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in document.items()
        }
        return cls(**fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of orders that a state is made from."""
        extra = [name for name, values in self._values if values]
        return ("customer_id", "day", "amount_hundredths", *extra)

    @property
    def _values(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("channel", self.channels), (self.category_column, self.categories)

    @property
    def counts(self) -> dict[str, tuple[str, str]]:
        """Column of a count → the column of orders and the value in it that it counts."""
        counted = (
            ("channel", "channel", self.channels),
            ("category", self.category_column, self.categories[: self.counted]),
        )
        return {
            f"{kind}_{place}_orders": (column, value)
            for kind, column, values in counted
            for place, value in enumerate(values, 1)
        }

    @property
    def masks(self) -> dict[str, tuple[str, ...]]:
        """Column of a bit mask → the categories that its bits stand for, the lowest first."""
        return {
            f"category_bits_{place}": self.categories[start : start + BITS]
            for place, start in enumerate(range(0, len(self.categories), BITS), 1)
        }

    def spends(self, as_of: date) -> dict[str, int]:
        """Return the column of a windowed sum in a state as of a day → the window's days."""
        return {f"spend_{days}_days_to_{day_number(as_of)}": days for days in self.windows}

    @property
    def measures(self) -> dict[str, Measure]:
        """Return what readers call the columns that depend on the layout, and their units."""
        found = {}
        for name, (_, value) in self.counts.items():
            if name.startswith("channel"):
                found[name] = Measure(f"经“{value}”的付款订单数", f"paid orders through {value}", "count")
            else:
                found[name] = Measure(f"“{value}”类付款订单数", f"paid orders of {value}", "count")
        for days in self.windows:
            found[f"spend_last_{days}_days"] = Measure(
                f"近 {days} 天消费", f"spend in the last {days} days", "currency"
            )
        return found
