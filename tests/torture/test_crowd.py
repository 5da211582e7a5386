"""Eight runs at once, of the same and of different parameters, all publish and hinder no other."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from torture.world import World, printed, problems, record

CROWD = """
import multiprocessing, sys
from crmlab.report.papermill_imports import quick_papermill
import crmlab.report.run, crmlab.compare.comparison, crmlab.data.cleaning
quick_papermill()
import IPython, jinja2, nbclient
from contextlib import nullcontext
from crmlab.report.forked import serving
from crmlab.cli import main

def one(arguments):
    sys.argv = ["crmlab", "run", *arguments]
    main()

if __name__ == "__main__":
    start, rest = multiprocessing.get_context("fork"), sys.argv[2:]
    with %s():
        runs = [start.Process(target=one, args=([*rest, "--set", f"reports.echo.number={n}"],)) for n in %s]
        for run in runs: run.start()
        for run in runs: run.join()
    print("CODES", [run.exitcode for run in runs])
"""
ECHO = "import time; time.sleep(0.3); print('number', number)"


def crowd(world: World, numbers: list[int], *options: str, shared: bool = True) -> list[dict[str, Any]]:
    """Run at once with each of these numbers as parameter; return the manifests of what was published.

    The kernels of all are forked from one process where it is ``shared``, of each from its own otherwise.
    """
    command = (sys.executable, "-c", CROWD % ("serving" if shared else "nullcontext", numbers))
    code, said = world.run("--engine", "fork", *options, command=command)
    assert code == 0, said
    assert f"CODES {[0] * len(numbers)}" in said, said
    assert world.quiet() == []
    assert world.staged() == []
    for folder in world.published():
        assert problems(folder) == []
    page = (world.runs / "index.html").read_text(encoding="utf-8")
    assert all(folder.name in page for folder in world.published()), "the gallery lacks a run"
    return [record(folder) for folder in world.published()]


NUMBERS = [0, 0, 0, 0, 1, 2, 3, 4]


def echo(world: World, **settings: Any) -> None:
    world.study({"echo": [ECHO]}, "number = 0", each={"echo": {"number": 0}}, **settings)


def test_eight_runs_at_once(world: World) -> None:
    echo(world)
    runs = crowd(world, NUMBERS)
    assert len({run["run"] for run in runs}) == len(NUMBERS)
    told = [int(printed(folder, "echo").split()[-1]) for folder in world.published()]
    assert sorted(told) == NUMBERS


@pytest.mark.torture
def test_eight_runs_that_take_over_what_eight_runs_made(world: World) -> None:
    echo(world)
    crowd(world, NUMBERS, shared=False)
    again = crowd(world, NUMBERS, shared=False)
    assert len(again) == 2 * len(NUMBERS)
    assert sum(run["reports"][0]["reused"] is not None for run in again) == len(NUMBERS)


@pytest.mark.torture
def test_eight_runs_at_once_again_and_again(world: World, figures: dict[str, Any]) -> None:
    echo(world, keep={"last": 3, "days": 0})
    verified = 0
    for _ in range(10):
        runs = crowd(world, NUMBERS, "--force")
        assert 1 <= len(runs) <= 11 + 8
        verified += len(runs)
    figures["eight runs at once"] = {"times": 10, "runs": 80, "published runs verified": verified}
