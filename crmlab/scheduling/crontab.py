"""A line for crontab(5)."""

from __future__ import annotations

import shlex

from crmlab.errors import ParamsError
from crmlab.scheduling.schedule import Schedule

_LONGEST = 998
"""Bytes of a command that every cron reads: the one of Debian has room for 1,000 with their end."""


def crontab(schedule: Schedule) -> str:
    """Return the lines for a crontab.

    Few crons know time zones, and none makes up for a night on which the computer was off. So cron wakes
    the command every hour, at the minutes of the schedule, and the command itself knows what is due.
    Raises ParamsError for a command that cron would cut off.
    """
    command = f"cd {shlex.quote(str(schedule.folder))} && exec {shlex.join(schedule.command())}"
    if "\\" in command:
        # Some crons take a backslash away, others leave it.
        raise ParamsError("A path or an option holds a backslash, which crons read in different ways.")
    # A bare percent sign would end the command and begin its input.
    line = command.replace("%", r"\%")
    if len(line.encode()) > _LONGEST:
        raise ParamsError(
            f"The command has {len(line.encode())} bytes and some crons read {_LONGEST}. Shorten the paths, "
            "or use the systemd timer."
        )
    at, minutes = schedule.at, schedule.at.minutes
    when = "*" if len(minutes) == 60 else ",".join(map(str, minutes))
    return (
        f"# crmlab {schedule.name}: {at.text} ({at.timezone})\n"
        "# cron 不认时区，也不补跑，所以每小时唤醒一次，是否到期由 crmlab 判断。\n"
        "# cron knows neither time zones nor missed runs: hourly, it asks crmlab what is due.\n"
        f"{when} * * * * {line}\n"
    )
