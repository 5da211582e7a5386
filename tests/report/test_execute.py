"""Every way in which a notebook can end has an honest status, and leaves what it had shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from crmlab.report.run import Run, run

SHOWN = "print('shown before the end')"
BAD_ORDERS = """
from pathlib import Path
Path("bad.csv").write_text("order_id,customer_id,order_date,amount\\no1,c1,never,x\\no2,c1,2024-01-01,5\\n")
import crmlab
files = {"orders": {"path": "bad.csv"}}
crmlab.open(data=[{"source": "files", "files": files}], as_of=as_of).tables["orders"]
"""
FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
open("big", "wb").write(bytes(100_000))
"""

WAYS: dict[str, tuple[str, str, str, str]] = {
    # report: the cell that ends it, its status, the type of the error, a part of the message
    "good": ("1 + 1", "done", "", ""),
    "wrong": ("1 / 0", "error", "ZeroDivisionError", "division by zero"),
    "syntax": ("x = = 1", "error", "SyntaxError", "invalid syntax"),
    "slow": ("import time; time.sleep(60)", "timeout", "CellTimeoutError", "longer than 1 s"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "kernel_died", "DeadKernelError", "kernel died"),
    "left": ("import os; os._exit(0)", "kernel_died", "DeadKernelError", "kernel died"),
    "exited": ("import sys; sys.exit(0)", "exited", "SystemExit", "0"),
    "quit": ("import sys; sys.exit('no more')", "exited", "SystemExit", "no more"),
    "stopped": ("raise KeyboardInterrupt", "error", "KeyboardInterrupt", ""),
    "full": (FULL_DISK, "disk_full", "OSError", "File too large"),
    "gate": (BAD_ORDERS, "quality_gate", "QualityGateError", "1 of 2 rows"),
}
FAILED = [name for name in WAYS if name != "good"]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory, study_in: Callable[..., Path]) -> Run:
    """One run of a report per way to end, two at a time."""
    folder = tmp_path_factory.mktemp("ends")
    reports = {name: [SHOWN, cell, "print('never reached')"] for name, (cell, *_) in WAYS.items()}
    study = study_in(folder, reports)
    return run(study, overrides=["reports.slow.cell_timeout=1"], jobs=2, runs=folder / "runs", progress=False)


def test_a_failed_report_stops_no_other(ends: Run) -> None:
    assert [outcome.name for outcome in ends.outcomes] == list(WAYS)
    assert ends.exit_code == 1


@pytest.mark.parametrize("name", WAYS)
def test_status_and_reason_are_those_of_the_end(ends: Run, manifest_of: Any, name: str) -> None:
    _, status, kind, message = WAYS[name]
    report = next(report for report in manifest_of(ends.folder)["reports"] if report["name"] == name)
    assert report["status"] == status
    if status == "done":
        assert report["error"] is None
    else:
        assert report["error"]["type"] == kind
        assert message in report["error"]["message"]
        assert report["error"]["cell"] == 6  # parameters, its values, two titles, the cell before
    assert report["title"] == {"zh": f"报告 {name}", "en": f"Report {name}"}


@pytest.mark.parametrize("name", FAILED)
def test_partial_notebook_and_page_say_that_they_failed(ends: Run, name: str) -> None:
    notebook = nbformat.read(ends.folder / f"{name}.ipynb", as_version=4)
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "shown before the end" in printed
    assert "never reached" not in printed
    page = (ends.folder / f"{name}.html").read_text(encoding="utf-8")
    assert "shown before the end" in page
    assert "This report did not finish" in page
    banner = re.search(r'<[^>]+class="[^"]*failed.*?</(?:section|aside|div)>', page, flags=re.S)
    assert banner is not None
    assert WAYS[name][2] in banner[0]
    assert banner[0].count(WAYS[name][2]) == 1


def test_finished_page_has_no_banner(ends: Run) -> None:
    page = (ends.folder / "good.html").read_text(encoding="utf-8")
    assert "This report did not finish" not in page
    assert "<title>Report good · tiny</title>" in page


def test_manifest_lists_the_files_of_failed_reports_too(ends: Run, manifest_of: Any) -> None:
    for report in manifest_of(ends.folder)["reports"]:
        paths = [output["path"] for output in report["outputs"]]
        rejected = ["rejected/gate/orders.parquet"] if report["name"] == "gate" else []
        assert paths == [f"{report['name']}.html", f"{report['name']}.ipynb", *rejected]


def test_nothing_of_the_machine_is_in_what_failed(ends: Run) -> None:
    for path in ends.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for place in (
                str(ends.folder.parents[2]),
                str(Path.home()) + "/",
                str(Path(__file__).parents[2]),
            ):
                assert place.encode() not in content, f"{place} in {path.name}"


def test_only_the_quality_gate_is_exit_code_3(ends: Run) -> None:
    gate = [outcome for outcome in ends.outcomes if outcome.name in ("good", "gate")]
    assert Run(ends.folder, tuple(gate), ends.gallery).exit_code == 3
    assert Run(ends.folder, tuple(gate[:1]), ends.gallery).exit_code == 0


def test_a_page_that_cannot_be_made_is_an_error_not_a_crash(
    tmp_path: Path, study_in: Callable[..., Path]
) -> None:
    # A folder where the page should be: the notebook ran, its page cannot be written.
    blocked = "import os; os.mkdir(os.environ['CRMLAB_RUN_FOLDER'] + '/blocked.html')"
    done = run(study_in(tmp_path, {"blocked": [blocked]}), runs=tmp_path / "runs", progress=False)
    (outcome,) = done.outcomes
    assert outcome.status == "error"
    assert outcome.error is not None
    assert outcome.error["type"] == "IsADirectoryError"
    assert json.loads((done.folder / "manifest.json").read_text())["status"] == "failed"


LOGIN = """
from typing import ClassVar
import crmlab
from crmlab import Source, Text

@crmlab.sources.register("shop")
class Shop(Source):
    title: ClassVar = Text("商店", "Shop")
    tables: ClassVar = ("orders",)
    origin = Text("商店", "Shop")
    password: str

    def read(self):
        print("logging in with", self.password)
        raise ValueError(f"login with {self.password} was refused")
"""
OPEN = """
import crmlab
crmlab.open(data=data, as_of=as_of, plugin_folder=plugin_folder).tables["orders"]
"""


def test_a_secret_given_by_reference_is_in_no_artefact(
    tmp_path: Path, study_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "sesame-5f2d91")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "shop.py").write_text(LOGIN, encoding="utf-8")
    study = study_in(
        tmp_path,
        {"orders": [OPEN]},
        {"orders": "data = []\nplugin_folder = None"},
        data=[{"source": "shop", "password": "env:SHOP_PASSWORD"}],
        plugin_folder="plugins",
    )
    done = run(study, runs=tmp_path / "runs", progress=False)
    (outcome,) = done.outcomes
    assert outcome.error is not None
    assert outcome.error["type"] == "PluginFailedError"
    assert "('shop' of shop.py session)" in outcome.error["message"]
    assert "ValueError: login with <env:SHOP_PASSWORD> was refused" in outcome.error["message"]
    assert "logging in with <env:SHOP_PASSWORD>" in (done.folder / "orders.html").read_text(
        encoding="utf-8"
    ).replace("&lt;", "<").replace("&gt;", ">")
    for path in [*done.folder.rglob("*"), done.gallery]:
        assert path.is_dir() or b"sesame" not in path.read_bytes(), path.name
