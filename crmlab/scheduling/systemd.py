"""A service and a timer for systemd, see systemd.service(5), systemd.timer(5) and systemd.time(7)."""

from __future__ import annotations

from collections.abc import Sequence

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def service(schedule: Schedule) -> str:
    """Return the unit that runs what is due."""
    program, *words = schedule.command()
    folder = str(schedule.folder)
    if folder != folder.strip() or folder.endswith("\\"):
        raise ParamsError(f"systemd cannot start in a folder whose name ends so: {folder!r}. Rename it.")
    return (
        "[Unit]\n"
        f"Description=crmlab {schedule.name}\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"WorkingDirectory={folder.replace('%', '%%')}\n"
        f"ExecStart={' '.join([_quoted(program), *(_quoted(word).replace('$', '$$') for word in words)])}\n"
        "Nice=10\n"
    )


def timer(schedule: Schedule) -> str:
    """Return the unit that starts the service: at the due times, and after the computer was off."""
    when = "".join(f"OnCalendar={calendar}\n" for calendar in calendars(schedule.at))
    return (
        "[Unit]\n"
        f"Description=crmlab {schedule.name}: {schedule.at.text} ({schedule.at.timezone})\n"
        "\n"
        "[Timer]\n"
        f"{when}"
        "AccuracySec=1s\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def calendars(at: Expression) -> list[str]:
    """Return the due times as calendar events; two, where either the day or the weekday will do."""
    weekdays = "" if len(at.weekdays) == 7 else ",".join(_WEEKDAYS[day] for day in at.weekdays) + " "
    days, months = _listed(at.days, 31), _listed(at.months, 12)
    time = f"{_listed(at.hours, 24)}:{_listed(at.minutes, 60)}:00 {at.timezone}"
    if at.either_day:
        return [f"{weekdays}*-{months}-* {time}", f"*-{months}-{days} {time}"]
    return [f"{weekdays}*-{months}-{days} {time}"]


def _listed(values: Sequence[int], every: int) -> str:
    return "*" if len(values) == every else ",".join(f"{value:02}" for value in values)


def _quoted(word: str) -> str:
    """Quote a word of a command line; systemd's own signs for names of the unit are doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
