"""Studies and notebooks small enough to run in a second or two."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest
import yaml

ORDERS = "order_id,customer_id,order_date,amount\no1,c1,2024-01-05,10\no2,c2,2024-03-01,20\n"


def write_notebook(path: Path, *cells: str, parameters: str = 'as_of = "2024-06-30"') -> Path:
    """Write a notebook of code cells below a parameters cell and a title in both languages."""
    found = [
        v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}),
        v4.new_markdown_cell(f"# 报告 {path.stem}", id="title-zh", metadata={"tags": ["zh"]}),
        v4.new_markdown_cell(f"# Report {path.stem}", id="title-en", metadata={"tags": ["en"]}),
        *(v4.new_code_cell(cell, id=f"cell-{place}") for place, cell in enumerate(cells)),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=found), path)
    return path


def write_study(
    folder: Path,
    reports: Mapping[str, Sequence[str]],
    parameters: Mapping[str, str] | None = None,
    **settings: Any,
) -> Path:
    """Write a study on two orders with one notebook per report; return the path of its YAML."""
    for name, cells in reports.items():
        extra = (parameters or {}).get(name, "")
        write_notebook(
            folder / "notebooks" / f"{name}.ipynb", *cells, parameters=f'as_of = "2024-06-30"\n{extra}'
        )
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    study = {
        "study": "tiny",
        "data": [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}],
        "as_of": "2024-06-30",
        "language": "en",
        "reports": dict.fromkeys(reports),
        **settings,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run."""
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="session")
def study_in() -> Callable[..., Path]:
    """Write a study into a folder: reports by name, each a list of code cells."""
    return write_study


@pytest.fixture(scope="session")
def notebook_at() -> Callable[..., Path]:
    """Write a notebook of code cells to a path."""
    return write_notebook


@pytest.fixture(scope="session")
def manifest_of() -> Callable[[Path], dict[str, Any]]:
    """Read the manifest of a run's folder."""
    return read_manifest
