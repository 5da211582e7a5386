"""How much memory there is, and how much of it this program takes: said outright, never left to a default.

polars spills to disk above a budget that it reads from its environment when it is imported. Its own default
is a share of the machine's memory, which is too much in a container with a limit of its own; so
:func:`claim` sets it before the first import.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from crmlab.errors import ParamsError

SETTING = "CRMLAB_MEMORY_MB"
"""Environment variable with a budget of one's own, in MiB."""
POLARS = "POLARS_OOC_MEMORY_BUDGET_MB"
MORSEL = "POLARS_IDEAL_MORSEL_SIZE"
"""Rows that polars passes on at once, some dozens of times ahead (`Config.set_streaming_chunk_size`)."""
_SMALL_MB, _SMALL_MORSEL = 1024, 25_000
"""A budget below which polars is to read in such small pieces: it saves some 70 MB."""
SHARE = 0.6
"""The part of the memory that may be planned with: the rest is the interpreter's, the system's, and what
allocators keep."""
SMALLEST_MB = 128

_CGROUP = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
_MB = 1 << 20


def limit(root: Path = _CGROUP, own: Path = _OWN) -> int:
    """Return the bytes that may be used: the smallest limit of the container's groups, or the machine's."""
    import psutil

    return min([int(psutil.virtual_memory().total), *_group_limits(root, own)])


def budget_mb() -> int:
    """Return the MiB to plan with: the user's setting, else a share of the limit.

    Raises ParamsError for a setting that is no whole number from 128 up.
    """
    given = os.environ.get(SETTING)
    if given is None:
        return max(SMALLEST_MB, int(limit() * SHARE) // _MB)
    if not given.isdecimal() or int(given) < SMALLEST_MB:
        raise ParamsError(
            f"{SETTING} is {given!r}; give the memory to use in MiB, a whole number from {SMALLEST_MB} up, "
            "for example 2048."
        )
    return int(given)


def claim(parts: int = 1) -> int:
    """Set polars's budget for this process and those it starts; return it in MiB.

    Where ``parts`` processes work at once, each has its share. A budget that the environment has already
    stays. Call it before polars is imported: later, it only holds for processes started from here.
    """
    claimed = int(os.environ.setdefault(POLARS, str(max(SMALLEST_MB, budget_mb() // parts))))
    if claimed < _SMALL_MB:
        os.environ.setdefault(MORSEL, str(_SMALL_MORSEL))
    return claimed


def claimed_in_time() -> bool:
    """Say whether the budget is set and polars, which reads it once, is not imported yet."""
    return POLARS in os.environ and "polars" not in sys.modules


def _group_limits(root: Path, own: Path) -> list[int]:
    """Return the limits of the control groups of this process, version 2 and 1."""
    places = [root / "memory.max", root / "memory" / "memory.limit_in_bytes"]
    try:
        groups = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        groups = []
    for line in groups:
        _, _, group = line.split(":", 2)
        for folder in (Path(group), *Path(group).parents):
            inside = str(folder).lstrip("/")
            places += [
                root / inside / "memory.max",
                root / "memory" / inside / "memory.limit_in_bytes",
            ]
    return [value for place in dict.fromkeys(places) if (value := _number(place)) is not None]


def _number(place: Path) -> int | None:
    try:
        text = place.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and 0 < int(text) < _NO_LIMIT else None
