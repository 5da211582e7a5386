"""The manifest: files described by content, written whole."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

import pytest

from crmlab.report import manifest


def test_outputs_are_described_by_content_in_order(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    for name, text in {"z.html": "页", "tables/a.parquet": "x" * 100_000}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    described = manifest.outputs(tmp_path, [tmp_path / "z.html", tmp_path / "tables" / "a.parquet"])
    assert [entry["path"] for entry in described] == ["tables/a.parquet", "z.html"]
    assert described[1] == {"path": "z.html", "sha256": hashlib.sha256("页".encode()).hexdigest(), "bytes": 3}


def test_packages_are_those_installed() -> None:
    found = manifest.packages()
    assert found["polars"] == metadata.version("polars")
    assert {"crmlab", "altair", "papermill"} <= found.keys()


def test_a_manifest_is_whole_or_absent(tmp_path: Path) -> None:
    manifest.write(tmp_path, {"title": "演示"})
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == {"title": "演示"}
    with pytest.raises(TypeError):
        manifest.write(tmp_path, {"title": object()})
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == {"title": "演示"}
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
