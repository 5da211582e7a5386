"""A batch that is killed in the middle: what it did not come to is known, said, and done by ``--failed``."""

from __future__ import annotations

import time
from typing import Any

import pytest
from click.testing import CliRunner

from crmlab.commands.run import run as command
from crmlab.report import gallery
from crmlab.report.run import preview, run_all
from torture.world import World, eventually, kill_group, problems, record

MONTHS = ["2024-03", "2024-04", "2024-05", "2024-06"]
WAITS = """
import pathlib, time
while as_of > "2024-04" and pathlib.Path("wait").exists():
    time.sleep(0.05)
"""


def dry_run(world: World) -> list[str]:
    """What ``crmlab run --failed --dry-run`` says."""
    given = [str(world.folder / "study.yaml"), "--runs", str(world.runs), "--failed", "--dry-run"]
    return CliRunner().invoke(command, given, catch_exceptions=False).output.splitlines()


@pytest.fixture
def died(world: World) -> World:
    """Of four months the first was published, two are under way and one is not reached: then the end."""
    world.study({"slow": [WAITS]}, matrix={"month": MONTHS})
    world.run_here(engine="fork")
    with (world.folder / "orders.csv").open("a") as file:
        file.write("o3,c3,2024-03-02,30\n")
    (world.folder / "wait").touch()
    process = world.start("--engine", "fork", "--jobs", "2")
    assert eventually(lambda: len(world.published()) == 5 and len(world.staged()) == 2)
    # Every last run finished well, and what is under way is not given up yet.
    assert preview(world.folder / "study.yaml", runs=world.runs, failed=True) == []
    assert gallery.write(world.runs, "en").read_text(encoding="utf-8").count("Left undone") == 0
    kill_group(process)
    process.communicate()
    assert world.quiet() == []
    (world.folder / "wait").unlink()
    return world


def test_what_a_killed_batch_did_not_reach_is_run_again(died: World) -> None:
    changed = "its last batch ended before it was done; changed: inputs"
    assert [line.partition(" 上次")[0] for line in dry_run(died)] == [
        *(f"{month} · slow: run 运行 ({changed}" for month in MONTHS[1:]),
        "3 to run 待运行, 0 unchanged 未变化",
    ]
    page = gallery.write(died.runs, "en").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if "Left undone by a batch that ended early" in line]
    assert [month in line for month in MONTHS] == [False, True, True, True]
    assert page.count("A later batch ended before this was done") == 3
    study = died.folder / "study.yaml"
    done = run_all(study, runs=died.runs, failed=True, engine="fork", progress=False)
    assert (done.exit_code, [run.cell["month"] for run in done.runs]) == (0, MONTHS[1:])
    assert len(died.published()) == 5 + 3
    assert [problem for folder in died.published() for problem in problems(folder)] == []
    page = (died.runs / "index.html").read_text(encoding="utf-8")
    assert ("Left undone" in page, "A later batch ended" in page) == (False, False)
    assert died.notes() == []
    assert dry_run(died) == ["0 to run 待运行, 0 unchanged 未变化"]


@pytest.mark.torture
@pytest.mark.parametrize("jobs", ["1", "2", "3"])
def test_killed_whenever_a_cell_is_published(world: World, jobs: str, figures: dict[str, Any]) -> None:
    """Until ``--failed`` alone, each time going on where the last was killed, has done all."""
    world.study({"quick": ["print(as_of)"], "other": ["print(as_of)"]}, matrix={"month": MONTHS})
    counted = {"kills": 0, "published runs verified": 0}
    known, ended = -1, None
    while len(world.published()) > known:
        known = len(world.published())
        process = world.start("--engine", "fork", "--jobs", jobs, "--failed")
        while (ended := process.poll()) is None and len(world.published()) == known:
            time.sleep(0.02)
        kill_group(process)
        process.communicate()
        assert world.quiet() == []
        counted["kills"] += ended is None
    assert ended == 0
    assert {record(folder)["cell"]["month"] for folder in world.published()} == set(MONTHS)
    assert [problem for folder in world.published() for problem in problems(folder)] == []
    assert dry_run(world) == ["0 to run 待运行, 0 unchanged 未变化"]
    assert world.notes() == []
    counted["published runs verified"] = len(world.published())
    figures[f"killed batches: jobs {jobs}"] = counted
