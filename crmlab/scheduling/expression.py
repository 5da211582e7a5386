"""When a schedule is due: the five fields of cron, in a time zone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from crmlab.errors import ParamsError, did_you_mean

_VALUE = r"(?:\d{1,2}|[A-Za-z]{3})"
_PART = rf"(?:\*(?:/\d{{1,2}})?|{_VALUE}(?:-{_VALUE}(?:/\d{{1,2}})?)?)"
_FIELD = re.compile(rf"{_PART}(?:,{_PART})*")  # what every cron takes
_NICKNAMES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Expression:
    """Five fields: minute, hour, day of month, month, day of week, as crontab(5) describes them.

    Where both days are restricted, either will do. A time that a change of clocks skips is due right
    after it, one that comes twice is due once; where minute or hour is ``*``, both hours count. Raises
    ParamsError for anything that cron would not take, or that never comes.
    """

    text: str
    timezone: str

    def __post_init__(self) -> None:
        fields = _NICKNAMES.get(self.text.strip(), self.text).split()
        if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
            raise ParamsError(_wrong(self.text, "it takes five fields such as *, 5, 1-5, */15, MON or 0,30"))
        object.__setattr__(self, "text", " ".join(fields))
        if self.timezone not in available_timezones():
            hint = did_you_mean(self.timezone, available_timezones())
            raise ParamsError(
                f"No time zone is named {self.timezone!r}.{hint} Use one such as Asia/Shanghai."
            )
        try:
            next(CronSim(self.text, _EPOCH))
        except CronSimError as error:
            raise ParamsError(_wrong(self.text, str(error))) from None
        except StopIteration:
            raise ParamsError(_wrong(self.text, "that day never comes")) from None

    @cached_property
    def _fields(self) -> CronSim:
        return CronSim(self.text, _EPOCH)

    @property
    def minutes(self) -> list[int]:
        """The minutes of the hour, sorted."""
        return sorted(self._fields.minutes)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the due times later than ``after`` up to ``until``, in order."""
        ticks = map(_fixed, CronSim(self.text, after.astimezone(ZoneInfo(self.timezone))))
        # Where a clock is set back, the search may begin too early.
        later = itertools.dropwhile(lambda due: due <= after, ticks)
        return itertools.takewhile(lambda due: due <= until, later)

    def last(self, now: datetime) -> datetime:
        """Return the latest due time not later than ``now``."""
        start = now + timedelta(hours=3)  # more than any clock is set back
        ticks = CronSim(self.text, start.astimezone(ZoneInfo(self.timezone)), reverse=True)
        return next(due for due in map(_fixed, ticks) if due <= now)


def _fixed(due: datetime) -> datetime:
    """Return the same moment with a fixed offset: two such compare as moments, whatever clocks do."""
    return due.astimezone(timezone(due.utcoffset() or timedelta()))


def _wrong(text: str, why: str) -> str:
    return (
        f"{text!r} is no time for a schedule: {why}. Write minute, hour, day of month, month and day of week "
        "as in a crontab, for example '0 2 * * *' for every night at two, or '30 6 * * 1' for Monday 06:30."
    )
