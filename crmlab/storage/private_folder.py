"""The folder of a process for what it fetched: readable by this user alone, removed when the process ends.

Kernels are killed when their notebook has ended, so a small process of its own waits for that and removes
the folder. Where that one was killed as well, or cannot be started, the next process that fetches removes
what is left: the system frees a lock with its process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from crmlab.aftermath import once_gone

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
    atexit.register(_remove, folder, lock, _guard(folder), process)
    return folder


def _guard(folder: Path) -> subprocess.Popen[bytes] | None:
    """Start a process that removes the folder once this one is gone, however it went."""
    with contextlib.suppress(OSError):
        return once_gone('rm -rf -- "$1"', str(folder))
    return None


def _remove(folder: Path, lock: FileLock, guard: subprocess.Popen[bytes] | None, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        if guard is not None:
            guard.communicate()


def _sweep(user: int) -> None:
    """Remove old folders of this user; those of others may hold traps."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            about = folder.lstat()
            if about.st_uid == user and time.time() - about.st_mtime > _YOUNG_SECONDS:
                with FileLock(folder / ".lock", timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
