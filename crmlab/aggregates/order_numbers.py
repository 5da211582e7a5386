"""The numbers of the orders of a store, as sorted hashes: which are there, and which contradict themselves.

Beside each part lie the hashes of its numbers, in which a number is found without reading the orders. An
order whose number comes with several contents is nobody's to decide, whether they come on one day or on two:
none of them stays, and the number is remembered, so that a third content does not enter later.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.store import Store
from crmlab.data import convert
from crmlab.data.cleaning import as_text

Hashes = NDArray[np.uint64]
CONTRADICTION = "unique_id"
"""Reason of rows whose number has several contents."""


def found(numbers: Hashes, indexes: Iterable[Hashes]) -> NDArray[np.bool_]:
    """Say which numbers are in one of the sorted indexes."""
    there = np.zeros(len(numbers), bool)
    order = np.argsort(numbers)  # in their order, neighbours lie in the same page of an index
    for index in indexes:
        if len(index):
            places = np.searchsorted(index, numbers[order]).clip(max=len(index) - 1)
            there[order] |= index[places] == numbers[order]
    return there


def contradicting(rejected: pl.DataFrame) -> pl.Series:
    """Return the numbers of rejected rows, as they were read or cleaned, that have several contents."""
    if not {"reason", "order_id"} <= set(rejected.columns):
        return pl.Series("order_id", [], pl.String)
    written = convert.code(as_text(pl.col("order_id"), rejected.schema["order_id"]))
    rows = rejected.filter(pl.col("reason") == CONTRADICTION)
    return rows.select(written.alias("order_id")).to_series().drop_nulls().unique().sort()


def withdrawn(store: Store) -> Hashes:
    """Return the hashes of the numbers that had several contents so far."""
    if name := store.manifest.get("withdrawn"):
        kept: Hashes = np.load(store.folder / name)
        return kept
    frames = (pl.read_parquet(path, glob=False) for path in sorted(store.folder.glob("rejected/*.parquet")))
    return merged(hashes(contradicting(frame)) for frame in frames)


def merged(indexes: Iterable[Hashes]) -> Hashes:
    """Return the hashes of several indexes as one, each once, sorted."""
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *indexes]))


def load(path: Path) -> Hashes:
    """Open the index of a part, of which only the pages that are looked at are read."""
    index: Hashes = np.load(path, mmap_mode="r")
    return index
