"""Each hostile file gives its golden frame or one typed error, within 10 seconds and 1 GiB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from crmlab.data.reading.limits import CHILD_MEMORY
from tests.data.reading import hostile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="measures a process in ways that POSIX has")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read all cases in a process of its own, once; return the folder of what came of them."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile.write_all(folder)
    command = [sys.executable, "-m", "tests.data.reading.hostile", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("number", range(len(hostile.CASES)), ids=[case.id for case in hostile.CASES])
def test_a_hostile_file(results: Path, number: int) -> None:
    case, place = hostile.CASES[number], results / f"{number:02d}"
    assert not (place / "slow.txt").exists(), f"it took more than {hostile.SECONDS} seconds"
    if case.rows is None:
        message = (place / "error.txt").read_text(encoding="utf-8")
        assert case.file in message
        assert case.error in message
        assert hostile.SECRET not in message
        return
    assert not (place / "error.txt").exists(), (place / "error.txt").read_text(encoding="utf-8")
    frame = pl.read_parquet(place / "result.parquet")
    assert frame.columns == ["source_row", *case.columns]
    assert frame.dtypes == [pl.UInt32, *[pl.String] * len(case.columns)]
    assert frame.rows() == [tuple(row) for row in case.rows]


def test_memory(results: Path) -> None:
    reader, worker = json.loads((results / "peaks.json").read_text())
    assert reader < hostile.PEAK
    assert worker < CHILD_MEMORY
