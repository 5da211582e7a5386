"""On a full disk a run says so, publishes only what is whole, and leaves older runs as they were."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from torture.world import CRMLAB, World, hashes, problems, record

LARGE = "print('long ' * 200_000)"
TABLES = """
import os
from pathlib import Path
folder = Path(os.environ["CRMLAB_RUN_FOLDER"], "tables", "tables")
folder.mkdir(parents=True)
for n in range(6):
    (folder / f"{n}.csv").write_bytes(bytes(150_000 * (n + 1)))
"""
SIZES = (1_000, 5_000, 20_000, 60_000, 100_000, 200_000, 300_000, 500_000, 900_000, 2_000_000)


def limited(size: int) -> tuple[str, ...]:
    """Return the command under a limit of the bytes in one file, which its kernels inherit."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    return (sys.executable, "-c", limit + "from crmlab.cli import main; main()")


def good_run(world: World) -> dict[str, str]:
    """Publish a run, then make its reports larger than the disk; return the hashes of the run."""
    world.study({"small": ["1"]})
    world.run_here()
    world.study({"large": [LARGE], "tables": [TABLES], "small": ["print('small')"]})
    return hashes(world.home)


def fill(world: World, command: tuple[str, ...], before: dict[str, str], engine: str = "plain") -> str:
    """Run on a disk that is full; check what it leaves and say how it ended."""
    code, said = world.run("--engine", engine, command=command)
    assert "Traceback" not in said, said
    for folder in world.published():
        assert problems(folder) == []
    now = hashes(world.home)
    assert {path: digest for path, digest in now.items() if path in before} == before
    if code == 0:
        return "done"
    assert code in (1, 2), said
    new = [folder for folder in world.published() if f"{folder.name}/manifest.json" not in before]
    if not new:
        assert "could not be published" in said or "cannot be written" in said, said
        return "not published"
    for path in new[-1].glob("*.html"):
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), f"half of {path.name}"
    for path in new[-1].glob("*.ipynb"):
        json.loads(path.read_text(encoding="utf-8"))
    ends = {report["name"]: report["status"] for report in record(new[-1])["reports"]}
    assert set(ends.values()) <= {"done", "disk_full"}, (ends, said)
    return "published as failed"


def _published(world: World) -> dict[str, str]:
    """Return the hashes of all files but the notes of what was not published, which the next batch has."""
    notes = {path.name for path in world.notes()}
    return {path: digest for path, digest in hashes(world.home).items() if path not in notes}


def sizes(world: World, each: tuple[int, ...], engine: str) -> dict[str, int]:
    before = good_run(world)
    counted: dict[str, int] = {}
    for size in each:
        ended = fill(world, limited(size), before, engine)
        counted[ended] = counted.get(ended, 0) + 1
        before = _published(world)
    world.run_here("small", force=True)
    return counted


def test_files_may_not_grow(world: World) -> None:
    assert sizes(world, (300_000,), "fork") == {"published as failed": 1}


@pytest.mark.torture
@pytest.mark.parametrize("engine", ["plain", "fork"])
def test_files_may_not_grow_at_ten_sizes(world: World, engine: str, figures: dict[str, Any]) -> None:
    counted = sizes(world, SIZES, engine)
    assert counted.keys() >= {"not published", "published as failed"}
    figures[f"files limited to ten sizes: {engine}"] = counted


@pytest.fixture
def small_disk(world: World) -> Iterator[World]:
    """A world whose runs lie on a file system of their own, of 3 MB; only where one may be mounted."""
    world.runs.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(world.runs)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small file system may be mounted by the administrator only")
    yield world
    subprocess.run(["umount", "--lazy", str(world.runs)], check=True)


@pytest.mark.torture
def test_a_small_file_system(small_disk: World) -> None:
    world = small_disk
    before = good_run(world)
    assert fill(world, CRMLAB, before, "fork") == "published as failed"
    ballast = world.runs / "ballast"
    space = os.statvfs(world.runs)
    ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - 50_000))
    before = _published(world)
    assert fill(world, CRMLAB, before, "fork") == "not published"
    ballast.unlink()
    shutil.rmtree(world.published()[-1])  # the run that had filled the disk
    world.study({"small": ["print('there is room again')"]})
    code, said = world.run()
    assert code == 0, said
