"""The milestones of a customer: the second, third … order, and orders that show growth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import narwhals as nw

from crmlab.engines import by_customers
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number, until

if TYPE_CHECKING:
    import polars as pl

MILESTONES = range(2, 11)
"""The orders whose days are kept."""
PERIOD = 30
"""Days of a period in which a customer bought or not."""

GROWTH: dict[str, Text] = {
    "spend": Text("消费增加", "spend grew"),
    "orders": Text("订单增多", "more orders"),
    "category": Text("购买了新品类", "a new category"),
    "steady": Text("平稳", "steady"),
}
"""How the purchases of a repeat buyer go; of several the first counts."""


class OrderMilestones(Feature):
    """When a customer placed the second to the tenth paid order, and how regularly he buys.

    Two orders on one day are two milestones on that day. ``active_period_share`` is the share of the
    periods of 30 days since the first order, that of today included, in which there is a paid order.
    """

    title: ClassVar[Text] = Text("购买里程碑", "Order milestones")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = (
        *(f"days_since_order_{place}" for place in MILESTONES),
        "active_period_share",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        **{
            f"days_since_order_{place}": Measure(
                f"距第 {place} 次购买的天数", f"days since order {place}", "days"
            )
            for place in MILESTONES
        },
        "active_period_share": Measure("有购买的月份占比", "share of 30-day periods with an order", "share"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody with a paid order."""
        today = day_number(as_of)
        paid = until(tables["orders"], as_of).filter(nw.col("amount_hundredths") > 0)
        rows = paid.select("customer_id", "order_id", "day", one=nw.lit(1, nw.Int64)).with_columns(
            place=nw.col("one").cum_sum().over("customer_id", order_by=["day", "order_id"]),
            first=nw.col("day").min().over("customer_id"),
        )
        rows = rows.with_columns(period=(nw.col("day") - nw.col("first")) // PERIOD)
        made = rows.group_by("customer_id").agg(
            *(
                nw.when(nw.col("place") == place)
                .then(today - nw.col("day"))
                .max()
                .cast(nw.Int64)
                .alias(f"days_since_order_{place}")
                for place in MILESTONES
            ),
            nw.col("period").n_unique().cast(nw.Int64).alias("active"),
            nw.col("first").min().cast(nw.Int64).alias("first"),
        )
        periods = (today - nw.col("first")) // PERIOD + 1
        return made.with_columns(active_period_share=nw.col("active") / periods).drop("active", "first")


class OrderGrowth(Feature):
    """Whether a repeat buyer's purchases are growing or steady, and since when.

    They grow where the spend, or the number of orders, of the last ``days`` days is at least ``growth``
    (0.2 is 20 %) above that of the ``days`` days before, or where in the last ``days`` days the
    customer first bought a category; else they are steady. The first day of a customer is no growth,
    and without order lines no category is new. Seasons are not taken out.

    ``growth_state`` is one of :data:`GROWTH`, null without orders on two days.
    ``days_since_growth_changed`` says since when the customer has been growing, or steady, without a
    break. A first steady order is a repeat order on a day without growth: a customer who falls silent
    stops growing, but has not shown himself steady. ``growth_days`` is the parameter ``days``.
    """

    title: ClassVar[Text] = Text("购买增长", "Growth of orders")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    optional_tables: ClassVar[tuple[str, ...]] = ("order_lines",)
    produces: ClassVar[tuple[str, ...]] = (
        "growth_state",
        "days_since_growth_changed",
        "days_since_first_growth",
        "days_since_first_steady_order",
        "growth_days",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "growth_state": Measure("购买趋势", "trend of purchases", "text"),
        "days_since_growth_changed": Measure("当前趋势持续天数", "days since growth began or ended", "days"),
        "days_since_first_growth": Measure("距首次增长的天数", "days since the first growth", "days"),
        "days_since_first_steady_order": Measure(
            "距首次平稳复购的天数", "days since the first steady repeat order", "days"
        ),
        "growth_days": Measure("增长比较期", "days compared for growth", "days"),
    }

    days: int = 90
    growth: float = 0.2

    def _check_params(self) -> None:
        problems = []
        if self.days < 1:
            problems.append(f"days is {self.days}; it must be 1 or more, for example 90.")
        if not 0 <= self.growth < 100:
            problems.append(f"growth is {self.growth:g}; it is a share from 0 on, for example 0.2 for 20 %.")
        if problems:
            raise ParamsError(" ".join(problems))

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody with paid orders on two days.

        Running sums over all that a customer bought are beyond the common dialect, so that polars does
        them, for the customers of one batch after the other.
        """
        import polars as pl

        self._check_params()
        rows = until(tables["orders"], as_of).filter(nw.col("amount_hundredths") > 0)
        orders = rows.select("customer_id", "day", "amount_hundredths", category=nw.lit(None, nw.String))
        if (lines := tables.get("order_lines")) is not None:
            given = lines.select("order_id", nw.col("category").cast(nw.String))
            bought = rows.join(given.filter(~nw.col("category").is_null()), on="order_id", how="inner")
            # A line is told from an order by its category.
            lines = bought.with_columns(amount_hundredths=nw.lit(0, nw.Int64))
            orders = nw.concat([orders, lines.select(orders.collect_schema().names())])
        names = ("customer_id", "growth_state")
        schema = dict.fromkeys((*names, *self.produces), pl.Int64) | dict.fromkeys(names, pl.String)
        return by_customers(orders, partial(self._grown, day_number(as_of)), schema)

    def _grown(self, today: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns of the feature from the orders, and the lines, of some customers."""
        import polars as pl

        # Whole numbers sort and group many times quicker than ids.
        customers = (
            rows.select("customer_id")
            .unique()
            .sort("customer_id")
            .with_row_index("customer")
            .cast({"customer": pl.Int64})
        )
        rows = rows.join(customers, on="customer_id").drop("customer_id")
        orders = rows.filter(pl.col("category").is_null())
        days = orders.group_by("customer", "day").agg(
            spend=pl.col("amount_hundredths").sum(), orders=pl.len().cast(pl.Int64)
        )
        new = _new_categories(orders, rows.filter(pl.col("category").is_not_null()))
        days = days.join(new, on=["customer", "day"], how="left").with_columns(pl.col("new").fill_null(0))
        found = self._summary(self._judged(days, today), today)
        return found.join(customers, on="customer").drop("customer").sort("customer_id")

    def _judged(self, days: pl.DataFrame, today: int) -> pl.DataFrame:
        """Return the ``state`` of repeat buyers on each day on which it can change, sorted.

        These are the days with orders, and those on which an order leaves the last or the earlier
        ``days`` days. ``ordered`` tells the former.
        """
        import polars as pl

        # An order enters the last days, later leaves these for the days before, and then leaves both. One
        # sorted number for customer and day, and on equal ones the entry last: quicker than grouping.
        first = cast("int", days["day"].min() or 0)
        apart = today - first + 2 * self.days + 1
        entered = days.select("spend", "orders", "new", at=pl.col("customer") * apart + pl.col("day") - first)
        changes = pl.concat(
            entered.with_columns(
                pl.col("at") + after, now=pl.lit(now, pl.Int64), before=pl.lit(before, pl.Int64)
            )
            for after, now, before in ((2 * self.days, 0, -1), (self.days, -1, 1), (0, 1, 0))
        ).sort("at", maintain_order=True)
        # What a customer adds is taken away again, so that the sums begin at 0 for the next one.
        sums = changes.select(
            *(
                (pl.col(name) * pl.col(side)).cum_sum().alias(f"{name}_{side}")
                for name in ("spend", "orders", "new")
                for side in ("now", "before")
            ),
            customer=pl.col("at") // apart,
            day=pl.col("at") % apart + first,
            ordered=pl.col("now") > 0,
            last=pl.col("at") != pl.col("at").shift(-1),
        ).filter(pl.col("last").fill_null(value=True), pl.col("day") <= today)
        sums = sums.filter(pl.col("ordered").cum_sum().over("customer") > 1)

        def grown(name: str) -> pl.Expr:
            now, before = pl.col(f"{name}_now"), pl.col(f"{name}_before")
            return (now > before) & (now >= before * (1 + self.growth))

        state = (
            pl.when(grown("spend"))
            .then(pl.lit("spend"))
            .when(grown("orders"))
            .then(pl.lit("orders"))
            .when(pl.col("new_now") > 0)
            .then(pl.lit("category"))
            .otherwise(pl.lit("steady"))
        )
        return sums.select("customer", "day", "ordered", state=state)

    def _summary(self, states: pl.DataFrame, today: int) -> pl.DataFrame:
        """Return the columns of the feature per ``customer``, for everybody with a repeat order."""
        import polars as pl

        day, steady = pl.col("day"), pl.col("state") == "steady"
        same = (steady == steady.shift(1)) & (pl.col("customer") == pl.col("customer").shift(1))
        return (
            states.with_columns(
                began=pl.when(~same.fill_null(value=False)).then(day),
                grew=pl.when(~steady).then(day),
                bought=pl.when(steady, pl.col("ordered")).then(day),
            )
            .group_by("customer")
            .agg(
                growth_state=pl.col("state").last(),
                days_since_growth_changed=today - pl.col("began").max(),
                days_since_first_growth=today - pl.col("grew").min(),
                days_since_first_steady_order=today - pl.col("bought").min(),
            )
            .with_columns(growth_days=pl.lit(self.days, pl.Int64))
        )


def _new_categories(orders: pl.DataFrame, bought: pl.DataFrame) -> pl.DataFrame:
    """Return how many categories a customer first bought on a day (``new``), the first day excepted."""
    import polars as pl

    first = bought.group_by("customer", "category").agg(pl.col("day").min())
    begun = orders.group_by("customer").agg(begun=pl.col("day").min())
    later = first.join(begun, on="customer").filter(pl.col("day") > pl.col("begun"))
    return later.group_by("customer", "day").agg(new=pl.len().cast(pl.Int64))
