"""Jobs from JupyterLab's own dialog, run by our runner: needs ``pip install 'crmlab[scheduler]'``.

Tell jupyter-scheduler in ``jupyter_server_config.py``::

    c.Scheduler.execution_manager_class = "crmlab.scheduling.jupyterlab.ReportExecutionManager"

A job then gives our page, which works with the network cut, our notebook without paths and contacts, and a
status that is true where a kernel died, a cell took too long, or code left by ``sys.exit``.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec

from crmlab.documents import parse
from crmlab.errors import ParamsError, RunError, did_you_mean
from crmlab.labels import Language
from crmlab.params import STUDY_FIELDS, prepare
from crmlab.report import notebooks
from crmlab.report.execute import Job, Outcome, execute

notebooks.quick_imports()  # each job is a new process
from jupyter_scheduler.executors import DefaultExecutionManager  # noqa: E402

_TIMEOUT = 600
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class ReportExecutionManager(DefaultExecutionManager):  # type: ignore[misc]  # it has no types
    """Runs the notebook of a job as ``crmlab run`` does. What the dialog asks is as before.

    Relative paths are looked for beside the job's copy of the notebook, so data that lies beside the
    notebook needs "Run job with input folder".
    """

    def execute(self) -> None:
        """Run the notebook and write its page and itself; raise RunError where it did not come to its end."""
        job = self.model
        notebook = Path(self.staging_paths["input"])
        values = parameters_of(notebook, job.parameters or {})
        stem = Path(job.input_filename).stem
        name = stem if _SLUG.fullmatch(stem) else "report"
        language: Language = "en" if values.get("language") == "en" else "zh"
        with tempfile.TemporaryDirectory(prefix="crmlab-") as folder:
            outcome = execute(
                Job(
                    name=name,
                    title=job.name,
                    notebook=notebook,
                    parameters={key: value for key, value in values.items() if key in (job.parameters or {})},
                    folder=Path(folder),
                    study_folder=notebook.parent,
                    key_folder=Path(self.root_dir) / "runs" / ".crmlab",
                    language=language,
                    cell_timeout=values.get("cell_timeout", _TIMEOUT),
                    progress=False,
                )
            )
            for kind in job.output_formats or ():
                made = Path(folder) / f"{name}.{kind}"
                if made.is_file():
                    with fsspec.open(self.staging_paths[kind], "wb") as file:
                        file.write(made.read_bytes())
        if outcome.status != "done":
            raise RunError(_failure(outcome))


def parameters_of(notebook: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a notebook's parameters: its own, and those given as text in the dialog.

    A text becomes what the parameters cell declares: there a number, here a number. A study's settings are
    checked, and a relative ``as_of`` becomes its day. Raises ParamsError.
    """
    document = notebooks.read(notebook)
    cells = [cell for cell in document.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells and not given:
        return {}
    names = notebooks.declared(document, notebook.name)
    for key in given:
        if key not in names:
            raise ParamsError(
                f"{notebook.name} has no parameter {key!r}.{did_you_mean(key, names)} "
                f"It has: {', '.join(names)}."
            )
    values = _defaults(cells[0].source)
    values |= {key: _converted(key, text, values.get(key)) for key, text in given.items()}
    settings = {key: value for key, value in values.items() if key in STUDY_FIELDS}
    if "data" in settings:
        study, _ = prepare(settings, notebook.parent)
        if "as_of" in given:
            values["as_of"] = study.as_of.isoformat()
    return values


def _defaults(source: str) -> dict[str, Any]:
    """Return the values of the parameters cell that are written out; what is computed counts as unknown."""
    found: dict[str, Any] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            found |= {target.id: value for target in targets if isinstance(target, ast.Name)}
    return found


def _converted(key: str, text: str, default: Any) -> Any:
    """Return ``text`` as a value of the type that ``default`` has."""
    if isinstance(default, str):
        return _unquoted(text)
    value = parse(text, key).value
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return value
    raise ParamsError(
        f"{key}: the notebook declares a value of type {type(default).__name__}, and the job gives "
        f"{type(value).__name__}. Write it as in YAML, for example {key}: {default!r}."
    )


def _unquoted(text: str) -> str:
    """Return a text without the quotes that jupyter-scheduler's own runner asks for."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def _failure(outcome: Outcome) -> str:
    error = outcome.error or {}
    cell = f"cell {error['cell']}: " if error.get("cell") else ""
    return f"{outcome.status}: {cell}{error.get('type')}: {error.get('message')}"
