"""Remove runs that nobody keeps: what a policy leaves over, and never what is still needed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crmlab.report import manifest, staging
from crmlab.report.history import SKEW
from crmlab.report.settings import KeepParams

_GONE = ".gone-"


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be: names of runs, oldest first, and the bytes that it frees.

    ``kept`` counts the runs that stay. ``unread`` names folders without a manifest that can be read; they
    are left alone.
    """

    removed: tuple[str, ...]
    freed: int
    kept: int
    unread: tuple[str, ...] = ()


def collect(
    home: Path,
    keep: KeepParams,
    pinned: Iterable[str] = (),
    *,
    now: datetime | None = None,
    dry_run: bool = False,
) -> Collected:
    """Remove the runs of a study, which lie in ``home``, that no rule of ``keep`` holds.

    Also kept are the last finished run of every cell, the runs ``pinned`` by name, the baseline of every
    run that stays, and what a running one reads. A run whose files were linked into later ones may go:
    the later ones have the files. A folder is renamed first, so that nobody meets half of it; where it
    was claimed at that very moment, it is put back.
    """
    if not dry_run:
        staging.sweep(home, _GONE)
    records, unread = _records(home)
    kept = _kept(records, keep, now or datetime.now(UTC)) | set(pinned) | staging.used(home)
    while more := {name for each in kept & records.keys() for name in _baselines(records[each])} - kept:
        kept |= more
    removed = []
    files: list[os.stat_result] = []
    for name in sorted(records.keys() - kept):
        stats = _stats(home / name)
        if dry_run or _remove(home / name):
            removed.append(name)
            files += stats
    return Collected(tuple(removed), _freed(files), len(records) - len(removed), tuple(unread))


def _records(home: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return name → manifest of every run, and the names of folders without one that can be read."""
    records, unread = {}, []
    for folder in sorted(path for path in home.glob("[!.]*") if path.is_dir()):
        try:
            record = manifest.read(folder)
            _started(record)
            records[folder.name] = record
        except (OSError, ValueError, KeyError, TypeError):
            unread.append(folder.name)
    return records, unread


def _kept(records: Mapping[str, Mapping[str, Any]], keep: KeepParams, now: datetime) -> set[str]:
    cells: dict[str, list[str]] = {}
    started = {name: _started(record) for name, record in records.items()}
    # Runs of a clock that was ahead count last, or they would push out every run with a clock that is right.
    order = sorted((started[name] < now + SKEW, started[name], name) for name in records)
    for _, _, name in reversed(order):
        cells.setdefault(repr(sorted(records[name].get("cell", {}).items())), []).append(name)
    kept: set[str] = set()
    for names in cells.values():
        kept.update(names[: keep.last])
        kept.update(name for name in names if now - started[name] <= timedelta(days=keep.days))
        finished = [name for name in names if records[name].get("status") == "done"]
        kept.update(finished[:1])
        last_of_month: dict[tuple[int, int], str] = {}
        for name in finished:
            last_of_month.setdefault((started[name].year, started[name].month), name)
        kept.update(list(last_of_month.values())[: keep.months])
    return kept


def _started(record: Mapping[str, Any]) -> datetime:
    started = datetime.fromisoformat(record["started_at"])
    return started if started.tzinfo else started.replace(tzinfo=UTC)


def _baselines(record: Mapping[str, Any]) -> set[str]:
    reports = record.get("reports", [])
    return {Path(report["baseline"]).name for report in reports if report.get("baseline")}


def _stats(folder: Path) -> list[os.stat_result]:
    """Return what is known of the files below a folder, which somebody else may be removing."""
    stats = []
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                stats.append(Path(place, name).lstat())
    return stats


def _freed(files: Sequence[os.stat_result]) -> int:
    """Return the bytes of removed files that no run that stays shares."""
    gone = Counter((file.st_dev, file.st_ino) for file in files)
    first = {(file.st_dev, file.st_ino): file for file in reversed(files)}  # when all of its names were there
    return sum(file.st_size for place, file in first.items() if gone[place] == file.st_nlink)


def _remove(folder: Path) -> bool:
    gone = folder.with_name(f"{_GONE}{folder.name}")
    with contextlib.suppress(OSError):  # somebody has a file of it open, as on Windows: the next time
        folder.rename(gone)
        if folder.name in staging.used(folder.parent):
            gone.rename(folder)
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True
    return False
