"""``crmlab compare`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crmlab.commands.compare import compare
from crmlab.errors import ParamsError
from crmlab.report import gallery


def put(runs: Path, run: str, value: float) -> Path:
    figure = {
        "id": "x",
        "zh": "指标",
        "en": "Figure",
        "value": value,
        "low": value - 1,
        "high": value + 1,
        "n": 9,
    }
    figure |= {"unit": "number", "definition": {"zh": "定义", "en": "Definition"}, "key": True}
    report: dict[str, Any] = {
        "name": "own",
        "title": "Own",
        "status": "done",
        "headline": None,
        "outputs": [],
    }
    manifest = {
        "schema": 1,
        "study": "demo",
        "title": {"zh": "演示", "en": "Demo"},
        "run": run,
        "status": "done",
        "started_at": f"2026-01-0{run[-1]}T00:00:00+00:00",
        "seconds": 1.0,
        "language": "en",
        "as_of": f"2026-01-0{run[-1]}",
        "params": {},
        "inputs": [],
        "reports": [{**report, "figures": [figure]}],
    }
    folder = runs / "demo" / run
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """Two runs in a folder of runs."""
    return str(put(tmp_path / "runs", "r1", 10.0)), str(put(tmp_path / "runs", "r2", 20.0))


def test_it_puts_the_comparison_where_the_gallery_lists_it(tmp_path: Path, two: tuple[str, str]) -> None:
    runs = tmp_path / "runs"
    gallery.write(runs, "en")
    done = CliRunner().invoke(compare, two)
    assert done.exit_code == 0, done.output
    assert "1 figure tested, 1 changed beyond chance" in done.stdout
    folder = runs / "comparisons" / "r1--r2"
    assert sorted(path.name for path in folder.iterdir()) == ["compare.html", "compare.json"]
    assert 'lang="en"' in (folder / "compare.html").read_text(encoding="utf-8")
    assert "comparisons/r1--r2/compare.html" in (runs / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in (runs / "demo" / "r2").iterdir()] == ["manifest.json"]


def test_without_a_gallery_it_writes_here_and_not_above_the_runs(
    tmp_path: Path, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = CliRunner().invoke(compare, two)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "here" / "comparisons" / "r1--r2" / "compare.html").is_file()
    assert not (tmp_path / "runs" / "comparisons").exists()


def test_folder_and_language_can_be_chosen(tmp_path: Path, two: tuple[str, str]) -> None:
    done = CliRunner().invoke(compare, [*two, "--output", str(tmp_path / "out"), "--language", "zh"])
    assert done.exit_code == 0, done.output
    assert "运行对比：演示" in (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert not (tmp_path / "runs" / "comparisons").exists()


def test_a_run_held_against_itself_has_not_changed(tmp_path: Path, two: tuple[str, str]) -> None:
    done = CliRunner().invoke(compare, [two[0], two[0], "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "nothing changed" in done.stdout


def test_what_is_no_run_is_named(tmp_path: Path, two: tuple[str, str]) -> None:
    done = CliRunner().invoke(compare, [two[0], str(tmp_path)])
    assert isinstance(done.exception, ParamsError)
    assert "no folder of a run" in str(done.exception)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, two: tuple[str, str]) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(compare, [*two, "--output", str(tmp_path / "file" / "below")])
    assert done.exit_code == 1
    assert "below" in done.output
