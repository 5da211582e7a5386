"""The sums behind a cohort matrix: who was active at which age, and what they spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from crmlab.retention.periods import Every, period_of
from crmlab.retention.purchases import Purchases, codes
from crmlab.summary import HUNDREDTHS, day_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cohorts × ages. ``first`` is the period of the first cohort, ages are periods after a cohort's own.

    ``sizes`` (cohorts,) customers; ``active`` (cohorts, ages) those active in the period itself, ``later``
    those active in it or after it.
    """

    first: int
    sizes: Ints
    active: Ints
    later: Ints

    @property
    def ages(self) -> int:
        """How many ages there are, 0 included."""
        return int(self.active.shape[1])


@dataclass(frozen=True, eq=False)
class Money:
    """Net revenue of cohorts × ages in currency units, with what its variance takes.

    ``total`` is the sum over customers of what each spent at an age, ``squares`` of its square,
    ``with_first`` of its product with what the customer spent at age 0; ``cumulated`` sums what each had
    spent by an age, ``cumulated_squares`` its square.
    """

    total: Floats
    squares: Floats
    with_first: Floats
    cumulated: Floats
    cumulated_squares: Floats


def count_purchases(purchases: Purchases, every: Every, ages: int) -> Cells:
    """Count customers by the period of the first purchase and the periods of the later ones."""
    import numpy as np

    period = period_of(purchases.day, every)
    begins = period[purchases.starts]
    first = int(begins.min())
    age = period - begins[purchases.customer]
    # A purchase on another day of the same period adds nobody.
    new = np.concatenate(
        [[True], (age[1:] != age[:-1]) | (purchases.customer[1:] != purchases.customer[:-1])]
    )
    ends = np.concatenate([purchases.starts[1:], [len(age)]]) - 1
    sizes = np.bincount(begins - first)
    near = new & (age < ages)
    active = _table(begins[purchases.customer[near]] - first, age[near], len(sizes), ages)
    last = _table(begins - first, np.minimum(age[ends], ages - 1), len(sizes), ages)
    return Cells(first, sizes, active, last[:, ::-1].cumsum(axis=1)[:, ::-1])


def count_contracts(started: Ints, ended: Ints, every: Every, ages: int) -> Cells:
    """Count contracts by the period of their start; ``ended`` is the day of the end, −1 where it is open.

    Kept at an age is who was still under contract at the end of that period, so both counts are one.
    """
    import numpy as np

    begins = period_of(started, every)
    first = int(begins.min())
    sizes = np.bincount(begins - first)
    whole = np.where(ended >= 0, period_of(np.maximum(ended, 0), every) - begins, ages)
    kept = np.minimum(whole, ages)  # the number of ages at whose end the contract was still there
    gone = _table(begins - first, kept, len(sizes), ages + 1)
    active = sizes[:, None] - gone[:, :ages].cumsum(axis=1)
    return Cells(first, sizes, active, active)


def sum_money(lab: Lab, purchases: Purchases, every: Every, cells: Cells) -> Money:
    """Sum what each cohort spent by age; a refund lowers the period in which it was paid back.

    Refunds before the first paid order belong to purchases before the records, and are left out.
    """
    import numpy as np

    orders = lab.tables["orders"].filter(
        pl.col("day") <= day_number(lab.study.as_of),
        pl.col("amount_hundredths") != 0,
        pl.col("customer_id").is_in(purchases.ids.implode()),
    )
    customer = codes(orders["customer_id"], purchases.ids)
    begins = period_of(purchases.first, every)
    day = orders["day"].to_numpy()
    known = day >= purchases.first[customer]
    age = period_of(day, every) - begins[customer]
    near = known & (age < cells.ages)
    place = customer[near] * cells.ages + age[near]
    frame = (
        pl.DataFrame({"place": place, "amount": orders["amount_hundredths"].to_numpy()[near]})
        .group_by("place")
        .agg(pl.col("amount").sum())
        .sort("place")
    )
    customer, age = (frame["place"] // cells.ages).to_numpy(), (frame["place"] % cells.ages).to_numpy()
    hundredths = frame["amount"].to_numpy()
    spent = hundredths / HUNDREDTHS
    at_first = np.zeros(len(purchases.ids))
    at_first[customer[age == 0]] = spent[age == 0]
    running = hundredths.cumsum()
    begin = np.searchsorted(customer, customer, side="left")
    until = (running - (running - hundredths)[begin]) / HUNDREDTHS
    cell = (begins[customer] - cells.first) * cells.ages + age

    def table(weights: Floats) -> Floats:
        size = cells.sizes.size * cells.ages
        sums = np.bincount(cell, weights, minlength=size).astype(np.float64)
        return sums.reshape(-1, cells.ages)

    return Money(
        total=table(spent),
        squares=table(spent**2),
        with_first=table(spent * at_first[customer]),
        cumulated=table(spent).cumsum(axis=1),
        cumulated_squares=table(until**2 - (until - spent) ** 2).cumsum(axis=1),
    )


def _table(row: Ints, column: Ints, rows: int, columns: int) -> Ints:
    import numpy as np

    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)
