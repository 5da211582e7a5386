"""The short form of these tests runs always; the long one with ``-m torture``, as ``make torture`` does."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from torture.world import World

FIGURES = Path(__file__).resolve().parents[2] / "test-artifacts" / "torture.json"
MARK = "torture"

_figures: dict[str, Any] = {}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}: the long form of what must not break, for `make torture`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if MARK in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker(MARK)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def _linux() -> None:
    if sys.platform != "linux":
        pytest.skip("processes, limits and signals are looked at as Linux shows them")


@pytest.fixture
def world() -> Iterator[World]:
    """A folder for a study, its runs and its temporary files; nothing that runs in it outlives the test."""
    made = World()
    yield made
    made.end()


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """What the long form counted, by test; ``make torture`` prints it and keeps it in a file."""
    return _figures


def pytest_sessionfinish() -> None:
    if _figures:
        FIGURES.parent.mkdir(exist_ok=True)
        before = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        text = json.dumps({**before, **_figures}, ensure_ascii=False, indent=1, sort_keys=True)
        FIGURES.write_text(text + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for name, counted in sorted(_figures.items()):
        terminalreporter.write_line(f"{name}: {_said(counted)}")
    totals: dict[str, Counter[str]] = {}
    for name, counted in _figures.items():
        totals.setdefault(name.partition(":")[0], Counter()).update(counted)
    for name, counted in sorted(totals.items()):
        if name not in _figures:
            terminalreporter.write_line(f"{name}, together: {_said(counted)}")


def _said(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {number}" for what, number in counted.items())
