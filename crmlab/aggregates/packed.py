"""The state of customers from orders in any order, by polars: counters packed into one integer.

The same state as :func:`crmlab.aggregates.customers.lift`, bit by bit. A grouped sum costs by the column, so
three counters of 21 bits share one Int64, and the categories are marked by a bitwise or, for which engines
have no common word.
"""

from __future__ import annotations

from datetime import date

import narwhals as nw
import polars as pl

from crmlab.aggregates import addressed, customers
from crmlab.aggregates.customers import KEY, columns
from crmlab.aggregates.layout import Layout
from crmlab.summary import day_number

BITS = 21
"""Bits of a counter: up to 2,097,151 orders of one customer."""
_PER_WORD = 3
_ROWS = "rows"


def lift(orders: pl.LazyFrame, layout: Layout, as_of: date | None = None) -> pl.DataFrame:
    """Turn orders into a state per customer, in no particular order.

    Where ids are whole numbers close together, it is :mod:`crmlab.aggregates.addressed` that does it. Gaps
    need the orders in the order of days: with them, and where a customer has more orders than a counter
    holds, it is the function for every engine.
    """
    if not layout.gaps:
        addressed_state = addressed.lift(orders, layout, as_of)
        if addressed_state is not None:
            return addressed_state
        found = _packed(orders, layout, as_of).collect(engine="streaming")
        if (found[_ROWS].max() or 0) < 1 << BITS:  # type: ignore[operator]
            return _unpacked(found, layout).select(columns(layout, as_of))
    state = customers.lift(nw.from_native(orders), layout, as_of)
    plain: pl.DataFrame = state.to_native().collect(engine="streaming")
    return plain


def _packed(orders: pl.LazyFrame, layout: Layout, as_of: date | None) -> pl.LazyFrame:
    amount, day = pl.col("amount_hundredths"), pl.col("day")
    if as_of is not None:
        orders = orders.filter(day <= day_number(as_of))
    paid = amount > 0
    counted = [paid, amount < 0, amount == 0]
    counted += [paid & (pl.col(column) == value) for column, value in layout.counts.values()]
    words = {
        f"word_{place}": pl.sum_horizontal(
            pl.when(condition).then(pl.lit(1 << BITS * at, pl.Int64)).otherwise(pl.lit(0, pl.Int64))
            for at, condition in enumerate(counted[start : start + _PER_WORD])
        )
        for place, start in enumerate(range(0, len(counted), _PER_WORD))
    }
    masks = {
        name: pl.when(paid)
        .then(
            pl.col(layout.category_column).replace_strict(
                list(values), [1 << bit for bit in range(len(values))], default=0, return_dtype=pl.Int64
            )
        )
        .otherwise(0)
        for name, values in layout.masks.items()
    }
    today = day_number(as_of) if as_of is not None else 0
    spends = {
        name: pl.when(day > today - days).then(amount).otherwise(0)
        for name, days in (layout.spends(as_of) if as_of is not None else {}).items()
    }
    rows = orders.select(
        KEY,
        spend_hundredths=amount,
        paid_amount=pl.when(paid).then(amount),
        paid_day=pl.when(paid).then(day),
        **words,
        **masks,
        **spends,
    )
    return rows.group_by(KEY).agg(
        pl.len().alias(_ROWS),
        pl.col("spend_hundredths", *words, *spends).sum(),
        *[pl.col(name).bitwise_or() for name in masks],
        smallest_hundredths=pl.col("paid_amount").min(),
        largest_hundredths=pl.col("paid_amount").max(),
        first_day=pl.col("paid_day").min(),
        last_day=pl.col("paid_day").max(),
    )


def _unpacked(found: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    names = ("order_count", "refund_count", "zero_count", *layout.counts)
    return found.with_columns(
        ((pl.col(f"word_{place // _PER_WORD}") // (1 << BITS * (place % _PER_WORD))) % (1 << BITS)).alias(
            name
        )
        for place, name in enumerate(names)
    )
