"""Whenever a run is killed, what is published is whole, the next run succeeds, and nothing stays behind."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from torture.world import World, eventually, hashes, kill_group, problems

WRITES = """
import os, subprocess, time
subprocess.Popen(["sleep", "600"])
from pathlib import Path
folder = Path(os.environ["CRMLAB_RUN_FOLDER"], "tables", os.environ["CRMLAB_REPORT_NAME"])
folder.mkdir(parents=True)
for n in range(8):
    (folder / f"{n}.csv").write_bytes(os.urandom(200_000))
    time.sleep(0.02)
"""
Way = tuple[str, str, bool]
"""Engine, jobs, and whether the whole group of processes is killed or the command alone."""
WAYS: dict[str, Way] = {
    f"{engine}-{jobs}-{'group' if group else 'alone'}": (engine, jobs, group)
    for engine, jobs, group in product(("plain", "fork"), ("1", "2"), (True, False))
}
FEW = ("plain-1-alone", "fork-2-group")


@pytest.fixture
def busy(world: World) -> World:
    """A study of two reports that write tables, of which few runs are kept; one run of it is there."""
    world.study(
        {"first": [WRITES], "second": [WRITES, "print('done')"]}, keep={"last": 2, "days": 0, "months": 0}
    )
    return world


def killed(world: World, chance: random.Random, way: Way, within: float) -> tuple[str, set[Path]]:
    """Kill a run at a random moment; return how far it had come, and the semaphores that it had open."""
    engine, jobs, group = way
    known = {path.name for path in [*world.published(), *world.staged()]}
    fresh = ["--force"] if chance.random() < 0.9 else []
    process = world.start("--engine", engine, "--jobs", jobs, *fresh)
    if chance.random() < 0.7:  # most of the time is imports, and most of what may break comes after them
        eventually(lambda: process.poll() is not None or {path.name for path in world.staged()} - known, 60)
        within /= 2
    time.sleep(chance.uniform(0, within))
    semaphores = world.semaphores()
    if group:
        kill_group(process)
    else:
        process.kill()
    process.communicate()
    names = {path.name for path in [*world.published(), *world.staged()]} - known
    if process.returncode >= 0:
        return "ended before", semaphores
    if any(not name.startswith(".") for name in names):
        return "after it was published", semaphores
    return ("on the way" if names else "before it began"), semaphores


def torture(world: World, ways: Sequence[Way], seed: int, rerun: bool) -> dict[str, int]:
    """Kill a run for each of ``ways``; after each, or after the last, see that the next run succeeds."""
    chance = random.Random(seed)
    begun = time.monotonic()
    code, said = world.run()
    assert code == 0, said
    usual = time.monotonic() - begun
    before = {folder.name: hashes(folder) for folder in world.published()}
    counted = {"kills": 0, "published runs verified": 0, "reruns": 0}
    semaphores: set[Path] = set()

    def verify(moment: str) -> None:
        nonlocal before
        folders = world.published()
        assert folders, "no complete run is left"
        for folder in folders:
            assert problems(folder) == [], moment
            if folder.name in before:
                assert hashes(folder) == before[folder.name], "an older run was changed"
        before = {folder.name: hashes(folder) for folder in folders}
        counted["published runs verified"] += len(folders)
        for page in world.runs.glob("*.html"):
            assert page.read_text(encoding="utf-8").rstrip().endswith("</html>"), "half a gallery"

    for number, way in enumerate(ways, start=1):
        stage = "ended before"
        while stage == "ended before":  # which is no kill, and does not count as one
            stage, opened = killed(world, chance, way, usual)
            semaphores |= opened
            counted[stage] = counted.get(stage, 0) + 1
            verify(stage)
        counted["kills"] += 1
        if rerun:
            fresh = [] if number % 5 else ["--force"]
            code, said = world.run("--engine", way[0], *fresh)
            assert code == 0, said
            counted["reruns"] += 1
            verify("rerun")
    assert world.quiet() == [], "processes that outlive their run"
    stale = world.staged()
    world.run_here()
    assert set(world.staged()) >= set(stale), "folders that another run may still be writing to are removed"
    for path in (world.home / ".run-older", world.temporary / "crmlab-kernel-older"):
        path.mkdir()  # where no kill hit the moment in which these are left
    world.age(semaphores)
    code, said = world.run("--force", "--jobs", "2", "--report", "first")
    assert code == 0, said
    assert world.quiet() == []
    assert world.staged() == [], "folders of killed runs are not swept"
    assert world.notes() == [], "what is noted as undone was done since"
    assert list(world.temporary.iterdir()) == [], "temporary files stay"
    assert [path.name for path in semaphores if path.exists()] == [], "semaphores stay"
    assert list(world.runs.rglob("*lock*")) == [], "a lock stays"
    counted["reruns"] += 2
    counted["folders that kills left, swept"] = len(stale)
    counted["processes that stay"] = 0
    return counted


def test_killed_at_random_moments(busy: World) -> None:
    torture(busy, [WAYS[way] for way in FEW], seed=1, rerun=False)


@pytest.mark.torture
@pytest.mark.parametrize("way", WAYS)
def test_killed_twenty_five_times(busy: World, way: str, figures: dict[str, Any]) -> None:
    """Of each way, which makes two hundred."""
    seed = list(WAYS).index(way) + 2
    figures[f"killed at random moments: {way}"] = torture(busy, [WAYS[way]] * 25, seed, rerun=True)
