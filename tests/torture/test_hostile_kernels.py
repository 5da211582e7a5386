"""A kernel that hangs, floods, multiplies, falls silent or stands still ends as what it is, and alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from torture.world import World, problems, record

SHOWN = "print('shown before the end')"
FORKS = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
"""
LEAVES = "import subprocess\nsubprocess.Popen(['sleep', '600'])"
ORPHANS = f"{LEAVES}\nimport os\nos._exit(3)"
DEAF = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
time.sleep(600)
"""
HUNGRY = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
bytes(16 << 30)
"""
DEEP = "import sys; sys.setrecursionlimit(10**9)\ndef f(): repr(exec('f()'))\nf()"
# The cell, how a report with it ends, and a part of what is said of it; "timeout" after 2 s for a cell.
WAYS: dict[str, tuple[str, str, str]] = {
    "exits": ("import os; os._exit(3)", "kernel_died", "The kernel died"),
    "leaves": ("import sys; sys.exit(3)", "exited", "3"),
    "hangs": ("while True: pass", "timeout", "longer than 2 s"),
    "deaf": (DEAF, "timeout", "longer than 2 s"),
    "stands": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "timeout", "longer than 2 s"),
    "forks": (FORKS, "done", ""),
    "starts": (LEAVES, "done", ""),
    "orphans": (ORPHANS, "kernel_died", "The kernel died"),
    "closes": ("import os; os.close(1); os.close(2)", "done", ""),
    "shuts": ("import sys; sys.stdout.close(); sys.stderr.close()", "done", ""),
    "hungry": (HUNGRY, "error", ""),
    "deep": (DEEP, "kernel_died", "The kernel died"),
    "murders": ("import os, signal; os.kill(0, signal.SIGKILL)", "kernel_died", "The kernel died"),
    "good": ("1 + 1", "done", ""),
}
FEW = ("deaf", "orphans", "good")
"""Of the plain kernel, which other tests look at as well, in the short form."""


FLOODS = {
    "prints": 'line = "x" * 999_999 + "\\n"\nfor _ in range(1000 // less):\n    print(line, end="")',
    "children": "import subprocess\nsubprocess.run(['head', '-c', str(300_000_000 // less), '/dev/zero'])",
    "displays": "from IPython.display import HTML, display\ndisplay(HTML('y' * (200_000_000 // less)))",
    "returns": "'z' * (200_000_000 // less)",
    "fails": "raise ValueError('w' * (200_000_000 // less))",
    "often": "from IPython.display import display\n"
    "for _ in range(300 // less):\n    display({'text/plain': 'v' * 1_000_000}, raw=True)",
}
AFTER = "print('and went on')"
# Not ru_maxrss, which counts what the process was before it became this program: a large parent.
PEAK = (
    sys.executable,
    "-c",
    "import atexit; atexit.register(lambda: print(open('/proc/self/status').read())); "
    "from crmlab.cli import main; main()",
)


LESS = 20
"""So many times less than a gigabyte is a flood of the short form, and still more than may be shown."""
EVERYTHING = [
    pytest.param(("fork", tuple(WAYS), tuple(FLOODS), LESS), id="fork"),
    *(
        pytest.param((engine, tuple(WAYS), tuple(FLOODS), 1), id=f"{engine}-all", marks=pytest.mark.torture)
        for engine in ("fork", "plain")
    ),
]
Ended = tuple[World, tuple[str, ...], str]


@pytest.fixture(scope="module", params=[pytest.param(("plain", FEW, (), 1), id="plain"), *EVERYTHING])
def ended(request: pytest.FixtureRequest) -> Iterator[Ended]:
    """A run with a report for each way and each flood, and what it said."""
    engine, ways, floods, less = request.param
    world = World()
    slow = {way: {"cell_timeout": 2} for way in ways if WAYS[way][1] == "timeout"}
    reports = {way: [SHOWN, WAYS[way][0]] for way in ways}
    reports |= {name: [f"less = {less}", FLOODS[name], AFTER] for name in floods}
    world.study(reports, each=slow, cell_timeout=300)
    code, said = world.run("--engine", engine, command=PEAK)
    assert code == 1, said
    yield world, ways, said
    world.end()


def test_each_end_is_named_and_stops_no_other(ended: Ended) -> None:
    world, ways, said = ended
    assert "Traceback" not in said
    (folder,) = world.published()
    assert problems(folder) == []
    told = {report["name"]: report for report in record(folder)["reports"]}
    assert {way: told[way]["status"] for way in ways} == {way: WAYS[way][1] for way in ways}
    for way in ways:
        assert WAYS[way][2] in ((told[way]["error"] or {}).get("message") or "")
        assert "shown before the end" in (folder / f"{way}.html").read_text(encoding="utf-8")


def test_nothing_that_a_kernel_started_outlives_it(ended: Ended) -> None:
    world, _, _ = ended
    assert world.quiet(20) == []
    assert list(world.temporary.glob("crmlab-*")) == []


@pytest.mark.parametrize("ended", EVERYTHING, indirect=True)
def test_a_gigabyte_of_output_is_cut_with_a_note(ended: Ended) -> None:
    world, _, said = ended
    assert len(said) < 20_000, "what the kernel printed is in the log"
    (folder,) = world.published()
    ends = {report["name"]: report["status"] for report in record(folder)["reports"]}
    assert {name: ends[name] for name in FLOODS} == {**dict.fromkeys(FLOODS, "done"), "fails": "error"}
    for name in FLOODS:
        page = (folder / f"{name}.html").read_text(encoding="utf-8")
        assert len(page) < 4_000_000, name
        if name != "fails":
            assert "a cell may show 2,000,000 characters" in page, name
            assert "and went on" in page, name
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", said)[0]) // 1024
    assert peak < 600, f"the command took {peak} MB"
