"""The purchase history of each customer, as models of purchases over time need it.

A purchase is a day with a paid order: several orders on one day are one purchase, their amounts added.
Events stay in whole days; to group them by week would bias the rates (a customer who buys on Monday and
on Friday would buy once). A refund or a zero amount is no purchase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import HUNDREDTHS, day_number
from crmlab_plugins.features.native import KEY, known_by
from crmlab_plugins.lifetime.collapse import ascending

if TYPE_CHECKING:
    import narwhals as nw
    from numpy.typing import NDArray

    Whole = NDArray[np.integer[Any]]
    Numbers = NDArray[np.integer[Any]] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histories:
    """One row per customer with a purchase, in the order of ``customers``.

    ``customers`` (int64) are the codes, ascending, ``x`` the purchases after the first, ``t_x`` the days
    from the first to the last, ``T`` the days since the first (all int64). ``average`` (Float64, in the
    unit of the amounts) is the average repeat purchase, NaN without one and where refunds leave nothing;
    None where no amounts were given.
    """

    customers: NDArray[np.int64]
    x: NDArray[np.int64]
    t_x: NDArray[np.int64]
    T: NDArray[np.int64]
    average: NDArray[np.float64] | None

    @property
    def refunded_away(self) -> int:
        """How many repeat buyers have no average because they were refunded all that they spent."""
        if self.average is None:
            return 0
        return int(np.count_nonzero(np.isnan(self.average) & (self.x > 0)))


def summarise(customers: Whole, days: Whole, amounts: Numbers | None, as_of: int) -> Histories:
    """Return the histories as of day number ``as_of`` from orders in any order; later ones are not used.

    ``customers`` are whole numbers, ``days`` day numbers and ``amounts`` those of each order, positive
    where it is paid; all of one length. Without ``amounts`` every row is a purchase. Sums of whole amounts
    are exact.

    Refunds come without saying what they are for, so that they lower ``average`` in proportion: the gross
    average of the repeat days times the share of the gross spend that was kept. The first purchase is
    left out of it, because the models take it as given.

    One whole number for customer and day is sorted once: many times quicker than two groupings.
    """
    if days.size and int(days.max()) > as_of:
        known = days <= as_of
        customers, days = customers[known], days[known]
        amounts = None if amounts is None else amounts[known]
    net = None
    codes, labels, size = _coded(customers)
    if amounts is not None and amounts.size and amounts.min() <= 0:
        net = np.bincount(codes, amounts, minlength=size)
        paid = amounts > 0
        codes, days, amounts = codes[paid], days[paid], amounts[paid]
    if not days.size:
        nothing = np.empty(0, np.int64)
        return Histories(nothing, nothing, nothing, nothing, None if amounts is None else np.empty(0))
    start = int(days.min())
    since = days - start
    who, when = _purchases(codes, since, size, (as_of - start).bit_length())
    first = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
    last = np.r_[first[1:], who.size] - 1
    x, begun, rows = last - first, when[first].astype(np.int64), who[first].astype(np.int64)
    average = None
    if amounts is not None:
        first_day = np.empty(size, since.dtype)
        first_day[rows] = begun
        repeat = np.bincount(codes, amounts * (since != first_day[codes]), minlength=size)[rows]
        average = np.divide(repeat, x, out=np.full(x.size, np.nan), where=x > 0)
        if net is not None:
            gross = np.bincount(codes, amounts, minlength=size)[rows]
            kept = net[rows]
            average = np.where(kept == gross, average, np.where(kept > 0, average * (kept / gross), np.nan))
    return Histories(labels[rows], x, when[last].astype(np.int64) - begun, as_of - start - begun, average)


def _coded(customers: Whole) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return a code from 0 on per row, the customer of each code, and the number of codes."""
    if not customers.size:
        return np.empty(0, np.int64), np.empty(0, np.int64), 0
    low = int(customers.min())
    span = int(customers.max()) - low + 1
    if span <= 4 * customers.size:
        return (customers - low).astype(np.int64, copy=False), np.arange(low, low + span), span
    labels, codes = np.unique(customers, return_inverse=True)
    return codes.astype(np.int64, copy=False), labels.astype(np.int64, copy=False), labels.size


def _purchases(
    codes: NDArray[np.int64], since: Whole, size: int, bits: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the distinct (customer, day) pairs, sorted, of ``size`` codes; a day takes ``bits`` bits."""
    # Half as wide a key sorts about twice as fast.
    kind: Any = np.uint32 if size << bits <= 1 << 32 else np.int64
    keys: NDArray[Any] = codes.astype(kind)
    keys <<= bits
    keys |= since.astype(kind)
    keys = ascending(keys)
    new = np.empty(keys.size, bool)
    new[0] = True
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    keys = keys[new]
    return keys >> kind(bits), keys & kind((1 << bits) - 1)


class PurchaseHistory(Feature):
    """Repeat purchase days, the time between the first and the last, and the average repeat purchase.

    A purchase is a day with a paid order, its orders added up. Refunds are no purchases and lower
    ``repeat_day_value`` in proportion (the gross average of the repeat days times net by gross spend); it
    is null without repeats, and where refunds take all that was spent. Customers without a paid order have
    no row.
    """

    title: ClassVar[Text] = Text("购买历史", "Purchase history")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = (
        "repeat_purchase_days",
        "first_to_last_purchase_days",
        "repeat_day_value",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "repeat_purchase_days": Measure("复购天数（首购之后有购买的天数）", "repeat purchase days", "count"),
        "first_to_last_purchase_days": Measure(
            "首次到最近一次购买相隔天数", "days from the first to the last purchase", "days"
        ),
        "repeat_day_value": Measure(
            "平均每个复购日金额", "average value of a repeat purchase day", "currency"
        ),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer with a paid order, by ``customer_id``.

        Collects in polars: one sort of whole numbers outruns every grouping.
        """
        import narwhals as nw

        today = day_number(as_of)
        orders = known_by(tables["orders"], today).select(KEY, "day", "amount_hundredths").collect()
        names, codes = _ids(orders[KEY])
        found = summarise(codes, orders["day"].to_numpy(), orders["amount_hundredths"].to_numpy(), today)
        value = pl.Series(found.average, dtype=pl.Float64, nan_to_null=True)
        frame = pl.DataFrame(
            {
                KEY: names.gather(found.customers),
                "repeat_purchase_days": found.x,
                "first_to_last_purchase_days": found.t_x,
                "repeat_day_value": value / pl.repeat(float(HUNDREDTHS), value.len(), eager=True),
            }
        )
        return nw.from_native(frame.sort(KEY).lazy())


def _ids(customers: pl.Series) -> tuple[pl.Series, Whole]:
    """Return the different ids, and for each row the place of its id among them.

    Numbers sort faster than texts are grouped, so the ids are hashed; should two share a hash, the next seed
    tells them apart.
    """
    for seed in count():
        hashes, codes = np.unique(customers.hash(seed).to_numpy(), return_inverse=True)
        some = np.empty(hashes.size, np.int64)
        some[codes] = np.arange(codes.size)
        names = customers.gather(some)
        if (customers == names.gather(codes)).all():
            break
    return names, codes
