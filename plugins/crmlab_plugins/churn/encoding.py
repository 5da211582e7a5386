"""Columns of numbers, truth values and classes as one matrix of comparable columns.

Numbers are piecewise linear (a linear spline with knots at quantiles), so that a logistic regression
can follow a risk that rises, levels off and falls. Every encoded column has mean 0 and standard
deviation 1 where it was learned: a coefficient times its value is then what it adds to the log-odds
of an average customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Step = dict[str, Any]

KNOTS = 5
"""Inner knots of a spline, at equally spaced quantiles: 3–7 do for most shapes (Harrell 2015, 2.4.6)."""
_SKEWED = 2.0
_EDGES = (0.005, 0.995)
FEWEST = 10
"""Rows that a class needs for a column of its own; rarer ones count as no class in particular."""


def is_number(dtype: pl.DataType) -> bool:
    """Say whether values are measured on a scale: numbers and times, not truth values and texts."""
    return dtype.is_numeric() or dtype.is_temporal()


def numbers(values: pl.Series) -> Matrix:
    """Return a column as floats, NaN where it is null, no number, or infinite."""
    if values.dtype.is_temporal():
        values = values.to_physical()
    floats = values.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    return np.where(np.isfinite(floats), floats, np.nan)


def classes(values: pl.Series) -> pl.Series:
    """Return a column as texts; a truth value is ``true`` or ``false``."""
    return values.cast(pl.String)


def learn(rows: pl.DataFrame, columns: Sequence[str]) -> list[Step]:
    """Return how to encode each column, as JSON values."""
    steps = []
    for column in columns:
        number = is_number(rows.schema[column])
        step = _number_step(rows[column]) if number else _class_step(rows[column])
        step["column"] = column
        plain = _expanded(rows[column], step)
        scale = plain.std(axis=0) if len(plain) else np.ones(plain.shape[1])
        step["means"] = plain.mean(axis=0).tolist() if len(plain) else [0.0] * plain.shape[1]
        step["scales"] = np.where(scale > 1e-9, scale, 1.0).tolist()
        steps.append(step)
    return steps


def apply(rows: pl.DataFrame, steps: Sequence[Step]) -> tuple[Matrix, NDArray[np.int64]]:
    """Return the matrix, and for each of its columns the place of the step that it belongs to."""
    parts = list(blocks(rows, steps))
    owners = [place for place, part in enumerate(parts) for _ in range(part.shape[1])]
    return np.hstack([np.empty((rows.height, 0)), *parts]), np.array(owners, dtype=np.int64)


def blocks(rows: pl.DataFrame, steps: Sequence[Step]) -> Iterator[Matrix]:
    """Go through the columns of the matrix step by step, so that not all have to be held at once."""
    for step in steps:
        plain = _expanded(rows[step["column"]], step)
        plain -= np.array(step["means"])
        plain /= np.array(step["scales"])
        yield plain


def _number_step(values: pl.Series) -> Step:
    floats = numbers(values)
    known = floats[~np.isnan(floats)]
    step: Step = {"kind": "number", "log": False, "unit": 1.0, "knots": [], "low": 0.0, "high": 0.0}
    step["missing"] = bool(len(known) < len(floats))
    step["fill"] = float(np.median(known)) if len(known) else 0.0
    if not len(known):
        return step
    sizes = np.abs(known[known != 0])
    step["unit"] = float(np.median(sizes)) if len(sizes) else 1.0
    step["log"] = _skewness(known) > _SKEWED
    scaled = _scaled(known, step)
    step["low"], step["high"] = (float(edge) for edge in np.quantile(scaled, _EDGES))
    inner = np.unique(np.quantile(scaled, np.linspace(0, 1, KNOTS + 2)[1:-1]))
    step["knots"] = [float(knot) for knot in inner if step["low"] < knot < step["high"]]
    return step


def _class_step(values: pl.Series) -> Step:
    counted = classes(values).fill_null("").value_counts(name="n").sort(values.name)
    kept = counted.filter(pl.col("n") >= FEWEST)[values.name].to_list()
    # The last one is what the others are compared with, where nothing else is.
    return {"kind": "class", "levels": kept if len(kept) < counted.height else kept[:-1]}


def _expanded(values: pl.Series, step: Step) -> Matrix:
    if step["kind"] == "class":
        texts = classes(values).fill_null("")
        hits = [(texts == level).to_numpy().astype(np.float64) for level in step["levels"]]
        return np.column_stack(hits) if hits else np.empty((len(values), 0))
    floats = numbers(values)
    absent = np.isnan(floats)
    scaled = np.clip(_scaled(np.where(absent, step["fill"], floats), step), step["low"], step["high"])
    basis = [scaled, *(np.maximum(0.0, scaled - knot) for knot in step["knots"])]
    if step["missing"]:
        basis.append(absent.astype(np.float64))
    return np.column_stack(basis)


def _scaled(floats: Matrix, step: Step) -> Matrix:
    return np.sign(floats) * np.log1p(np.abs(floats) / step["unit"]) if step["log"] else floats


def _skewness(values: Matrix) -> float:
    centred = values - values.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    if deviation <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return 0.0
    return float(np.mean((centred / deviation) ** 3))
