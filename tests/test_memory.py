"""The memory that there is, by machine, container and setting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from crmlab import memory
from crmlab.errors import ParamsError


def _groups(tmp_path: Path, own: str, **limits: str) -> tuple[Path, Path]:
    root = tmp_path / "cgroup"
    for name, value in limits.items():
        path = root / name.replace("__", "/").replace("_max", ".max").replace("_in_bytes", ".limit_in_bytes")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n", encoding="utf-8")
    (tmp_path / "own").write_text(own, encoding="utf-8")
    return root, tmp_path / "own"


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/\n", {"memory_max": "536870912"}, 536870912),
        ("0::/a/b\n", {"a__memory_max": "268435456", "a__b__memory_max": "max"}, 268435456),
        ("4:memory:/job\n", {"memory__job__memory_in_bytes": "134217728"}, 134217728),
    ],
)
def test_the_smallest_limit_of_the_container_holds(
    tmp_path: Path, own: str, limits: dict[str, str], expected: int
) -> None:
    assert memory.limit(*_groups(tmp_path, own, **limits)) == expected


def test_without_a_limit_it_is_the_machine(tmp_path: Path) -> None:
    unlimited = _groups(tmp_path, "0::/\n", memory_max="max", memory__memory_in_bytes=str(2**63 - 4096))
    assert memory.limit(*unlimited) == psutil.virtual_memory().total
    assert memory.limit(tmp_path / "none", tmp_path / "none") == psutil.virtual_memory().total


def test_the_setting_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.SETTING, "2048")
    assert memory.budget_mb() == 2048
    monkeypatch.delenv(memory.SETTING)
    assert memory.budget_mb() == int(memory.limit() * memory.SHARE) >> 20


@pytest.mark.parametrize("given", ["much", "64", "-512", "1.5", "", "512²"])
def test_a_setting_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(memory.SETTING, given)
    with pytest.raises(ParamsError, match="CRMLAB_MEMORY_MB"):
        memory.budget_mb()


def test_the_budget_is_set_before_polars_is_imported() -> None:
    code = (
        "from crmlab import memory; before = memory.claimed_in_time(); memory.claim(); import os; "
        f"print(before, memory.claimed_in_time(), os.environ['{memory.POLARS}'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != memory.POLARS}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, memory.SETTING: "777"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["False", "True", "777"]


def test_a_budget_that_is_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.POLARS, "300")
    assert memory.claim() == 300
