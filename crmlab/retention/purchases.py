"""The days on which customers bought, as arrays: what cohorts, survival and returns are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.numbers import count, percent
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_MONTH = 30
_MANY = 2.0


@dataclass(frozen=True, eq=False)
class Purchases:
    """All days with a paid order by the as-of day, sorted by customer and day.

    ``ids`` are the customers in order, ``customer`` the place in it of each purchase, ``day`` its day;
    several orders of one day are one purchase. ``starts`` is where each customer's purchases begin.
    ``following`` is the day of the customer's next purchase, −1 after the last.
    """

    ids: pl.Series
    customer: Ints
    day: Ints
    starts: Ints
    following: Ints
    as_of: int

    @property
    def first(self) -> Ints:
        """The first day of each customer."""
        return self.day[self.starts]

    @property
    def gaps(self) -> Ints:
        """The days between each purchase and the customer's next."""
        again = self.following >= 0
        return self.following[again] - self.day[again]

    def gap_percentile(self, share: float) -> int | None:
        """Return the smallest gap that ``share`` of all do not exceed; None where nobody bought twice."""
        import numpy as np

        gaps = np.sort(self.gaps)
        return int(gaps[int(np.ceil(share * len(gaps))) - 1]) if len(gaps) else None

    def earlier_customers(self) -> Text | None:
        """Warn where the records seem to begin in the middle: many "first" orders right at their start.

        Whoever bought before that seems to be new in the first weeks. Told where the first 30 days of the
        records have more than twice as many first orders as the 30 days after them.
        """
        first = self.first
        if not len(first):
            return None
        age = first - first.min()
        at_once, then = int((age < _MONTH).sum()), int(((age >= _MONTH) & (age < 2 * _MONTH)).sum())
        if self.as_of - int(first.min()) < 2 * _MONTH or at_once <= _MANY * then:
            return None
        return say(
            "retention_earlier", n=count(at_once), share=percent(at_once / len(first)), then=count(then)
        )


def read_purchases(lab: Lab) -> Purchases | None:
    """Return the purchases of a study; None where it has no orders, or none is paid."""
    import numpy as np

    orders = paid_orders(lab)
    if orders is None or orders.is_empty():
        return None
    ids = orders["customer_id"].unique().sort()
    customer = codes(orders["customer_id"], ids)
    day = orders["day"].to_numpy()
    least, span = int(day.min()), int(day.max() - day.min()) + 1
    key = np.unique(customer * span + (day - least))
    customer, day = key // span, key % span + least
    same = customer[1:] == customer[:-1]
    following = np.full(len(day), -1, dtype=np.int64)
    following[:-1][same] = day[1:][same]
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    return Purchases(ids, customer, day, starts, following, day_number(lab.study.as_of))


def paid_orders(lab: Lab) -> pl.DataFrame | None:
    """Return the paid orders by the as-of day; None where the study has no orders."""
    if "orders" not in lab.tables:
        return None
    until = pl.col("day") <= day_number(lab.study.as_of)
    return lab.tables["orders"].filter(until, pl.col("amount_hundredths") > 0)


def codes(ids: pl.Series, known: pl.Series) -> Ints:
    """Return the place of each id in the sorted ``known`` ids; all must be known."""
    place = pl.int_range(len(known), eager=True, dtype=pl.Int64)
    found: Ints = ids.replace_strict(known, place, return_dtype=pl.Int64).to_numpy()
    return found


class Limits(NamedTuple):
    """The days of silence beyond which each customer is dormant and lost, as ``status`` has it."""

    dormant: Floats
    lost: Floats
    text: Text


def read_limits(lab: Lab, purchases: Purchases) -> Limits | None:
    """Return the limits that the study's ``status`` sets to the silence since the last paid order.

    None where it goes by something else, touches of another kind among them.

    A limit by the customer's own gaps is the one learned on the study's day, for the past as well.
    """
    status = lab.classify("status")
    classifier: Any = status.classifier
    if not (hasattr(classifier, "dormant_limit") and hasattr(classifier, "lost_limit")):
        return None
    if getattr(classifier, "evidence", "orders") != "orders":
        return None
    frame = status.features.select(
        "customer_id",
        dormant=classifier.dormant_limit.cast(pl.Float64),
        lost=classifier.lost_limit.cast(pl.Float64),
    )
    limits = purchases.ids.to_frame("customer_id").join(
        frame, on="customer_id", how="left", maintain_order="left"
    )
    return Limits(limits["dormant"].to_numpy(), limits["lost"].to_numpy(), classifier.definition())


def nothing_bought(lab: Lab) -> Text:
    """Say why there is nothing to count: no orders, or none paid."""
    return texts()["retention_no_orders" if "orders" not in lab.tables else "retention_nobody"]
