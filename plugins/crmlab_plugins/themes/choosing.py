"""How many themes: as many as two halves of the texts agree on, with words that go together.

For each number the themes of one half are found and tried on the other. Stability is how far the two
sets of themes put the same texts together (adjusted Rand index, Hubert & Arabie 1985); coherence is the
NPMI, in the half that was not seen, of the words of the themes. Both are 0 for chance and 1 at best. Few
large themes agree best but tell little, so the largest number is taken whose sum of both falls short of
the best sum by no more than ``TOLERANCE``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Judge = Callable[[int], tuple[float, float]]
"""Number of themes → stability, coherence."""

TOLERANCE = 0.05
_TRIED = 7


def numbers_between(smallest: int, largest: int) -> list[int]:
    """Return the numbers of themes to try, closer together where they are small."""
    import numpy as np

    if largest <= smallest:
        return [largest]
    return sorted({round(float(number)) for number in np.geomspace(smallest, largest, _TRIED)})


def choice(numbers: list[int], judge: Judge) -> pl.DataFrame:
    """Return ``number``, ``stability``, ``coherence`` of each number tried, and which is ``chosen``."""
    # The numbers know nothing of each other, and most of the work leaves Python's lock to others.
    with ThreadPoolExecutor(min(len(numbers), os.cpu_count() or 1)) as pool:
        judged = [(number, *told) for number, told in zip(numbers, pool.map(judge, numbers), strict=True)]
    most = max(stability + coherence for _, stability, coherence in judged)
    best = max(row for row in judged if row[1] + row[2] >= most - TOLERANCE)
    schema = {"number": pl.Int64, "stability": pl.Float64, "coherence": pl.Float64, "chosen": pl.Boolean}
    return pl.DataFrame([(*row, row is best) for row in judged], schema=schema, orient="row")


def agreement(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of two assignments of the same texts."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))
