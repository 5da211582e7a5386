"""What is unchanged is linked from an earlier run; what changed, in whatever part, is run."""

from __future__ import annotations

import json
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
from crmlab.report.history import Earlier, History
from crmlab.report.run import preview, run, run_all

CODE = "changed: code (with the files that it names)"
CELLS = ["import crmlab", "lab = crmlab.open(data=data, as_of=as_of)\nlab.tables['orders']", "lab.save()"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, study_in: Callable[..., Path]) -> Path:
    """A study of two reports, run once."""
    folder = tmp_path_factory.mktemp("made")
    study = study_in(
        folder, {"a": CELLS, "b": ["print(playbook)"]}, {"a": "data = []", "b": "playbook = None"}
    )
    assert why(study) == ["never run"] * 2
    assert done(study).reused == {}
    return study


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """The same in another folder, with its run: it makes no difference where a study lies."""
    shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made.name


def first_of(study: Path) -> Path:
    (folder,) = (study.parent / "runs" / "tiny").glob("2*")
    return folder


def done(study: Path, **options: Any) -> Any:
    return run(study, runs=study.parent / "runs", progress=False, **options)


def test_unchanged_reports_are_linked_and_outlive_the_run_that_made_them(
    study: Path, manifest_of: Any
) -> None:
    first = first_of(study)
    second, third = done(study), done(study)
    assert third.reused == {"a": first.name, "b": first.name}
    assert (first / "a.html").stat().st_ino == (third.folder / "a.html").stat().st_ino
    one, three = manifest_of(first), manifest_of(third.folder)
    for report in one["reports"]:
        assert report["reused"] is None
    for old, new in zip(one["reports"], three["reports"], strict=True):
        assert {**new, "reused": None, "seconds": old["seconds"]} == old
    assert (three["inputs"], three["plugins"]) == (one["inputs"], one["plugins"])
    shutil.rmtree(first)
    shutil.rmtree(second.folder)
    for output in (output for report in three["reports"] for output in report["outputs"]):
        assert fingerprints.digest(third.folder / output["path"]) == output["sha256"]
    assert done(study).reused == {"a": first.name, "b": first.name}
    assert done(study, reports=["b"], force=True).reused == {}


def why(study: Path, **options: Any) -> list[str]:
    return [step.why for step in preview(study, runs=study.parent / "runs", **options)]


def test_whatever_changes_is_named(study: Path) -> None:
    folder = study.parent
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
        {"a": "rules = None"},
        plugin_folder="plugins",
    )
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("a: null", "a: {rules: rules.txt}"), encoding="utf-8")
    done(study)
    assert why(study) == ["unchanged"]
    (tmp_path / "rules.txt").write_text("2")
    assert why(study) == ["changed: params"]
    (tmp_path / "rules.txt").write_text("1")
    (tmp_path / "plugins" / "words.txt").write_text("x")
    assert why(study) == [CODE]


def test_files_that_a_notebook_uses_count_as_its_code(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    (tmp_path / "goals.py").write_text("GOAL = 1\n")
    study = study_in(tmp_path, {"a": ["from goals import GOAL", "print(GOAL)"]})
    done(study)
    assert why(study) == ["unchanged"]
    (tmp_path / "goals.py").write_text("GOAL = 2\n")
    assert why(study) == [CODE]


def test_what_cannot_be_found_out_stops_nobody(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    """A notebook that is deleted while it runs ends as it does, and the next cell runs."""
    deletes = "import glob, os; os.remove(glob.glob('note' 'books/a.ipynb')[0])"
    months = ["2024-05", "2024-06"]
    study = study_in(tmp_path, {"a": [deletes]}, matrix={"month": months})
    batch = run_all(study, runs=tmp_path / "runs", progress=False)
    assert [[one.status for one in each.outcomes] for each in batch.runs] == [["done"], ["error"]]
    assert {
        report["fingerprint"] for each in batch.runs for report in manifest_of(each.folder)["reports"]
    } == {None}


def test_a_secret_is_not_hashed_without_a_key(
    tmp_path: Path, study_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PIN", "1234")
    study = study_in(tmp_path, {"a": ["1"]}, {"a": "pin = None"})
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("a: null", "a: {pin: 'env:SHOP_PIN'}"), encoding="utf-8")
    done(study)
    assert why(study) == ["nobody can tell whether it changed: params"]
    keys = tmp_path / "runs" / ".crmlab"
    keys.mkdir(exist_ok=True)
    (keys / "key").write_bytes(bytes(32))
    done(study)
    assert why(study) == ["unchanged"]
    monkeypatch.setenv("SHOP_PIN", "1235")
    assert why(study) == ["changed: params"]


DAMAGES: list[dict[str, Any]] = [
    {"reports": None},
    {"reports": ["name"]},
    {"reports": [{"name": "a"}]},
    {"reports": [{"name": "a", "status": "done", "outputs": [], "basis": ["params"]}]},
    {"cell": [1]},
    {"schema": 0},
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_manifest_that_is_damaged_hides_no_other(tmp_path: Path, damage: dict[str, Any]) -> None:
    report = {"name": "a", "status": "done", "outputs": [], "fingerprint": "f"}
    good = {"schema": 1, "cell": {"x": True}, "status": "done", "reports": [report]}
    for name, each in (("1", good), ("2", good | damage)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(each), encoding="utf-8")
    history = History(tmp_path)
    assert [found.folder.name for found in history.same({"x": True}, "a", "f")] == ["1"]
    assert history.last({"x": 1}, "a") is None, "1 is not true"
    assert history.last({"x": True}, "b") is None


@pytest.mark.parametrize("output", [{}, {"path": 3, "sha256": ""}, {"path": "a\0b", "sha256": ""}, None])
def test_an_output_that_is_none_is_not_linked(tmp_path: Path, output: Any) -> None:
    assert not unchanged.link(Earlier(tmp_path, {"outputs": [output]}), tmp_path)


def test_data_that_cannot_tell_whether_it_changed_is_read_anew(
    tmp_path: Path, study_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://nobody:sesame@localhost/none")
    source = {"source": "postgresql", "connection": "env:SHOP_DATABASE", "select": {"orders": {"table": "o"}}}
    study = study_in(tmp_path, {"a": ["1"]}, data=[source])
    done(study)
    assert why(study) == ["nobody can tell whether it changed: inputs"]


def test_data_that_changes_meanwhile_is_said_and_taken_over_by_nobody(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    study = study_in(tmp_path, {"a": ["open('orders.csv', 'a').write('o9,c9,2024-01-01,5\\n')"]})
    first = done(study)
    assert manifest_of(first.folder)["reports"][0]["fingerprint"] is None
    second = done(study)
    assert second.reused == {}


def test_files_that_are_not_as_they_were_are_not_linked(study: Path) -> None:
    first = first_of(study)
    page = first / "a.html"
    page.write_text(page.read_text(encoding="utf-8") + "<!-- edited -->", encoding="utf-8")
    (first / "b.ipynb").unlink()
    second = done(study)
    assert (second.reused, second.exit_code) == ({}, 0)
    assert "edited" not in (second.folder / "a.html").read_text(encoding="utf-8")


def test_where_there_are_no_hard_links_files_are_copied(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    first = first_of(study)
    monkeypatch.setattr(os, "link", refuse)
    second = done(study)
    assert second.reused == {"a": first.name, "b": first.name}
    assert (second.folder / "a.html").read_bytes() == (first / "a.html").read_bytes()
    assert (second.folder / "a.html").stat().st_nlink == 1


def test_an_output_outside_of_its_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "secret").write_text("x")
    output = {"path": "../secret", "sha256": fingerprints.digest(tmp_path / "secret")}
    assert not unchanged.link(Earlier(tmp_path / "old", {"outputs": [output]}), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_three_runs_at_once_take_over_the_same(study: Path, manifest_of: Any) -> None:
    code = "from crmlab.commands.run import run; run()"
    runs = study.parent / "runs"
    command = [sys.executable, "-c", code, str(study), "--runs", str(runs), "--quiet"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)
    ]
    said = [process.communicate(timeout=300)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    folders = sorted((runs / "tiny").glob("2*"))
    assert len(folders) == 4
    assert not list((runs / "tiny").glob(".*"))
    reports = [(folder, report) for folder in folders for report in manifest_of(folder)["reports"]]
    assert [report["reused"] is None for _, report in reports].count(True) == 2
    for folder, report in reports:
        for output in report["outputs"]:
            assert fingerprints.digest(folder / output["path"]) == output["sha256"]
