"""The folder of a run while it runs: hidden, claimed by one process, published by rename.

Nothing waits for a lock: a name is claimed by making the folder, which only one process can, and published
by renaming it, which is whole or not at all, on file shares as well.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crmlab.errors import RunError
from crmlab.report import locks, manifest

PREFIX = ".run-"
_STALE_SECONDS = 24 * 3600
_RESERVE = ".reserve"
"""Holds a little space until the end, so that a manifest can be written on a disk that is full."""
_USES = ".uses.json"
"""Names the other runs that this one reads, which must not be removed meanwhile."""


_held: dict[Path, int] = {}
"""Locks on the folders of this process's runs, which say to other runs that they are no leftovers."""


def claim(home: Path, identity: str, uses: Iterable[str] = ()) -> Path:
    """Make the hidden folder of a new run under a name that no other run has; it is published by rename.

    ``uses`` are the names of runs that it reads.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        sweep(home)
        for name in itertools.chain([identity], (f"{identity}-{extra}" for extra in itertools.count(2))):
            staging = home / (PREFIX + name)
            with contextlib.suppress(FileExistsError):
                staging.mkdir()
                if not (home / name).exists():
                    return _reserve(staging, sorted(set(uses)))
                staging.rmdir()
    except OSError as error:
        raise RunError(
            f"The folder of runs {home.parent} cannot be written: {error.strerror or error}. Make room or "
            "give it the right to be written, or name another with --runs."
        ) from None
    raise AssertionError("names do not run out")


def name_of(staging: Path) -> str:
    """Return the name under which a folder will be published."""
    return staging.name.removeprefix(PREFIX)


def publish(staging: Path, record: dict[str, Any]) -> Path:
    """Write the manifest and rename the folder to its place; raise OSError where that fails."""
    _release(staging)  # or the space of the reserve would not be free
    for path in [path for path in staging.glob(".*") if path.is_file()]:
        path.unlink()  # the reserve first of all, and what a process that died had noted
    manifest.write(staging, record)
    to_disk([staging, *(path for path in staging.rglob("*") if path.is_file() or path.is_dir())])
    published = staging.rename(staging.with_name(name_of(staging)))
    with contextlib.suppress(OSError):  # it is published, whether or not its name survives a loss of power
        to_disk([staging.parent])
    return published


def to_disk(paths: Iterable[Path]) -> None:
    """Have files and folders written through, so that a name that survives a loss of power has its files."""
    if os.name != "posix":
        return
    for path in paths:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some file shares write no folder through
                raise
        finally:
            os.close(opened)


def not_published(staging: Path, error: OSError) -> RunError:
    """Give up a folder that could not be published; return what to say of it."""
    _release(staging)
    return RunError(
        f"The run could not be published: {error.strerror or error}. "
        f"What it wrote stays in {staging} for a day."
    )


def _release(staging: Path) -> None:
    if (held := _held.pop(staging, None)) is not None:
        os.close(held)


def used(home: Path) -> set[str]:
    """Return the names of the runs that a running one reads."""
    names: set[str] = set()
    for path in home.glob(f"{PREFIX}*/{_USES}"):
        with contextlib.suppress(OSError, ValueError):
            names.update(json.loads(path.read_text(encoding="utf-8")))
    return names


def sweep(home: Path, prefix: str = PREFIX) -> None:
    """Remove what runs left that were killed more than a day ago."""
    for folder in home.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            old = time.time() - folder.stat().st_mtime > _STALE_SECONDS
            if old and not locks.is_held(folder / _RESERVE):  # one that runs for days, or whose clock jumped
                shutil.rmtree(folder, ignore_errors=True)


def _reserve(staging: Path, uses: list[str]) -> Path:
    try:
        (staging / _RESERVE).write_bytes(bytes(1 << 18))
        if uses:
            (staging / _USES).write_text(json.dumps(uses), encoding="utf-8")
        if (held := locks.lock(staging / _RESERVE)) is not None:
            _held[staging] = held
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return staging
