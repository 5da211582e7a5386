"""Around learning: parameters that fit together, the past to learn from, and the same sums every time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import polars as pl

from crmlab_plugins.features.history import EARLIER
from crmlab_plugins.learned.preparation import Matrix, usual_size
from crmlab_plugins.rules.cut_points import raise_for

_RANGE = range(2, 21)


def check_learned(
    inputs: Sequence[str],
    segments: int | None,
    candidates: Sequence[int],
    min_share: float,
    value: str | None,
    seed: int,
) -> None:
    """Raise ParamsError with every problem of the parameters that learned segmentations share."""
    given = [*candidates, *([] if segments is None else [segments])]
    rising = bool(candidates) and list(candidates) == sorted(set(candidates))
    problems = []
    if not inputs or len(set(inputs)) < len(inputs):
        problems.append(f"inputs is {list(inputs)}; give one or more columns, each once.")
    if not rising or any(count not in _RANGE for count in given):
        problems.append(
            f"segments is {segments} and candidates {list(candidates)}; give numbers from 2 to 20, "
            "candidates in rising order."
        )
    if not 0 <= min_share < 0.5:
        problems.append(f"min_share is {min_share}; give a share from 0 to below 0.5.")
    if value is not None and value not in inputs:
        problems.append(f"value is {value!r}; it must be one of the inputs: {', '.join(inputs)}.")
    if not 0 <= seed < 2**31:
        problems.append(f"seed is {seed}; give a number from 0 to 2147483647.")
    raise_for(*problems)


def past(known: pl.DataFrame, inputs: Sequence[str]) -> tuple[pl.DataFrame, Matrix]:
    """Return the inputs at the look back, and what came since: log spend, and having ordered (0 or 1).

    Spend is in units of its median, so that another currency changes nothing.
    """
    then = known.select(**{column: pl.col(EARLIER + column) for column in inputs})
    spend = known["recent_spend"].cast(pl.Float64).to_numpy().clip(min=0)
    ordered = (known["recent_orders"] > 0).cast(pl.Float64).to_numpy()
    return then, np.column_stack([np.log1p(spend / usual_size(spend)), ordered])


@contextmanager
def single_thread() -> Iterator[None]:
    """Keep numeric libraries to one thread: the order of a sum over several is not the same every time."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        # Said of resamples with few distinct customers, and of mixtures that move on by hairs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
