"""Columns of classes as codes: the place of a value in a kept list, −1 for what is unknown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from crmlab.errors import ParamsError
from crmlab_plugins.learned.preparation import Matrix

Values = list[str]
_TRUTH = {True: "true", False: "false"}
MOST = 30
"""Classes that a column is read with; the rarest beyond count as unknown."""


def is_classes(dtype: pl.DataType) -> bool:
    """Say whether a column holds classes: texts or truth values."""
    return dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


def learn(features: pl.DataFrame, columns: Sequence[str]) -> dict[str, Values]:
    """Return the classes of each column, as texts in sorted order."""
    found = {}
    for column in columns:
        counts = texts(features[column]).drop_nulls().value_counts()
        top = counts.sort(["count", column], descending=[True, False]).head(MOST)
        found[column] = top[column].sort().to_list()
    return found


def encode(values: pl.Series, known: Values) -> Matrix:
    """Return the code of each value as a float."""
    codes = {value: float(at) for at, value in enumerate(known)}
    if not codes:
        return np.full(len(values), -1.0)
    return (
        texts(values).replace_strict(codes, default=-1.0, return_dtype=pl.Float64).fill_null(-1.0).to_numpy()
    )


def texts(values: pl.Series) -> pl.Series:
    """Return classes as texts; truth values as "true" and "false"."""
    if values.dtype == pl.Boolean:
        return values.replace_strict(_TRUTH, default=None, return_dtype=pl.String)
    return values.cast(pl.String)


def check(features: pl.DataFrame, columns: Sequence[str], who: str) -> None:
    """Raise ParamsError for a column that holds no classes."""
    wrong = [c for c in columns if not (is_classes(features.schema[c]) or features.schema[c] == pl.Null)]
    if wrong:
        raise ParamsError(
            f"{who} needs columns of texts or truth values; of its inputs, {', '.join(wrong)} holds "
            f"{features.schema[wrong[0]]}. Leave it out, or use k-prototypes, which takes numbers as well."
        )
