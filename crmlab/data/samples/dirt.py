"""Dirt of known kinds at known places, as real exports have it.

A change spoils one value of a row; an addition puts a further row behind the one that it is made
from. No row is dirty twice. ``reason`` is why cleaning rejects the row, null where it keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from crmlab.data.samples.draws import Bools, Ints

DIRT_SCHEMA = {
    "table": pl.String,
    "row": pl.Int64,
    "source_row": pl.Int64,
    "column": pl.String,
    "kind": pl.String,
    "original": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True, eq=False)
class Change:
    """``value`` stands where ``column`` was, in a share of the rows for which ``where`` holds."""

    kind: str
    column: str
    share: float
    value: pl.Expr
    reason: str | None = None
    where: pl.Expr | None = None


@dataclass(frozen=True, eq=False)
class Addition:
    """A copy of a share of the rows, with other ``values``; ``blank`` leaves the rest empty."""

    kind: str
    share: float
    values: Mapping[str, pl.Expr]
    reason: str | None = None
    blank: bool = False


def spoil(
    table: str,
    frame: pl.DataFrame,
    changes: Iterable[Change],
    additions: Iterable[Addition],
    rng: np.random.Generator,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table with dirt in it, and where the dirt is (``DIRT_SCHEMA``).

    ``row`` is the place of a row among the rows of the table, from 0; ``source_row`` its line in a file
    that begins with one line of headers, from 1.
    """
    clean = frame.with_columns(_key=pl.int_range(pl.len()).cast(pl.Float64))
    free = np.ones(frame.height, dtype=bool)
    found = [pl.DataFrame(schema={"_key": pl.Float64, **DIRT_SCHEMA}).drop("table", "row", "source_row")]
    added = []
    for change in changes:
        able = frame[change.column].is_not_null()
        if change.where is not None:
            able &= frame.select(change.where.fill_null(value=False)).to_series()
        rows = _choose(free, able.to_numpy(), change.share, rng)
        values = frame[rows].select(change.value.cast(pl.String)).to_series()
        found.append(_found(clean[rows]["_key"], change, change.column, frame[change.column].gather(rows)))
        clean = clean.with_columns(clean[change.column].scatter(rows, values))
    for addition in additions:
        rows = _choose(free, free, addition.share, rng)
        source = frame[rows]
        copy = source.clear(len(rows)) if addition.blank else source
        values_of = source.select(**addition.values) if addition.values else source.select()
        copy = copy.with_columns(values_of.get_columns(), _key=clean["_key"].gather(rows) + 0.5)
        found.append(_found(copy["_key"], addition, None, None))
        added.append(copy)
    together = pl.concat([clean, *added]).sort("_key").with_row_index("row")
    places = pl.concat(found).join(
        together.select("_key", pl.col("row").cast(pl.Int64)), on="_key", how="left"
    )
    places = places.with_columns(pl.lit(table).alias("table"), source_row=pl.col("row") + 2)
    return together.drop("_key", "row"), places.select(*DIRT_SCHEMA).sort("row")


def _choose(free: Bools, able: Bools, share: float, rng: np.random.Generator) -> Ints:
    """Choose a share of the able rows among the free ones, and use them up.

    Every kind occurs where there are rows enough.
    """
    places = np.flatnonzero(free & able)
    wanted = max(round(share * len(places)), 1 if len(places) >= _ENOUGH else 0)
    chosen = np.sort(rng.choice(places, wanted, replace=False))
    free[chosen] = False
    return chosen


_ENOUGH = 50


def _found(
    keys: pl.Series, dirt: Change | Addition, column: str | None, original: pl.Series | None
) -> pl.DataFrame:
    return pl.DataFrame({"_key": keys}).with_columns(
        column=pl.lit(column, pl.String),
        kind=pl.lit(dirt.kind),
        original=pl.lit(None, pl.String) if original is None else original,
        reason=pl.lit(dirt.reason, pl.String),
    )
