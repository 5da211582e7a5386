"""Run a study for a due time, in a process of its own that may die without harm to the schedule."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from crmlab.scheduling.schedule import Schedule

_TOLD = 12
"""Last lines of what a run said that are passed on when it did not come to its end."""


def run_study(schedule: Schedule, due: datetime, say: Callable[[str], None]) -> int:
    """Run the study for ``due`` and say what the run says; return its exit code.

    Where the run could tell nobody, because it died or published nothing, the study's channels are told
    here. A run that a signal ended has 128 plus the number of the signal as its exit code.
    """
    before = _manifests(schedule.runs)
    last: deque[str] = deque(maxlen=_TOLD)
    say(f"--- due {due.isoformat()}, started {datetime.now().astimezone().isoformat(timespec='seconds')}")
    command = [
        *(sys.executable, "-P", "-m", "crmlab", "run", str(schedule.study)),
        *("--runs", str(schedule.runs), "--quiet", "--set", f"due={due.isoformat()}", *schedule.options),
    ]
    process = subprocess.Popen(  # noqa: S603  # our own command, word by word
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout
    try:
        for line in process.stdout:
            last.append(line.rstrip("\n"))
            say(last[-1])
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    died = code < 0  # maybe after it published some cells of a matrix, and always before it told anybody
    code = 128 - code if died else code
    if died or (code and not any(_is_for(path, due) for path in _manifests(schedule.runs) - before)):
        from crmlab.notify import not_started

        for warning in not_started(schedule.study, due, code, list(last)):
            say(warning)
    return code


def _manifests(runs: Path) -> set[Path]:
    return set(runs.glob("*/[!.]*/manifest.json"))


def _is_for(manifest: Path, due: datetime) -> bool:
    """Say whether a published run is the one for ``due``."""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))["params"]["due"]
        return datetime.fromisoformat(told) == due
    except (OSError, ValueError, KeyError, TypeError):
        return False
