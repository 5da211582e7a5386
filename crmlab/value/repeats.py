"""Customers grouped by how often they have bought again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

OPEN = 0.25
"""The last group, which has no upper end, is parted while it holds a larger share of the customers."""


def group_starts(repeats: ArrayLike, first: int, most: int) -> list[int]:
    """Return the number of repeats that each group begins with: ``first``, ``first`` + 1, …, ``most``.

    Where many customers buy far more often, as in a grocery, further groups follow, each twice as wide.
    """
    import numpy as np

    counts = np.asarray(repeats)
    starts = list(range(first, most + 1))
    while len(counts) and float((counts >= starts[-1]).mean()) > OPEN:
        starts.append(2 * starts[-1])
    return starts


def group_of(repeats: ArrayLike, starts: Sequence[int]) -> NDArray[np.int64]:
    """Return the place of each customer's group in ``starts``."""
    import numpy as np

    return np.searchsorted(starts, np.asarray(repeats), side="right") - 1


def group_name(starts: Sequence[int], first: int, last: int) -> str:
    """Return what readers call the groups from place ``first`` to ``last`` together: 3, 3–4 or 3+."""
    if last == len(starts) - 1:
        return f"{starts[first]}+"
    end = starts[last + 1] - 1
    return f"{starts[first]}" if end == starts[first] else f"{starts[first]}–{end}"
