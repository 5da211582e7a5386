"""A study in a folder of its own, the command that runs it, and what may be left behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

ORDERS = "order_id,customer_id,order_date,amount\no1,c1,2024-01-05,10\no2,c2,2024-03-01,20\n"
CRMLAB = (sys.executable, "-c", "from crmlab.cli import main; main()")
_TOKEN = "CRMLAB_TORTURE_WORLD"
_DAY = 24 * 3600


class World:
    """The folder has ``study.yaml``, ``notebooks``, ``runs`` and ``tmp``, where temporary files go.

    Every process that is started in it, however far down, has its token in the environment.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="w-"))  # short: it holds the paths of sockets
        self.runs = self.folder / "runs"
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.token = uuid.uuid4().hex

    def study(
        self,
        reports: Mapping[str, Sequence[str]],
        parameters: str = "",
        each: Mapping[str, Mapping[str, Any]] = {},
        **settings: Any,
    ) -> Path:
        """Write a study on two orders; a report is a list of code cells, ``each`` has its own settings."""
        for name, cells in reports.items():
            write_notebook(self.folder / "notebooks" / f"{name}.ipynb", cells, parameters)
        (self.folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
        study = {
            "study": "tiny",
            "data": [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}],
            "as_of": "2024-06-30",
            "language": "en",
            "reports": {name: dict(each[name]) if name in each else None for name in reports},
            **settings,
        }
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(study, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    def environment(self, **more: str) -> dict[str, str]:
        hidden = ("PYTEST_CURRENT_TEST", "CRMLAB_KEY_FOLDER")
        own = {name: value for name, value in os.environ.items() if name not in hidden}
        return {**own, _TOKEN: self.token, "TMPDIR": str(self.temporary), **more}

    def start(
        self, *options: str, command: Sequence[str] = CRMLAB, **variables: str
    ) -> subprocess.Popen[str]:
        """Start ``crmlab run`` in a process group of its own."""
        return subprocess.Popen(
            [*command, "run", str(self.folder / "study.yaml"), "--runs", str(self.runs), "--quiet", *options],
            env=self.environment(**variables),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str, command: Sequence[str] = CRMLAB, **variables: str) -> tuple[int, str]:
        """Run ``crmlab run`` to its end; return the exit code and what it said."""
        process = self.start(*options, command=command, **variables)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said

    def run_here(
        self, *reports: str, engine: Literal["plain", "fork"] = "plain", force: bool = False
    ) -> None:
        """Run some of the reports, or all, in this process, where nothing is to happen to it."""
        from crmlab.report.run import run_all

        study = self.folder / "study.yaml"
        done = run_all(study, reports, runs=self.runs, engine=engine, force=force, progress=False)
        assert (done.exit_code, done.lost) == (0, ())

    # --- what is there ------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        return self.runs / "tiny"

    def published(self) -> list[Path]:
        return sorted(path for path in self.home.glob("*") if not path.name.startswith("."))

    def staged(self) -> list[Path]:
        """Hidden folders: of runs under way or killed, and of runs on their way out."""
        return sorted(path for path in self.home.glob(".*") if path.is_dir())

    def notes(self) -> list[Path]:
        """What batches that were killed noted that they would do."""
        return sorted(path for path in self.home.glob(".*") if path.is_file())

    def processes(self) -> list[psutil.Process]:
        """Every process alive that was started in this world."""
        marks = f"{_TOKEN}={self.token}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                given = Path(f"/proc/{process.pid}/environ").read_bytes()
                if marks in given and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.Error):
                continue
        return found

    def semaphores(self) -> set[Path]:
        """The named semaphores that processes of this world have open."""
        found = set()
        for process in self.processes():
            try:
                lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
            except OSError:
                continue
            found |= {Path(line.split()[5]) for line in lines if "/dev/shm/sem." in line}
        return found

    def quiet(self, seconds: float = 60) -> list[str]:
        """Wait until no process of this world is left; return the commands of those that stay."""
        until = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        return [_command(process) for process in left]

    def age(self, more: Iterable[Path] = ()) -> None:
        """Make everything that was left look two days old."""
        then = time.time() - 2 * _DAY
        for path in [*self.staged(), *self.temporary.iterdir(), *more]:
            if path.exists():
                os.utime(path, (then, then))

    def end(self) -> None:
        """Kill what still runs and remove the folder."""
        for process in self.processes():
            with_suppressed(process.kill)
        shutil.rmtree(self.folder, ignore_errors=True)


def write_notebook(path: Path, cells: Sequence[str], parameters: str = "") -> None:
    """Write a notebook of code cells below a parameters cell and a title in both languages."""
    first = f'as_of = "2024-06-30"\n{parameters}'
    written = [
        _cell("code", "parameters", first, "parameters"),
        _cell("markdown", "title-zh", f"# 报告 {path.stem}", "zh"),
        _cell("markdown", "title-en", f"# Report {path.stem}", "en"),
        *(_cell("code", f"cell-{place}", source) for place, source in enumerate(cells)),
    ]
    notebook = {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


def _cell(kind: str, name: str, source: str, *tags: str) -> dict[str, Any]:
    """Return a cell as a notebook's file has it; importing nbformat takes a second of every process."""
    output = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {"tags": tags}, "source": source, **output}


def record(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run."""
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return document


def statuses(folder: Path) -> dict[str, str]:
    """Return report → how it ended."""
    return {report["name"]: report["status"] for report in record(folder)["reports"]}


def printed(folder: Path, report: str) -> str:
    """Return what the cells of an executed notebook printed."""
    notebook = json.loads((folder / f"{report}.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "".join(text for output in outputs for text in output.get("text", []))


def hashes(folder: Path) -> dict[str, str]:
    """Return path → sha256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def problems(folder: Path) -> list[str]:
    """Say what is wrong with a published run: no manifest, a file that it does not name, or not as named."""
    try:
        manifest = record(folder)
    except (OSError, ValueError) as error:
        return [f"{folder.name}: {error}"]
    found = hashes(folder)
    found.pop("manifest.json")
    outputs = [output for report in manifest["reports"] for output in report["outputs"]]
    outputs += (manifest.get("comparison") or {}).get("outputs", [])
    named = {output["path"]: output["sha256"] for output in outputs}
    wrong = [
        f"{folder.name}: {path}" for path in named.keys() | found.keys() if named.get(path) != found.get(path)
    ]
    return wrong + (
        [] if manifest["run"] == folder.name else [f"{folder.name}: says it is {manifest['run']}"]
    )


def eventually(true: Callable[[], object], seconds: float = 60) -> bool:
    """Wait until something is so; say whether it came to be."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return bool(true())


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a command and whatever is in its process group."""
    with_suppressed(lambda: os.killpg(process.pid, signal.SIGKILL))


def with_suppressed(call: Callable[[], Any]) -> None:
    """Call; what is gone already is no error."""
    try:
        call()
    except (ProcessLookupError, psutil.Error):
        return


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "?"
