"""The table of contents of the package: complete, and quick to open."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import crmlab

HEAVY = ("polars", "altair", "sklearn", "papermill")


@pytest.mark.parametrize("name", crmlab.__all__)
def test_every_name_resolves(name: str) -> None:
    assert getattr(crmlab, name) is not None


def test_dir_lists_every_name() -> None:
    assert set(crmlab.__all__) <= set(dir(crmlab))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'classifier'"):
        crmlab.classifier  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(crmlab.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname or alias.name: node.module.removeprefix("crmlab.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert seen == crmlab._HOME


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import crmlab, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
