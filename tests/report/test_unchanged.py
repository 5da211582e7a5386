"""What is unchanged is linked from an earlier run; what changed, in whatever part, is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.data import fingerprints
from crmlab.report import unchanged
from crmlab.report.run import preview, run

CELLS = ["import crmlab; lab = crmlab.open(data=data, as_of=as_of)", "lab.tables['orders']", "lab.save()"]


@pytest.fixture
def study(tmp_path: Path, study_in: Callable[..., Path]) -> Path:
    return study_in(
        tmp_path, {"a": CELLS, "b": ["print(playbook)"]}, {"a": "data = []", "b": "playbook = None"}
    )


def done(study: Path, **options: Any) -> Any:
    return run(study, runs=study.parent / "runs", progress=False, **options)


def test_unchanged_reports_are_linked_and_outlive_the_run_that_made_them(
    study: Path, manifest_of: Any
) -> None:
    first = done(study)
    second, third = done(study), done(study)
    assert first.reused == {}
    assert third.reused == {"a": first.folder.name, "b": first.folder.name}
    assert (first.folder / "a.html").stat().st_ino == (third.folder / "a.html").stat().st_ino
    one, three = manifest_of(first.folder), manifest_of(third.folder)
    for report in one["reports"]:
        assert report["reused"] is None
    for old, new in zip(one["reports"], three["reports"], strict=True):
        assert {**new, "reused": None, "seconds": old["seconds"]} == old
    assert (three["inputs"], three["plugins"]) == (one["inputs"], one["plugins"])
    shutil.rmtree(first.folder)
    shutil.rmtree(second.folder)
    for output in (output for report in three["reports"] for output in report["outputs"]):
        assert fingerprints.digest(third.folder / output["path"]) == output["sha256"]
    assert done(study).reused == {"a": first.folder.name, "b": first.folder.name}
    assert done(study, force=True).reused == {}


def why(study: Path, **options: Any) -> list[str]:
    return [step.why for step in preview(study, runs=study.parent / "runs", **options)]


def test_whatever_changes_is_named(study: Path) -> None:
    folder = study.parent
    assert why(study) == ["never run"] * 2
    done(study)
    assert why(study) == ["unchanged"] * 2
    assert why(study, force=True) == ["forced"] * 2
    assert why(study, overrides=["as_of=2024-06-29"]) == ["changed: params"] * 2
    assert why(study, language="zh") == ["changed: params"] * 2
    assert why(study, overrides=["cell_timeout=5"]) == ["unchanged"] * 2  # the notebooks are not given it
    orders = folder / "orders.csv"
    text = orders.read_text()
    orders.write_text(text.replace("20", "21"))
    assert why(study) == ["changed: inputs"] * 2
    orders.write_text(text)
    assert why(study) == ["unchanged"] * 2
    notebook = folder / "notebooks" / "b.ipynb"
    notebook.write_text(notebook.read_text().replace("playbook)", "playbook )"))
    assert why(study) == ["unchanged", "changed: notebook"]


def test_code_of_the_study_and_files_that_parameters_name(
    tmp_path: Path, study_in: Callable[..., Path]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "rules.txt").write_text("1")
    study = study_in(
        tmp_path,
        {"a": ["1"]},
        {"a": "rules = 'rules.txt'"},
        plugin_folder="plugins",
    )
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("a: null", "a: {rules: rules.txt}"), encoding="utf-8")
    done(study)
    assert why(study) == ["unchanged"]
    (tmp_path / "rules.txt").write_text("2")
    assert why(study) == ["changed: params"]
    (tmp_path / "rules.txt").write_text("1")
    (tmp_path / "plugins" / "mine.py").write_text("x = 1\n")
    assert why(study) == ["changed: code"]


def test_data_that_cannot_tell_whether_it_changed_is_read_anew(
    tmp_path: Path, study_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://nobody:sesame@localhost/none")
    source = {"source": "postgresql", "connection": "env:SHOP_DATABASE", "select": {"orders": {"table": "o"}}}
    study = study_in(tmp_path, {"a": ["1"]}, data=[source])
    done(study)
    assert why(study) == ["its data cannot tell whether it changed"]


def test_data_that_changes_meanwhile_is_said_and_taken_over_by_nobody(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    study = study_in(tmp_path, {"a": ["open('orders.csv', 'a').write('o9,c9,2024-01-01,5\\n')"]})
    first = done(study)
    assert manifest_of(first.folder)["reports"][0]["fingerprint"] is None
    second = done(study)
    assert second.reused == {}


def test_files_that_are_not_as_they_were_are_not_linked(study: Path) -> None:
    first = done(study)
    page = first.folder / "a.html"
    page.write_text(page.read_text(encoding="utf-8") + "<!-- edited -->", encoding="utf-8")
    (first.folder / "b.ipynb").unlink()
    second = done(study)
    assert (second.reused, second.exit_code) == ({}, 0)
    assert "edited" not in (second.folder / "a.html").read_text(encoding="utf-8")


def test_where_there_are_no_hard_links_files_are_copied(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    first = done(study)
    monkeypatch.setattr(os, "link", refuse)
    second = done(study)
    assert second.reused == {"a": first.folder.name, "b": first.folder.name}
    assert (second.folder / "a.html").read_bytes() == (first.folder / "a.html").read_bytes()
    assert (second.folder / "a.html").stat().st_nlink == 1


def test_an_output_outside_of_its_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "secret").write_text("x")
    output = {"path": "../secret", "sha256": fingerprints.digest(tmp_path / "secret")}
    assert not unchanged.link(unchanged.Earlier(tmp_path / "old", {"outputs": [output]}), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_eight_runs_at_once(study: Path, manifest_of: Any) -> None:
    code = "from crmlab.commands.run import run; run()"
    runs = study.parent / "runs"
    done(study, reports=["a"])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(study), "--runs", str(runs), "--quiet", "--report", "a"]
            + (["--set", f"as_of=2024-06-2{place}"] if place == 7 else []),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for place in range(8)
    ]
    said = [process.communicate(timeout=300)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    folders = sorted((runs / "tiny").glob("2*"))
    assert len(folders) == 9
    assert not list((runs / "tiny").glob(".*"))
    for folder in folders:
        (report,) = manifest_of(folder)["reports"]
        for output in report["outputs"]:
            assert fingerprints.digest(folder / output["path"]) == output["sha256"]
