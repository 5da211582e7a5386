"""Whenever a run is killed, what is published is whole, the next run succeeds, and nothing stays behind."""

from __future__ import annotations

import random
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from torture.world import World, eventually, hashes, kill_group, problems

WRITES = """
import os, time
from pathlib import Path
folder = Path(os.environ["CRMLAB_RUN_FOLDER"], "tables", os.environ["CRMLAB_REPORT_NAME"])
folder.mkdir(parents=True)
for n in range(8):
    (folder / f"{n}.csv").write_bytes(os.urandom(200_000))
    time.sleep(0.02)
"""
WAYS = tuple(product(("plain", "fork"), ("1", "2"), (True, False)))
"""Engine, jobs, and whether the whole group of processes is killed or the command alone."""


@pytest.fixture
def busy(world: World) -> World:
    """A study of two reports that write tables, of which few runs are kept; one run of it is there."""
    world.study(
        {"first": [WRITES], "second": [WRITES, "print('done')"]}, keep={"last": 2, "days": 0, "months": 0}
    )
    return world


def killed(
    world: World, chance: random.Random, way: tuple[str, str, bool], within: float
) -> tuple[str, set[Path]]:
    """Kill a run at a random moment; return how far it had come, and the semaphores that it had open."""
    engine, jobs, group = way
    known = {path.name for path in [*world.published(), *world.staged()]}
    fresh = ["--force"] if chance.random() < 0.75 else []
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


def torture(world: World, rounds: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)
    begun = time.monotonic()
    code, said = world.run()
    assert code == 0, said
    usual = time.monotonic() - begun
    before = {folder.name: hashes(folder) for folder in world.published()}
    counted = {"kills": 0, "published runs verified": 0}
    semaphores: set[Path] = set()
    for number in range(rounds):
        stage, opened = killed(world, chance, WAYS[number % len(WAYS)], usual * 1.2)
        semaphores |= opened
        counted["kills"] += stage != "ended before"
        counted[stage] = counted.get(stage, 0) + 1
        folders = world.published()
        assert folders, "no complete run is left"
        for folder in folders:
            assert problems(folder) == [], stage
            if folder.name in before:
                assert hashes(folder) == before[folder.name], "an older run was changed"
        before = {folder.name: hashes(folder) for folder in folders}
        counted["published runs verified"] += len(folders)
        for page in world.runs.glob("*.html"):
            assert page.read_text(encoding="utf-8").rstrip().endswith("</html>"), "half a gallery"
    assert world.quiet() == [], "processes that outlive their run"
    stale = world.staged()
    code, said = world.run("--force")
    assert code == 0, said
    assert set(world.staged()) >= set(stale), "folders that another run may still be writing to are removed"
    for path in (world.home / ".run-older", world.temporary / "crmlab-kernel-older"):
        path.mkdir()  # where no kill hit the moment in which these are left
    world.age(semaphores)
    code, said = world.run("--force", "--jobs", "2")
    assert code == 0, said
    assert world.quiet() == []
    assert world.staged() == [], "folders of killed runs are not swept"
    assert list(world.temporary.iterdir()) == [], "temporary files stay"
    assert [path.name for path in semaphores if path.exists()] == [], "semaphores stay"
    assert list(world.runs.rglob("*lock*")) == [], "a lock stays"
    return counted


def test_killed_at_random_moments(busy: World) -> None:
    torture(busy, len(WAYS), seed=1)


@pytest.mark.torture
def test_killed_two_hundred_times(busy: World, figures: dict[str, Any]) -> None:
    figures["killed at random moments"] = torture(busy, 200, seed=2)
