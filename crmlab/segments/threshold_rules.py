"""Rules that call customers gone, and the count of what each said against what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.view.texts import say, texts

BY_CADENCE = ("own_gap", "shrunk_gap")
"""Methods that go by the customer's own rhythm."""
_NAMES = {
    "population_gap": "backtest_rule_population_gap",
    "own_gap": "backtest_rule_own_gap",
    "shrunk_gap": "backtest_rule_shrunk_gap",
}


@dataclass(frozen=True)
class Rule:
    """One setting of the classifier ``status``: its id, its name, and the parameters that make it."""

    id: str
    name: Text
    params: Mapping[str, Any]

    @classmethod
    def fixed(cls, days: int) -> Rule:
        """Return the rule by which a customer is gone after so many days."""
        params = {"method": "fixed_days", "dormant_after_days": days, "lost_after_days": 2 * days + 1}
        return cls(f"fixed_{days}", say("backtest_rule_fixed", days=days), params)

    @classmethod
    def by_gap(cls, method: str) -> Rule:
        """Return the rule of a method that goes by the gaps between orders."""
        return cls(
            method, texts()[_NAMES[method]] if method in _NAMES else Text(method, method), {"method": method}
        )


@dataclass(frozen=True)
class Counts:
    """Customers by what was said of them and what they did."""

    hits: int
    in_vain: int
    missed: int
    kept: int

    @property
    def flagged(self) -> int:
        """Customers who were called dormant or lost."""
        return self.hits + self.in_vain

    @property
    def lapsed(self) -> int:
        """Customers who did not order again."""
        return self.hits + self.missed

    @property
    def customers(self) -> int:
        """All of them."""
        return self.hits + self.in_vain + self.missed + self.kept

    @property
    def precision(self) -> Estimate:
        """The share of the flagged who did not come back, with its Wilson interval."""
        return _share(self.hits, self.flagged)

    @property
    def recall(self) -> Estimate:
        """The share of those who did not come back who were flagged, with its Wilson interval."""
        return _share(self.hits, self.lapsed)

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Counts:
        """Count a frame with ``flagged`` and ``lapsed``."""
        flagged, lapsed = pl.col("flagged"), pl.col("lapsed")
        cells = (flagged & lapsed, flagged & ~lapsed, ~flagged & lapsed, ~flagged & ~lapsed)
        return cls(
            *frame.select(cell.sum().cast(pl.Int64).alias(str(at)) for at, cell in enumerate(cells)).row(0)
        )

    def told(self, smallest: int) -> bool:
        """Say whether no cell is too small to be shown."""
        return not any(hidden([self.hits, self.in_vain, self.missed, self.kept], smallest))


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole if whole else nan, *wilson(part, whole))
