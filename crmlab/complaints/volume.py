"""How many complaints there are, and how many for every 1,000 orders."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.complaints.part import Part, listed
from crmlab.complaints.rates import poisson_interval, rate, ratio_of_rates
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view.complaint_charts import interval_bars, value_line
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.segments.separation import Estimate

By = Literal["category", "product", "channel"]

RECENT = 90
"""Days that are compared with the same number before them."""
_ROWS = 15
_SILENCE = log(1000)
"""Complaints that would have come in the time since the last one, above which the log seems to break off."""
_EPOCH = date(1970, 1, 1)


class Volume(Part):
    """Complaints by the month they were opened, and per 1,000 paid orders placed in that month.

    The rate counts from the first day that both tables reach to the last with an order; complaints of other
    days are left out, and counted in :attr:`outside`. Its interval is the exact one of a Poisson count:
    complaints are few among many orders.
    """

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per month: ``month``, ``complaints``, ``orders``, ``rate`` per 1,000, ``low``, ``high``.

        Without orders the last three are null.
        """
        months = self._complaints.group_by("month").agg(complaints=pl.len().cast(pl.Int64))
        if self._orders is None:
            frame = months.with_columns(orders=pl.lit(None, pl.Int64))
        else:
            placed = self._orders.group_by("month").agg(orders=pl.len().cast(pl.Int64))
            frame = placed.join(months, on="month", how="full", coalesce=True).with_columns(
                pl.col("complaints", "orders").fill_null(0)
            )
        return _rated(frame.sort("month"))

    def by(self, column: By) -> pl.DataFrame:
        """Return one row per value of a column, most complaints first, with the rate as in :attr:`summary`.

        A category is set against all orders, a product against the orders with it, a channel of sale against
        the orders over it (of complaints that name their order). Empty where the tables do not say.
        """
        told = self._complaints
        if column == "channel":
            told = self._over_channels()
        groups = told.group_by(column).agg(complaints=pl.len().cast(pl.Int64)).rename({column: "name"})
        against = self._orders_by(column)
        if against is None:
            return _rated(groups.with_columns(orders=pl.lit(None, pl.Int64)).clear())
        if isinstance(against, int):
            groups = groups.with_columns(orders=pl.lit(against, pl.Int64))
        else:
            groups = groups.join(against, on="name")
        return _rated(groups.sort("complaints", "name", descending=[True, False]))

    @cached_property
    def overall(self) -> Estimate:
        """Complaints per 1,000 orders over the whole time."""
        return rate(self._complaints.height, 0 if self._orders is None else self._orders.height)

    @cached_property
    def change(self) -> Estimate:
        """The rate of the last 90 days as a multiple of that of the 90 before; counts without orders."""
        last = self._span[1]
        counts = [self._within(self._complaints, last - k * RECENT) for k in (0, 1)]
        if self._orders is None:
            return ratio_of_rates(counts[0], RECENT, counts[1], RECENT)
        orders = [self._within(self._orders, last - k * RECENT) for k in (0, 1)]
        return ratio_of_rates(counts[0], orders[0], counts[1], orders[1])

    @cached_property
    def orders(self) -> int | None:
        """The orders that the rate is of; None where the study has none."""
        return None if self._orders is None else self._orders.height

    @property
    def outside(self) -> int:
        """Complaints of days that the orders do not reach; they are in no rate."""
        return self.log.frame.height - self._complaints.height

    @cached_property
    def silent_since(self) -> date | None:
        """The day of the last complaint, where so long a silence since is no chance; else None.

        At the pace before, no complaint at all would come in one of a thousand such times (Poisson).
        """
        days = self._complaints["day"]
        if len(days) < 2:
            return None
        first, last = int(days[0]), int(days[-1])
        expected = len(days) / (last - first + 1) * (self._span[1] - last)
        return _EPOCH + timedelta(days=last) if expected > _SILENCE else None

    def _explain(self) -> Text:
        outside = say("complaints_volume_outside", n=count(self.outside)) if self.outside else None
        silent = self.silent_since
        ends = None if silent is None else say("complaints_volume_ends", day=silent)
        return joined(self.title(), outside, ends, self.trend())

    def title(self) -> Text:
        """Say how many complaints there are, and how many that is for 1,000 orders."""
        n, (first, last) = self._complaints.height, (_EPOCH + timedelta(days=day) for day in self._span)
        if self._orders is None or not self._orders.height:
            return say("complaints_volume_counts", n=count(n), first=first, last=last)
        low, high = (decimal(value, 1) for value in self.overall[1:])
        return say(
            "complaints_volume_title",
            n=count(n),
            first=first,
            last=last,
            rate=decimal(self.overall.value, 1),
            low=low,
            high=high,
        )

    def trend(self) -> Text:
        """Say whether the last 90 days differ from the 90 before."""
        change = self.change
        if change.value != change.value:
            return texts()["complaints_trend_unknown"]
        way = "more" if change.low > 1 else "less" if change.high < 1 else "same"
        key = {
            "more": "complaints_trend_more",
            "less": "complaints_trend_less",
            "same": "complaints_trend_same",
        }[way]
        ends = {name: decimal(getattr(change, name)) for name in ("value", "low", "high")}
        return say(key, days=RECENT, **ends)

    def _chart(self) -> alt.LayerChart | Note:
        if self.summary.height < 2:
            return Note(texts()["complaints_one_month"], self.lab.language)
        words, has_orders = texts(), self._orders is not None
        shown = self.summary.rename({"month": "period"})
        if has_orders:
            frame = shown.with_columns(value=pl.col("rate")).drop_nulls("value")
        else:
            ends = [poisson_interval(n) for n in shown["complaints"]]
            frame = shown.with_columns(
                value=pl.col("complaints"),
                low=pl.Series([end.low for end in ends]),
                high=pl.Series([end.high for end in ends]),
            )
        said = frame.with_columns(
            told=pl.col("value").round(1).cast(pl.String),
            ends=pl.format("{}–{}", pl.col("low").round(1), pl.col("high").round(1)),
        )
        axis = words["complaints_rate" if has_orders else "complaints_count"]
        tips = [("period", words["period"]), ("complaints", words["complaints_count"])]
        if has_orders:
            tips += [("orders", words["paid_orders"]), ("told", axis)]
        return value_line(
            said,
            self.trend(),
            say("complaints_volume_subtitle", n=count(self._complaints.height)),
            axis,
            self.lab.language,
            [*tips, ("ends", words["interval_95"])],
        )

    def chart_by(self, column: By) -> Any:
        """Draw the rate per value of a column, the fifteen with most complaints."""
        return self._shown(lambda: self._chart_by(column))

    def table_by(self, column: By) -> Any:
        """Show complaints, orders and rate per value of a column, the fifteen with most complaints."""
        return self._shown(lambda: self._table_by(column))

    def _chart_by(self, column: By) -> alt.LayerChart | Note:
        frame = self.by(column).head(_ROWS).drop_nulls("rate")
        if frame.is_empty():
            return Note(self._no_rate(), self.lab.language)
        words = texts()
        ranked = frame.sort("rate", "name", descending=[True, False]).with_columns(
            value="rate",
            label=pl.col("rate").map_elements(lambda x: decimal(x, 1), return_dtype=pl.String),
            ends=pl.format("{}–{}", pl.col("low").round(1), pl.col("high").round(1)),
        )
        top = ranked.row(0, named=True)
        return interval_bars(
            ranked,
            say("complaints_rate_top", name=top["name"], rate=decimal(top["rate"], 1)),
            say("complaints_rate_subtitle", n=count(int(frame["complaints"].sum()))),
            words["complaints_rate"],
            words[_NAMES[column]],
            self.lab.language,
            [
                ("name", words[_NAMES[column]]),
                ("complaints", words["complaints_count"]),
                ("orders", words["paid_orders"]),
                ("label", words["complaints_rate"]),
                ("ends", words["interval_95"]),
            ],
        )

    def _table_by(self, column: By) -> Table | Note:
        frame = self.by(column).head(_ROWS)
        if frame.is_empty():
            return Note(self._no_rate(), self.lab.language)
        words = texts()
        return Table(
            frame.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words[_NAMES[column]]),
                Column("complaints", words["complaints_count"], "integer"),
                Column("orders", words["paid_orders"], "integer"),
                Column("rate", words["complaints_rate"], "decimal", decimals=1, bar=True),
                Column("interval", words["interval_95"], "interval", of="decimal"),
            ],
            caption=say("complaints_rate_by", name=words[_NAMES[column]]),
            note=words["complaints_rate_note"],
            language=self.lab.language,
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self.summary.with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("month", words["period"]),
                Column("complaints", words["complaints_count"], "integer", bar=True),
                Column("orders", words["paid_orders"], "integer"),
                Column("rate", words["complaints_rate"], "decimal", decimals=1),
                Column("interval", words["interval_95"], "interval", of="decimal"),
            ],
            caption=words["complaints_volume_caption"],
            note=words["complaints_rate_note"],
            language=self.lab.language,
        )

    @cached_property
    def _complaints(self) -> pl.DataFrame:
        return self.log.frame.filter(pl.col("day").is_between(*self._span))

    @cached_property
    def _span(self) -> tuple[int, int]:
        """The first and the last day that count: those of the complaints, as far as the orders reach."""
        first, last = (day_number(day) for day in self.log.span)
        if self._orders is None or self._orders.is_empty():
            return first, last
        placed = self.lab.tables["orders"]["day"]
        begin, end = placed.min(), placed.max()
        assert isinstance(begin, int)
        assert isinstance(end, int)
        return max(first, begin), min(last, end)

    @cached_property
    def _orders(self) -> pl.DataFrame | None:
        """The paid orders since the first complaint, with their month."""
        if "orders" not in self.lab.tables:
            return None
        orders = self.lab.tables["orders"].filter(
            pl.col("amount_hundredths") > 0, pl.col("day") >= self.log.frame["day"].min()
        )
        month = (pl.lit(_EPOCH) + pl.duration(days=pl.col("day"))).dt.strftime("%Y-%m")
        return orders.with_columns(month=month)

    def _orders_by(self, column: By) -> pl.DataFrame | int | None:
        if self._orders is None or (column not in self.log.given and column != "channel"):
            return None
        if column == "category":
            return self._orders.height
        if column == "channel":
            if "channel" not in self._orders.columns or not self.log.has("order_id"):
                return None
            return self._orders.group_by(name="channel").agg(orders=pl.len().cast(pl.Int64)).drop_nulls()
        if "order_lines" not in self.lab.tables or "product" not in self.lab.tables["order_lines"].columns:
            return None
        lines = self.lab.tables["order_lines"].select("order_id", name="product").drop_nulls().unique()
        known = lines.join(self._orders.select("order_id"), on="order_id", how="semi")
        return known.group_by("name").agg(orders=pl.len().cast(pl.Int64))

    def _over_channels(self) -> pl.DataFrame:
        """Return the complaints with the channel of the order that they are about."""
        bare = self._complaints.drop("channel")
        if self._orders is None or "channel" not in self._orders.columns:
            return bare.with_columns(channel=pl.lit(None, pl.String)).clear()
        sold = self._orders.select("order_id", "channel").drop_nulls().unique("order_id", keep="first")
        found = bare.join(sold, on="order_id", how="inner", maintain_order="left")
        return found.filter(pl.len().over("channel") >= self.fewest)

    def _within(self, frame: pl.DataFrame, last: int) -> int:
        return frame.filter(pl.col("day") <= last, pl.col("day") > last - RECENT).height

    def _no_rate(self) -> Text:
        lacking = [texts()[key] for column, key in _NAMES.items() if self.by(column).is_empty()]
        return say("complaints_rate_unknown", names=listed(lacking))


_NAMES: dict[By, str] = {
    "category": "complaints_category",
    "product": "complaints_product",
    "channel": "complaints_sales_channel",
}


def _rated(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``rate``, ``low`` and ``high`` to ``complaints`` and ``orders``."""
    rates = [rate(n, orders or 0) for n, orders in frame.select("complaints", "orders").iter_rows()]
    made = pl.DataFrame(
        {
            name: pl.Series([getattr(each, place) for each in rates], dtype=pl.Float64)
            for name, place in (("rate", "value"), ("low", "low"), ("high", "high"))
        }
    )
    return frame.hstack(made.fill_nan(None))
