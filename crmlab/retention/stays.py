"""Stays in the statuses of silence, to the day: active until dormant, dormant until lost or back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crmlab.retention.lapse import silent_since
from crmlab.retention.purchases import Limits, Purchases

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

ACTIVE, DORMANT, LOST = LABELS = ("active", "dormant", "lost")


class Stays(NamedTuple):
    """One entry per stay whose beginning was seen.

    ``customer`` (a number), ``label`` and ``after`` (places in the labels, ``after`` −1 without an end),
    ``days`` it lasted, and whether its end was ``seen``; else it lasted at least so long.
    """

    customer: Ints
    label: Ints
    after: Ints
    days: Ints
    seen: Flags


def stays_between(purchases: Purchases, limits: Limits) -> Stays:
    """Return all stays of all customers.

    One is ``active`` from a purchase until the silence exceeds the limit for dormant, ``dormant`` until it
    exceeds that for lost or a purchase ends it, ``lost`` until a purchase.
    """
    import numpy as np

    active, dormant, lost = range(3)
    customer, following = purchases.customer, purchases.following
    slept, gone = silent_since(purchases, limits.dormant), silent_since(purchases, limits.lost)
    skipped = (gone >= 0) & (gone <= slept)  # limits within the same day: lost at once
    asleep, away = (slept >= 0) & ~skipped, gone >= 0
    out = np.where(asleep, slept, gone)  # the day on which the customer ceased to be active
    # An active stay goes from a first purchase, or one that ends a silence, to the next silence.
    ends = asleep | away
    starts = np.zeros(len(customer), dtype=bool)
    starts[purchases.starts] = True
    starts[1:] |= ends[:-1]
    begun = purchases.day[starts]
    last = np.flatnonzero(np.concatenate([starts[1:], [True]]))
    left = ends[last]
    parts = [
        (
            customer[starts],
            np.full(len(begun), active),
            np.where(left, np.where(asleep[last], dormant, lost), -1),
            np.where(left, out[last], purchases.as_of) - begun,
            left,
        )
    ]
    for label, there, since, until in ((dormant, asleep, slept, gone), (lost, away, gone, None)):
        back, begun = following[there], since[there]
        further = np.full(len(back), -1) if until is None else until[there]
        after = np.where(further >= 0, lost, np.where(back >= 0, active, -1))
        end = np.where(further >= 0, further, np.where(back >= 0, back, purchases.as_of))
        parts.append((customer[there], np.full(len(back), label), after, end - begun, after >= 0))
    return Stays(*(np.concatenate(column) for column in zip(*parts, strict=True)))
