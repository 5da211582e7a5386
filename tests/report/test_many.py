"""Many reports at once: cells run apart, one that fails stops no other, what is chosen is run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from crmlab.commands.run import _possible
from crmlab.commands.run import run as command
from crmlab.errors import ParamsError
from crmlab.report.run import Batch, preview, run, run_all
from crmlab.report.work import Work
from tests.web_servers import serving

MONTHS = ["2024-04", "2024-05", "2024-06"]
FAILS_IN_MAY = "assert not as_of.startswith('2024-05') or Path('men' 'ded').exists(), 'May is missing'"
DIES_IN_MAY = "as_of.startswith('2024-05') and not Path('men' 'ded').exists() and os.kill(os.getppid(), 9)"


def matrix_study(folder: Path, study_in: Callable[..., Path]) -> Path:
    """Three months of two reports; in May one of them fails and the other kills its worker."""
    reports = {
        "fails": ["from pathlib import Path", FAILS_IN_MAY],
        "dies": ["import os; from pathlib import Path", DIES_IN_MAY],
    }
    return study_in(folder, reports, matrix={"month": MONTHS})


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory, study_in: Callable[..., Path]) -> tuple[Path, Batch]:
    folder = tmp_path_factory.mktemp("批量")
    study = matrix_study(folder, study_in)
    return study, run_all(study, jobs=2, runs=folder / "runs", progress=False)


def statuses(batch: Batch) -> dict[str, list[str]]:
    return {run.cell["month"]: [outcome.status for outcome in run.outcomes] for run in batch.runs}


def test_what_fails_stops_no_other(batch: tuple[Path, Batch], manifest_of: Any) -> None:
    _, done = batch
    good = ["done", "done"]
    assert statuses(done) == {"2024-04": good, "2024-05": ["error", "error"], "2024-06": good}
    assert (done.exit_code, done.lost) == (1, ())
    manifests = [manifest_of(run.folder) for run in done.runs]
    assert {each["cell"]["month"]: each["status"] for each in manifests} == {
        "2024-04": "done",
        "2024-05": "failed",
        "2024-06": "done",
    }
    assert len({each["batch"] for each in manifests}) == 1
    assert {each["as_of"] for each in manifests} == {"2024-04-30", "2024-05-31", "2024-06-30"}
    assert {each["title"]["en"] for each in manifests} == {"tiny"}
    page = (done.runs[0].folder / "fails.html").read_text(encoding="utf-8")
    assert f"tiny · {done.runs[0].cell['month']}" in page
    assert not list(done.runs[0].folder.parent.glob(".run-*"))


def test_only_what_failed_is_run_again(batch: tuple[Path, Batch], manifest_of: Any) -> None:
    study, first = batch
    runs = study.parent / "runs"
    steps = preview(study, runs=runs, failed=True)
    assert [(step.cell, step.report, step.reuse, step.why) for step in steps] == [
        ("2024-05", "fails", None, "the last run ended as error"),
        ("2024-05", "dies", None, "the last run ended as error"),
    ]
    (study.parent / "mended").touch()
    again = run_all(study, runs=runs, failed=True, progress=False)
    assert statuses(again) == {"2024-05": ["done", "done"]}
    assert again.exit_code == 0
    nothing = run_all(study, runs=runs, failed=True, progress=False)
    assert (nothing.runs, nothing.exit_code) == ((), 0)
    assert [step.reuse is not None for step in preview(study, runs=runs)] == [True] * 6
    assert len(list(runs.glob("tiny/2*"))) == len(first.runs) + 1


def test_one_cell_is_a_run(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["print(as_of)"]}, matrix={"month": MONTHS})
    with pytest.raises(ParamsError, match=r"a matrix of 3 cells. Choose one with `only`"):
        run(study, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    done = run(study, only=["month=2024-05"], runs=tmp_path / "runs", progress=False)
    assert (done.exit_code, done.cell) == (0, {"month": "2024-05"})
    assert "2024-05-31" in (done.folder / "a.html").read_text(encoding="utf-8")


def test_a_part_of_the_data_needs_a_notebook_that_asks_for_it(
    tmp_path: Path, study_in: Callable[..., Path]
) -> None:
    study = study_in(tmp_path, {"a": ["1"]}, where={"orders.channel": "web"})
    with pytest.raises(ParamsError, match=r"a\.ipynb declares no `where`"):
        run(study, runs=tmp_path / "runs")


def test_a_dry_run_says_why_and_writes_nothing(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["1"]}, matrix={"month": MONTHS})
    given = [str(study), "--runs", str(tmp_path / "runs"), "--dry-run", "--only", "month=2024-04"]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "2024-04 · a: run 运行 (never run 从未运行)",
        "1 to run 待运行, 0 unchanged 未变化",
    ]
    assert not (tmp_path / "runs").exists()


def test_a_matrix_that_is_wrong_is_said_with_its_line(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["1"]}, matrix={"months": MONTHS})
    line = next(n for n, text in enumerate(study.read_text().splitlines(), 1) if text.startswith("matrix"))
    with pytest.raises(ParamsError, match=rf"study\.yaml:{line}: matrix: months: 'months' is no setting"):
        run_all(study, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_batch_says_line_by_line_how_reports_end(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["print(as_of)"]}, matrix={"month": MONTHS[:2]})
    given = [str(study), "--runs", str(tmp_path / "runs")]
    first = CliRunner().invoke(command, given)
    assert first.exit_code == 0, first.output
    assert "[1/2] 2024-04 · a: done, " in first.stderr
    assert "2 runs 次运行, 2 reports 份报告: 2 done 完成 (0 unchanged 未变化), 0 failed" in first.stdout
    again = CliRunner().invoke(command, given)
    assert "[2/2] 2024-05 · a: unchanged, taken from 2" in again.stderr
    assert "2 done 完成 (2 unchanged 未变化)" in again.stdout


def test_more_notebooks_at_once_than_there_is_memory_for(capsys: pytest.CaptureFixture[str]) -> None:
    gigabyte = 1 << 30
    assert (_possible(4, gigabyte), capsys.readouterr().err) == (4, "")
    assert _possible(99, gigabyte) == 4
    assert "--jobs 99: the memory is enough for 4 at once." in capsys.readouterr().err
    assert _possible(2, gigabyte // 100) == 1


def test_ctrl_c_ends_the_cell_that_runs_and_begins_no_other(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    waits = "import os, time; open('started', 'w').close(); time.sleep(600)"
    study = study_in(tmp_path, {"waits": [waits], "next": ["1"]}, matrix={"month": MONTHS})
    # A shell has what it starts in the background ignore Ctrl-C.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from crmlab.commands.run import run; run()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(study), "--runs", str(tmp_path / "runs"), "--quiet"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    for _ in range(600):
        if (tmp_path / "started").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    (folder,) = (tmp_path / "runs" / "tiny").glob("2*")
    assert [each["status"] for each in manifest_of(folder)["reports"]] == ["interrupted"] * 2
    assert "2 of 3 cells were not begun when the user stopped: 2024-05, 2024-06." in said.decode()


def test_ctrl_c_between_notebooks_publishes_what_there_is(
    tmp_path: Path, study_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the files of the second cell are linked, and the channels are told what is missing."""
    robot = {"kind": "slack", "url": "env:CRMLAB_TEST_URL", "on": "failure"}
    study = study_in(tmp_path, {"a": ["1"]}, matrix={"month": MONTHS}, notify=[robot])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving([(200, "ok")]) as server:
        monkeypatch.setenv("CRMLAB_TEST_URL", server.url)
        _stopped_while_linking(tmp_path, study, monkeypatch)
    (told,) = [content.decode() for _, content in server.received]
    assert "1 of 3 cells were not begun when the user stopped: 2024-06." in json.loads(told)["text"], told


def _stopped_while_linking(tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    run_all(study, runs=runs, progress=False)
    link, linked = os.link, list[Path]()

    def linking(source: Path, target: Path) -> None:
        linked.append(target)
        if len({path.parent for path in linked}) == 2:
            raise KeyboardInterrupt
        link(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", linking)
        stopped = run_all(study, runs=runs, progress=False)
    assert statuses(stopped) == {"2024-04": ["done"], "2024-05": ["interrupted"]}
    assert stopped.lost[0].startswith("1 of 3 cells were not begun when the user stopped: 2024-06.")
    assert stopped.exit_code == 1
    assert stopped.runs[1].folder.name in stopped.gallery.read_text(encoding="utf-8")
    assert not list((runs / "tiny").glob(".run-*"))
    # The last that was published of June finished well, but this time June was not reached.
    assert [step.cell for step in preview(study, runs=runs, failed=True)] == ["2024-05", "2024-06"]
    for months in (["2024-05"], ["2024-06"]):
        again = run_all(study, runs=runs, failed=True, progress=False, only=[f"month={months[0]}"])
        assert (again.exit_code, list(statuses(again))) == (0, months)
    assert run_all(study, runs=runs, failed=True, progress=False).runs == ()
    assert not list((runs / "tiny").glob(".*"))


def test_data_that_changes_after_planning_is_read_anew(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["1"]}, matrix={"month": MONTHS[:1]})
    runs = tmp_path / "runs"
    run_all(study, runs=runs, progress=False)
    work = Work(study, (), (), None, runs)
    assert [step.reuse is None for step in work.steps()] == [False]
    with (tmp_path / "orders.csv").open("a") as file:
        file.write("o3,c3,2024-03-02,30\n")
    assert work.run(1, "plain", progress=False).runs[0].reused == {}


def test_the_cells_of_a_column_show_their_part(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    opened = "import crmlab; lab = crmlab.open(data=data, as_of=as_of, where=where)"
    cells = [opened, "print(lab.tables['orders']['customer_id'].to_list())", "lab.save()"]
    study = study_in(tmp_path, {"a": cells}, {"a": "data = []\nwhere = {}"})
    values = [f"c{n},{'华东' if n % 3 else '华南'}" for n in range(20)]
    (tmp_path / "customers.csv").write_text("\n".join(["customer_id,province", *values]), encoding="utf-8")
    settings = yaml.safe_load(study.read_text(encoding="utf-8"))
    settings["data"][0]["files"]["customers"] = {"path": "customers.csv"}
    settings["matrix"] = {"region": {"column": "customers.province"}}
    study.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    done = run(study, only=["region=华东"], runs=tmp_path / "runs", progress=False)
    notebook = json.loads((done.folder / "a.ipynb").read_text(encoding="utf-8"))
    assert notebook["cells"][-2]["outputs"][0]["text"] == ["['c1', 'c2']\n"]
    assert manifest_of(done.folder)["params"]["where"] == {"customers.province": ["华东"]}
