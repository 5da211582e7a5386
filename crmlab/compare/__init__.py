"""Compare two runs: what went in and what came out, what of it is chance, who moved, what drifted.

::

    compare(before, after)            -> document        of two folders of runs, as JSON values
    into(folder, manifest, previous)  -> Path            writes both files into a run not yet published
    previous(runs_of_study, manifest) -> Path | None     the last finished run to compare with

``into`` and ``write`` leave ``compare.html`` and ``compare.json``. A folder that is published is read and
never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmlab.compare.comparison import compare, into, previous, write

__all__ = ["compare", "into", "previous", "write"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from crmlab.compare import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
