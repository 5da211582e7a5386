"""What a report would be given, worked out before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crmlab.errors import ParamsError, did_you_mean
from crmlab.params import STUDY_FIELDS, Study
from crmlab.report import notebooks
from crmlab.report.history import History


@dataclass(frozen=True)
class Plan:
    """One report before it runs: its notebook, what that is given, and the study as it sees it."""

    notebook: Path
    parameters: dict[str, Any]
    study: Study
    title: dict[str, str]
    warning: str | None = None


def chosen(study: Study, reports: Sequence[str]) -> list[str]:
    """Return the names of the reports to run; raise ParamsError for one that the study lacks."""
    if not study.reports:
        raise ParamsError("reports: the study names none. Name one, for example `reports: {segmentation: }`.")
    unknown = [name for name in reports if name not in study.reports]
    if unknown:
        raise ParamsError(
            f"The study {study.study} has no report {unknown[0]!r}."
            f"{did_you_mean(unknown[0], study.reports)} It has: {', '.join(study.reports)}."
        )
    return list(dict.fromkeys(reports)) or list(study.reports)


def plan(name: str, study: Study, folder: Path, history: History, cell: Mapping[str, Any]) -> Plan:
    """Plan one report of a study that lies in ``folder``; ``history`` has its earlier runs.

    Raises ParamsError for a notebook, a parameter or a baseline that is not there.
    """
    path = notebooks.find(name, folder)
    notebook = notebooks.read(path)
    names = notebooks.declared(notebook, path.name)
    own = {key: value for key, value in (study.reports.get(name) or {}).items() if key not in STUDY_FIELDS}
    for key in own:
        if key not in names:
            raise ParamsError(
                f"reports.{name}.{key}: neither the study nor {path.name} knows this name."
                f"{did_you_mean(key, names)} The notebook declares: {', '.join(names)}."
            )
    effective, warning = _with_baseline(name, study.for_report(name), folder, history, cell)
    if effective.where and "where" not in names:
        raise ParamsError(
            f"{path.name} declares no `where`, so its report would be about all of the data. Add "
            "`where = {}` to its parameters cell, and `where=where` to crmlab.open()."
        )
    if effective.baseline and not (folder / effective.baseline / "state").is_dir():
        raise ParamsError(
            f"baseline: {effective.baseline} is no folder of a finished run: it has no folder `state`. "
            f"Give one such as ../runs/{study.study}/<run>, relative to the folder of the study, or `latest`."
        )
    given = {**{key: value for key, value in effective.settings().items() if key in STUDY_FIELDS}, **own}
    title = {language: notebooks.heading(notebook, language) or name for language in ("zh", "en")}
    parameters = {key: value for key, value in given.items() if key in names}
    return Plan(path, parameters, effective, title, warning)


def _with_baseline(
    name: str, study: Study, folder: Path, history: History, cell: Mapping[str, Any]
) -> tuple[Study, str | None]:
    """Put the last finished run that has state of the report where the study says ``baseline: latest``.

    It is one of the same cell. Its path is relative to ``folder``, that of the study. Without such a run
    the report learns, and a sentence says so.
    """
    if study.baseline != "latest":
        return study, None
    for run, record in history.of(cell):
        if record.get("status") == "done" and (run / "state" / name).is_dir():
            place = Path(os.path.relpath(run, folder.resolve())).as_posix()
            return study.model_copy(update={"baseline": place}), None
    said = f"{name}: baseline is latest, and there is no finished run yet; the cut-points are learned."
    return study.model_copy(update={"baseline": None}), said
