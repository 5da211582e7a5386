"""Cut-points and scores of recency, frequency and monetary value, by convention.

Cut-points are a dict of ascending lists, one number fewer than there are scores, in the units of
the columns (days, orders, currency):

* ``recency``, ``frequency``, ``monetary`` in every convention but ``nested``;
* ``recency``, ``frequency@R5`` … and ``monetary@R5F5`` … in ``nested``, one list per cell.

With them a score depends on the customer's own row alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Literal

import polars as pl

from crmlab.errors import ParamsError

Convention = Literal[
    "value_quintile", "r_rfm", "rank_first", "nested", "fixed", "mean_binary", "median_binary"
]
CutPoints = dict[str, list[float]]

COLUMNS = {"recency": "days_since_last_order", "frequency": "order_count", "monetary": "total_spend"}
"""Dimension → the feature column that it scores."""

KEY = "customer_id"


def cell_names(convention: Convention, bins: int) -> list[str]:
    """Return the keys that the cut-points of a convention have."""
    if convention != "nested":
        return list(COLUMNS)
    scores = range(1, bins + 1)
    frequency = [f"frequency@R{r}" for r in scores]
    return ["recency", *frequency, *(f"monetary@R{r}F{f}" for r, f in product(scores, scores))]


def check_cut_points(name: str, cuts: CutPoints, convention: Convention, bins: int) -> None:
    """Raise ParamsError where given cut-points have wrong keys, lengths or order."""
    expected = cell_names(convention, bins)
    if set(cuts) != set(expected):
        raise ParamsError(
            f"{name} has the keys {', '.join(cuts) or 'none'}; with the convention {convention!r} and "
            f"{bins} scores it needs {', '.join(expected)}."
        )
    for key, points in cuts.items():
        ascending = all(low <= high for low, high in pairwise(points))
        if len(points) != bins - 1 or not ascending or not all(map(math.isfinite, points)):
            raise ParamsError(
                f"{name}.{key} is {points}; {bins} scores need {bins - 1} finite numbers in ascending order."
            )


def learn(convention: Convention, bins: int, features: pl.DataFrame) -> CutPoints:
    """Learn the cut-points from one row per customer without nulls; empty lists from no customer."""
    if convention == "nested":
        return _learn_nested(bins, features)
    find: dict[str, Callable[[list[float], int], list[float]]] = {
        "value_quintile": quantiles,
        "r_rfm": lambda values, parts: [point + 1 for point in quantiles(values, parts)],
        "rank_first": lambda values, parts: [values[at] for at in _places(len(values), parts)],
        "mean_binary": lambda values, parts: [math.fsum(values) / len(values)] if values else [],
        "median_binary": quantiles,
    }
    return {
        name: find[convention](features[column].cast(pl.Float64).sort().to_list(), bins)
        for name, column in COLUMNS.items()
    }


def learn_cut_ids(bins: int, features: pl.DataFrame) -> dict[str, list[str]]:
    """Return the customers who stand at the cut-points of ``rank_first``: ties break by id."""
    places = _places(features.height, bins)
    return {
        name: features.sort(column, KEY)[KEY].gather(places).to_list() for name, column in COLUMNS.items()
    }


def score(
    convention: Convention,
    bins: int,
    cuts: CutPoints,
    features: pl.DataFrame,
    cut_ids: dict[str, list[str]] | None = None,
) -> pl.DataFrame:
    """Return Int64 columns ``recency_score``, ``frequency_score``, ``monetary_score``, 1 to ``bins``."""
    if convention == "nested":
        return _score_nested(bins, cuts, features)
    scores = {}
    for name, column in COLUMNS.items():
        if convention == "rank_first" and cut_ids is not None:
            past = [
                (pl.col(column) > point) | ((pl.col(column) == point) & (pl.col(KEY) > customer))
                for point, customer in zip(cuts[name], cut_ids[name], strict=True)
            ]
        else:
            past = _past(pl.col(column), cuts[name], closed_left=convention == "r_rfm")
        scores[f"{name}_score"] = _score(past, bins, reverse=name == "recency")
    return features.with_columns(**scores).select(*scores)


def quantiles(values: Sequence[float], parts: int) -> list[float]:
    """Return the type-7 quantiles that cut ascending values into ``parts`` (Hyndman & Fan 1996).

    The position is computed in integers, so that a quantile that falls on a value is that value.
    """
    return quantiles_at(values, [Fraction(part, parts) for part in range(1, parts)])


def quantiles_at(values: Sequence[float], shares: Sequence[float | Fraction]) -> list[float]:
    """Return the type-7 quantiles of ascending values at given shares; none from no value.

    A share written as a decimal, such as 0.8, is taken as exactly that.
    """
    cuts = []
    for share in shares if values else ():
        exact = Fraction(str(share)) if isinstance(share, float) else Fraction(share)
        at, rest = divmod(exact * (len(values) - 1), 1)
        low = float(values[at])
        cuts.append(low + (values[at + 1] - low) * float(rest) if rest else low)
    return cuts


def _places(count: int, parts: int) -> list[int]:
    """Return where the last of each of ``parts - 1`` equal groups stands among ``count`` ranks."""
    return [part * (count - 1) // parts for part in range(1, parts)] if count else []


def _past(value: pl.Expr, cuts: Sequence[float], *, closed_left: bool = False) -> list[pl.Expr]:
    return [value >= point if closed_left else value > point for point in cuts]


def _score(past: list[pl.Expr], bins: int, *, reverse: bool = False) -> pl.Expr:
    """Count the cut-points that a value is past; fewest days are the best recency."""
    passed = pl.sum_horizontal([pl.lit(0), *past]).cast(pl.Int64)
    return bins - passed if reverse else passed + 1


def _learn_nested(bins: int, features: pl.DataFrame) -> CutPoints:
    def values(frame: pl.DataFrame, name: str) -> list[float]:
        return frame[COLUMNS[name]].cast(pl.Float64).sort().to_list()

    cuts = {"recency": quantiles(values(features, "recency"), bins)}
    recency = _score(_past(pl.col(COLUMNS["recency"]), cuts["recency"]), bins, reverse=True)
    frame = features.with_columns(r=recency)
    for r in range(1, bins + 1):
        # A cell without customers takes the cut-points of what it lies in.
        row = frame.filter(pl.col("r") == r)
        row = row if row.height else frame
        cuts[f"frequency@R{r}"] = quantiles(values(row, "frequency"), bins)
        frequency = _score(_past(pl.col(COLUMNS["frequency"]), cuts[f"frequency@R{r}"]), bins)
        row = row.with_columns(f=frequency)
        for f in range(1, bins + 1):
            cell = row.filter(pl.col("f") == f)
            cuts[f"monetary@R{r}F{f}"] = quantiles(values(cell if cell.height else row, "monetary"), bins)
    return cuts


def _score_nested(bins: int, cuts: CutPoints, features: pl.DataFrame) -> pl.DataFrame:
    def scored(name: str) -> pl.Expr:
        return by_cell(name, cuts, lambda points: _score(_past(pl.col(COLUMNS[name]), points), bins))

    recency = _score(_past(pl.col(COLUMNS["recency"]), cuts["recency"]), bins, reverse=True)
    return (
        features.with_columns(recency_score=recency)
        .with_columns(frequency_score=scored("frequency"))
        .select("recency_score", "frequency_score", monetary_score=scored("monetary"))
    )


def by_cell(name: str, cuts: CutPoints, of_cuts: Callable[[list[float]], pl.Expr]) -> pl.Expr:
    """Return what ``of_cuts`` makes of a dimension's cut-points, or of those of the customer's cell.

    With ``nested`` the columns ``recency_score`` and, for monetary, ``frequency_score`` name the cell.
    """
    if name in cuts:
        return of_cuts(cuts[name])
    r, f = pl.col("recency_score"), pl.col("frequency_score")
    cells = {key: key.partition("@R")[2].split("F") for key in cuts if key.startswith(f"{name}@")}
    return _choose(
        [
            (
                pl.all_horizontal(score == int(value) for score, value in zip((r, f), place, strict=False)),
                of_cuts(cuts[key]),
            )
            for key, place in cells.items()
        ]
    )


def _choose(cases: list[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    """Take the value of the one condition that holds."""
    return pl.coalesce(pl.when(condition).then(value) for condition, value in cases)
