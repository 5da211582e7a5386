"""Cohorts: of those who came in one period, how many are still there in each period after it."""

from __future__ import annotations

from functools import cached_property
from math import ceil, nan
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.intervals import wilson, z_value
from crmlab.retention.cohort_cells import Cells, Money, count_contracts, count_purchases, sum_money
from crmlab.retention.curves import sentence
from crmlab.retention.periods import LENGTH, Every, last_complete, named, period_of
from crmlab.retention.purchases import Purchases
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.summary import day_number

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab
    from crmlab.labels import Text
    from crmlab.retention.contracts import Terms
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

    Flags = NDArray[np.bool_]

Kind = Literal["bounded", "rolling", "revenue", "cumulated"]

_AGES: dict[Every, int] = {"day": 30, "week": 12, "month": 12, "quarter": 8}
_MONTHS_AT_MOST = 18
_RETURNED = 0.9


class Cohorts:
    """Retention and revenue by the period of the first paid order, or of the start of the contract.

    ``every`` is the length of a period: day, week, month or quarter; by itself months, and quarters where
    the records are longer than 18 months. ``ages`` is how many periods after its own a cohort is followed.
    **Bounded** retention is the share of a cohort with a paid order in the period itself, **rolling** that
    with one in it or later. A period that has not ended by the as-of day is blank. So is a rolling cell
    after which less time is left than nine in ten gaps between purchases take: too few could have come
    back yet. Of contracts, kept is who is under contract at the end of the period; both shares are one.
    Raises ParamsError for another ``every`` and for fewer than one of ``ages``.
    """

    def __init__(
        self, lab: Lab, whose: Purchases | Terms, every: Every | None = None, ages: int | None = None
    ) -> None:
        if (every is not None and every not in get_args(Every)) or (ages is not None and ages < 1):
            raise ParamsError(
                f"every is {every!r} and ages is {ages}; every is one of {', '.join(get_args(Every))}, "
                "ages at least 1."
            )
        self.lab = lab
        self.of_contracts = not isinstance(whose, Purchases)
        self._whose = whose
        self.every: Every = every or self._suited()
        self.followed = ages or _AGES[self.every]

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per cohort and age, blanks included: what is shown and saved.

        ``cohort`` (its period), ``age`` (periods after it), ``customers`` of the cohort, ``complete`` (the
        period has ended); ``active`` and ``retention`` (bounded), ``rolling``, ``revenue_retention`` (net
        revenue relative to age 0), ``cumulated_revenue`` per customer of the cohort up to this age, each
        with its 95 % interval ``…_low``, ``…_high``: Wilson for shares, linearised for ratios and means.
        Figures are null where the cell is blank, and where it would tell of fewer customers than the
        study's ``privacy.smallest_group``. Cohorts of fewer are left out.
        """
        cells = self._cells
        rows: list[dict[str, Any]] = []
        for place in self._shown:
            size = int(cells.sizes[place])
            for age in range(cells.ages):
                few = bool(self._few[place, age])
                row: dict[str, Any] = {
                    "cohort": named(cells.first + place, self.every),
                    "age": age,
                    "customers": size,
                    "complete": bool(self._complete[place, age]),
                }
                if row["complete"] and not few:
                    row |= self._figures([place], age) | {"active": int(cells.active[place, age])}
                rows.append(row)
        return pl.DataFrame(rows, schema=_SUMMARY)

    @cached_property
    def average(self) -> pl.DataFrame:
        """One row per age over all cohorts whose period has ended, how many are in ``cohorts``.

        The other columns are those of the summary.
        Each cohort weighs as much as it has customers (or revenue at age 0); those too small to be shown
        are left out here as well, or the rest would tell of them. Later ages rest on fewer, older cohorts.
        """
        cells, smallest = self._cells, self.lab.study.privacy.smallest_group
        rows: list[dict[str, Any]] = []
        for age in range(cells.ages):
            there = [place for place in self._shown if self._complete[place, age]]
            active, size = int(cells.active[there, age].sum()), int(cells.sizes[there].sum())
            if not there:
                continue
            row: dict[str, Any] = {"age": age, "cohorts": len(there), "customers": size}
            if not any(hidden([active, size - active], smallest)):
                row |= self._figures(there, age) | {"active": active}
            rows.append(row)
        return pl.DataFrame(rows, schema=_AVERAGE)

    def comparable(self, kind: str, age: int, then: int) -> float | None:
        """Return a figure at ``age`` of those cohorts alone that have come to the age ``then``.

        ``kind`` is a column of the summary. None where the cohorts that have not come so far, or those that
        have, would tell of too few customers.
        """
        last = last_complete(self.lab.study.as_of, self.every)
        needed = then + ((self.follow_up or 0) if kind == "rolling" else 0)
        cells, smallest = self._cells, self.lab.study.privacy.smallest_group
        counts = cells.later if kind == "rolling" else cells.active
        there = [place for place in self._shown if cells.first + place + needed <= last]
        others = [p for p in self._shown if p not in there and cells.first + p + age <= last]
        for places in (there, others):
            size, active = int(cells.sizes[places].sum()), int(counts[places, age].sum())
            if any(hidden([active, size - active], smallest)):
                return None
        value: float | None = self._figures(there, age)[kind] if there else None
        return value

    @property
    def left_out(self) -> int:
        """How many cohorts are too small to be shown."""
        return int((self._cells.sizes > 0).sum()) - len(self._shown)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Which matrices there are; contracts have one."""
        return ("bounded",) if self.of_contracts else get_args(Kind)

    def chart(self, kind: Kind = "bounded") -> alt.LayerChart | Note:
        """Draw the matrix of the latest cohorts with the average of all above it.

        ``kind``: bounded or rolling retention, revenue relative to the first period, or cumulated revenue
        per customer.
        """
        from crmlab.retention.cohort_views import chart

        return chart(self, kind)

    def table(self) -> Table | Note:
        """Show the average of each age with its intervals."""
        from crmlab.retention.cohort_views import average_table

        return average_table(self)

    def cohort_table(self) -> Table | Note:
        """Show each cohort at a few ages with intervals."""
        from crmlab.retention.cohort_views import cohort_table

        return cohort_table(self)

    def title(self, kind: Kind = "bounded") -> Text:
        """Return the average at the last age that a third of all customers have reached."""
        from crmlab.retention.cohort_views import title_of

        return title_of(self, kind)

    def explain(self) -> Text:
        """Return what the matrix says, in sentences."""
        from crmlab.retention.cohort_views import sentences

        return sentences(self)

    def note(self) -> Note:
        """Show what the matrix says, in sentences."""
        from crmlab.view.findings import Note

        return Note(sentence(self.explain()), self.lab.language)

    @cached_property
    def follow_up(self) -> int | None:
        """Periods that must have passed before a rolling share is shown; None where nobody bought twice."""
        if not isinstance(self._whose, Purchases):
            return 0
        gap = self._whose.gap_percentile(_RETURNED)
        return None if gap is None else ceil(gap / LENGTH[self.every])

    @property
    def earlier_customers(self) -> Text | None:
        """A warning where customers of the first cohorts may have been some before the records begin."""
        return self._whose.earlier_customers() if isinstance(self._whose, Purchases) else None

    @cached_property
    def _cells(self) -> Cells:
        whose = self._whose
        if isinstance(whose, Purchases):
            return count_purchases(whose, self.every, self.followed + 1)
        return count_contracts(whose.started, whose.ended, self.every, self.followed + 1)

    @cached_property
    def _money(self) -> Money | None:
        if not isinstance(self._whose, Purchases):
            return None
        return sum_money(self.lab, self._whose, self.every, self._cells)

    @cached_property
    def _complete(self) -> Flags:
        """Whether the period of each cell has ended."""
        import numpy as np

        last = last_complete(self.lab.study.as_of, self.every)
        periods = self._cells.first + np.arange(len(self._cells.sizes))[:, None] + np.arange(self._cells.ages)
        complete: Flags = periods <= last
        return complete

    @cached_property
    def _shown(self) -> list[int]:
        """The places of the cohorts that are large enough to be shown."""
        least = max(self.lab.study.privacy.smallest_group, 1)
        return [place for place, size in enumerate(self._cells.sizes.tolist()) if size >= least]

    @cached_property
    def _few(self) -> Flags:
        """Which cells would tell of too few customers, by themselves or because the average is known."""
        import numpy as np

        cells, smallest = self._cells, self.lab.study.privacy.smallest_group
        few = np.zeros(cells.active.shape, dtype=bool)
        large = cells.sizes >= max(smallest, 1)
        for counts in (cells.active, cells.later):
            gone = cells.sizes[:, None] - counts
            few |= (gone > 0) & (gone < smallest)
            for age in range(1 if not self.of_contracts else 0, cells.ages):
                there = np.flatnonzero(self._complete[:, age] & large)
                gone_too = hidden(counts[there, age].tolist(), smallest, few[there, age].tolist())
                few[there, age] |= np.array(gone_too, dtype=bool)
        return few

    def _figures(self, places: list[int], age: int) -> dict[str, Any]:
        """Return the figures of one age over some cohorts."""
        cells, size = self._cells, int(self._cells.sizes[places].sum())
        found = {"retention": _share(int(cells.active[places, age].sum()), size)}
        if self.follow_up is not None and not self.of_contracts:
            last = last_complete(self.lab.study.as_of, self.every)
            seen = [p for p in places if cells.first + p + age + self.follow_up <= last]
            if seen:
                found["rolling"] = _share(int(cells.later[seen, age].sum()), int(cells.sizes[seen].sum()))
        money = self._money
        if money is not None:
            at, first = money.total[places, age].sum(), money.total[places, 0].sum()
            found["revenue_retention"] = _ratio(
                at, first, money.squares[places, age].sum(), money.with_first[places, age].sum(),
                money.squares[places, 0].sum(),
            )  # fmt: skip
            found["cumulated_revenue"] = _mean(
                money.cumulated[places, age].sum(), money.cumulated_squares[places, age].sum(), size
            )
        return {
            f"{name}{end}": None if value != value else float(value)
            for name, estimate in found.items()
            for end, value in zip(("", "_low", "_high"), estimate, strict=True)
        }

    def _suited(self) -> Every:
        """Return months, or quarters where there would be too many of them."""
        import numpy as np

        whose = self._whose
        begins = int((whose.first if isinstance(whose, Purchases) else whose.started).min())
        ends = day_number(self.lab.study.as_of)
        first, last = (int(number) for number in period_of(np.array([begins, ends]), "month"))
        return "month" if last - first < _MONTHS_AT_MOST else "quarter"


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole, *wilson(part, whole)) if whole else UNKNOWN


def _ratio(upper: float, lower: float, squares: float, products: float, lower_squares: float) -> Estimate:
    """Return a ratio of sums with its interval (Cochran 1977, Sampling Techniques, ch. 6)."""
    if lower <= 0:
        return UNKNOWN
    ratio = upper / lower
    left = max(squares - 2 * ratio * products + ratio**2 * lower_squares, 0.0)
    reach = z_value(0.95) * float(left**0.5) / lower
    return Estimate(ratio, ratio - reach, ratio + reach)


def _mean(total: float, squares: float, n: int) -> Estimate:
    """Return a mean with the interval of the normal approximation; no interval of one customer."""
    mean = total / n
    if n < 2:
        return Estimate(mean, nan, nan)
    reach = z_value(0.95) * float((max(squares - n * mean**2, 0.0) / (n - 1) / n) ** 0.5)
    return Estimate(mean, mean - reach, mean + reach)


_FIGURES = [
    f"{name}{end}"
    for name in ("retention", "rolling", "revenue_retention", "cumulated_revenue")
    for end in ("", "_low", "_high")
]
_SUMMARY: dict[str, Any] = {
    "cohort": pl.String,
    "age": pl.Int64,
    "customers": pl.Int64,
    "complete": pl.Boolean,
    "active": pl.Int64,
    **dict.fromkeys(_FIGURES, pl.Float64),
}
_AVERAGE: dict[str, Any] = {
    "age": pl.Int64,
    "cohorts": pl.Int64,
    "customers": pl.Int64,
    "active": pl.Int64,
    **dict.fromkeys(_FIGURES, pl.Float64),
}
