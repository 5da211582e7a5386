"""Killed before, or out of space at, each single step that a run takes on the disk: no chance in it.

The steps are those that Python announces (PEP 578): files opened for writing, and everything that is made,
renamed, linked or removed in the folder of runs. A lock changes nothing there and is none. One process has
everything imported and forks a run for each step.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from torture.world import World, hashes, problems

SERVER = """
import errno, os, signal, sys
import crmlab.report.run, crmlab.compare.comparison, crmlab.data.cleaning
import jinja2
from crmlab.cli import main

STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITES = os.O_WRONLY | os.O_CREAT

def watch(how, last, folder, taken):
    def hook(event, given):
        if event == "open":
            counts = given[2] & WRITES and str(given[0]).startswith(folder)
        else:  # shutil removes by the descriptor of a folder and a name in it
            counts = event in STEPS and (str(given[0]).startswith(folder) or not os.path.isabs(given[0]))
        if not counts:
            return
        taken[0] += 1
        if taken[0] == last and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if taken[0] >= last and how == "full" and event in ("open", "os.mkdir", "os.link"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sys.addaudithook(hook)

for line in sys.stdin:
    how, last, folder, said, *arguments = line.split()
    pid = os.fork()
    if pid == 0:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        sys.argv = ["crmlab", *arguments]
        taken, code = [0], 0
        watch(how, int(last), folder, taken)
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        os.write(1, f"STEPS {taken[0]}".encode())
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
KEPT = {"last": 1, "days": 0, "months": 0}


class Runs:
    """Runs of a study in which every report is unchanged, each of which something happens to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env=world.environment(),
            cwd=world.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, how: str, step: int) -> tuple[int, str]:
        """Run until something happens at a step; return the exit code and what was said."""
        said = self.world.temporary / "said"
        study = self.world.folder / "study.yaml"
        told = f"{how} {step} {self.world.runs} {said} run {study} --runs {self.world.runs} --quiet\n"
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(told)
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return code, said.read_text(encoding="utf-8")

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture
def runs(world: World) -> Iterator[Runs]:
    """A study of two reports that were run, of which one run is kept; each run compares, links, removes."""
    table = (
        "import os\nfrom pathlib import Path\n"
        "path = Path(os.environ['CRMLAB_RUN_FOLDER'], 'tables', os.environ['CRMLAB_REPORT_NAME'], 'a.csv')\n"
        "path.parent.mkdir(parents=True)\npath.write_text('a')"
    )
    world.study({"first": [table], "second": [table]}, keep=KEPT)
    world.run_here()
    made = Runs(world)
    yield made
    made.close()


def each_step(runs: Runs, how: str, every: int) -> dict[str, int]:
    """Run with a mishap at each ``every``-th step until a run has fewer; return what was counted."""
    world, counted = runs.world, {"steps": 0, "published runs verified": 0}
    before = {folder.name: hashes(folder) for folder in world.published()}
    for step in range(1, 10_000, every):
        code, said = runs.run(how, step)
        folders = world.published()
        assert folders, "no complete run is left"
        for folder in folders:
            assert problems(folder) == [], (how, step)
            assert hashes(folder) == before.get(folder.name, hashes(folder)), "an older run was changed"
        page = (world.runs / "index.html").read_text(encoding="utf-8")
        assert page.rstrip().endswith("</html>"), f"half a gallery, {how} at step {step}"
        assert "Traceback" not in said, (how, step, said)
        counted["published runs verified"] += len(folders)
        before = {folder.name: hashes(folder) for folder in folders}
        if code == 0 and int(said.rpartition("STEPS ")[2]) < step:
            break
        counted["steps"] += 1
        assert code == -9 if how == "killed" else code in (0, 1, 2), (step, said)
    world.age()
    world.run_here()
    assert world.staged() == [], "folders of runs that came to nothing are not swept"
    assert world.notes() == [], "what is noted as undone was done since"
    assert [path.name for path in world.temporary.iterdir() if path.name != "said"] == []
    return counted


def test_each_fifteenth_step(runs: Runs) -> None:
    assert each_step(runs, "killed", every=15)["steps"] > 2


@pytest.mark.torture
@pytest.mark.parametrize("how", ["killed", "full"])
def test_each_step(runs: Runs, how: str, figures: dict[str, Any]) -> None:
    figures[f"each step on the disk: {how}"] = each_step(runs, how, every=1)
