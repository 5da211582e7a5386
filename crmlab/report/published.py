"""What a run leaves behind, as the caller sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmlab.labels import Text
from crmlab.report.execute import Outcome


@dataclass(frozen=True)
class Run:
    """A published run: its folder, how each report ended, the gallery page, and what went amiss.

    ``reused`` has report → run for reports that stand on the same as an earlier run's and were linked.
    """

    folder: Path
    outcomes: tuple[Outcome, ...]
    gallery: Path
    warnings: tuple[str, ...] = ()
    cell: Mapping[str, Any] = field(default_factory=dict)
    reused: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all done; 3 only the data-quality gate stopped a report; 1 otherwise."""
        return _exit_code(self.outcomes)


@dataclass(frozen=True)
class Batch:
    """The runs of all cells of a study; a study without a matrix has one.

    ``lost`` has sentences about cells that have no run: one for each that could not be published, and
    one for all that had not begun when the user stopped. ``removed`` names the runs that the study's
    ``keep`` left over, and ``unpublished`` says what could not be copied to where the study publishes.
    """

    runs: tuple[Run, ...]
    gallery: Path
    warnings: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all done; 3 only the data-quality gate stopped reports; 1 otherwise."""
        if self.lost or self.unpublished:
            return 1
        return _exit_code([outcome for run in self.runs for outcome in run.outcomes])


@dataclass(frozen=True)
class Step:
    """What would be done about one report, and why."""

    cell: str
    report: str
    reuse: str | None
    """The earlier run that it is taken from; None where it is run."""
    reason: Text

    @property
    def why(self) -> str:
        """The reason in English."""
        return self.reason.en


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    failed = {outcome.status for outcome in outcomes} - {"done"}
    if not failed:
        return 0
    return 3 if failed == {"quality_gate"} else 1
