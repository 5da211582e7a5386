"""Studies and notebooks small enough to run in a second or two."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ORDERS = "order_id,customer_id,order_date,amount\no1,c1,2024-01-05,10\no2,c2,2024-03-01,20\n"


def write_notebook(path: Path, *cells: str, parameters: str = 'as_of = "2024-06-30"') -> Path:
    """Write a notebook of code cells below a parameters cell and a title in both languages."""
    written = [
        _cell("code", "parameters", parameters, "parameters"),
        _cell("markdown", "title-zh", f"# 报告 {path.stem}", "zh"),
        _cell("markdown", "title-en", f"# Report {path.stem}", "en"),
        *(_cell("code", f"cell-{place}", source) for place, source in enumerate(cells)),
    ]
    notebook = {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return path


def _cell(kind: str, name: str, source: str, *tags: str) -> dict[str, Any]:
    """Return a cell as a notebook's file has it; importing nbformat takes a second of every process."""
    output = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {"tags": tags}, "source": source, **output}


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
