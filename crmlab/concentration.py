"""How much of the value few customers make: Pareto curve, Gini coefficient, share for 80 %.

Values are one number per customer, nulls left out. A negative value (refunds above purchases)
counts as zero: such a customer adds nothing to what the others make, and shares stay within 0–1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.errors import ParamsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    Values = pl.Series | Sequence[float]

POINTS = 200
"""A curve has at most this many points: a shared page holds no row per customer."""


def pareto(values: Values) -> pl.DataFrame:
    """Return the curve from (0, 0) to (1, 1): share of customers, largest first, and of value.

    Columns ``customer_share`` and ``value_share`` (Float64, 0–1), ascending, at most ``POINTS``
    rows; none where there is no positive value.
    """
    import polars as pl

    running = _running(values)
    count = len(running)
    if not count:
        return pl.DataFrame(schema={"customer_share": pl.Float64, "value_share": pl.Float64})
    steps = min(count, POINTS - 1)
    taken = [step * count // steps for step in range(1, steps + 1)]
    # Divided one by one: polars divides by a literal through its reciprocal, so 1 is not always 1.
    whole = running[-1]
    shares = [value / whole for value in running.gather([at - 1 for at in taken])]
    return pl.DataFrame(
        {
            "customer_share": [0.0, *(at / count for at in taken)],
            "value_share": [0.0, *shares],
        }
    )


def gini(values: Values) -> float:
    """Return the Gini coefficient: 0 where all customers are worth the same, towards 1 where one is all.

    The mean absolute difference of two customers over twice the mean, of the population given, as
    in Gini (1912). It is 0 where there is no positive value.
    """
    running = _running(values)
    count = len(running)
    if not count:
        return 0.0
    # Twice the area between the curve of the largest first and the diagonal.
    area = 2 * float(running.sum()) / (count * float(running[-1])) - (count + 1) / count
    return max(0.0, area)


def share_for(values: Values, share: float = 0.8) -> float:
    """Return the smallest share of customers who together make ``share`` of the value.

    It is 0 where there is no positive value. Raises ParamsError for a share outside 0–1.
    """
    if not 0 <= share <= 1:
        raise ParamsError(f"share is {share}; it must be from 0 to 1, for example 0.8 for 80 %.")
    running = _running(values)
    if not len(running) or share == 0:
        return 0.0
    # A hair below, for sums of decimal amounts that are one rounding short of the line.
    reached = (running >= share * running[-1] * (1 - 1e-12)).arg_max()
    assert reached is not None
    return int(reached + 1) / len(running)


def _running(values: Values) -> pl.Series:
    """Return the running total, largest first; empty where there is no positive value."""
    import polars as pl

    series = values if isinstance(values, pl.Series) else pl.Series(list(values), dtype=pl.Float64)
    floats = series.cast(pl.Float64).fill_nan(None).drop_nulls().clip(lower_bound=0)
    running = floats.sort(descending=True).cum_sum()
    return running if len(running) and running[-1] > 0 else running.clear()
