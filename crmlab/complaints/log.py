"""The log of complaints with what is measured on it: ends, hours on both clocks, ages, words for groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.complaints.business_hours import BusinessHours
from crmlab.data.canonical.service import COMPLAINT_STEPS
from crmlab.data.convert import local_day, local_day_number, to_utc
from crmlab.data.suppression import merged_values
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.labels import Text

Measure = Literal["response", "resolution"]
ClockName = Literal["business", "calendar"]

MEASURES: tuple[Measure, ...] = ("response", "resolution")
CLOCKS: tuple[ClockName, ...] = ("business", "calendar")
GROUPS = ("category", "severity", "channel", "product", "root_cause")
"""The columns of words by which complaints are told apart."""
_DONE = ("resolved", "closed")
_MOSTLY = 0.9


@dataclass(frozen=True)
class Log:
    """One row per complaint, oldest first, as it stood at the end of the as-of day.

    Beside the canonical columns: ``day`` (Int64, opened), ``month`` ("2024-05"), ``ended_at`` (resolved,
    else closed; null while open, and where a complaint was opened again since), ``is_open``,
    ``end_unknown`` (the stage says that it is done and no time says when). For each of response and
    resolution: ``…_seen`` (Bool: the time is known; false: still to come; null: it cannot be told),
    ``…_calendar`` and ``…_business`` (Float64 hours up to it, or up to the end of the as-of day). Calendar
    hours are all that the customer waited; business hours are those in which the desk was open, less pauses
    for the customer. ``age_calendar`` and ``age_business`` are the hours since it was opened, had it never
    ended, pauses taken off the latter. Groups of fewer complaints than the study's smallest group are put
    together as "other"; a value that is missing says so; ``severity_given`` is as it was given, for promises
    go by it. ``given`` are the canonical columns in which the study has any value, ``now`` is the end of the
    as-of day in UTC.
    """

    frame: pl.DataFrame
    given: tuple[str, ...]
    hours: BusinessHours
    as_of: date
    now: datetime

    def has(self, *columns: str) -> bool:
        """Say whether the study's log has these columns, with anything in them."""
        return all(column in self.given for column in columns)

    @cached_property
    def span(self) -> tuple[date, date]:
        """The first day on which a complaint was opened, and the as-of day."""
        first = self.frame["day"].min()
        assert isinstance(first, int)
        return date(1970, 1, 1) + timedelta(days=first), self.as_of

    @cached_property
    def has_dates_only(self) -> bool:
        """Whether nearly all ends are at midnight: the log has days, and durations are to the day."""
        ends = self.frame.select(
            local=pl.col("ended_at").drop_nulls().dt.convert_time_zone(self.hours.time_zone).dt.time()
        )
        return ends.height > 0 and (ends["local"] == time(0)).sum() >= _MOSTLY * ends.height

    def explain_hours(self) -> Text:
        """Say which hours count, and in which years public holidays are not known."""
        return self.hours.explain(*self.span)


def read_log(lab: Lab) -> Log | None:
    """Return the log of a lab's complaints; None where the study has none, or no complaint."""
    if "complaints" not in lab.tables or lab.tables["complaints"].is_empty():
        return None
    return prepared(
        lab.tables["complaints"],
        BusinessHours.of(lab.study.complaints, lab.study.timezone),
        lab.study.as_of,
        lab.study.privacy.smallest_group,
        lab.language == "zh",
    )


def prepared(
    complaints: pl.DataFrame, hours: BusinessHours, as_of: date, smallest: int = 1, chinese: bool = False
) -> Log:
    """Return the log of a canonical table that holds nothing later than ``as_of``."""
    zone = hours.time_zone
    given = tuple(name for name in complaints.columns if complaints[name].null_count() < complaints.height)
    absent = {
        **dict.fromkeys(
            (*COMPLAINT_STEPS, "reopened_at", "waiting_from_at", "waiting_until_at", "closed_loop_at"),
            pl.Datetime("us", "UTC"),
        ),
        **dict.fromkeys(("customer_id", "stage", *GROUPS, "text", "order_id", "action_id"), pl.String()),
        **dict.fromkeys(("contacts_count", "reopened_count"), pl.Int64()),
        **dict.fromkeys(("paused_hours", "score"), pl.Float64()),
        **dict.fromkeys(("reopened", "escalated"), pl.Boolean()),
    }
    now = pl.select(
        to_utc(pl.lit(as_of + timedelta(days=1)).cast(pl.Datetime("us")), zone) - pl.duration(microseconds=1)
    ).item()
    frame = complaints.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in absent.items() if name not in complaints.columns
    ).sort("opened_at", "complaint_id")
    ended = pl.coalesce("resolved_at", "closed_at")
    ended_again = pl.when(pl.col("closed_at") >= pl.col("reopened_at")).then("closed_at")
    frame = frame.with_columns(
        day=local_day_number(pl.col("opened_at"), zone),
        month=local_day(pl.col("opened_at"), zone).dt.strftime("%Y-%m"),
        ended_at=pl.when(pl.col("reopened_at") > ended).then(ended_again).otherwise(ended),
        now=pl.lit(now),
    )
    # A complaint that was opened again after its last known end is open, whatever its stage said then.
    again = (pl.col("reopened_at") > ended).fill_null(value=False)
    done = pl.col("stage").is_in(_DONE).fill_null(value=False) & ~again
    frame = frame.with_columns(end_unknown=pl.col("ended_at").is_null() & done).with_columns(
        is_open=pl.col("ended_at").is_null() & ~pl.col("end_unknown")
    )
    frame = _with_hours(frame, hours)
    other, missing = (
        texts()[name].to("zh" if chinese else "en") for name in ("complaints_other", "complaints_unsaid")
    )
    frame = frame.with_columns(
        pl.col("severity").alias("severity_given"),
        *(merged_values(frame[name], smallest, other).fill_null(missing).alias(name) for name in GROUPS),
    )
    return Log(frame.drop("now"), given, hours, as_of, now)


def _with_hours(frame: pl.DataFrame, hours: BusinessHours) -> pl.DataFrame:
    """Add what is seen of response and resolution, and the hours up to either and up to now."""
    respond = pl.col("first_response_at")
    frame = frame.with_columns(
        response_seen=pl.when(respond.is_not_null())
        .then(pl.lit(value=True))
        .when(pl.col("is_open"))
        .then(pl.lit(value=False)),
        resolution_seen=pl.when(pl.col("ended_at").is_not_null())
        .then(pl.lit(value=True))
        .when(pl.col("is_open"))
        .then(pl.lit(value=False)),
        response_end=pl.coalesce(respond, "now"),
        resolution_end=pl.coalesce("ended_at", "now"),
    )
    made = {}
    for name, end in (("response", "response_end"), ("resolution", "resolution_end"), ("age", "now")):
        elapsed = frame.select(
            (pl.col(end) - pl.col("opened_at")).dt.total_microseconds() / 3.6e9
        ).to_series()
        # Hours of waiting alone are taken off in proportion: nobody says when they were.
        made[f"{name}_calendar"] = elapsed
        made[f"{name}_business"] = _less_pauses(
            frame, end, pl.Series(hours.between(frame["opened_at"], frame[end])), elapsed, hours, name
        )
    return frame.with_columns(**made).drop("response_end", "resolution_end")


def _less_pauses(
    frame: pl.DataFrame, end: str, opened: pl.Series, elapsed: pl.Series, hours: BusinessHours, name: str
) -> pl.Series:
    """Take the pauses off the open hours: one of known times exactly, hours alone in proportion."""
    begin = pl.min_horizontal(pl.col("waiting_from_at"), pl.col(end))
    # A pause without an end lasts until the complaint does.
    until = pl.coalesce("waiting_until_at", "resolution_end")
    stop = pl.when(begin.is_not_null()).then(pl.max_horizontal(begin, pl.min_horizontal(until, pl.col(end))))
    pause = frame.select(begin=begin, stop=stop)
    paused = pl.Series(hours.between(pause["begin"], pause["stop"])).fill_nan(0.0)
    share = pl.lit(1.0)
    if name != "response":
        whole = pl.col("elapsed").clip(1e-9)
        untimed = pl.col("waiting_from_at").is_null() & pl.col("paused_hours").is_not_null()
        share = pl.when(untimed).then((1 - pl.col("paused_hours") / whole).clip(0.0, 1.0)).otherwise(1.0)
    return (
        frame.with_columns(opened=opened, paused=paused, elapsed=elapsed)
        .select(((pl.col("opened") - pl.col("paused")).clip(0.0) * share).alias("hours"))
        .to_series()
    )


def nothing(lab: Lab) -> Text:
    """Say that there is no complaint to look at, and what to do."""
    if "complaints" not in lab.tables:
        return texts()["complaints_none"]
    return say("complaints_empty", day=lab.study.as_of)
