"""The runs of a study that are there already, by the cell of its matrix."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from crmlab.report import manifest
from crmlab.report.traces import without_contacts

SKEW = timedelta(days=1)
"""A run that started so much later than now, or more, was started by a clock that was ahead."""


@dataclass(frozen=True)
class Earlier:
    """A report of an earlier run: the run's folder, and what its manifest says of the report."""

    folder: Path
    report: Mapping[str, Any]


class History:
    """The runs of a study, which lie in ``home``, read once; a manifest that is damaged is passed over."""

    def __init__(self, home: Path) -> None:
        self._runs: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
        # Runs of a clock that was ahead come last: the next run with a clock that is right is the newest.
        ahead = f"{datetime.now(UTC) + SKEW:%Y%m%dT%H%M%SZ}"
        paths = home.glob(f"[!.]*/{manifest.NAME}")
        for path in sorted(paths, key=lambda path: (path.parent.name < ahead, path), reverse=True):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                record = _checked(manifest.read(path.parent))
                self._runs.setdefault(_key(dict(record.get("cell", {}))), []).append((path.parent, record))

    def of(self, cell: Mapping[str, Any]) -> list[tuple[Path, dict[str, Any]]]:
        """Return the runs of a cell, newest first, each with its manifest."""
        return self._runs.get(_key(cell), [])

    def last(self, cell: Mapping[str, Any], name: str) -> Earlier | None:
        """Return the last report of that name for a cell, however it ended."""
        return next(self._reports(cell, name), None)

    def same(self, cell: Mapping[str, Any], name: str, fingerprint: str) -> Iterator[Earlier]:
        """Return the finished reports that stand on the same, newest first."""
        for earlier in self._reports(cell, name):
            if earlier.report.get("fingerprint") == fingerprint and earlier.report["status"] == "done":
                yield earlier

    def _reports(self, cell: Mapping[str, Any], name: str) -> Iterator[Earlier]:
        for folder, record in self.of(cell):
            for report in record["reports"]:
                if report["name"] == name:
                    yield Earlier(folder, report)


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest; raise KeyError, TypeError or ValueError for one that was not written by a run."""
    if record["schema"] != manifest.SCHEMA:
        raise ValueError("written by another version")
    for report in record["reports"]:
        for name, kind in (("name", str), ("status", str), ("outputs", list)):
            if not isinstance(report[name], kind):
                raise TypeError(name)
        if not isinstance(report.get("basis") or {}, dict):
            raise TypeError("basis")
    return record


def _key(cell: Mapping[str, Any]) -> str:
    return _masked(json.dumps(cell, sort_keys=True))


@cache
def _masked(cell: str) -> str:
    """Write a cell as manifests do, which name no person's address or number."""
    return json.dumps(without_contacts(json.loads(cell)), sort_keys=True)
