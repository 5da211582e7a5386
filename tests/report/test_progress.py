"""What a batch says while it runs, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest

from crmlab.report.execute import Outcome
from crmlab.report.progress import Progress

ENDS = [
    ("浙江", Outcome("a", "done", 1.25), None),
    ("江苏", Outcome("a", "error", 2.0, {"cell": 3, "type": "KeyError", "message": "x"}), None),
    ("福建", Outcome("a", "done", 0.0), "20240601T000000Z-abcdef"),
]
LINES = [
    "[1/3] 浙江 · a: done, 1.2 s",
    "[2/3] 江苏 · a: error: KeyError, 2.0 s",
    "[3/3] 福建 · a: unchanged, taken from 20240601T000000Z-abcdef",
]


def report_all(progress: Progress) -> None:
    with progress:
        progress.warn(["3 rows have no province."])
        for cell, outcome, reused in ENDS:
            progress.report(cell, outcome, reused)
    assert progress.summary == "done 1, error 1, unchanged 1"


def test_a_log_has_a_line_per_report(capfd: pytest.CaptureFixture[str]) -> None:
    report_all(Progress(3, shown=True))
    assert capfd.readouterr().err.splitlines() == ["3 rows have no province.", *LINES]
    report_all(Progress(3, shown=False))
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals on Windows")
def test_a_terminal_has_a_summary_below_the_lines_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        progress = Progress(3, shown=True)
        assert progress.lines == 1
        report_all(progress)
    said = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends that nobody writes to
        while part := os.read(ours, 1 << 12):
            said += part
    os.close(ours)
    drawn = [line.strip() for line in said.decode().replace("\n", "\r").split("\r") if line.strip()]
    assert [line for line in drawn if line.startswith("[")] == LINES
    bars = [line.split("  ") for line in drawn if "/3  " in line]
    assert (bars[0][0], bars[-1][0].lstrip("█").strip()) == ("0/3", "3/3")
    assert bars[-1][-1] == "done 1, error 1, unchanged 1"
