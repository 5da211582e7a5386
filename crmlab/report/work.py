"""A study on its way: planned as a whole before anything runs, then executed cell by cell."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from crmlab import notify
from crmlab.errors import RunError
from crmlab.labels import Language, Text
from crmlab.params import Study, read_study
from crmlab.report import gallery, keeping, manifest, remote, staging, undone
from crmlab.report.batch import execute_all, not_begun
from crmlab.report.cell_run import CellRun, heading, in_words, maker
from crmlab.report.execute import Engine, Job, Outcome, why_not_to_fork
from crmlab.report.history import Earlier, History
from crmlab.report.matrix import Cell, cells
from crmlab.report.plans import chosen, plan
from crmlab.report.progress import Progress
from crmlab.report.published import Batch, Run, Step
from crmlab.report.unchanged import PARTS, Bases, Basis, link

_NAMED = 20
"""So many cells a sentence names."""
_UNDONE = Text("上次批量运行中途结束，未完成", "its last batch ended before it was done")


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
        self._whole = not only and not failed and set(names) == set(self.study.reports)
        self._undone = {undone.key(each.cell): each.reports for each in undone.read(self.home)}
        if failed:
            found = [cell for cell in found if self._left(cell) & {*names} or not self._finished(cell, names)]
        bases = Bases(self.folder, self.keys)
        self.cells = [self._planned(cell, names, bases, force=force) for cell in found]
        told = [each.warning for item in self.cells for each in item.plans.values() if each.warning]
        self.warnings += dict.fromkeys(told)
        self.runs: list[Run] = []
        self.lost: list[str] = []

    def steps(self) -> list[Step]:
        """Return what would be done about each report, and why."""
        return [
            Step(item.cell.label, name, maker(found) if found else None, why)
            for item in self.cells
            for name, (found, why) in item.decisions.items()
        ]

    def _left(self, cell: Cell) -> frozenset[str]:
        """Return the reports of a cell that an earlier batch was to make and did not."""
        return self._undone.get(undone.key(cell.values), frozenset())

    def _finished(self, cell: Cell, names: Sequence[str]) -> bool:
        """Say whether each report of a cell is there and finished well the last time."""
        found = [self.history.last(cell.values, name) for name in names]
        return all(last is not None and last.report["status"] == "done" for last in found)

    def _planned(self, cell: Cell, names: Sequence[str], bases: Bases, *, force: bool) -> CellRun:
        plans = {name: plan(name, cell.study, self.folder, self.history, cell.values) for name in names}
        on = {name: bases.of(each, heading(cell, each)) for name, each in plans.items()}
        decisions = {name: self._decided(cell, name, on[name], force=force) for name in names}
        for name in self._left(cell) & {*names}:
            earlier, (zh, en) = decisions[name]
            decisions[name] = earlier, Text(f"{_UNDONE.zh}；{zh}", f"{_UNDONE.en}; {en}")
        return CellRun(cell, plans, on, decisions)

    def _decided(self, cell: Cell, name: str, on: Basis, *, force: bool) -> tuple[Earlier | None, Text]:
        if force:
            return None, Text("强制重跑", "forced")
        if on.fingerprint is None:
            zh, en = in_words(part for part in PARTS if on.parts[part] is None)
            return None, Text(f"无法判断{zh}是否有变化", f"nobody can tell whether it changed: {en}")
        same = next(self.history.same(cell.values, name, on.fingerprint), None)
        if same:
            return same, Text("没有变化", "unchanged")
        last = self.history.last(cell.values, name)
        if last is None:
            return None, Text("从未运行", "never run")
        if (status := last.report["status"]) != "done":
            return None, Text(f"上次运行以 {status} 结束", f"the last run ended as {status}")
        before = last.report.get("basis") or {}
        zh, en = in_words(part for part in PARTS if before.get(part) != on.parts[part])
        return None, Text(f"{zh}有变化", f"changed: {en}")

    def run(self, jobs: int, engine: Engine, *, progress: bool) -> Batch:
        """Execute every cell, publish each when its last report has ended, and tell who wants to know.

        Raises RunError where there is one cell alone and it cannot be published.
        """
        stop = threading.Event()
        total = sum(len(item.plans) for item in self.cells)
        many = len(self.cells) > 1
        engine = self._possible(engine)
        with (
            self._noted() as self.note,
            self._kernels(engine),
            Progress(total, shown=progress and many) as self.shown,
        ):
            self.shown.warn(self.warnings)
            # A log takes one line per report of many; only a terminal can draw how far each is.
            bars = progress and (not many or self.shown.lines > 0)
            try:
                for job, outcome in execute_all(self._jobs(engine, stop, progress=bars), jobs, stop):
                    item = self._open[job.folder]
                    item.outcomes[job.name] = outcome
                    self.shown.report(item.cell.label, outcome)
                    self._finish_if_complete(item)
            except KeyboardInterrupt:  # between two notebooks; within one, its outcome says so
                stop.set()
            for item in list(self._open.values()):  # where the user stopped at an unlucky moment
                item.outcomes |= {name: not_begun(name) for name in item.plans if name not in item.outcomes}
                self._finish_if_complete(item)
        if waiting := [item.cell.label for item in self.cells if item.started == datetime.min]:
            self.lost.append(_not_begun(waiting, len(self.cells)))
        page = self.home.parent / "index.html"
        removed: tuple[str, ...] = ()
        unpublished: list[str] = []
        if self.runs and self.study.keep:
            removed = keeping.collect(self.home, self.study.keep, pinned(self.study)).removed
        if self.runs:
            self._list_runs()
            unpublished = self._publish()
        self.warnings += notify.after(self.study, *self.runs, problems=(*self.lost, *unpublished))
        return Batch(
            tuple(self.runs), page, tuple(self.warnings), tuple(self.lost), removed, tuple(unpublished)
        )

    def _noted(self) -> undone.Note:
        """Note what is about to be done, for the day that this process is killed on the way."""
        planned = [(item.cell.values, item.plans) for item in self.cells]
        return undone.Note(self.home, self.batch, planned, whole=self._whole)

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
    def _open(self) -> dict[Path, CellRun]:
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
                    title=heading(item.cell, planned),
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

    def _begin(self, item: CellRun) -> bool:
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
            if found and self._unchanged_since(item, name) and link(found, item.folder):
                item.linked[name] = found
                item.outcomes[name] = Outcome(name, "done", 0.0, None, found.report.get("charts", 0))
                self.shown.report(item.cell.label, item.outcomes[name], maker(found))
        return not self._finish_if_complete(item)

    def _unchanged_since(self, item: CellRun, name: str) -> bool:
        """Say whether a report stands on the same as when it was planned, which may be hours ago."""
        planned = item.plans[name]
        now = Bases(self.folder, self.keys).of(planned, heading(item.cell, planned))
        return now.fingerprint == item.bases[name].fingerprint

    def _finish_if_complete(self, item: CellRun) -> bool:
        if len(item.outcomes) < len(item.plans):
            return False
        assert item.folder is not None
        try:
            record = item.record(self.study, self.batch, Bases(self.folder, self.keys))
            self._compare(item, record)
            folder = staging.publish(item.folder, record)
        except OSError as error:
            del self._open[item.folder]
            self._lose(item, staging.not_published(item.folder, error))
            return True
        del self._open[item.folder]
        self.warnings += item.warnings
        outcomes = tuple(item.outcomes[name] for name in item.plans)
        reused = {name: maker(found) for name, found in item.linked.items()}
        page = self.home.parent / "index.html"
        self.runs.append(Run(folder, outcomes, page, (), item.cell.values, reused))
        self.note.published(item.cell.values, item.plans)
        return True

    def _lose(self, item: CellRun, error: RunError) -> None:
        if len(self.cells) == 1:
            raise error
        self.lost.append(f"{item.cell.label}: {error}")
        self.shown.warn([self.lost[-1]])

    def _compare(self, item: CellRun, record: dict[str, Any]) -> None:
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


def _not_begun(waiting: Sequence[str], total: int) -> str:
    named = ", ".join(waiting[:_NAMED]) + (", …" if len(waiting) > _NAMED else "")
    return (
        f"{len(waiting)} of {total} cells were not begun when the user stopped: {named or 'the study'}. "
        "Go on with --failed."
    )


def _identity(study: Study, moment: datetime | None = None) -> str:
    text = json.dumps(study.settings(), sort_keys=True, ensure_ascii=False)
    return f"{moment or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
