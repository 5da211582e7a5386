"""Timeliness: records kept up to date, no day without its usual rows, times in a possible order."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from crmlab.data.canonical.columns import FIRST_PLAUSIBLE_DAY
from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import DAYS, TABLES, WEEKS, Count, Rule
from crmlab.data.schemas import ARRIVALS
from crmlab.labels import Text

USUAL = 10
"""A day (or week) on which usually so many come is expected to have some: by chance alone, none would
come once in 20,000 (Poisson)."""

_WHO = {"feedback": ("respondent_id", "customer_id")}
"""Who brings several rows at once, as the answers of one questionnaire: these come by one chance."""

_DATED = 0.5
"""With a smaller share of dated rows the newest date says nothing of the table."""

_SHOWN = 3
_STEADY = ("orders", "interactions", "feedback", "complaints")
_RECORD_DAYS, _CONTACT_DAYS, _TABLE_DAYS = 730, 365, 31


def _older(rule: str, column: str, default: int) -> Rule:
    said = {
        "updated_at": (Text("客户资料", "customer record"), Text("更新", "updated")),
        "last_contact_at": (Text("客户", "customer"), Text("联系", "contacted")),
    }[column]

    def violated(facts: Facts) -> pl.Expr:
        day = facts.day(column, facts.table("customers").schema[column])
        return day < facts.as_of - timedelta(days=facts.setting(rule).days or default)

    return Rule(
        id=rule,
        table="customers",
        dimension="timeliness",
        title=Text(f"{said[0].zh}久未{said[1].zh}", f"{said[0].en.capitalize()} not {said[1].en} for long"),
        advice=Text(
            f"超过 {default} 天算久（可用 days 改）。先更新高价值客户：回访时核对，或发自助更新表。",
            f"Long is more than {default} days (set days to change it). Begin with the most valuable: "
            "confirm details at the next call, or send a form to fill in.",
        ),
        needs=(column,),
        violated=violated,
        shows=(column,),
        max_share=0.3,
        takes=("days",),
    )


def _current(table: str) -> Rule:
    def counted(facts: Facts) -> Count | None:
        days = _arrivals(facts, table)["day"]
        newest = days.max()
        if newest is None or days.len() - days.null_count() < _DATED * days.len():
            return None
        assert isinstance(newest, date)
        late = (facts.as_of - newest).days > (facts.setting("table_current").days or _TABLE_DAYS)
        return Count(1, int(late), (newest.isoformat(),), TABLES)

    return Rule(
        id="table_current",
        table=table,
        dimension="timeliness",
        title=Text("最新记录过旧", "Newest row is old"),
        advice=Text(
            f"最新记录早于观察日 {_TABLE_DAYS} 天以上（可用 days 改）：重新导出，或把观察日设为数据截止日。",
            f"More than {_TABLE_DAYS} days before the as-of day (set days to change it): export again, or "
            "set as_of to the day the data ends.",
        ),
        needs=(ARRIVALS[table],),
        counted=counted,
        max_share=0.0,
        takes=("days",),
    )


def _gaps(table: str) -> Rule:
    return Rule(
        id="cadence_gap",
        table=table,
        dimension="timeliness",
        title=Text("平时有记录的日子（或周）整段空白", "No rows on a day (or week) that usually has some"),
        advice=Text(
            "查明是停业（如春节），还是漏导、接口中断；漏导的补回。",
            "Find out whether business paused (holidays) or an export did; fetch what is missing.",
        ),
        needs=(ARRIVALS[table],),
        counted=lambda facts: _count_gaps(facts, table),
        max_share=0.02,
    )


def _arrivals(facts: Facts, table: str) -> pl.DataFrame:
    """Return the ``day`` of every row, and ``who``: equal for rows that come together."""
    frame, column = facts.table(table), ARRIVALS[table]
    who = [name for name in _WHO.get(table, ()) if name in frame.columns]
    day = facts.day(column, frame.schema[column])
    return frame.select(day=day, who=pl.coalesce(*who, pl.format("row {}", "row")) if who else "row")


def _expected(came: pl.Expr) -> pl.Expr:
    """Say when ``USUAL`` are to come: mostly some do, and the median of those times is as high.

    It has to be so of all times up to then and of all from then on: a shop that grew is not asked for
    today's trade in its first weeks, while a hole of months stays one. Null is where none came.
    """
    past = came.rolling_median(_EVER, min_samples=1)
    future = came.reverse().rolling_median(_EVER, min_samples=1).reverse()
    return (came.fill_null(0).median() > 0) & (past >= USUAL) & (future >= USUAL)


_EVER = 100_000  # days


def _count_gaps(facts: Facts, table: str) -> Count | None:
    """Count days, per weekday, or weeks without rows on which usually ``USUAL`` come.

    The span runs from the first row to the last, so that an end without rows is the other rule's.
    None where not even a week usually has so many.
    """
    came = _arrivals(facts, table).drop_nulls("day").group_by("day").agg(came=pl.col("who").n_unique())
    if came.is_empty():
        return None
    span = came.select(pl.date_range(pl.col("day").min(), pl.col("day").max()).alias("day"))
    daily = span.join(came, on="day", how="left", maintain_order="left").with_columns(
        pl.col("came").cast(pl.Float64)
    )
    weekday = pl.col("day").dt.weekday()
    expected, unit = daily.filter(_expected(pl.col("came")).over(weekday)), DAYS
    if expected.is_empty():
        weekly = daily.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("came").sum()).sort("day")
        whole = weekly[1:-1].with_columns(pl.col("came").replace(0, None))  # both ends are cut off
        expected, unit = whole.filter(_expected(pl.col("came"))), WEEKS
    if expected.is_empty():
        return None
    empty = expected.filter(pl.col("came").is_null())["day"]
    return Count(expected.height, empty.len(), tuple(day.isoformat() for day in empty.head(_SHOWN)), unit)


def _later(table: str) -> Rule:
    return Rule(
        id="after_as_of",
        table=table,
        dimension="timeliness",
        title=Text("晚于观察日的记录（不用）", "Later than the as-of day (not used)"),
        advice=Text(
            "观察日在过去时属正常；观察日就是今天的，检查系统时钟与日期录入。",
            "Right where the as-of day is in the past; if it is today, check clocks and typed dates.",
        ),
        needs=(ARRIVALS[table],),
        counted=lambda facts: Count(facts.table(table).height + facts.later(table), facts.later(table)),
        severity="notice",
        max_share=0.1,
    )


def _registered_late(facts: Facts) -> pl.Expr:
    orders = facts.table("orders")
    first = orders.group_by("customer_id").agg(
        first=facts.day("ordered_at", orders.schema["ordered_at"]).min()
    )
    customers = facts.table("customers").select("customer_id", "registered_on")
    joined = customers.join(first, on="customer_id", how="left", maintain_order="left")
    return pl.lit(joined["registered_on"] > joined["first"])


RULES: tuple[Rule, ...] = (
    _older("record_stale", "updated_at", _RECORD_DAYS),
    _older("contact_stale", "last_contact_at", _CONTACT_DAYS),
    *(_current(table) for table in _STEADY),
    *(_gaps(table) for table in _STEADY),
    *(_later(table) for table in ARRIVALS),
    Rule(
        id="registered_early",
        table="customers",
        dimension="timeliness",
        title=Text("登记日期早于 1990 年", "Registered before 1990"),
        advice=Text("多为默认值或年份录错，清空后补录。", "Mostly a default or a slip: empty it and ask."),
        needs=("registered_on",),
        violated=lambda _: pl.col("registered_on") < FIRST_PLAUSIBLE_DAY,
        shows=("registered_on",),
    ),
    Rule(
        id="registered_after_order",
        table="customers",
        dimension="timeliness",
        title=Text("登记日期晚于首次下单", "Registered after the first order"),
        advice=Text(
            "可能是换系统时重新登记：登记日期改用首单日期，否则新客会被多算。",
            "Perhaps registered anew in a new system: take the first order's day, or new customers are "
            "overcounted.",
        ),
        needs=("customer_id", "registered_on"),
        also=("orders",),
        violated=_registered_late,
        shows=("registered_on",),
        max_share=0.05,
    ),
    Rule(
        id="closed_before_resolved",
        table="complaints",
        dimension="timeliness",
        title=Text("投诉先关闭后解决", "Complaint closed before it was resolved"),
        advice=Text("关闭前必须填写解决时间。", "Ask for the time of resolution before closing."),
        needs=("resolved_at", "closed_at"),
        violated=lambda _: pl.col("closed_at") < pl.col("resolved_at"),
        shows=("resolved_at", "closed_at"),
    ),
)
