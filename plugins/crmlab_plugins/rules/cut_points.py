"""Tiers by cut-points: where they lie, in which tier a value is, and how clearly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.rfm_scoring import quantiles_at


def check_shares(name: str, shares: Sequence[float]) -> str | None:
    """Say what is wrong with shares at which to cut; None where they rise within 0–1."""
    if shares and all(0 < share < 1 for share in shares) and all(a < b for a, b in pairwise(shares)):
        return None
    return f"{name} is {list(shares)}; give rising shares between 0 and 1, for example [0.5, 0.8]."


def check_share(name: str, share: float) -> str | None:
    """Say what is wrong with one share at which to cut; None within 0–1."""
    return None if 0 < share < 1 else f"{name} is {share:g}; give a share between 0 and 1, for example 0.2."


def check_given(name: str, cuts: Sequence[float], count: int) -> str | None:
    """Say what is wrong with given cut-points; None for ``count`` finite numbers that rise."""
    if len(cuts) == count and all(map(math.isfinite, cuts)) and all(a < b for a, b in pairwise(cuts)):
        return None
    return f"{name} is {list(cuts)}; {count + 1} tiers need {count} finite numbers in rising order."


def check_least(plugin: object, **least: float) -> list[str]:
    """Say which parameters of a plugin, by name, are below the least that they may be."""
    given = {name: getattr(plugin, name) for name in least}
    return [
        f"{name} is {value}; at least {least[name]}." for name, value in given.items() if value < least[name]
    ]


def learn(values: pl.Series, shares: Sequence[float]) -> list[float]:
    """Return the type-7 quantiles of the values at ``shares``; an empty list from no value."""
    return quantiles_at(values.drop_nulls().cast(pl.Float64).sort().to_list(), shares)


def span(values: pl.Series) -> list[float]:
    """Return the 1 % and the 99 % quantile, between which nearly all values lie; empty from no value."""
    return learn(values, (0.01, 0.99))


def tier(value: pl.Expr, cuts: Sequence[float]) -> pl.Expr:
    """Count the cut-points below a value (Int64, from 0): a value at a cut-point is in the lower tier."""
    return pl.sum_horizontal(every(value, 0), *((value > cut).cast(pl.Int64) for cut in cuts)).cast(pl.Int64)


def clearness(value: pl.Expr, cuts: Sequence[float], ends: Sequence[float]) -> pl.Expr:
    """Return how far a value is from the nearest cut-point: 0.5 at it, 1 in the middle of its tier.

    Half the width of the tier is the yardstick; the outermost tiers end at ``ends``, the :func:`span` of
    the values learned from, and beyond their middle all is 1. No probability.
    """
    sure = pl.when(value.is_not_null()).then(1.0).otherwise(None)
    if not cuts or not ends:
        return sure
    edges = [min(ends[0], cuts[0]), *cuts, max(ends[1], cuts[-1])]
    at, answer = tier(value, cuts), sure
    for place, (low, high) in enumerate(pairwise(edges)):
        half = (high - low) / 2
        if half <= 0:
            continue
        gaps = [value - low] * (place > 0) + [high - value] * (place < len(cuts))
        clear = 0.5 + 0.5 * (pl.min_horizontal(*gaps) / half).clip(0, 1)
        answer = pl.when(at == place).then(clear).otherwise(answer)
    return answer


def every(value: pl.Expr, constant: float) -> pl.Expr:
    """Return a constant for each value: a literal would give one row where there are none, or many."""
    return pl.when(value.is_null()).then(pl.lit(constant)).otherwise(pl.lit(constant))


def raise_for(*problems: str | None) -> None:
    """Raise ParamsError with every problem, where there is one."""
    if found := [problem for problem in problems if problem]:
        raise ParamsError(" ".join(found))
