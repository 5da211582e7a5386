"""Run one notebook through papermill, and say honestly how it ended."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crmlab.labels import Language
from crmlab.environment import KEY_FOLDER, RUN_FOLDER

Status = Literal[
    "done", "error", "timeout", "kernel_died", "exited", "disk_full", "interrupted", "quality_gate"
]
_INPUT_ERRORS = {"QualityGateError": "quality_gate", "SystemExit": "exited", "KeyboardInterrupt": "interrupted"}


@dataclass(frozen=True)
class Job:
    """One notebook to run: where it is, what it is given, where its outputs go."""

    name: str
    title: str
    notebook: Path
    parameters: Mapping[str, Any]
    folder: Path
    study_folder: Path
    key_folder: Path
    language: Language
    cell_timeout: int
    progress: bool = True
    position: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended. ``error`` has the cell (from 1), the type and the message."""

    name: str
    status: Status
    seconds: float
    error: dict[str, Any] | None = None
    charts: int = 0
    outputs: tuple[str, ...] = field(default=())


def execute(job: Job) -> Outcome:
    """Run the notebook, write ``<name>.ipynb`` and ``<name>.html`` into its folder, report the end."""
    # See crmlab.view.theme: this spares papermill two seconds of imports that it does not use.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    start = time.perf_counter()
    target = job.folder / f"{job.name}.ipynb"
    try:
        notebook, status, error = _run(job, target)
        charts = _publish(job, notebook, target, error) if notebook is not None else 0
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise
        status, charts = "disk_full", 0
        error = {"cell": None, "type": type(problem).__name__, "message": str(problem.strerror)}
    outputs = tuple(f"{job.name}.{kind}" for kind in ("html", "ipynb") if (job.folder / f"{job.name}.{kind}").exists())
    return Outcome(job.name, status, round(time.perf_counter() - start, 2), error, charts, outputs)


def _run(job: Job, target: Path) -> tuple[Any, Status, dict[str, Any] | None]:
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    status: Status = "done"
    error: dict[str, Any] | None = None
    notebook = None
    try:
        with _environment(job):
            notebook = papermill.execute_notebook(
                _verbatim(job.notebook),
                _verbatim(target),
                parameters=dict(job.parameters),
                progress_bar=_bar(job),
                cwd=str(job.study_folder),
                execution_timeout=job.cell_timeout,
                kernel_manager_class="crmlab.report.kernel.ReportKernelManager",
                # Everything is saved by then; asking the kernel politely costs half a second.
                shutdown_kernel="immediate",
                kernel_name="python3",
                language="python",
            )
    except PapermillExecutionError as problem:
        status = _INPUT_ERRORS.get(problem.ename, "error")  # type: ignore[assignment]
        error = {"cell": problem.cell_index + 1, "type": problem.ename, "message": problem.evalue}
    except CellTimeoutError:
        message = f"A cell took longer than {job.cell_timeout} s (cell_timeout)."
        status, error = "timeout", {"cell": None, "type": "CellTimeoutError", "message": message}
    except DeadKernelError:
        message = "The kernel died, often because memory ran out. Try less data, or a machine with more."
        status, error = "kernel_died", {"cell": None, "type": "DeadKernelError", "message": message}
    except KeyboardInterrupt:
        status, error = "interrupted", {"cell": None, "type": "KeyboardInterrupt", "message": "Stopped by the user."}
    if notebook is None and target.exists():
        try:
            notebook = nbformat.read(target, as_version=4)
        except Exception:  # a torn file: its bytes stay, no page can be made of it
            return None, status, error
    if notebook is not None and status == "done":
        status, error = _unfinished(notebook)
    if notebook is not None and error and error["cell"] is None:
        error["cell"] = _last_started(notebook)
    return notebook, status, error


def _publish(job: Job, notebook: Any, target: Path, error: dict[str, Any] | None) -> int:
    """Write the notebook without the paths of this machine, and the page; return the chart count."""
    import nbformat

    from crmlab.report.html import export

    papermill = notebook.metadata.get("papermill", {})
    for name in ("input_path", "output_path", "environment_variables"):
        papermill.pop(name, None)
    nbformat.write(notebook, target)
    failure = f"{error['type']}: {error['message']}" if error else None
    page = export(notebook, language=job.language, title=job.title, failure=failure)
    (job.folder / f"{job.name}.html").write_text(page, encoding="utf-8")
    return page.count('class="crm-chart"')


def _unfinished(notebook: Any) -> tuple[Status, dict[str, Any] | None]:
    """Find what papermill calls done although a cell failed or never ran, as after ``sys.exit``."""
    for place, cell in enumerate(notebook.cells, start=1):
        state = cell.metadata.get("papermill", {})
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                status = _INPUT_ERRORS.get(output.ename, "error")
                return status, {"cell": place, "type": output.ename, "message": output.evalue}  # type: ignore[return-value]
        if cell.cell_type == "code" and state.get("status") == "pending":
            return "exited", {"cell": place, "type": "Pending", "message": "This cell was never run."}
    return "done", None


def _last_started(notebook: Any) -> int | None:
    ran = [
        place
        for place, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return max(ran, default=None)


def _bar(job: Job) -> dict[str, Any] | bool:
    if not job.progress:
        return False
    terminal = sys.stderr.isatty()
    return {
        "desc": job.name,
        "unit": "cell",
        "position": job.position,
        "file": sys.stderr,
        "mininterval": 0.1 if terminal else 5,
        "bar_format": "{desc:<14} {bar:24} {n_fmt}/{total_fmt} cells  {elapsed}",
    }


def _verbatim(path: Path) -> str:
    """Keep papermill from reading braces in a path as placeholders."""
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def _environment(job: Job) -> Iterator[None]:
    """Tell the kernel where its tables go; paths travel outside the notebook, so none is in it."""
    given = {
        RUN_FOLDER: str(job.folder),
        KEY_FOLDER: str(job.key_folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "CRMLAB_REPORT": job.name,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
