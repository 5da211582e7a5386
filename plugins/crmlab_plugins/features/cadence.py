"""Features of cadence: how long a customer is silent by his own rhythm, and how likely it is for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab import summary
from crmlab.engines import by_customers
from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST_BINS = 20
_PRIOR_CUSTOMERS = 10
"""The base rate counts in each bin as much as this many customers."""


class Cadence(Feature):
    """Rhythm of purchases, silence measured by it, and the probability of a lapse.

    ``cadence_days``: the ``percent`` th percentile of the customer's own gaps between order days,
    shrunk to everybody's: (gaps · own + ``shrinkage_gaps`` · everybody's) / (gaps + ``shrinkage_gaps``).
    ``cadence_ratio``: days since the last paid order over that.

    ``lapse_probability``: the probability of no paid order in the next ``horizon`` days, estimated
    from what is known on the as-of day alone. History is replayed as of ``horizon`` days earlier, when
    the days that followed are known. Customers of that day are ranked by silence in days, by silence
    in own rhythms, and by number of orders (the fewer the riskier); the three ranks, each the share of
    the customers of that day below, are added. In bins of at least ``bin_customers`` neighbours the
    share that bought nothing is counted, drawn to the base rate by as much as ten customers weigh, and
    made to rise with the ranks (isotonic regression). Today's customers get the share of the bin that
    their own figures fall in. Orders are counted over equally long windows on both days.

    It is an empirical frequency of the last ``horizon`` days, not a model of a customer: it knows no
    season and no trend. Null where the history before the replay is shorter than ``horizon``, or has
    fewer than ``bin_customers`` customers.

    Sources: isotonic calibration, Zadrozny & Elkan 2002 (KDD, 694–699); pool-adjacent-violators,
    Barlow et al. 1972, "Statistical Inference under Order Restrictions".
    """

    title: ClassVar[Text] = Text("购买节奏与流失概率", "Cadence and probability of lapse")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = ("cadence_days", "cadence_ratio", "lapse_probability")
    measures: ClassVar[Mapping[str, Measure]] = {
        "cadence_days": Measure("自身购买节奏", "own rhythm of orders", "days"),
        "cadence_ratio": Measure("未购买天数与自身节奏之比", "silence in own rhythms", "number"),
        "lapse_probability": Measure("流失概率", "probability of lapse", "share"),
    }

    horizon: int = 90
    percent: int = 90
    shrinkage_gaps: float = 4.0
    bin_customers: int = 20

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return the three columns for everybody with a paid order by ``as_of``."""
        self._check_params()
        orders = tables["orders"]
        rows = [
            self._rhythms(orders, as_of, nw.lit(0, nw.Int64)).join(
                self._recent(orders, as_of), on=KEY, how="left"
            ),
            self._rhythms(orders, as_of - timedelta(days=self.horizon), nw.lit(1, nw.Int64)).with_columns(
                recent=nw.col("order_count")
            ),
        ]
        both = nw.concat([part.select(_STATE) for part in rows]).with_columns(everyone=nw.lit(1, nw.Int64))
        schema = {KEY: pl.String, **dict.fromkeys(self.produces, pl.Float64)}
        return by_customers(both, self._compared, schema, key="everyone")

    def _check_params(self) -> None:
        problems = []
        if self.horizon < 1:
            problems.append(f"horizon is {self.horizon}; it must be 1 day or more, for example 90.")
        if not 1 <= self.percent <= 100:
            problems.append(f"percent is {self.percent}; it must be from 1 to 100, for example 90.")
        if not self.shrinkage_gaps > 0:
            problems.append(f"shrinkage_gaps is {self.shrinkage_gaps}; it must be above 0, for example 4.")
        if self.bin_customers < 1:
            problems.append(f"bin_customers is {self.bin_customers}; it must be 1 or more, for example 20.")
        if problems:
            raise ParamsError(" ".join(problems))

    def _rhythms(self, orders: nw.LazyFrame[Any], day: date, replayed: nw.Expr) -> nw.LazyFrame[Any]:
        """Return orders, days since the first and last, and gaps, of everybody with a paid order."""
        known = summary.until(orders, day)
        gaps = summary.gap_percentiles(known, self.percent)
        state = summary.finish(summary.lift(known), day).join(gaps, on=KEY, how="inner")
        return state.with_columns(replayed=replayed)

    def _recent(self, orders: nw.LazyFrame[Any], as_of: date) -> nw.LazyFrame[Any]:
        """Count each customer's paid orders without those of the first ``horizon`` days on record.

        Orders are counted over as many days as are on record at the replay: there, all of them.
        """
        paid = summary.until(orders, as_of).filter(nw.col("amount_hundredths") > 0)
        paid = paid.select(KEY, "day", everyone=nw.lit(1, nw.Int64))
        start = paid.group_by("everyone").agg(start=nw.col("day").min().cast(nw.Int64))
        late = nw.col("day") >= nw.col("start") + self.horizon
        dated = paid.join(start, on="everyone", how="left").filter(late)
        return dated.group_by(KEY).agg(recent=nw.len().cast(nw.Int64))

    def _compared(self, states: pl.DataFrame) -> pl.DataFrame:
        """Return the columns of the feature from the states of both days, of all customers together."""
        weight, everybody = self.shrinkage_gaps, pl.col("population_gap_days")
        shrunk = (pl.col("order_gap_count") * pl.col("own_gap_days") + weight * everybody) / (
            pl.col("order_gap_count") + weight
        )
        states = (
            states.sort(KEY)
            .with_columns(pl.col("recent").fill_null(0))
            .with_columns(cadence_days=pl.coalesce(shrunk, everybody.cast(pl.Float64)))
            .with_columns(cadence_ratio=pl.col("days_since_last_order") / pl.col("cadence_days"))
        )
        today, then = (states.filter(pl.col("replayed") == at) for at in (0, 1))
        lapse = self._lapse(today, then)
        return today.select(KEY, "cadence_days", "cadence_ratio", lapse_probability=lapse)

    def _lapse(self, today: pl.DataFrame, then: pl.DataFrame) -> pl.Series:
        longest = today["days_since_first_order"].max()
        window = 0 if longest is None else int(longest) - self.horizon  # type: ignore[arg-type]
        if window < self.horizon or then.height < self.bin_customers:
            return pl.repeat(None, today.height, dtype=pl.Float64, eager=True)
        silence = today.select(KEY, silence="days_since_last_order")
        after = then.join(silence, on=KEY, how="left", maintain_order="left")
        lapsed = (after["silence"] >= self.horizon).to_numpy()
        learned, asked = _measures(then), _measures(today)
        ranks_then, ranks_now = _ranks(learned, learned), _ranks(learned, asked)
        return pl.Series(_frequencies(ranks_then, lapsed, ranks_now, self.bin_customers))


_STATE = (
    *(KEY, "order_count", "days_since_first_order", "days_since_last_order", "order_gap_count"),
    *("own_gap_days", "population_gap_days", "replayed", "recent"),
)


def _measures(state: pl.DataFrame) -> list[Floats]:
    """Return what the risk rises with; without any gap there is no rhythm, and silence stands in for it."""
    silence = state["days_since_last_order"].cast(pl.Float64)
    ratio = silence if state["cadence_ratio"].has_nulls() else state["cadence_ratio"]
    return [silence.to_numpy(), ratio.to_numpy(), -state["recent"].cast(pl.Float64).to_numpy()]


def _ranks(known: list[Floats], asked: list[Floats]) -> Floats:
    """Add up, measure by measure, the share of known values below each asked one; equal ones count half."""
    import numpy as np

    total = np.zeros(len(asked[0]))
    for values, wanted in zip(known, asked, strict=True):
        ordered = np.sort(values)
        total += np.searchsorted(ordered, wanted, "left") + np.searchsorted(ordered, wanted, "right")
    return total / (2 * len(known[0]))


def _frequencies(known: Floats, lapsed: NDArray[np.bool_], asked: Floats, size: int) -> Floats:
    """Return the share of lapses among the known neighbours of each asked place."""
    import numpy as np
    from scipy.optimize import isotonic_regression

    bins = max(1, min(_MOST_BINS, len(known) // size))
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower"))
    place = np.searchsorted(edges, known)
    customers = np.bincount(place, minlength=len(edges) + 1) + _PRIOR_CUSTOMERS
    base = (lapsed.sum() + 0.5) / (len(lapsed) + 1)
    lapses = np.bincount(place, weights=lapsed, minlength=len(edges) + 1) + _PRIOR_CUSTOMERS * base
    rising = isotonic_regression(lapses / customers, weights=customers).x
    frequencies: Floats = rising[np.searchsorted(edges, asked)]
    return frequencies
