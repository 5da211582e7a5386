"""The purchase history of each customer, as models of purchases over time need it.

A purchase is a day with a paid order: several orders on one day are one purchase, their amounts added.
Events stay in whole days; to group them by week would bias the rates (a customer who buys on Monday and
on Friday would buy once). A refund or a zero amount is no purchase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from crmlab.engines import by_customers
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import HUNDREDTHS, day_number
from crmlab_plugins.features.rows import KEY, known_by
from crmlab_plugins.lifetime.blocks import BLOCK, blocks
from crmlab_plugins.lifetime.collapse import ascending

if TYPE_CHECKING:
    import narwhals as nw
    from numpy.typing import NDArray

    from crmlab.engines import Schema

    Whole = NDArray[np.integer[Any]]
    Rows = tuple[NDArray[np.int64], Whole | None]

WIDEST = 62
"""Bits of a sorted key."""


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


def summarise(customers: Whole, days: Whole, amounts: Whole | None, as_of: int) -> Histories:
    """Return the histories as of day number ``as_of`` from orders in any order; later ones are not used.

    ``customers`` are whole numbers, ``days`` day numbers and ``amounts`` those of each order, in whole
    units (hundredths, say) and positive where it is paid; all of one length. Without ``amounts`` every row
    is a purchase. Sums are exact.

    Refunds come without saying what they are for, so that they lower ``average`` in proportion: the gross
    average of the repeat days times the share of the gross spend that was kept. The first purchase is
    left out of it, because the models take it as given.

    One whole number for customer, day and amount is sorted once, which brings everything of a customer
    together: many times quicker than two groupings, whose rows lie all over the memory.
    """
    if days.size and int(days.max()) > as_of:
        known = days <= as_of
        customers, days = customers[known], days[known]
        amounts = None if amounts is None else amounts[known]
    net = None
    codes, labels, size = _coded(customers)
    if amounts is not None and amounts.size and amounts.min() <= 0:
        net = _sums(codes, amounts, size)
        paid = amounts > 0
        codes, days, amounts = codes[paid], days[paid], amounts[paid]
    if not days.size:
        nothing = np.empty(0, np.int64)
        return Histories(nothing, nothing, nothing, nothing, None if amounts is None else np.empty(0))
    start = int(days.min())
    bits = (as_of - start).bit_length()
    histories = _sorted_blocks(codes, days, start, bits, amounts)
    rows, x, first, t_x, average = _filled(histories, bits, min(size, days.size))
    if net is not None and amounts is not None:
        gross, kept = _sums(codes, amounts, size)[rows], net[rows]
        average = np.where(kept == gross, average, np.where(kept > 0, average * (kept / gross), np.nan))
    return Histories(labels[rows], x, t_x, as_of - start - first, None if amounts is None else average)


def _sums(codes: NDArray[np.int64], amounts: Whole, size: int) -> NDArray[np.int64]:
    """Add amounts by code as whole numbers: as floats, sums above 2**53 would depend on the order of rows."""
    found = np.zeros(size, np.int64)
    np.add.at(found, codes, amounts)
    return found


def _coded(customers: Whole) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return a code from 0 on per row, the customer of each code, and the number of codes."""
    if not customers.size:
        return np.empty(0, np.int64), np.empty(0, np.int64), 0
    low = int(customers.min())
    span = int(customers.max()) - low + 1
    if span <= 4 * customers.size:
        codes = customers - low if low else customers
        return codes.astype(np.int64, copy=False), np.arange(low, low + span), span
    labels, codes = np.unique(customers, return_inverse=True)
    return codes.astype(np.int64, copy=False), labels.astype(np.int64, copy=False), labels.size


def _sorted_blocks(
    codes: NDArray[np.int64], days: Whole, start: int, bits: int, amounts: Whole | None
) -> Iterator[Rows]:
    """Yield code and day as one number, and amounts, sorted, in blocks that hold all rows of a customer.

    A day takes ``bits`` bits, counted from ``start``.
    """
    width = int(amounts.max()).bit_length() if amounts is not None else 0
    if int(codes.max()).bit_length() + bits > WIDEST:
        raise ValueError(f"{codes.size} orders over {1 << bits} days are more than can be summarised at once")
    packed = int(codes.max()).bit_length() + bits + width <= WIDEST
    keys = np.empty(codes.size, np.int64)
    for block in blocks(keys.size):
        key = keys[block]
        np.left_shift(codes[block], bits, out=key)
        key |= days[block] - start
        if packed and amounts is not None:
            key <<= width
            key |= amounts[block]
    if packed:
        keys = ascending(keys)
        for block in _whole_customers(keys, bits + width):
            key = keys[block]
            yield key >> width, None if amounts is None else key & ((1 << width) - 1)
    else:
        order = np.argsort(keys)
        keys, amounts = keys[order], None if amounts is None else amounts[order]
        for block in _whole_customers(keys, bits):
            yield keys[block], None if amounts is None else amounts[block]


def _whole_customers(keys: NDArray[np.int64], bits: int) -> Iterator[slice]:
    """Yield slices of about ``BLOCK`` sorted keys, cut where what stands above ``bits`` bits changes."""
    begin = 0
    while begin < keys.size:
        end = begin + BLOCK
        if end < keys.size:
            end = int(np.searchsorted(keys, ((keys[end] >> bits) + 1) << bits))
        yield slice(begin, end)
        begin = end


def _filled(sorted_blocks: Iterator[Rows], bits: int, most: int) -> tuple[NDArray[Any], ...]:
    """Return the code, x, first day, t_x and average of each of at most ``most`` customers."""
    columns = (*(np.empty(most, np.int64) for _ in range(4)), np.empty(most))
    done = 0
    for keys, amounts in sorted_blocks:
        found = _summary(keys, amounts, bits)
        until = done + found[0].size
        for column, values in zip(columns, found, strict=True):
            column[done:until] = values
        done = until
    return tuple(column[:done] for column in columns)


def _summary(keys: NDArray[np.int64], amounts: Whole | None, bits: int) -> tuple[NDArray[Any], ...]:
    """Return the same of whole customers, whose rows are sorted."""
    purchase = _changes(keys)
    keys = keys.take(purchase)
    code = keys >> bits
    first = _changes(code)
    following = np.append(first[1:], code.size)
    x, opened = following - first - 1, keys.take(first)
    t_x = keys.take(following - 1) - opened
    code, opened = code.take(first), opened & ((1 << bits) - 1)
    if amounts is None:
        return code, x, opened, t_x, np.full(x.size, np.nan)
    # Differences of whole sums are exact, even where the sum of all customers runs over.
    spent = np.zeros(amounts.size + 1, np.int64)
    np.cumsum(amounts, out=spent[1:])
    begins = np.append(purchase, amounts.size)
    repeats = spent.take(begins.take(following)) - spent.take(begins.take(first + 1))
    with np.errstate(invalid="ignore"):
        return code, x, opened, t_x, repeats / x


def _changes(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where values that lie in order begin to differ from the one before; 0 first."""
    new = np.empty(values.size, bool)
    new[0] = True
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return np.flatnonzero(new)


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

        One sort of whole numbers outruns every grouping, so that it is done in numpy, for the customers
        of one batch after the other.
        """
        today = day_number(as_of)
        orders = known_by(tables["orders"], today).select(KEY, "day", "amount_hundredths")
        return by_customers(orders, partial(_histories, today), _HISTORY)


_HISTORY: Schema = {
    KEY: pl.String,
    "repeat_purchase_days": pl.Int64,
    "first_to_last_purchase_days": pl.Int64,
    "repeat_day_value": pl.Float64,
}


def _histories(today: int, orders: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of :class:`PurchaseHistory` of the customers of some orders, sorted."""
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
    return frame.sort(KEY)


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
