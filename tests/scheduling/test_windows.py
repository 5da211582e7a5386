"""The task for Windows: its schema's order of elements, and a command line that Windows reads back."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule
from crmlab.scheduling.windows import task
from tests.scheduling.awkward import AWKWARD

SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
ORDER = {
    # What MS-TSCH 2.5 declares as a sequence has this order; what it declares as xs:all has any.
    "Task": ("RegistrationInfo", "Triggers", "Principals", "Settings", "Data", "Actions"),
    "RegistrationInfo": ("Description",),
    "Triggers": ("CalendarTrigger",),
    "CalendarTrigger": (
        *("Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "RandomDelay"),
        "ScheduleByDay",
    ),
    "Repetition": ("Interval", "Duration", "StopAtDurationEnd"),
    "ScheduleByDay": ("DaysInterval",),
    "Settings": (
        *("MultipleInstancesPolicy", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries"),
        *("StartWhenAvailable", "ExecutionTimeLimit"),
    ),
    "Actions": ("Exec",),
    "Exec": ("Command", "Arguments", "WorkingDirectory"),
}


def words_of(line: str) -> list[str]:
    """Split a command line by the rules of CommandLineToArgvW: quotes, and backslashes before them."""
    words: list[str] = []
    word, quoted, slashes, begun = "", False, 0, False
    for character in line:
        if character == "\\":
            slashes, begun = slashes + 1, True
            continue
        if character == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            begun = True
        elif character in " \t" and not quoted:
            word += "\\" * slashes
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word += "\\" * slashes + character
            begun = True
        slashes = 0
    word += "\\" * slashes
    return [*words, word] if begun else words


def read(made: Schedule) -> ElementTree.Element:
    """Parse the task from the bytes that are written."""
    return ElementTree.fromstring(task(made).encode("utf-16"))


def test_elements_stand_in_the_order_of_the_schema(scheduled: Callable[..., Schedule]) -> None:
    def check(element: ElementTree.Element) -> None:
        assert element.tag.startswith(SPACE)
        names = [child.tag.removeprefix(SPACE) for child in element]
        if names:
            allowed = ORDER[element.tag.removeprefix(SPACE)]
            assert [name for name in allowed if name in names] == names
        for child in element:
            check(child)

    root = read(scheduled())
    assert (root.tag, root.get("version")) == (f"{SPACE}Task", "1.2")
    check(root)


@given(AWKWARD, AWKWARD)
def test_every_word_comes_back(name: str, value: str) -> None:
    base = Path("/data") / f"x{name}"
    made = Schedule(
        name="nightly",
        study=base / f"{value}.yaml",
        at=Expression("0 2 * * *", "UTC"),
        runs=base,
        folder=base,
        options=("--set", f"title.zh={value}\\", "x\\\\", '"', ""),
    )
    words = made.command()
    assume(not any("$(" in word or word.count("%") > 1 for word in [*words, str(base)]))
    root = read(made)
    assert root.findtext(f".//{SPACE}Command") == words[0]
    assert words_of(root.findtext(f".//{SPACE}Arguments") or "") == words[1:]
    assert root.findtext(f".//{SPACE}WorkingDirectory") == str(base)


@pytest.mark.parametrize(
    ("at", "start", "interval"),
    [
        ("0 2 * * *", "00:00", "PT1H"),
        ("45 2 * * *", "00:45", "PT1H"),
        ("5,35 * * * *", "00:05", "PT30M"),
        ("7,22,37,52 * * * *", "00:07", "PT15M"),
        ("10,13 * * * *", "00:01", "PT3M"),
        ("* * * * *", "00:00", "PT1M"),
    ],
)
def test_windows_wakes_it_at_the_minutes_of_the_schedule(
    scheduled: Callable[..., Schedule], at: str, start: str, interval: str
) -> None:
    root = read(scheduled(at))
    assert (root.findtext(f".//{SPACE}StartBoundary") or "")[11:16] == start
    assert root.findtext(f".//{SPACE}Interval") == interval
    assert root.findtext(f".//{SPACE}StartWhenAvailable") == "true"


@pytest.mark.parametrize("value", ["%USERNAME%", "$(Arg0)"])
def test_what_windows_would_fill_in_is_refused(scheduled: Callable[..., Schedule], value: str) -> None:
    with pytest.raises(ParamsError, match="Windows would read a part"):
        task(scheduled(options=("--set", f"title.zh={value}")))
