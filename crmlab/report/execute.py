"""Run one notebook through papermill, and say honestly how it ended."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crmlab.environment import KEY_FOLDER, REPORT_NAME, RUN_FOLDER, secrets_in
from crmlab.isolation import taken_note
from crmlab.labels import Language
from crmlab.report import notebooks
from crmlab.report.papermill_imports import quick_papermill
from crmlab.report.traces import Traces

if TYPE_CHECKING:
    from nbformat import NotebookNode

Status = Literal[
    "done", "error", "timeout", "kernel_died", "exited", "disk_full", "interrupted", "quality_gate"
]
Error = dict[str, Any]
Engine = Literal["plain", "fork"]
"""How a kernel starts: as a process of its own, or forked from one that has imported everything."""

_BY_NAME: dict[str, Status] = {"QualityGateError": "quality_gate", "SystemExit": "exited"}
_SILENT = ("timeout", "kernel_died")
"""Ends of which no error tells whose code it was."""
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
# In a kernel's error there is only text: "[Errno 28]" of Python, "(os error 28)" of polars.
_FULL_TEXT = re.compile(
    rf"\[Errno (?:{'|'.join(map(str, _FULL))})\]|\(os error (?:{'|'.join(map(str, _FULL))})\)"
)

_KERNELS: dict[Engine, str] = {
    "plain": "crmlab.report.kernel.ReportKernelManager",
    "fork": "crmlab.report.forked.ForkedKernelManager",
}


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
    engine: Engine = "plain"
    label: str = ""
    """What the line of progress says; the name unless given."""


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended. ``error`` has the cell (from 1), the type and the message."""

    name: str
    status: Status
    seconds: float
    error: Error | None = None
    charts: int = 0


def why_not_to_fork() -> str | None:
    """Return why a kernel cannot be forked safely here, or None where it can."""
    if sys.platform != "linux":
        return "libraries of Windows and macOS do not survive a fork, so kernels are forked on Linux only"
    folders = os.environ.get("PYTHONPATH")
    if folders and not all(Path(folder).is_absolute() for folder in folders.split(os.pathsep)):
        return "PYTHONPATH has a relative or empty folder, which is another for each kernel; write it in full"
    return None


def execute(job: Job) -> Outcome:
    """Run the notebook, write ``<name>.ipynb`` and ``<name>.html`` into its folder, report the end.

    Whatever goes wrong is in the outcome; what the notebook had shown by then is written all the same.
    """
    start = time.perf_counter()
    held: list[NotebookNode] = []
    status: Status = "done"
    error: Error | None = None
    charts = 0
    try:
        _papermill(job, held)
        status, error = _unfinished(held[0])
    except (Exception, KeyboardInterrupt) as problem:  # every way to end has a name
        status, error = _ending(problem, job)
    culprit = taken_note(job.folder, job.name)
    if error and culprit and status in _SILENT:
        error["message"] += f" The plugin at work was {culprit}."
    for notebook in held:
        if error and error["cell"] is None:
            error["cell"] = _last_started(notebook)
        try:
            charts = _write(job, notebook, error)
        except (Exception, KeyboardInterrupt) as problem:
            if error is None:
                status, error = _ending(problem, job)
    if error:
        error["message"] = _traces(job).without(error["message"])
    return Outcome(job.name, status, round(time.perf_counter() - start, 2), error, charts)


def _papermill(job: Job, held: list[NotebookNode]) -> None:
    """Execute the notebook; it is put into ``held`` before its first cell runs."""
    notebooks.quick_imports()
    papermill = quick_papermill()
    from papermill.engines import NBClientEngine, papermill_engines

    class Holding(NBClientEngine):  # type: ignore[misc]
        """Papermill's own, which would drop the notebook where a kernel dies or a cell takes too long."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            held.append(nb_man.nb)
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("crmlab", Holding)
    with _environment(job):
        papermill.execute_notebook(
            _verbatim(job.notebook),
            None,  # _write does it once; papermill would after each cell, with the paths of this machine
            parameters=dict(job.parameters),
            engine_name="crmlab",
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            progress_bar=_bar(job),
            cwd=str(job.study_folder),
            execution_timeout=job.cell_timeout,
            kernel_manager_class=_KERNELS[job.engine],
            # Kernel messages are for its developers; a history of cells is for people.
            extra_arguments=[
                "--IPKernelApp.log_level=50",
                "--HistoryManager.enabled=False",
                "--IPKernelApp.extra_extensions=crmlab.report.messages",
                "--IPKernelApp.extra_extensions=crmlab.report.limits",
            ],
            # Everything is saved by then; asking the kernel politely costs half a second.
            shutdown_kernel="immediate",
            kernel_name="python3",
            language="python",
        )


def _ending(problem: BaseException, job: Job) -> tuple[Status, Error]:
    """Name the way in which a notebook ended that did not reach its end."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    kind, message, cell = type(problem).__name__, str(problem), None
    status: Status = "error"
    if isinstance(problem, PapermillExecutionError):
        kind, message, cell = problem.ename, problem.evalue, problem.cell_index + 1
        status = "disk_full" if _FULL_TEXT.search(message) else _BY_NAME.get(kind, "error")
    elif isinstance(problem, CellTimeoutError):
        status = "timeout"
        message = f"A cell took longer than {job.cell_timeout} s. Raise cell_timeout, or give it less to do."
    elif isinstance(problem, DeadKernelError) or message.startswith("Kernel died"):
        status = "kernel_died"
        message = "The kernel died, often because memory ran out. Try less data, or a machine with more."
    elif isinstance(problem, KeyboardInterrupt):
        status, message = "interrupted", "Stopped by the user."
    elif isinstance(problem, OSError) and problem.errno in _FULL:
        status, message = "disk_full", str(problem.strerror)
    return status, {"cell": cell, "type": kind, "message": message}


def _unfinished(notebook: NotebookNode) -> tuple[Status, Error | None]:
    """Find what papermill calls done although a cell failed or never ran, as after ``sys.exit``."""
    for place, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                error = {"cell": place, "type": output.ename, "message": output.evalue}
                return _BY_NAME.get(output.ename, "error"), error
    return "done", None


def _last_started(notebook: NotebookNode) -> int | None:
    started = [
        place
        for place, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return max(started, default=None)


def _write(job: Job, notebook: NotebookNode, error: Error | None) -> int:
    """Write the notebook without the paths of this machine, and the page; return the chart count."""
    import nbformat

    from crmlab.report.html import export

    for name in ("input_path", "output_path", "environment_variables"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    _join_streams(notebook)
    _traces(job).leave(notebook)
    told = any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))
    failure = f"{error['type']}: {error['message']}" if error and not told else None
    heading = notebooks.heading(notebook, job.language)
    title = f"{heading} · {job.title}" if heading else job.title
    page = export(notebook, language=job.language, title=title, failure=failure)
    _whole(job.folder / f"{job.name}.ipynb", nbformat.writes(notebook))  # type: ignore[no-untyped-call]
    _whole(job.folder / f"{job.name}.html", page)
    return page.count('<figure class="crm-chart">')


def _join_streams(notebook: NotebookNode) -> None:
    """Put together what a cell printed between two results: in how many pieces it came is chance."""
    for cell in notebook.cells:
        if not cell.get("outputs"):
            continue
        outputs: list[NotebookNode] = []
        for printed, group in groupby(cell.outputs, lambda output: output.output_type == "stream"):
            if not printed:
                outputs += group
                continue
            first: dict[str, NotebookNode] = {}
            for output in group:
                if output.name in first:
                    first[output.name].text += output.text
                else:
                    first[output.name] = output
            outputs += sorted(first.values(), key=lambda output: output.name == "stderr")
        cell.outputs = outputs


def _whole(path: Path, text: str) -> None:
    """Write a file whole or not at all, as on a full disk."""
    try:
        path.write_text(text, encoding="utf-8")
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _traces(job: Job) -> Traces:
    folders = {
        str(job.folder): "<run>",
        str(job.key_folder.parent): "<runs>",
        str(job.study_folder): "<study>",
        str(job.notebook.parent): "<notebooks>",
    }
    privacy = job.parameters.get("privacy") or {}
    results = "plain" not in (privacy.get("ids"), privacy.get("quotes"))
    return Traces(folders, secrets_in(dict(job.parameters)), results)


def _bar(job: Job) -> dict[str, Any] | bool:
    if not job.progress:
        return False
    terminal = sys.stderr.isatty()
    return {
        "desc": job.label or job.name,
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
        REPORT_NAME: job.name,
        "JUPYTER_PREFER_ENV_PATH": "1",
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
