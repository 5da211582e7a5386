"""What batches were to do and did not: they were killed or stopped on the way, or it was not published.

The last published run of such a cell, from before, may have finished well; so the manifests do not tell.
Each batch keeps a note of its own in the folder of the study's runs: a line for each cell before anything
begins, and another once the cell is published. The note goes with its last cell, so one whose batch is
gone says what that left undone; one whose batch lives is locked. Lines are only ever added and written
through to the disk, and one that was torn is passed over: then a cell is done once more than needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from crmlab.report import locks, staging

_PREFIX = ".undone-"

Values = Mapping[str, Any]
"""What a cell is known by: the value of each axis."""


@dataclass(frozen=True)
class Left:
    """A cell of which a batch left reports undone, by name."""

    cell: Values
    reports: frozenset[str]


class Note:
    """What a batch is about to do, noted in ``home``, the folder of the study's runs, while it runs.

    ``planned`` are its cells with their reports. A batch that is ``whole`` does all that a study has, so
    what earlier ones left undone is no longer of interest. A note that cannot be written, as on a full
    disk, stops no batch.
    """

    def __init__(
        self, home: Path, batch: str, planned: Iterable[tuple[Values, Iterable[str]]], *, whole: bool
    ) -> None:
        self._home = home
        self._held: int | None = None
        self._path = home / f"{_PREFIX}{batch}-{secrets.token_hex(3)}"
        lines = [_line("planned", cell, reports) for cell, reports in planned]
        if not lines:
            return
        with contextlib.suppress(OSError):
            home.mkdir(parents=True, exist_ok=True)
            _add(self._path, lines)
            self._held = locks.lock(self._path)
            staging.to_disk([home])
            self._take_over(_of_the_dead(home, but=self._path), keep=not whole)

    def _take_over(self, notes: Sequence[Path], *, keep: bool) -> None:
        """Make one note of those that batches left: striking a cell out in many would take too long."""
        if keep and len(notes) < 2:
            return
        left = [_line("planned", each.cell, sorted(each.reports)) for each in _merged(notes)] if keep else []
        if left:
            _add(self._path.with_name(f"{self._path.name}-earlier"), left)
            staging.to_disk([self._home])
        for path in notes:
            path.unlink(missing_ok=True)

    def published(self, cell: Values, reports: Iterable[str]) -> None:
        """Strike out a cell here and wherever a batch that is gone left it undone."""
        line = _line("published", cell, reports)
        for path in [self._path, *_of_the_dead(self._home, but=self._path)]:
            with contextlib.suppress(OSError):
                _add(path, [line])
                if not _left(path):
                    path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            os.close(self._held)


def read(home: Path) -> list[Left]:
    """Return what batches that are gone left undone in the folder of a study's runs."""
    return _merged(_of_the_dead(home))


def _merged(notes: Iterable[Path]) -> list[Left]:
    """Return what several notes say is left, each cell once."""
    merged: dict[str, Left] = {}
    for path in notes:
        for each in _left(path):
            known = merged.get(key(each.cell))
            merged[key(each.cell)] = Left(each.cell, each.reports | known.reports) if known else each
    return list(merged.values())


def key(cell: Values) -> str:
    """Return the text by which a cell is the same as another."""
    return json.dumps(dict(cell), sort_keys=True, ensure_ascii=False)


def _of_the_dead(home: Path, but: Path | None = None) -> list[Path]:
    return [path for path in sorted(home.glob(f"{_PREFIX}*")) if path != but and not locks.is_held(path)]


def _line(what: str, cell: Values, reports: Iterable[str]) -> str:
    return json.dumps({what: dict(cell), "reports": list(reports)}, ensure_ascii=False) + "\n"


def _add(path: Path, lines: Iterable[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _left(path: Path) -> list[Left]:
    """Return what a note says is left; nothing where it cannot be read, or is gone meanwhile."""
    waiting: dict[str, Left] = {}
    for said in _said(path):
        with contextlib.suppress(LookupError, TypeError):
            reports = frozenset(said["reports"])
            if "planned" in said:
                waiting[key(said["planned"])] = Left(said["planned"], reports)
            elif known := waiting.get(key(said["published"])):
                waiting[key(known.cell)] = Left(known.cell, known.reports - reports)
    return [each for each in waiting.values() if each.reports]


def _said(path: Path) -> Iterator[Any]:
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)
