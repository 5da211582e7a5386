"""The customer summary as lift → combine → finish over a mergeable state per customer.

The contract is at the top of :mod:`crmlab.aggregates`; what is an order, a refund, and the dialect are
those of :mod:`crmlab.summary`. Amounts stay Int64 hundredths and days Int64 until :func:`finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.aggregates.layout import Layout
from crmlab.errors import DataError
from crmlab.summary import HUNDREDTHS, day_number, until

KEY = "customer_id"
_ADDED = ("order_count", "refund_count", "zero_count", "spend_hundredths")
_LEAST = ("smallest_hundredths", "first_day")
_MOST = ("largest_hundredths", "last_day")
_GAPS = ("purchase_days", "gap_squares", "longest_gap")
_BITS_SET = "category_bits_set"

Frame = nw.LazyFrame[Any]


def columns(layout: Layout, as_of: date | None = None, by: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns of a state, in order."""
    spends = layout.spends(as_of) if as_of is not None else {}
    gaps = _GAPS if layout.gaps else ()
    return (KEY, *by, *_ADDED, *_LEAST, *_MOST, *layout.counts, *layout.masks, *spends, *gaps)


def lift(orders: Frame, layout: Layout, as_of: date | None = None, by: Sequence[str] = ()) -> Frame:
    """Turn orders into a state per customer, and per value of the columns ``by``."""
    keys = [KEY, *by]
    rows = orders.select(*dict.fromkeys([*layout.columns, *by]))
    if as_of is not None:
        rows = until(rows, as_of)
    amount, day = nw.col("amount_hundredths"), nw.col("day")
    paid = amount > 0
    if layout.gaps:
        # Only the day itself is shifted, so orders of one day need no order among themselves.
        before = nw.col("day").shift(1).over(*keys, "paid", order_by="day")
        rows = rows.with_columns(paid=_one(paid)).with_columns(before=before)
    made: dict[str, nw.Expr] = {
        "order_count": _one(paid),
        "refund_count": _one(amount < 0),
        "zero_count": _one(amount == 0),
        "spend_hundredths": amount,
        "smallest_hundredths": nw.when(paid).then(amount),
        "first_day": nw.when(paid).then(day),
        "largest_hundredths": nw.when(paid).then(amount),
        "last_day": nw.when(paid).then(day),
    }
    made |= {name: _one(paid & (nw.col(source) == value)) for name, (source, value) in layout.counts.items()}
    bits, category = _bits(layout), nw.col(layout.category_column)
    made |= {name: _one(paid & (category == value)) for name, (_, value) in bits.items()}
    if as_of is not None:
        made |= _spends(layout, as_of)
    if layout.gaps:
        follows = paid & ~nw.col("before").is_null()
        gap = nw.when(follows).then(day - nw.col("before")).otherwise(nw.lit(0, nw.Int64))
        made |= {
            "purchase_days": _one(paid & (nw.col("before").is_null() | (day != nw.col("before")))),
            "gap_squares": gap * gap,
            "longest_gap": gap,
        }
    state = _merged(rows.select(*keys, **made), layout, keys, as_of, bits)
    return _masked(state, layout, bits).select(*columns(layout, as_of, by))


def combine(*states: Frame, layout: Layout, by: Sequence[str] = ()) -> Frame:
    """Merge states of disjoint batches of orders into one row per customer (and value of ``by``).

    Raises DataError where the states have different columns: another layout, or another as-of day.
    """
    names = [set(state.collect_schema().names()) for state in states]
    if any(each != names[0] for each in names):
        strange = sorted(set().union(*names) - set(names[0]).intersection(*names))
        raise DataError(
            f"The states to combine differ in the columns {', '.join(strange)}: they were lifted with "
            "different layouts, as-of days or keys. Lift all of them with the same ones."
        )
    keys = [KEY, *by]
    spends = [name for name in names[0] if name.startswith("spend_") and "_days_to_" in name]
    kept = [name for name in columns(layout) if name not in _GAPS and name != KEY]
    spends.sort(key=lambda name: int(name.split("_")[1]))
    rows = nw.concat([state.select(*sorted(names[0])) for state in states])
    bits = _bits(layout)
    unpacked = {name: (nw.col(mask) // 2**place) % 2 for name, (mask, place) in _places(layout).items()}
    if layout.gaps:
        rows = _bridged(rows, keys).with_columns(
            purchase_days=nw.col("purchase_days") - _one(nw.col("bridge") == 0),
            gap_squares=nw.col("gap_squares") + _bridge() * _bridge(),
            longest_gap=nw.max_horizontal(nw.col("longest_gap"), _bridge()),
            broken=_one((nw.col("bridge") < 0) | nw.col("purchase_days").is_null()),
        )
    if unpacked:
        rows = rows.with_columns(**unpacked)
    sums = [*_ADDED, *layout.counts, *spends, *(_GAPS[:2] if layout.gaps else ())]
    tops = [*_MOST, *bits, *(("longest_gap", "broken") if layout.gaps else ())]
    state = rows.group_by(*keys).agg(
        *[nw.col(name).sum().cast(nw.Int64) for name in sums],
        *[nw.col(name).min().cast(nw.Int64) for name in _LEAST],
        *[nw.col(name).max().cast(nw.Int64) for name in tops],
    )
    if layout.gaps:
        whole = nw.col("broken") == 0
        state = state.with_columns(nw.when(whole).then(nw.col(name)).alias(name) for name in _GAPS)
    gaps = _GAPS if layout.gaps else ()
    return _masked(state, layout, bits).select(*keys, *kept, *spends, *gaps)


def overlapping(*states: Frame) -> Frame:
    """Return ``customer_id`` of those whose states overlap in days: their gaps cannot be bridged."""
    rows = nw.concat([state.select(KEY, "first_day", "last_day", "purchase_days") for state in states])
    broken = (nw.col("bridge") < 0) | (nw.col("purchase_days").is_null())
    return _bridged(rows, [KEY]).filter(broken).select(KEY).unique()


def windows(orders: Frame, layout: Layout, as_of: date) -> Frame:
    """Return the windowed sums of a state as of a day, of customers with a row in the longest window."""
    today = day_number(as_of)
    recent = until(orders, as_of).filter(nw.col("day") > today - max(layout.windows, default=0))
    made = _spends(layout, as_of)
    rows = recent.select(nw.col(KEY), **made)
    return rows.group_by(KEY).agg(*[nw.col(name).sum().cast(nw.Int64) for name in made])


def finish(state: Frame, layout: Layout, as_of: date) -> Frame:
    """Turn a state into features as of a day; days are whole, money is in currency units.

    The state holds nothing later than ``as_of``. The windowed sums are there where it was lifted with
    this ``as_of``, or has those of :func:`windows` joined to it.
    """
    present = state.collect_schema().names()
    count, spend = nw.col("order_count"), nw.col("spend_hundredths")
    first, last = nw.col("first_day"), nw.col("last_day")
    today = day_number(as_of)
    hundred = count * 0 + HUNDREDTHS  # a column: polars divides by a literal through its reciprocal
    found: dict[str, nw.Expr] = {
        "order_count": count,
        "refund_count": nw.col("refund_count"),
        "total_spend": spend / hundred,
        "largest_order": nw.col("largest_hundredths") / hundred,
        "smallest_order": nw.col("smallest_hundredths") / hundred,
        "first_order_day": first,
        "last_order_day": last,
        "days_since_first_order": today - first,
        "days_since_last_order": today - last,
        "average_order_value": nw.when(count > 0).then(spend / (count * hundred)),
        "average_days_between_orders": nw.when(count > 1).then((last - first) / (count - 1)),
    }
    if layout.categories:
        state, found["category_count"] = _bits_counted(state, layout)
    found |= {name: nw.col(name) for name in layout.counts}
    for name, days in layout.spends(as_of).items():
        if name in present:
            found[f"spend_last_{days}_days"] = nw.col(name).fill_null(0) / hundred
    if layout.gaps:
        found |= _rhythm()
    return state.select(nw.col(KEY), **found)


def _bits_counted(state: Frame, layout: Layout) -> tuple[Frame, nw.Expr]:
    """Return the state, and how many bits its masks have.

    polars has a word for it, of which engines have none in common.
    """
    native = state.to_native()
    if isinstance(native, pl.LazyFrame):
        ones = pl.sum_horizontal(pl.col(mask).bitwise_count_ones().cast(pl.Int64) for mask in layout.masks)
        return nw.from_native(native.with_columns(ones.alias(_BITS_SET))), nw.col(_BITS_SET)
    bits = [(nw.col(mask) // 2**place) % 2 for mask, place in _places(layout).values()]
    return state, nw.sum_horizontal(*bits).cast(nw.Int64)


def _rhythm() -> dict[str, nw.Expr]:
    """Purchase days, and mean, deviation (of a sample) and longest of the gaps between them, in days."""
    gaps, total = nw.col("purchase_days") - 1, nw.col("last_day") - nw.col("first_day")
    spread = gaps * nw.col("gap_squares") - total * total
    return {
        "purchase_days": nw.col("purchase_days"),
        "average_days_between_purchases": nw.when(gaps > 0).then(total / gaps),
        "deviation_of_days_between_purchases": nw.when(gaps > 1).then((spread / (gaps * (gaps - 1))).sqrt()),
        "longest_days_between_purchases": nw.when(gaps > 0).then(nw.col("longest_gap")),
    }


def _spends(layout: Layout, as_of: date) -> dict[str, nw.Expr]:
    amount, day, today = nw.col("amount_hundredths"), nw.col("day"), day_number(as_of)
    none = nw.lit(0, nw.Int64)
    return {
        name: nw.when((day > today - days) & (day <= today)).then(amount).otherwise(none)
        for name, days in layout.spends(as_of).items()
    }


def _merged(
    rows: Frame, layout: Layout, keys: list[str], as_of: date | None, bits: dict[str, tuple[str, str]]
) -> Frame:
    spends = layout.spends(as_of) if as_of is not None else {}
    sums = [*_ADDED, *layout.counts, *spends, *(_GAPS[:2] if layout.gaps else ())]
    tops = [*_MOST, *bits, *(_GAPS[2:] if layout.gaps else ())]
    return rows.group_by(*keys).agg(
        *[nw.col(name).sum().cast(nw.Int64) for name in sums],
        *[nw.col(name).min().cast(nw.Int64) for name in _LEAST],
        *[nw.col(name).max().cast(nw.Int64) for name in tops],
    )


def _bits(layout: Layout) -> dict[str, tuple[str, str]]:
    """Return a column of 0 and 1 per category → the mask that it goes to, and the category."""
    return {
        f"{mask}_{place}": (mask, value)
        for mask, values in layout.masks.items()
        for place, value in enumerate(values)
    }


def _places(layout: Layout) -> dict[str, tuple[str, int]]:
    """Return a column of 0 and 1 per category → the mask that holds it, and the place of the bit."""
    return {
        f"{mask}_{place}": (mask, place)
        for mask, values in layout.masks.items()
        for place in range(len(values))
    }


def _masked(state: Frame, layout: Layout, bits: dict[str, tuple[str, str]]) -> Frame:
    """Put the bits of each mask together; engines have no common word for a bitwise or."""
    if not bits:
        return state
    places = _places(layout)
    return state.with_columns(
        **{
            mask: nw.sum_horizontal(
                *[nw.col(name) * 2**place for name, (of, place) in places.items() if of == mask]
            ).cast(nw.Int64)
            for mask in layout.masks
        }
    )


def _bridged(rows: Frame, keys: list[str]) -> Frame:
    """Add ``bridge``: the days from the end of a customer's state before to this one; null at the first."""
    previous = nw.col("last_day").shift(1).over(*keys, order_by=["first_day", "last_day"])
    return rows.with_columns(bridge=nw.col("first_day") - previous)


def _bridge() -> nw.Expr:
    return nw.col("bridge").fill_null(0)


def _one(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))
