"""Locks that end with the process that holds them, however it ends; nothing of them stays on the disk.

They only say that a folder is still somebody's: nothing waits for one. Where there are none (Windows, some
file shares), what would be told by them is told by age alone. Where somebody waits for another, filelock
serves; it would leave a file of its own, empty the one that it locks, and cannot ask without locking.
"""

from __future__ import annotations

import os
from pathlib import Path


def lock(path: Path) -> int | None:
    """Lock a file or folder until the descriptor that is returned is closed; None where that cannot be."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened


def is_held(path: Path) -> bool:
    """Say whether a living process, this one included, has locked a file or folder."""
    try:
        import fcntl

        opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(opened)
    return False
