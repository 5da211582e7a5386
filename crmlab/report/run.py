"""Run a study: check it, execute its notebooks, publish the results whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crmlab.errors import ParamsError, RunError, did_you_mean
from crmlab.labels import Language
from crmlab.params import STUDY_FIELDS, Study, read_study
from crmlab.report import gallery, manifest, notebooks
from crmlab.report.batch import execute_all
from crmlab.report.execute import Job, Outcome
from crmlab.report.traces import without_contacts

_STALE_SECONDS = 24 * 3600
_STAGING = ".run-"
_RESERVE = ".reserve"
"""Holds a little space until the end, so that a manifest can be written on a disk that is full."""


@dataclass(frozen=True)
class Run:
    """A published run: its folder, how each report ended, the gallery page, and what went amiss."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    gallery: Path
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all done; 3 only the data-quality gate stopped a report; 1 otherwise."""
        failed = {outcome.status for outcome in self.outcomes} - {"done"}
        if not failed:
            return 0
        return 3 if failed == {"quality_gate"} else 1


def run(
    study: Path | str,
    reports: Sequence[str] = (),
    overrides: Sequence[str] = (),
    language: Language | None = None,
    jobs: int = 1,
    runs: Path | str = "runs",
    *,
    progress: bool = True,
) -> Run:
    """Run the reports of a study and publish them as a new folder ``runs/<study>/<run>``.

    ``reports`` limits the run to some of them; ``overrides`` are ``key=value`` with dotted keys;
    ``jobs`` notebooks run at once. Raises ParamsError or PluginError before anything starts; what
    goes wrong later is in the outcomes, and the folder is published with what there is.
    """
    path = Path(study)
    checked, warnings = read_study(path, overrides, language)
    names = _chosen(checked, reports)
    home = Path(runs).resolve() / checked.study
    plans = {name: _plan(name, checked, path.parent, home) for name in names}
    warnings += [plan.warning for plan in plans.values() if plan.warning]
    started = datetime.now(UTC)
    clock = time.perf_counter()
    staging = _claim(home, f"{started:%Y%m%dT%H%M%SZ}-{_fingerprint(checked)}")
    batch = [
        Job(
            name=name,
            title=checked.heading.to(plan.study.language),
            notebook=plan.notebook.resolve(),
            parameters=plan.parameters,
            folder=staging,
            study_folder=path.parent.resolve(),
            key_folder=home.parent / ".crmlab",
            language=plan.study.language,
            cell_timeout=plan.study.cell_timeout,
            progress=progress,
            position=place if jobs > 1 else 0,
        )
        for place, (name, plan) in enumerate(plans.items())
    ]
    outcomes = execute_all(batch, jobs)
    record = _record(checked, plans, started, time.perf_counter() - clock, outcomes, staging)
    folder = _publish(staging, record)
    try:
        page = _list_runs(home.parent, checked.language)
    except OSError as error:
        page = home.parent / "index.html"
        warnings.append(f"The gallery {page} could not be written: {error.strerror or error}.")
    return Run(folder, tuple(outcomes), page, tuple(warnings))


@dataclass(frozen=True)
class _Plan:
    """One report before it runs: its notebook, what that is given, and the study as it sees it."""

    notebook: Path
    parameters: dict[str, Any]
    study: Study
    title: dict[str, str]
    warning: str | None = None


def _chosen(study: Study, reports: Sequence[str]) -> list[str]:
    if not study.reports:
        raise ParamsError("reports: the study names none. Name one, for example `reports: {segmentation: }`.")
    unknown = [name for name in reports if name not in study.reports]
    if unknown:
        raise ParamsError(
            f"The study {study.study} has no report {unknown[0]!r}."
            f"{did_you_mean(unknown[0], study.reports)} It has: {', '.join(study.reports)}."
        )
    return list(reports) or list(study.reports)


def _plan(name: str, study: Study, folder: Path, home: Path) -> _Plan:
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
    effective, warning = _with_baseline(name, study.for_report(name), folder, home)
    if effective.baseline and not (folder / effective.baseline / "state").is_dir():
        raise ParamsError(
            f"baseline: {effective.baseline} is no folder of a finished run: it has no folder `state`. "
            f"Give one such as ../runs/{study.study}/<run>, relative to the folder of the study, or `latest`."
        )
    given = {**effective.settings(), **own}
    title = {language: notebooks.heading(notebook, language) or name for language in ("zh", "en")}
    parameters = {key: value for key, value in given.items() if key in names}
    return _Plan(path, parameters, effective, title, warning)


def _with_baseline(name: str, study: Study, folder: Path, home: Path) -> tuple[Study, str | None]:
    """Put the last finished run that has state of the report where the study says ``baseline: latest``.

    Its path is relative to ``folder``, that of the study. Without such a run the report learns, and a
    sentence says so.
    """
    if study.baseline != "latest":
        return study, None
    for path in sorted(home.glob("*/manifest.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            done = json.loads(path.read_text(encoding="utf-8"))["status"] == "done"
            if done and (path.parent / "state" / name).is_dir():
                place = Path(os.path.relpath(path.parent, folder.resolve())).as_posix()
                return study.model_copy(update={"baseline": place}), None
    said = f"{name}: baseline is latest, and there is no finished run yet; the cut-points are learned."
    return study.model_copy(update={"baseline": None}), said


def _record(
    study: Study,
    plans: dict[str, _Plan],
    started: datetime,
    seconds: float,
    outcomes: Sequence[Outcome],
    folder: Path,
) -> dict[str, Any]:
    summaries = {outcome.name: _summary(folder, outcome.name) for outcome in outcomes}
    plugins: dict[str, Any] = {}
    for summary in summaries.values():
        plugins |= {f"{entry['group']} {entry['name']}": entry for entry in summary.get("plugins", [])}
    return {
        "schema": manifest.SCHEMA,
        "study": study.study,
        "title": study.heading._asdict(),
        "run": folder.name.removeprefix(_STAGING),
        "status": "done" if all(outcome.status == "done" for outcome in outcomes) else "failed",
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "language": study.language,
        "as_of": study.as_of.isoformat(),
        "params": without_contacts(study.settings()),
        "inputs": _inputs(summary.get("inputs", []) for summary in summaries.values()),
        "plugins": [plugins[name] for name in sorted(plugins)],
        "packages": manifest.packages(),
        "reports": [
            {
                "name": outcome.name,
                "title": plans[outcome.name].title,
                "baseline": _used_baseline(plans[outcome.name].study),
                "status": outcome.status,
                "seconds": outcome.seconds,
                "error": outcome.error,
                "headline": summaries[outcome.name].get("headline"),
                "charts": outcome.charts,
                "outputs": manifest.outputs(folder, _files_of(folder, outcome.name)),
            }
            for outcome in outcomes
        ],
    }


def _used_baseline(study: Study) -> str | None:
    return None if study.recalculate == "always" else study.baseline


def _inputs(found: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Bring together what several reports read: one entry per source with all its tables."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in itertools.chain.from_iterable(found):
        source = merged.setdefault(json.dumps([entry["source"], entry["origin"]]), {**entry, "tables": {}})
        source["tables"] |= entry["tables"]
    return [merged[key] for key in sorted(merged)]


def _summary(folder: Path, name: str) -> dict[str, Any]:
    """Read what the notebook said of itself through ``lab.save()``; empty where it did not."""
    path = folder / f".{name}.json"
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    path.unlink()
    return summary


def _files_of(folder: Path, name: str) -> list[Path]:
    flat = [folder / f"{name}.{kind}" for kind in ("html", "ipynb", "xlsx")]
    deep = [path for kind in ("tables", "state", "rejected") for path in (folder / kind / name).rglob("*")]
    return [path for path in flat + deep if path.is_file()]


def _claim(home: Path, identity: str) -> Path:
    """Make the hidden folder of a new run under a name that no other run has; it is published by rename."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        for name in itertools.chain([identity], (f"{identity}-{extra}" for extra in itertools.count(2))):
            staging = home / (_STAGING + name)
            with contextlib.suppress(FileExistsError):
                staging.mkdir()
                if not (home / name).exists():
                    return _reserve(staging)
                staging.rmdir()
    except OSError as error:
        raise RunError(
            f"The folder of runs {home.parent} cannot be written: {error.strerror or error}. Make room or "
            "give it the right to be written, or name another with --runs."
        ) from None
    raise AssertionError("names do not run out")


def _reserve(staging: Path) -> Path:
    try:
        (staging / _RESERVE).write_bytes(bytes(1 << 18))
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return staging


def _publish(staging: Path, record: dict[str, Any]) -> Path:
    """Write the manifest and rename the folder to its place; raise RunError where that fails."""
    try:
        (staging / _RESERVE).unlink(missing_ok=True)
        manifest.write(staging, record)
        return staging.rename(staging.with_name(staging.name.removeprefix(_STAGING)))
    except OSError as error:
        raise RunError(
            f"The run could not be published: {error.strerror or error}. "
            f"What it wrote stays in {staging} for a day."
        ) from None


def _list_runs(runs: Path, language: Language) -> Path:
    """Write the gallery, again where a run was published meanwhile that the page may lack."""
    while True:
        listed = sorted(runs.glob("*/*/manifest.json"))
        page = gallery.write(runs, language)
        if sorted(runs.glob("*/*/manifest.json")) == listed:
            return page


def _sweep(home: Path) -> None:
    """Remove what runs left that were killed more than a day ago."""
    for folder in home.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(study: Study) -> str:
    text = json.dumps(study.settings(), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:6]
