"""Run a study: check it, execute its notebooks, publish the results whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from crmlab.errors import ParamsError, PluginError, did_you_mean
from crmlab.labels import Language
from crmlab.params import STUDY_FIELDS, Study, read_study
from crmlab.report import gallery, manifest, notebooks
from crmlab.report.execute import Job, Outcome, execute

_STALE_SECONDS = 24 * 3600
_STAGING = ".run-"


@dataclass(frozen=True)
class Run:
    """A published run: its folder, how each report ended, and the gallery page."""

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
    plans = {name: _plan(name, checked, path.parent) for name in names}
    home = Path(runs).resolve() / checked.study
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=home))
    started = datetime.now(UTC)
    clock = time.perf_counter()
    batch = [
        Job(
            name=name,
            title=checked.heading.to(checked.language),
            notebook=notebook.resolve(),
            parameters=parameters,
            folder=staging,
            study_folder=path.parent.resolve(),
            key_folder=home.parent / ".crmlab",
            language=effective.language,
            cell_timeout=effective.cell_timeout,
            progress=progress,
            position=place if jobs > 1 else 0,
        )
        for place, (name, (notebook, parameters, effective)) in enumerate(plans.items())
    ]
    outcomes = _execute_all(batch, jobs)
    identity = f"{started:%Y%m%dT%H%M%SZ}-{_fingerprint(checked)}"
    record = _record(checked, identity, started, time.perf_counter() - clock, outcomes, staging)
    with contextlib.suppress(OSError):  # a full disk: the folder itself still tells
        manifest.write(staging, record)
    folder = _publish(staging, home, identity)
    return Run(folder, tuple(outcomes), gallery.write(home.parent, checked.language), tuple(warnings))


def _chosen(study: Study, reports: Sequence[str]) -> list[str]:
    unknown = [name for name in reports if name not in study.reports]
    if unknown:
        raise ParamsError(
            f"The study {study.study} has no report {unknown[0]!r}."
            f"{did_you_mean(unknown[0], study.reports)} It has: {', '.join(study.reports)}."
        )
    return list(reports) or list(study.reports)


def _plan(name: str, study: Study, folder: Path) -> tuple[Path, dict[str, Any], Study]:
    """Return the notebook, what it is given, and the study as this report sees it."""
    path = notebooks.find(name, folder)
    names = notebooks.declared(notebooks.read(path), path.name)
    own = {key: value for key, value in (study.reports.get(name) or {}).items() if key not in STUDY_FIELDS}
    for key in own:
        if key not in names:
            raise ParamsError(
                f"reports.{name}.{key}: neither the study nor {path.name} knows this name."
                f"{did_you_mean(key, names)} The notebook declares: {', '.join(names)}."
            )
    effective = study.for_report(name)
    given = {**effective.settings(), **own}
    return path, {key: value for key, value in given.items() if key in names}, effective


def _execute_all(batch: list[Job], jobs: int) -> list[Outcome]:
    if jobs <= 1 or len(batch) == 1:
        return [execute(job) for job in batch]
    with ProcessPoolExecutor(min(jobs, len(batch)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(execute, batch))


def _record(
    study: Study, identity: str, started: datetime, seconds: float, outcomes: Sequence[Outcome], folder: Path
) -> dict[str, Any]:
    summaries = {outcome.name: _summary(folder, outcome.name) for outcome in outcomes}
    inputs: dict[str, Any] = {}
    plugins: dict[str, Any] = {}
    for summary in summaries.values():
        inputs |= {entry["source"]: entry for entry in summary.get("inputs", [])}
        plugins |= {f"{entry['group']} {entry['name']}": entry for entry in summary.get("plugins", [])}
    return {
        "schema": manifest.SCHEMA,
        "study": study.study,
        "title": study.heading._asdict(),
        "run": identity,
        "status": "done" if all(outcome.status == "done" for outcome in outcomes) else "failed",
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "language": study.language,
        "as_of": study.as_of.isoformat(),
        "params": study.settings(),
        "inputs": [inputs[name] for name in sorted(inputs)],
        "plugins": [plugins[name] for name in sorted(plugins)],
        "packages": manifest.packages(),
        "reports": [
            {
                "name": outcome.name,
                "title": summaries[outcome.name].get("title", {"zh": outcome.name, "en": outcome.name}),
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


def _publish(staging: Path, home: Path, identity: str) -> Path:
    """Rename the finished folder into place under a name that is not taken."""
    staging.chmod(0o755)
    for extra in range(1000):
        folder = home / (identity if not extra else f"{identity}-{extra}")
        if folder.exists():
            continue
        try:
            staging.rename(folder)
        except OSError:
            if folder.exists():
                continue
            raise
        return folder
    raise FileExistsError(f"{home / identity} exists a thousand times over.")


def _sweep(home: Path) -> None:
    """Remove what runs left that were killed more than a day ago."""
    for folder in home.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(study: Study) -> str:
    text = json.dumps(study.settings(), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:6]


__all__ = ["Run", "run"]
