"""Which due times of a schedule were run: a small file beside the runs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from crmlab.errors import RunError

_KEPT = 100
"""Due times that are remembered; older ones are never due again."""


@dataclass(frozen=True)
class Entry:
    """How often a due time was tried, and the last exit code; None while it runs, or if it was killed."""

    attempts: int
    exit_code: int | None = None


class LedgerError(RunError):
    """The ledger cannot be written, so nothing was run for the due time: it would be run without end."""

    def __init__(self, path: Path, due: datetime, error: OSError) -> None:
        super().__init__(
            f"{path} cannot be written: {error.strerror}. Nothing was run for {due.isoformat()}; it is tried "
            "again when this is woken next."
        )
        self.due = due


def read_ledger(path: Path) -> dict[datetime, Entry]:
    """Return what was run, by due time; nothing where there is no file, or one that cannot be read."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads(path.read_text(encoding="utf-8"))["runs"]
        entries = {datetime.fromisoformat(due): Entry(**entry) for due, entry in told.items()}
        if all(due.tzinfo for due in entries):
            return entries
    return {}


def write_ledger(path: Path, entries: Mapping[datetime, Entry]) -> None:
    """Write the latest due times, whole or not at all."""
    latest = sorted(entries)[-_KEPT:]
    document = {"runs": {due.isoformat(): asdict(entries[due]) for due in latest}}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
