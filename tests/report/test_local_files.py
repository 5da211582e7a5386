"""The files that a notebook uses are found in its code, whatever way it names them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crmlab.report import local_files
from crmlab.report.local_files import used


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with modules, packages and tables, beside what has nothing to do with them."""
    for name in (
        "goals.py",
        "other.py",
        "tools/__init__.py",
        "tools/sums.py",
        "lib/far.py",
        "lib/near.py",
        "data/targets.csv",
        "data/2024-05.csv",
        "data/2024-06.csv",
        "销售 目标.csv",
        "polars.py",
    ):
        path = tmp_path / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "study" / "lib" / "far.py").write_text("import near\n")
    (tmp_path / "outside.csv").touch()
    return tmp_path / "study"


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import goals", {"goals.py"}),
        ("import os, goals as g", {"goals.py"}),
        ("if True:\n    from goals import (\n        GOAL,\n    )", {"goals.py"}),
        ("from tools.sums import total", {"tools/__init__.py", "tools/sums.py"}),
        ("import importlib; importlib.import_module('goals')", {"goals.py"}),
        ("%run goals.py", {"goals.py"}),
        ("%run goals", {"goals.py"}),
        ("%run lib/far", {"lib/far.py", "lib/near.py"}),
        ("import sys; sys.path.insert(0, 'lib')\nimport far", {"lib/far.py", "lib/near.py"}),
        ("pl.read_csv('data/targets.csv')", {"data/targets.csv"}),
        ("folder = Path('data')\npl.read_csv(folder / \"targets.csv\")", {"data/targets.csv"}),
        ("pl.read_csv('data/2024-*.csv')", {"data/2024-05.csv", "data/2024-06.csv"}),
        ("# it's here:\npl.read_csv('销售 目标.csv')", {"销售 目标.csv"}),
        ("pl.read_csv('../outside.csv')", {"../outside.csv"}),
        ("import polars as pl", {"polars.py"}),  # which hides the library
        ("import crmlab, sys, nothing\nx = 'a' * 5000; 'data'; '/'; '..'; '*'; '**'; '\\0'", set()),
        ("print('other')", {"other.py"}),  # may be meant for import_module
        ("print(other)", set()),
    ],
)
def test_what_is_named_is_found(
    study: Path, notebook_at: Callable[..., Path], code: str, files: set[str]
) -> None:
    notebook = notebook_at(study / "notebooks" / "a.ipynb", code)
    expected = {(study / name).resolve() for name in files}
    assert set(used(notebook, study)) == expected


def test_modules_that_are_links_to_their_source(
    study: Path, tmp_path: Path, notebook_at: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package under development is found where Python finds it; what is installed has a version."""
    package = tmp_path / "elsewhere" / "our_tools"
    package.mkdir(parents=True)
    for name in ("__init__.py", "words.txt"):
        (package / name).touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(package.parent)])
    notebook = notebook_at(study / "a.ipynb", "import our_tools, click, json")
    assert used(notebook, study) == [package / "__init__.py", package / "words.txt"]
    monkeypatch.setattr(local_files, "_plugin_packages", lambda: {"our_tools", "click"})
    assert local_files.of_plugins() == [package / "__init__.py", package / "words.txt"]


def test_modules_that_import_each_other(study: Path, notebook_at: Callable[..., Path]) -> None:
    (study / "goals.py").write_text("import other\n")
    (study / "other.py").write_text("import goals\nopen('data/targets.csv')\n")
    notebook = notebook_at(study / "a.ipynb", "import goals")
    assert {path.name for path in used(notebook, study)} == {"goals.py", "other.py", "targets.csv"}
