"""One cell of a study on its way, and what its manifest says of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crmlab.labels import Text
from crmlab.params import Study
from crmlab.report import manifest, staging
from crmlab.report.execute import Outcome
from crmlab.report.history import Earlier
from crmlab.report.matrix import Cell
from crmlab.report.plans import Plan
from crmlab.report.traces import without_contacts
from crmlab.report.unchanged import PARTS, Bases, Basis

_PARTS = {
    "params": Text("设置", "params"),
    "inputs": Text("数据", "inputs"),
    "notebook": Text("笔记本", "notebook"),
    "code": Text("代码（含其引用的文件）", "code (with the files that it names)"),
    "packages": Text("软件包", "packages"),
}
"""What a report stands on, in words."""


@dataclass
class CellRun:
    """The plans of a cell's reports, what is decided about each, and how they ended."""

    cell: Cell
    plans: dict[str, Plan]
    bases: dict[str, Basis]
    decisions: dict[str, tuple[Earlier | None, Text]]
    started: datetime = datetime.min
    clock: float = 0.0
    folder: Path | None = None
    linked: dict[str, Earlier] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def record(self, study: Study, batch: str, bases: Bases) -> dict[str, Any]:
        """Return the manifest; ``bases`` tells what the reports stand on now that they have ended."""
        assert self.folder is not None
        reports = [self._report(name, bases) for name in self.plans]
        return {
            "schema": manifest.SCHEMA,
            "study": study.study,
            "title": study.heading._asdict(),
            "run": staging.name_of(self.folder),
            "batch": batch,
            "cell": without_contacts(dict(self.cell.values)),
            "status": "done" if all(each["status"] == "done" for each in reports) else "failed",
            "started_at": self.started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self.clock, 2),
            "language": self.cell.study.language,
            "as_of": self.cell.study.as_of.isoformat(),
            "params": without_contacts(self.cell.study.settings()),
            "inputs": manifest.merged_inputs(each.get("inputs", []) for each in reports),
            "plugins": manifest.merged_plugins(each.get("plugins", []) for each in reports),
            "packages": manifest.packages(),
            "reports": reports,
        }

    def _report(self, name: str, bases: Bases) -> dict[str, Any]:
        """Say what came of one report; a linked one says what it said when it was made."""
        if name in self.linked:
            found = self.linked[name]
            return {**found.report, "seconds": 0.0, "reused": maker(found)}
        assert self.folder is not None
        planned, outcome = self.plans[name], self.outcomes[name]
        said = manifest.summary(self.folder, name)
        on, then = bases.of(planned, heading(self.cell, planned)), self.bases[name]
        changed = [part for part in PARTS if part != "params" and on.parts[part] != then.parts[part]]
        if changed:
            self.warnings.append(
                f"{name}: changed while it ran: {in_words(changed).en}; so no later run takes it over."
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
            "outputs": manifest.outputs(self.folder, manifest.files_of(self.folder, name)),
        }


def heading(cell: Cell, planned: Plan) -> str:
    """Return the title of the cell in the language of a report."""
    return cell.study.heading.to(planned.study.language)


def maker(earlier: Earlier) -> str:
    """Return the name of the run that made a report, which may have been linked more than once."""
    return str(earlier.report.get("reused") or earlier.folder.name)


def in_words(parts: Iterable[str]) -> Text:
    """Name parts of what a report stands on."""
    found = [_PARTS[part] for part in parts]
    return Text("、".join(part.zh for part in found), ", ".join(part.en for part in found))
