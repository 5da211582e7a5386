"""The folder of a process for what it fetched: readable by this user alone, removed when the process ends.

What a killed process left is removed by the next one that fetches: the system frees a lock with its process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "crmlab-fetched-"
_YOUNG_SECONDS = 3600
"""A folder this young may not be locked yet."""


def private_folder() -> Path:
    """Return the folder of this process; a process forked from another has its own."""
    return _folder(os.getpid())


@cache
def _folder(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _sweep(folder.lstat().st_uid)
    lock = FileLock(folder / ".lock")
    lock.acquire()
    atexit.register(_remove, folder, lock, process)
    return folder


def _remove(folder: Path, lock: FileLock, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _sweep(user: int) -> None:
    """Remove old folders of this user; those of others may hold traps."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            about = folder.lstat()
            if about.st_uid == user and time.time() - about.st_mtime > _YOUNG_SECONDS:
                with FileLock(folder / ".lock", timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
