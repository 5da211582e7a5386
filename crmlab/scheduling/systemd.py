"""A service and a timer for systemd, see systemd.service(5), systemd.timer(5) and systemd.time(7)."""

from __future__ import annotations

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule


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
    """Return the unit that wakes the service every hour, and after the computer was off.

    An event of systemd for 02:30 does not come on the day on which clocks leave that time out, and a run
    that failed would wait for the next one. So the service is woken at the minutes of the schedule in
    every hour, and the command itself knows what is due.
    """
    return (
        "[Unit]\n"
        f"Description=crmlab {schedule.name}: {schedule.at.text} ({schedule.at.timezone})\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar={calendar(schedule.at)}\n"
        "AccuracySec=1s\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def calendar(at: Expression) -> str:
    """Return the moments at which the schedule may be due, as a calendar event."""
    minutes = "*" if len(at.minutes) == 60 else ",".join(f"{minute:02}" for minute in at.minutes)
    return f"*-*-* *:{minutes}:00 {at.timezone}"


def _quoted(word: str) -> str:
    """Quote a word of a command line; systemd's own signs for names of the unit are doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
