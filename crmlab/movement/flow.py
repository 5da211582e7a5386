"""Who comes, stays, returns and goes per period, from paid orders."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.view import theme
from crmlab.view.findings import Note
from crmlab.view.movement_charts import flow_bars
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

Every = Literal["month", "quarter"]

_EPOCH = date(1970, 1, 1)
_MONTHS: dict[str, int] = {"month": 1, "quarter": 3}
_KINDS = ("returning", "new", "resurrected", "dormant")
"""Those nearest to the line first."""
_COLOURS = {
    "returning": theme.PALETTE[0],
    "new": theme.PALETTE[4],
    "resurrected": theme.PALETTE[1],
    "dormant": theme.BAD,
}


class Flow:
    """New, returning, resurrected and dormant customers per month or quarter.

    The terms of PostHog's lifecycle insight ("Lifecycle", PostHog documentation), for paid orders: a
    customer is **new** in the period of the first order, **returning** with orders in this period and the
    one before, **resurrected** with orders in this one, none in the one before and some earlier, and
    **dormant** with orders in the one before and none in this. In the first period of the data everybody
    would be new, so it is left out. A last period that has not ended by the as-of day is marked.
    Raises ParamsError for another ``every`` or fewer than one of ``periods``.
    """

    def __init__(self, lab: Lab, every: Every = "month", periods: int = 12) -> None:
        if every not in get_args(Every) or periods < 1:
            raise ParamsError(
                f"every is {every!r} and periods is {periods}; every is month or quarter, periods at least 1."
            )
        self._lab = lab
        self._language = lab.language
        self.every = every
        self.periods = periods

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per period, the last ``periods``: ``period``, ``complete``, then customers of each kind.

        ``active`` are those with orders; ``kept`` is the share of the previous period's active who
        returned, with its 95 % Wilson interval ``kept_low``, ``kept_high``. The counts of a period are
        null where one is below the study's ``privacy.smallest_group`` or would give such a one away.
        """
        counted, smallest = self._counts, self._lab.study.privacy.smallest_group
        kinds = counted.select(_KINDS).rows()
        few = [any(0 < n < smallest for n in row) for row in kinds]
        # All who ever bought are known, so one hidden number of new customers would be the rest.
        gone = hidden([row[_KINDS.index("new")] for row in kinds], smallest, few)
        rows = []
        for hid, row in zip(gone, counted.iter_rows(named=True), strict=True):
            before, returning = row["before"], row["returning"]
            known = {kind: None if hid else row[kind] for kind in _KINDS}
            active = None if hid else row["new"] + returning + row["resurrected"]
            low, high = wilson(returning, before)
            told = not hid and before > 0
            rows.append(
                {
                    "period": row["period"],
                    "complete": row["complete"],
                    **known,
                    "active": active,
                    "kept": returning / before if told else None,
                    "kept_low": low if told else None,
                    "kept_high": high if told else None,
                }
            )
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row").tail(self.periods)

    def chart(self) -> alt.LayerChart | Note:
        """Draw buyers above the line and those who stopped below it, stacked by kind."""
        words = texts()
        shown = self.summary.drop_nulls("active")
        if shown.is_empty():
            return Note(words["flow_none"], self._language)
        kinds = [(kind, words[f"flow_{kind}"], _COLOURS[kind]) for kind in _KINDS]
        names = {kind: name.to(self._language) for kind, name, _ in kinds}
        long = (
            self._named(shown)
            .unpivot(_KINDS, index=["period"], variable_name="kind", value_name="customers")
            .with_columns(
                value=pl.when(pl.col("kind") == "dormant").then(-pl.col("customers")).otherwise("customers")
            )
            .with_columns(pl.col("kind").replace_strict(names, return_dtype=pl.String))
        )
        order = {period: place for place, period in enumerate(self._named(shown)["period"])}
        long = long.sort(pl.col("period").replace_strict(order, return_dtype=pl.Int64), maintain_order=True)
        partial = None if shown["complete"].all() else words["flow_partial"]
        missing = self.summary.height - shown.height
        few = say("flow_few", n=missing, k=self._lab.study.privacy.smallest_group) if missing else None
        return flow_bars(
            long, kinds, self._title(), joined(words["flow_subtitle"], partial, few), self._language
        )

    def table(self) -> Table | Note:
        """Show the counts, and the share of the previous period's customers who came back."""
        words = texts()
        if self.summary.is_empty():
            return Note(words["flow_none"], self._language)
        frame = self._named(self.summary).with_columns(
            interval=pl.when(pl.col("kept_low").is_not_null()).then(pl.concat_list("kept_low", "kept_high"))
        )
        smallest = self._lab.study.privacy.smallest_group
        hid = self.summary["active"].has_nulls()
        return Table(
            frame,
            [
                Column("period", words["period"]),
                Column("active", words["flow_active"], "integer"),
                *(
                    Column(kind, words[f"flow_{kind}"], "integer")
                    for kind in ("new", "returning", "resurrected")
                ),
                Column("dormant", words["flow_dormant"], "integer"),
                Column("kept", words["flow_kept"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["flow_caption"],
            note=joined(
                words["flow_note"],
                None if self.summary["complete"].all() else words["flow_partial"],
                say("privacy_rows", k=smallest) if hid else None,
            ),
            language=self._language,
        )

    @cached_property
    def _counts(self) -> pl.DataFrame:
        """Customers of each kind per period after the first, and ``before``: active in the one before it."""
        as_of, step = self._lab.study.as_of, _MONTHS[self.every]
        day = pl.lit(_EPOCH) + pl.duration(days=pl.col("day"))
        index = (day.dt.year().cast(pl.Int64) * 12 + day.dt.month().cast(pl.Int64) - 1) // step
        bought = (
            self._lab.tables["orders"]
            .filter(pl.col("day") <= day_number(as_of), pl.col("amount_hundredths") > 0)
            .select("customer_id", period=index)
            .unique()
            .sort("customer_id", "period")
            .with_columns(
                previous=pl.col("period").shift(1).over("customer_id"),
                following=pl.col("period").shift(-1).over("customer_id"),
            )
        )
        if bought.is_empty():
            return pl.DataFrame(schema=_COUNTED)
        first, last = bought["period"].min(), (as_of.year * 12 + as_of.month - 1) // step
        here, before = pl.col("period"), pl.col("previous")
        active = bought.group_by("period").agg(
            pl.len().cast(pl.Int64).alias("active"),
            before.is_null().sum().cast(pl.Int64).alias("new"),
            (before == here - 1).sum().cast(pl.Int64).alias("returning"),
            (before < here - 1).sum().cast(pl.Int64).alias("resurrected"),
            (pl.col("following") == here + 1).sum().cast(pl.Int64).alias("stays"),
        )
        every = pl.DataFrame({"period": range(first, last + 1)}, schema={"period": pl.Int64})  # type: ignore[arg-type]
        full = every.join(active, on="period", how="left", maintain_order="left").fill_null(0)
        full = full.with_columns(before=pl.col("active").shift(1), kept=pl.col("stays").shift(1)).slice(1)
        ends = [_first_day(number + 1, step) - timedelta(days=1) for number in full["period"]]
        return full.select(
            period=pl.Series([_period(number, self.every) for number in full["period"]], dtype=pl.String),
            complete=pl.Series([end <= as_of for end in ends], dtype=pl.Boolean),
            new="new",
            returning="returning",
            resurrected="resurrected",
            dormant=pl.col("before") - pl.col("kept"),
            before="before",
        )

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Mark a period that has not ended."""
        return frame.with_columns(period=pl.when("complete").then("period").otherwise(pl.col("period") + "*"))

    def _title(self) -> Text:
        """Say how many of the previous period's customers came back in the last complete one."""
        done = self.summary.filter("complete").drop_nulls("kept").tail(1)
        if done.is_empty():
            return texts()["flow_caption"]
        row = done.row(0, named=True)
        return say(
            "flow_title",
            period=row["period"],
            kept=percent(row["kept"]),
            active=count(row["active"]),
            new=count(row["new"]),
        )


_COUNTED: dict[str, type[pl.DataType]] = {
    "period": pl.String,
    "complete": pl.Boolean,
    **dict.fromkeys(("new", "returning", "resurrected", "dormant", "before"), pl.Int64),
}
_SCHEMA: dict[str, type[pl.DataType]] = {
    "period": pl.String,
    "complete": pl.Boolean,
    **dict.fromkeys((*_KINDS, "active"), pl.Int64),
    **dict.fromkeys(("kept", "kept_low", "kept_high"), pl.Float64),
}


def _first_day(number: int, step: int) -> date:
    """Return the first day of a period that is counted in steps of months since year 0."""
    year, month = divmod(number * step, 12)
    return date(year, month + 1, 1)


def _period(number: int, every: Every) -> str:
    first = _first_day(number, _MONTHS[every])
    return f"{first:%Y-%m}" if every == "month" else f"{first.year} Q{(first.month + 2) // 3}"
