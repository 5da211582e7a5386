"""A task for the Task Scheduler of Windows, in the schema 1.2 of MS-TSCH, section 2.5."""

from __future__ import annotations

import itertools
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from crmlab.errors import ParamsError
from crmlab.scheduling.schedule import Schedule

_VARIABLE = re.compile(r"%[^%]+%|\$\(")


def task(schedule: Schedule) -> str:
    """Return the XML of a task; write it as UTF-16, as Windows does.

    The scheduler of Windows counts by the clock of the computer. So it wakes the command at the minutes of
    the schedule, all day, and the command knows what is due in the schedule's time zone. Raises ParamsError
    for a path that Windows would read as a variable.
    """
    program, *words = schedule.command(_python())
    for word in (program, *words, str(schedule.folder)):
        if _VARIABLE.search(word):
            raise ParamsError(f"Windows would read a part of {word!r} as a variable. Rename it.")
    minutes = schedule.at.minutes
    every = math.gcd(60, *(later - earlier for earlier, later in itertools.pairwise(minutes)))
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>{_text(f"crmlab {schedule.name}: {schedule.at.text} ({schedule.at.timezone})")}</Description>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2024-01-01T00:{minutes[0] % every:02}:00</StartBoundary>
      <Repetition>
        <Interval>{"PT1H" if every == 60 else f"PT{every}M"}</Interval>
        <Duration>P1D</Duration>
      </Repetition>
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
  </Settings>
  <Actions>
    <Exec>
      <Command>{_text(program)}</Command>
      <Arguments>{_text(subprocess.list2cmdline(words))}</Arguments>
      <WorkingDirectory>{_text(str(schedule.folder))}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def _python() -> str:
    """Return the Python that opens no window, where there is one."""
    python = Path(os.path.abspath(sys.executable))
    silent = python.with_name("pythonw.exe")
    return str(silent if silent.is_file() else python)


def _text(value: str) -> str:
    return escape(value)
