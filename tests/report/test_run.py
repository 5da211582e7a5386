"""A run as a whole: checked before it starts, published whole, never over another; what it writes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from crmlab.errors import ParamsError, PluginError, RunError
from crmlab.report.run import Run, run

CRMLAB = [sys.executable, "-c", "from crmlab.cli import main; main()"]


def hashes(folder: Path) -> dict[str, str]:
    """Path → sha256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def published(runs: Path, study: str = "tiny") -> list[Path]:
    return sorted(path for path in (runs / study).glob("*") if not path.name.startswith("."))


# --- before anything starts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["time_zone=Asia/Shanghai"], "Did you mean 'timezone'"),
        (["as_of=yesteryear"], "as_of"),
        (["classifiers.rmf.map=total_11"], "Did you mean 'rfm'"),
        (["classifiers.rfm.konvention=nested"], "konvention"),
        (["data.0.source=filez"], "Did you mean 'files'"),
        (["reports.good.top_m=5"], "Did you mean 'top_n'"),
        (["reports.godo={}"], "Did you mean 'good'"),
        (["reports={}"], "reports"),
        (["study=../escape"], "study"),
        (["reports={../escape: {}}"], "../escape"),
        (["baseline=nowhere"], "baseline: nowhere"),
        (["reports.good={\"x = 1; open('PWNED', 'w'); y\": 1}"], "PWNED"),
        (["reports.good={__import__: 1}"], "__import__"),
        (["reports.good={class: 1}"], "class"),
    ],
)
def test_what_is_wrong_with_the_study_is_said_before_a_kernel_starts(
    tmp_path: Path, study_in: Callable[..., Path], overrides: list[str], message: str
) -> None:
    study = study_in(tmp_path, {"good": ["1"]}, {"good": "top_n = 5"})
    with pytest.raises((ParamsError, PluginError), match=re.escape(message)):
        run(study, overrides=overrides, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    assert not list(tmp_path.rglob("PWNED"))


def test_a_report_that_the_study_lacks(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    with pytest.raises(ParamsError, match=r"has no report 'goood'\. Did you mean 'good'"):
        run(study_in(tmp_path, {"good": ["1"]}), ["goood"], runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_runs_that_cannot_be(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with pytest.raises(RunError, match="name another with --runs"):
        run(study_in(tmp_path, {"good": ["1"]}), runs=tmp_path / "runs")


# --- parameters -----------------------------------------------------------------------------------


def test_values_reach_the_notebook_as_they_are(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    values = {
        "quoted": 'it\'s """quoted""" \\ and \'\'\' more',
        "lines": "first\nsecond\ttab\r\u2028end",
        "chinese": "华东区“大客户”（含退款）",
        "word": "no",
        "padded": "007",
        "code": "'); import os; os._exit(1) #",
        "braces": "{as_of} {0.__class__}",
        "many": [1, 2.5, None, True, {"键": ["值"]}],
    }
    declared = "\n".join(f"{name} = None" for name in values)
    names = ", ".join(values)
    echo = f"import json; print(json.dumps(dict(zip({list(values)!r}, [{names}]))))"
    study = study_in(tmp_path, {"echo": [echo]}, {"echo": declared})
    document = json.loads(json.dumps(values))
    text = study.read_text(encoding="utf-8").replace("echo: null", f"echo: {json.dumps(document)}")
    study.write_text(text, encoding="utf-8")
    done = run(study, runs=tmp_path / "runs {as_of} 结果", progress=False)
    assert done.exit_code == 0
    notebook = nbformat.read(done.folder / "echo.ipynb", as_version=4)
    assert json.loads(notebook.cells[-1].outputs[0].text) == values


# --- publishing -----------------------------------------------------------------------------------


def test_a_failed_run_leaves_the_last_good_one_as_it_was(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    study = study_in(tmp_path, {"report": ["print('good')"]})
    good = run(study, runs=tmp_path / "runs", progress=False)
    before = hashes(good.folder)
    study_in(tmp_path, {"report": ["print('partial')", "1 / 0"]})
    bad = run(study, runs=tmp_path / "runs", progress=False)
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert hashes(good.folder) == before
    assert published(tmp_path / "runs") == sorted([good.folder, bad.folder])
    for done in (good, bad):
        assert manifest_of(done.folder)["run"] == done.folder.name
    assert "partial" in (bad.folder / "report.html").read_text(encoding="utf-8")
    gallery = bad.gallery.read_text(encoding="utf-8")
    assert good.folder.name in gallery
    assert bad.folder.name in gallery


def test_manifest_describes_every_file(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    done = run(study_in(tmp_path, {"a": ["1"], "b": ["2"]}), runs=tmp_path / "runs", progress=False)
    manifest = manifest_of(done.folder)
    listed = {
        output["path"]: output["sha256"] for report in manifest["reports"] for output in report["outputs"]
    }
    assert listed | {"manifest.json": hashes(done.folder)["manifest.json"]} == hashes(done.folder)
    assert manifest["status"] == "done"
    assert manifest["packages"]["crmlab"]


def test_two_processes_at_once_both_publish(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"report": ["import time; time.sleep(1)"]})
    command = [*CRMLAB, "run", str(study), "--runs", str(tmp_path / "runs"), "--quiet"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    runs = published(tmp_path / "runs")
    assert len(runs) == 2
    gallery = (tmp_path / "runs" / "index.html").read_text(encoding="utf-8")
    assert all(folder.name in gallery for folder in runs)


def test_names_that_are_taken_get_a_number(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    from crmlab.report.staging import claim

    home = tmp_path / "runs" / "tiny"
    (home / "day").mkdir(parents=True)
    (home / "day" / "manifest.json").write_text("{}")
    assert [claim(home, "day").name for _ in range(2)] == [".run-day-2", ".run-day-3"]


# --- the runner itself dies -------------------------------------------------------------------------

WAITING = """
import os, time
from pathlib import Path
mark = "started-" + os.environ["CRMLAB_REPORT_NAME"]
Path(os.environ["CRMLAB_RUN_FOLDER"], mark).write_text(str(os.getpid()))
time.sleep(600)
"""


def started(runs: Path) -> tuple[Path, int]:
    """Wait until the notebook ``waiting`` runs; return the hidden folder and the pid of the kernel."""
    for _ in range(600):
        for path in runs.glob("tiny/.run-*/started-waiting"):
            if text := path.read_text():
                return path.parent, int(text)
        time.sleep(0.1)
    raise AssertionError("the notebook never started")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_runner_publishes_nothing_and_is_swept_later(
    tmp_path: Path, study_in: Callable[..., Path], jobs: str
) -> None:
    study = study_in(tmp_path, {"waiting": [WAITING], "quick": ["1"]})
    runs = tmp_path / "runs"
    process = subprocess.Popen([*CRMLAB, "run", str(study), "--runs", str(runs), "--quiet", "--jobs", jobs])
    stale, kernel = started(runs)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert published(runs) == []
    for _ in range(100):
        if not alive(kernel):
            break
        time.sleep(0.1)
    assert not alive(kernel)  # it sees that its parent is gone
    assert run(study, ["quick"], runs=runs, progress=False).exit_code == 0
    assert stale.exists()  # another run may still be writing there
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(stale, (two_days_ago, two_days_ago))
    assert run(study, ["quick"], runs=runs, progress=False).exit_code == 0
    assert not stale.exists()
    assert len(published(runs)) == 2


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_publishes_what_there_is_and_starts_no_other(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any, jobs: str
) -> None:
    study = study_in(tmp_path, {"waiting": [WAITING], "waiting-too": [WAITING], "never": ["1"]})
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [*CRMLAB, "run", str(study), "--runs", str(runs), "--quiet", "--jobs", jobs],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a group of its own, as a terminal gives it
    )
    started(runs)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in said
    (folder,) = published(runs)
    reports = manifest_of(folder)["reports"]
    assert [report["status"] for report in reports] == ["interrupted"] * 3
    assert reports[0]["error"]["message"] == "Stopped by the user."
    assert reports[2]["error"]["message"] == "Stopped by the user before it began."
    assert (folder / "waiting.html").exists()


def test_a_full_disk_under_the_runner(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    study = study_in(tmp_path, {"large": ["print('long ' * 400_000)"], "small": ["1"]})
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)); "
    command = [sys.executable, "-c", limit + "from crmlab.cli import main; main()"]
    runs = tmp_path / "runs"
    done = subprocess.run(
        [*command, "run", str(study), "--runs", str(runs), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (folder,) = published(runs)
    large, small = manifest_of(folder)["reports"]
    assert (large["status"], small["status"]) == ("disk_full", "done")
    assert large["outputs"] == []  # no torn file stays behind
    assert (folder / "small.html").exists()


def test_a_worker_that_dies_is_said_and_the_run_is_published(
    tmp_path: Path, study_in: Callable[..., Path], manifest_of: Any
) -> None:
    study = study_in(tmp_path, {"fatal": ["import os; os.kill(os.getppid(), 9)"], "other": ["1"]})
    done = run(study, jobs=2, runs=tmp_path / "runs", progress=False)
    assert done.exit_code == 1
    fatal = manifest_of(done.folder)["reports"][0]
    assert (fatal["status"], fatal["error"]["type"]) == ("error", "BrokenProcessPool")
    assert "The process that ran the notebook died" in fatal["error"]["message"]


def test_a_gallery_that_cannot_be_written_is_a_warning(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    (tmp_path / "runs" / "index.html").mkdir(parents=True)
    done = run(study_in(tmp_path, {"report": ["1"]}), runs=tmp_path / "runs", progress=False)
    assert done.exit_code == 0
    assert (done.folder / "manifest.json").exists()
    assert "The gallery" in done.warnings[0]


# --- what a run writes ----------------------------------------------------------------------------

SECRET = "sesame-5f2d91"
FORMULAS = ('=HYPERLINK("http://evil.test","x")', "+1+cmd|'/C calc'!A0", "@SUM(1,1)", "-2+3")


def write_tables(folder: Path) -> None:
    """Sixty customers, four of them named like formulas; five orders and three texts are rejected."""
    ids = [*FORMULAS, *(f"客户{n:03}" for n in range(4, 60))]
    orders = [
        {
            "order_id": f"o{n}",
            "customer_id": ids[n % 60 if n < 120 else (n * n) % 60],
            "order_date": f"2024-{1 + n % 6:02}-{1 + n % 28:02}",
            "amount": str(10 + (n * 37) % 400),
        }
        for n in range(400)
    ]
    orders += [{**orders[0], "order_id": f"bad{n}", "amount": "much"} for n in range(5)]
    texts = (
        "物流很快，包装完好，非常满意！",
        "质量太差，用了两天就坏了",
        "客服态度好，退款也快",
        "价格太贵，味道一般",
    )
    feedback = [
        {
            "feedback_id": f"f{n}",
            "customer_id": ids[n % 60],
            "given_on": f"2024-{1 + n % 6:02}-15",
            "text": texts[n % 4] + "！" * (n // 4),
            "score": str(5 - n % 4),
            "scale": "csat_1_5",
        }
        for n in range(80)
    ]
    feedback += [{**feedback[0], "feedback_id": f"bad{n}", "score": "99"} for n in range(3)]
    pl.DataFrame(orders).write_csv(folder / "orders.csv")
    pl.DataFrame(feedback).write_csv(folder / "feedback.csv")


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Run]]:
    """Both reports of one study, run twice; then once more with the first run as baseline, ids plain."""
    folder = tmp_path_factory.mktemp("{as_of} 研究")
    write_tables(folder)
    study = folder / "study.yaml"
    study.write_text(
        "title: {zh: 客户研究, en: Customer study}\n"
        "data:\n"
        "- {source: files, files: {orders: {path: orders.csv}, feedback: {path: feedback.csv}}}\n"
        "as_of: 2024-06-30\n"
        "compare_as_of: 2024-04-30\n"
        "language: en\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRM_PASSWORD", SECRET)
        options: dict[str, Any] = {"jobs": 2, "runs": folder / "runs {x}", "progress": False}
        first = run(study, **options)
        second = run(study, **options, force=True)
        baseline = os.path.relpath(first.folder, folder)
        later = ["as_of=2024-05-31", f"baseline={baseline}", "privacy.ids=plain"]
        yield [first, second, run(study, overrides=later, **options)]


def test_both_reports_are_done(twice: list[Run]) -> None:
    assert [outcome.error for done in twice for outcome in done.outcomes] == [None] * 6
    for outcome in twice[0].outcomes:
        assert outcome.charts > 3


def test_the_same_study_gives_the_same_bytes(twice: list[Run]) -> None:
    first, second = (hashes(done.folder) for done in twice[:2])
    comparison = {"compare.html", "compare.json"}  # there was nothing to compare the first run with
    assert second.keys() - first.keys() == comparison
    second = {name: digest for name, digest in second.items() if name not in comparison}
    varying = {"manifest.json", "segmentation.ipynb", "feedback.ipynb"}  # they hold times
    same = {name for name in first if first[name] == second.get(name)}
    assert first.keys() == second.keys()
    assert first.keys() - same <= varying
    assert {Path(name).suffix for name in same} == {".html", ".parquet", ".xlsx", ".json", ".txt"}
    assert sum(name.startswith("state/") for name in same) >= 3


def test_nothing_of_the_machine_and_no_secret_is_in_a_run(twice: list[Run]) -> None:
    folder = twice[0].folder
    places = [str(folder.parents[2]), str(Path.home()) + "/", str(Path(__file__).parents[2]), sys.prefix]
    for path in [*folder.rglob("*"), twice[0].gallery]:
        if not path.is_file():
            continue
        parts = [path.read_bytes()]
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                parts = [book.read(name) for name in book.namelist()]
        for text in [*places, SECRET]:
            assert not any(text.encode() in part for part in parts), f"{text} in {path.name}"


def test_manifest_counts_inputs_of_both_reports(twice: list[Run], manifest_of: Any) -> None:
    manifest = manifest_of(twice[0].folder)
    (entry,) = manifest["inputs"]
    counts = {name: (table["rows"], table["rejected"]) for name, table in entry["tables"].items()}
    assert counts == {"orders": (405, 5), "feedback": (83, 3)}
    assert {"rfm", "abc", "status", "sentiment", "aspects"} <= {
        plugin["name"] for plugin in manifest["plugins"]
    }
    assert all(report["headline"]["zh"] and report["headline"]["en"] for report in manifest["reports"])
    listed = {output["path"] for report in manifest["reports"] for output in report["outputs"]}
    assert listed | {"manifest.json"} == set(hashes(twice[0].folder))


def test_rejected_rows_are_kept_as_they_were_read(twice: list[Run]) -> None:
    rejected = twice[0].folder / "rejected"
    orders = pl.read_parquet(rejected / "segmentation" / "orders.parquet")
    assert orders["reason"].to_list() == ["unreadable"] * 5
    assert orders["amount"].to_list() == ["much"] * 5
    feedback = pl.read_parquet(rejected / "feedback" / "feedback.parquet")
    assert feedback["score"].to_list() == ["99"] * 3


def sheets(path: Path) -> dict[str, pl.DataFrame]:
    found = pl.read_excel(path, sheet_id=0, infer_schema_length=None)
    assert isinstance(found, dict)
    return found


def test_parquet_keeps_ids_and_the_workbook_masks_them(twice: list[Run]) -> None:
    folder = twice[0].folder
    plain = pl.read_parquet(folder / "tables" / "segmentation" / "rfm_customers.parquet")
    assert set(FORMULAS) <= set(plain["customer_id"])
    masked = sheets(folder / "segmentation.xlsx")["rfm_customers"]
    assert masked.height == plain.height
    assert masked["customer_id"].str.contains(r"^C-[0-9a-f]{6,}$").all()
    labels = plain.select("label", shown=masked["label"])
    assert labels.filter(pl.col("shown") != "few").select((pl.col("label") == pl.col("shown")).all()).item()
    small = labels.filter(pl.len().over("label") < 5)
    assert set(small["shown"]) <= {"few"}
    for path in (folder / "segmentation.html", folder / "segmentation.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert not any(customer in text for customer in plain["customer_id"] if customer.startswith("客户"))


def test_the_latest_run_is_found_as_baseline(
    tmp_path: Path, manifest_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.v4.new_notebook()
    source = "schemes = ['status']\nbaseline = None"
    notebook.cells = [
        nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(baseline)"),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "tiny.ipynb")
    write_tables(tmp_path)
    study = tmp_path / "s.yaml"
    study.write_text(
        "data: [{source: files, files: {orders: {path: orders.csv}}}]\nas_of: 2024-06-30\n"
        "baseline: latest\nreports: {tiny: }\n"
    )
    options: dict[str, Any] = {"runs": tmp_path / "runs", "progress": False}
    first = run(study, **options)
    assert first.warnings == (
        "tiny: baseline is latest, and there is no finished run yet; the cut-points are learned.",
    )
    assert manifest_of(first.folder)["reports"][0]["baseline"] is None
    (first.folder / "state" / "tiny").mkdir(parents=True)
    second = run(study, **options)
    assert second.warnings == ()
    assert manifest_of(second.folder)["reports"][0]["baseline"] == f"runs/s/{first.folder.name}"


@pytest.mark.parametrize("name", ["segmentation", "feedback"])
def test_workbook_runs_nothing(twice: list[Run], name: str) -> None:
    for done in twice:
        with zipfile.ZipFile(done.folder / f"{name}.xlsx") as book:
            for part in book.namelist():
                xml = book.read(part).decode()
                assert not re.search(r"<f[ >]|<hyperlink|externalLink|TargetMode", xml), part


def test_text_that_looks_like_a_formula_is_defused(twice: list[Run]) -> None:
    shown = sheets(twice[2].folder / "segmentation.xlsx")["rfm_customers"]["customer_id"]
    assert {f"'{formula}" for formula in FORMULAS} <= set(shown)
    assert not shown.str.contains(r"^[=+@-]").any()


def test_baseline_freezes_the_cut_points_and_says_so(twice: list[Run]) -> None:
    first, _, frozen = twice
    for plugin in ("rfm", "abc", "status"):
        state = f"state/segmentation/{plugin}/state.json"
        assert (frozen.folder / state).read_bytes() == (first.folder / state).read_bytes()
    said = "Taken from the baseline run, so that movement is movement of customers."
    page = (frozen.folder / "segmentation.html").read_text(encoding="utf-8")
    assert said in page
    assert said not in (first.folder / "segmentation.html").read_text(encoding="utf-8")
