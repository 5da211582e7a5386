"""A study on its way: planned as a whole before anything runs, then executed cell by cell."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from crmlab import notify
from crmlab.errors import RunError
from crmlab.labels import Language
from crmlab.params import Study, read_study
from crmlab.report import gallery, keeping, manifest, remote, staging
from crmlab.report.batch import execute_all, not_begun
from crmlab.report.execute import Engine, Job, Outcome, why_not_to_fork
from crmlab.report.matrix import Cell, cells
from crmlab.report.plans import Plan, chosen, plan
from crmlab.report.progress import Progress
from crmlab.report.published import Batch, Run, Step
from crmlab.report.traces import without_contacts
from crmlab.report.unchanged import PARTS, Basis, Earlier, History, basis, link


@dataclass
class _CellRun:
    """One cell on its way: its plans, what is decided about each report, and how they ended."""

    cell: Cell
    plans: dict[str, Plan]
    bases: dict[str, Basis]
    decisions: dict[str, tuple[Earlier | None, str]]
    started: datetime = datetime.min
    clock: float = 0.0
    folder: Path | None = None
    linked: dict[str, Earlier] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


class Work:
    """A study that is checked and planned, ready to be run."""

    def __init__(
        self,
        study: Path | str,
        reports: Sequence[str],
        overrides: Sequence[str],
        language: Language | None,
        runs: Path | str,
        *,
        only: Sequence[str] = (),
        failed: bool = False,
        force: bool = False,
    ) -> None:
        self.path = Path(study)
        self.study, self.warnings = read_study(self.path, overrides, language)
        self.folder = self.path.parent.resolve()
        self.home = Path(runs).resolve() / self.study.study
        self.keys = self.home.parent / ".crmlab"
        names = chosen(self.study, reports)
        found, said = cells(self.study, self.folder, only)
        self.warnings += said
        self.history = History(self.home)
        if failed:
            found = [cell for cell in found if not self.history.finished(cell.values)]
        self.cells = [self._planned(cell, names, force=force) for cell in found]
        self.warnings += [each.warning for item in self.cells for each in item.plans.values() if each.warning]
        self.runs: list[Run] = []
        self.lost: list[str] = []

    def steps(self) -> list[Step]:
        """Return what would be done about each report, and why."""
        return [
            Step(item.cell.label, name, _maker(found) if found else None, why)
            for item in self.cells
            for name, (found, why) in item.decisions.items()
        ]

    def _planned(self, cell: Cell, names: Sequence[str], *, force: bool) -> _CellRun:
        plans = {name: plan(name, cell.study, self.folder, self.home, cell.values) for name in names}
        bases = {name: self._basis(cell, each) for name, each in plans.items()}
        decisions = {name: self._decided(cell, name, bases[name], force=force) for name in names}
        return _CellRun(cell, plans, bases, decisions)

    def _basis(self, cell: Cell, planned: Plan) -> Basis:
        language = planned.study.language
        return basis(planned, language, cell.study.heading.to(language), self.folder, self.keys)

    def _decided(self, cell: Cell, name: str, on: Basis, *, force: bool) -> tuple[Earlier | None, str]:
        if force:
            return None, "forced"
        if on.fingerprint is None:
            return None, "its data cannot tell whether it changed"
        same = next(self.history.same(cell.values, name, on.fingerprint), None)
        if same:
            return same, "unchanged"
        last = self.history.last(cell.values, name)
        if last is None:
            return None, "never run"
        if last.report["status"] != "done":
            return None, f"the last run ended as {last.report['status']}"
        before = last.report.get("basis") or {}
        return None, f"changed: {', '.join(p for p in PARTS if before.get(p) != on.parts[p])}"

    def run(self, jobs: int, engine: Engine, *, progress: bool) -> Batch:
        """Execute every cell, publish each when its last report has ended, and tell who wants to know.

        Raises RunError where there is one cell alone and it cannot be published.
        """
        stop = threading.Event()
        total = sum(len(item.plans) for item in self.cells)
        many = len(self.cells) > 1
        engine = self._possible(engine)
        with self._kernels(engine), Progress(total, shown=progress and many) as self.shown:
            self.shown.warn(self.warnings)
            # A log takes one line per report of many; only a terminal can draw how far each is.
            bars = progress and (not many or self.shown.lines > 0)
            for job, outcome in execute_all(self._jobs(engine, stop, progress=bars), jobs, stop):
                item = self._open[job.folder]
                item.outcomes[job.name] = outcome
                self.shown.report(item.cell.label, outcome)
                self._finish_if_complete(item)
            for item in list(self._open.values()):  # where the user stopped at an unlucky moment
                item.outcomes |= {name: not_begun(name) for name in item.plans if name not in item.outcomes}
                self._finish_if_complete(item)
        self.lost += [
            f"{item.cell.label or self.study.study}: stopped by the user before it began."
            for item in self.cells
            if item.folder is None and item.started == datetime.min
        ]
        page = self.home.parent / "index.html"
        removed: tuple[str, ...] = ()
        unpublished: list[str] = []
        if self.runs and self.study.keep:
            removed = keeping.collect(self.home, self.study.keep, pinned(self.study)).removed
        if self.runs:
            self._list_runs()
            unpublished = self._publish()
            self.warnings += notify.after(self.study, *self.runs)
        return Batch(
            tuple(self.runs), page, tuple(self.warnings), tuple(self.lost), removed, tuple(unpublished)
        )

    def _possible(self, engine: Engine) -> Engine:
        reason = why_not_to_fork() if engine == "fork" else None
        if reason is None:
            return engine
        self.warnings.append(f"Each notebook gets a kernel of its own: {reason}.")
        return "plain"

    def _kernels(self, engine: Engine) -> AbstractContextManager[None]:
        """Keep one process to fork all kernels from, where any is needed."""
        if engine == "fork" and any(step.reuse is None for step in self.steps()):
            from crmlab.report import forked

            return forked.serving()
        return nullcontext()

    @cached_property
    def _open(self) -> dict[Path, _CellRun]:
        """The cells that have begun and are not published, by folder."""
        return {}

    @cached_property
    def batch(self) -> str:
        """The name of this batch, which the manifests of all its cells hold."""
        return _identity(self.study)

    def _jobs(self, engine: Engine, stop: threading.Event, *, progress: bool) -> Iterator[Job]:
        """Begin one cell after the other as places get free; its folder exists from then on."""
        for item in self.cells:
            if stop.is_set():
                return
            if not self._begin(item):
                continue
            label = item.cell.label
            for name in [name for name in item.plans if name not in item.outcomes]:
                planned = item.plans[name]
                assert item.folder is not None
                yield Job(
                    name=name,
                    title=item.cell.study.heading.to(planned.study.language),
                    notebook=planned.notebook.resolve(),
                    parameters=planned.parameters,
                    folder=item.folder,
                    study_folder=self.folder,
                    key_folder=self.keys,
                    language=planned.study.language,
                    cell_timeout=planned.study.cell_timeout,
                    progress=progress,
                    position=self.shown.lines,
                    engine=engine,
                    label=f"{label} · {name}" if label else name,
                )

    def _begin(self, item: _CellRun) -> bool:
        """Claim the folder of a cell and link what is unchanged; say whether a report is left to run."""
        item.started, item.clock = datetime.now(UTC), time.perf_counter()
        uses = [found.folder.name for found, _ in item.decisions.values() if found]
        uses += [Path(each.study.baseline).name for each in item.plans.values() if each.study.baseline]
        try:
            item.folder = staging.claim(self.home, _identity(item.cell.study, item.started), uses)
        except RunError as error:
            self._lose(item, error)
            return False
        self._open[item.folder] = item
        for name, (found, _) in item.decisions.items():
            if found and link(found, item.folder):
                item.linked[name] = found
                item.outcomes[name] = Outcome(name, "done", 0.0, None, found.report.get("charts", 0))
                self.shown.report(item.cell.label, item.outcomes[name], _maker(found))
        return not self._finish_if_complete(item)

    def _finish_if_complete(self, item: _CellRun) -> bool:
        if len(item.outcomes) < len(item.plans):
            return False
        assert item.folder is not None
        del self._open[item.folder]
        self._compare(item, record := self._record(item))
        try:
            folder = staging.publish(item.folder, record)
        except RunError as error:
            self._lose(item, error)
            return True
        outcomes = tuple(item.outcomes[name] for name in item.plans)
        reused = {name: _maker(found) for name, found in item.linked.items()}
        page = self.home.parent / "index.html"
        self.runs.append(Run(folder, outcomes, page, (), item.cell.values, reused))
        return True

    def _lose(self, item: _CellRun, error: RunError) -> None:
        if len(self.cells) == 1:
            raise error
        self.lost.append(f"{item.cell.label}: {error}")
        self.shown.warn([self.lost[-1]])

    def _compare(self, item: _CellRun, record: dict[str, Any]) -> None:
        """Write what changed since the last run of the cell into the folder, before it is published."""
        from crmlab import compare

        assert item.folder is not None
        try:
            previous = compare.previous(self.home, record)
            if previous is not None:
                compare.into(item.folder, record, previous)
                files = [item.folder / "compare.html", item.folder / "compare.json"]
                record["comparison"] = {
                    "with": previous.name,
                    "outputs": manifest.outputs(item.folder, files),
                }
        except Exception as error:  # whatever an old run holds, the new one is published
            self.warnings.append(f"The run could not be compared with the one before: {error}")

    def _record(self, item: _CellRun) -> dict[str, Any]:
        assert item.folder is not None
        reports = [self._report(item, name) for name in item.plans]
        return {
            "schema": manifest.SCHEMA,
            "study": self.study.study,
            "title": self.study.heading._asdict(),
            "run": staging.name_of(item.folder),
            "batch": self.batch,
            "cell": without_contacts(dict(item.cell.values)),
            "status": "done" if all(each["status"] == "done" for each in reports) else "failed",
            "started_at": item.started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - item.clock, 2),
            "language": item.cell.study.language,
            "as_of": item.cell.study.as_of.isoformat(),
            "params": without_contacts(item.cell.study.settings()),
            "inputs": manifest.merged_inputs(each["inputs"] for each in reports),
            "plugins": manifest.merged_plugins(each["plugins"] for each in reports),
            "packages": manifest.packages(),
            "reports": reports,
        }

    def _report(self, item: _CellRun, name: str) -> dict[str, Any]:
        """Say in the manifest what came of one report; a linked one says what it said when it was made."""
        if name in item.linked:
            found = item.linked[name]
            return {**found.report, "seconds": 0.0, "reused": _maker(found)}
        assert item.folder is not None
        planned, outcome = item.plans[name], item.outcomes[name]
        said = manifest.summary(item.folder, name)
        on = self._basis(item.cell, planned)
        changed = [
            part for part in PARTS if part != "params" and on.parts[part] != item.bases[name].parts[part]
        ]
        if changed:
            self.warnings.append(
                f"{name}: its {', '.join(changed)} changed while it ran, so no later run takes it over."
            )
        return {
            "name": name,
            "title": planned.title,
            "baseline": None if planned.study.recalculate == "always" else planned.study.baseline,
            "status": outcome.status,
            "seconds": outcome.seconds,
            "error": outcome.error,
            "reused": None,
            "fingerprint": None if changed else on.fingerprint,
            "basis": dict(on.parts),
            "headline": said.get("headline"),
            "figures": said.get("figures", []),
            "charts": outcome.charts,
            "inputs": said.get("inputs", []),
            "plugins": said.get("plugins", []),
            "outputs": manifest.outputs(item.folder, manifest.files_of(item.folder, name)),
        }

    def _publish(self) -> list[str]:
        """Copy the runs to the storage that the study names; return what is not there now."""
        if not self.study.publish:
            return []
        folders = [run.folder for run in self.runs if run.folder.exists()]
        return remote.publish(
            self.study.publish, self.study.storage, folders, self.home.parent, self.study.language
        )

    def _list_runs(self) -> None:
        """Write the gallery, again where a run was published meanwhile that the page may lack."""
        runs = self.home.parent
        try:
            while True:
                listed = sorted(runs.glob(f"*/*/{manifest.NAME}"))
                gallery.write(runs, self.study.language)
                if sorted(runs.glob(f"*/*/{manifest.NAME}")) == listed:
                    return
        except OSError as error:
            page = runs / "index.html"
            self.warnings.append(f"The gallery {page} could not be written: {error.strerror or error}.")


def pinned(study: Study) -> set[str]:
    """Return the names of the runs that a study, or one of its reports, names as baseline."""
    given = [study.baseline, *((own or {}).get("baseline") for own in study.reports.values())]
    return {Path(baseline).name for baseline in given if baseline}


def _maker(earlier: Earlier) -> str:
    """Return the name of the run that made a report, which may have been linked more than once."""
    return str(earlier.report.get("reused") or earlier.folder.name)


def _identity(study: Study, moment: datetime | None = None) -> str:
    text = json.dumps(study.settings(), sort_keys=True, ensure_ascii=False)
    return f"{moment or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
