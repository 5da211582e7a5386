"""Which earlier runs a trend is drawn from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from crmlab.data.quality.trend import MOST, earlier


def _run(
    home: Path, name: str, status: str = "done", score: float = 0.9, report: str = "data-quality"
) -> Path:
    folder = home / name
    tables = folder / "tables" / report
    tables.mkdir(parents=True)
    manifest = {
        "run": name,
        "started_at": f"{name}T00:00:00+00:00",
        "as_of": "2024-06-30",
        "reports": [{"name": report, "status": status}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    pl.DataFrame({"dimension": ["accuracy"], "score": [score]}).write_parquet(
        tables / "quality_dimensions.parquet"
    )
    return folder


def test_runs_that_reached_the_end_oldest_first(tmp_path: Path) -> None:
    _run(tmp_path, "2024-02-01", "quality_gate", 0.5)
    _run(tmp_path, "2024-01-01", "done", 0.7)
    _run(tmp_path, "2024-03-01", "error", 0.1)
    _run(tmp_path, "2024-04-01", report="other")
    _run(tmp_path, ".run-2024-05-01")
    (tmp_path / "notes").mkdir()
    (_run(tmp_path, "2024-06-01") / "manifest.json").write_text("{", encoding="utf-8")
    (_run(tmp_path, "2024-07-01") / "tables" / "data-quality" / "quality_dimensions.parquet").unlink()
    found = earlier(tmp_path, "data-quality")
    assert found.select("run", "score").rows() == [("2024-01-01", 0.7), ("2024-02-01", 0.5)]


def test_the_latest_twelve(tmp_path: Path) -> None:
    for day in range(1, MOST + 3):
        _run(tmp_path, f"2024-01-{day:02}")
    found = earlier(tmp_path, "data-quality")
    assert found["run"].to_list() == [f"2024-01-{day:02}" for day in range(3, MOST + 3)]


def test_no_folder_no_trend(tmp_path: Path) -> None:
    assert earlier(tmp_path / "none", "data-quality").is_empty()
