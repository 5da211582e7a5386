"""The units, read by systemd itself where it is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule
from crmlab.scheduling.systemd import calendar, service, timer
from tests.scheduling.awkward import AWKWARD

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze on this computer")


def words_of(unit: str) -> list[str]:
    """Return the words of ExecStart by the rules of systemd.service(5), specifiers and variables undone."""
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, flags=re.M)
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    assert " ".join(f'"{word}"' for word in words) == line
    found = []
    for place, word in enumerate(words):
        plain = re.sub(r"\\(.)", r"\1", word)
        assert not re.search(r"(?<!%)%(?:%%)*(?!%)", plain)
        plain = plain.replace("%%", "%")
        if place:
            assert not re.search(r"(?<!\$)\$(?:\$\$)*(?!\$)", plain)
            plain = plain.replace("$$", "$")
        found.append(plain)
    return found


@given(AWKWARD, AWKWARD)
def test_every_word_comes_back(name: str, value: str) -> None:
    base = Path("/data") / f"x{name}x"
    made = Schedule(
        name="nightly",
        study=base / f"{value}.yaml",
        at=Expression("0 2 * * *", "UTC"),
        runs=base,
        folder=base,
        options=("--set", f"title.zh={value}\\"),
    )
    unit = service(made)
    assert words_of(unit) == made.command()
    assert f"WorkingDirectory={str(base).replace('%', '%%')}\n" in unit


@needs_systemd
def test_systemd_takes_the_units(scheduled: Callable[..., Schedule], tmp_path: Path) -> None:
    folder = tmp_path / '研究 100%s "a" $HOME'
    folder.mkdir()
    made = scheduled("30 6 1,15 * MON", base=folder, options=("--set", "title.zh=$HOME %h 'x'"))
    for kind, unit in (("service", service(made)), ("timer", timer(made))):
        (tmp_path / f"crmlab-nightly.{kind}").write_text(unit, encoding="utf-8")
    done = subprocess.run(
        [str(ANALYZE), "verify", *map(str, tmp_path.glob("crmlab-nightly.*"))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert words_of(service(made))[0] == os.path.abspath(sys.executable)


@needs_systemd
@pytest.mark.parametrize(
    ("at", "timezone"),
    [
        ("0 2 * * *", "Asia/Shanghai"),
        ("30 6 * * 1", "Asia/Kolkata"),
        ("*/20 8-18 * * 1-5", "Asia/Shanghai"),
        ("15 3 1,15 * *", "Europe/Berlin"),
        ("5 4 13 * FRI", "Asia/Shanghai"),
    ],
)
def test_the_timer_comes_when_the_schedule_is_due(at: str, timezone: str) -> None:
    expression = Expression(at, timezone)
    due = next(iter(expression.between(START, START + timedelta(days=99))))
    assert due in wakes(expression, due - timedelta(minutes=90), 12)


@needs_systemd
@pytest.mark.parametrize("day", ["2024-03-10", "2024-11-03"])
@pytest.mark.parametrize("at", ["30 1 * * *", "30 2 * * *"])
def test_the_timer_comes_on_the_days_on_which_clocks_change(at: str, day: str) -> None:
    expression = Expression(at, "America/New_York")
    start = datetime.fromisoformat(f"{day}T00:00:00-05:00").astimezone(UTC)
    (due,) = expression.between(start, start + timedelta(hours=10))
    after = [moment - due for moment in wakes(expression, start, 8) if moment >= due]
    assert after[0] <= timedelta(minutes=30)


START = datetime(2024, 1, 30, 12, 34, tzinfo=UTC)


def wakes(expression: Expression, start: datetime, times: int) -> list[datetime]:
    """Return the first moments at which systemd would start the service."""
    done = subprocess.run(
        [
            *(str(ANALYZE), "calendar", f"--iterations={times}"),
            *(f"--base-time={start.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC", calendar(expression)),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )
    told = re.findall(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout)
    return sorted({datetime.fromisoformat(text).replace(tzinfo=UTC) for text in told})


def test_missed_times_are_kept_by_systemd(scheduled: Callable[..., Schedule]) -> None:
    assert "Persistent=true\n" in timer(scheduled())
    assert "OnCalendar=*-*-* *:00:00 Asia/Shanghai\n" in timer(scheduled())


def test_a_folder_that_systemd_cannot_name_is_refused(scheduled: Callable[..., Schedule]) -> None:
    with pytest.raises(ParamsError, match="whose name ends so"):
        service(scheduled(base="/data/x "))
