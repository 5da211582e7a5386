"""The line for cron, read back as cron reads it and run by the shell that cron runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from crmlab.errors import ParamsError
from crmlab.scheduling.crontab import crontab
from crmlab.scheduling.schedule import Schedule
from tests.scheduling.awkward import AWKWARD


def as_cron_reads(text: str) -> tuple[list[str], str]:
    """Return the five fields and the command of the one line that is no comment, as cron(8) takes it.

    A percent sign ends the command unless a backslash stands before it, which is then taken away.
    """
    assert text.endswith("\n")
    (line,) = [line for line in text.split("\n") if line and not line.startswith("#")]
    *fields, command = line.split(" ", 5)
    read, place = "", 0
    while place < len(command):
        if command.startswith("\\%", place):
            place += 1
        else:
            assert command[place] != "%", "cron would end the command here"
        read, place = read + command[place], place + 1
    return fields, read


@given(AWKWARD, AWKWARD)
@settings(max_examples=15)
def test_the_shell_gets_every_word_as_it_is(name: str, value: str) -> None:
    made = _scheduled(name, value)
    _, command = as_cron_reads(crontab(made))
    folder, _, program = command.partition(" && exec ")
    words = _words(program)
    assert words == made.command()
    assert _words(folder) == ["cd", str(made.folder)]


def _words(command: str) -> list[str]:
    """Return the words that /bin/sh makes of a command."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, env={}
    )
    return done.stdout.decode().split("\0")[:-1]


def _scheduled(name: str, value: str) -> Schedule:
    from crmlab.scheduling.expression import Expression

    base = Path("/data") / f"x{name}"
    return Schedule(
        name="nightly",
        study=base / f"{value}.yaml",
        at=Expression("0 2 * * *", "Asia/Shanghai"),
        runs=base / "runs",
        folder=base,
        options=("--set", f"title.zh={value}"),
    )


@pytest.mark.parametrize(
    ("at", "minutes"),
    [("0 2 * * *", "0"), ("5,35 8-18 * * 1-5", "5,35"), ("*/15 * * * *", "0,15,30,45"), ("* 3 * * *", "*")],
)
def test_cron_asks_every_hour_at_the_minutes_of_the_schedule(
    scheduled: Callable[..., Schedule], at: str, minutes: str
) -> None:
    fields, _ = as_cron_reads(crontab(scheduled(at)))
    assert fields == [minutes, "*", "*", "*", "*"]


def test_cron_itself_takes_it(scheduled: Callable[..., Schedule], tmp_path: Path) -> None:
    program = shutil.which("crontab")
    if program is None:
        pytest.skip("there is no crontab on this computer; the line is read by the rules of cron(8) above")
    path = tmp_path / "nightly.crontab"
    path.write_text(crontab(scheduled(base="/data/研究 100%")), encoding="utf-8")
    done = subprocess.run([program, "-T", str(path)], capture_output=True, text=True, check=False)
    if "invalid option" in done.stderr:
        pytest.skip("this crontab cannot check a file")
    assert done.returncode == 0, done.stderr


def test_a_command_that_cron_would_cut_off_is_refused(scheduled: Callable[..., Schedule]) -> None:
    with pytest.raises(ParamsError, match=r"has \d+ bytes and some crons read 998"):
        crontab(scheduled(base="/" + os.sep.join(["研究" * 20] * 8)))


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\x1bb"])
def test_a_line_break_is_refused(scheduled: Callable[..., Schedule], value: str) -> None:
    with pytest.raises(ParamsError, match="that no scheduler takes"):
        scheduled(options=("--set", value))
    with pytest.raises(ParamsError, match="that no scheduler takes"):
        scheduled(base=f"/data/{value}")


def test_a_backslash_is_refused(scheduled: Callable[..., Schedule]) -> None:
    with pytest.raises(ParamsError, match="holds a backslash"):
        crontab(scheduled(base="/data/a\\b"))


@pytest.mark.parametrize("name", ["", "a b", "../x", "研究", "x" * 65])
def test_a_name_is_that_of_a_file(scheduled: Callable[..., Schedule], name: str) -> None:
    with pytest.raises(ParamsError, match="cannot name a schedule"):
        scheduled(name=name)
