"""Order numbers that several customers have, found over all chunks of an ingest, in whatever buckets.

Each chunk keeps the hashes of its order numbers, sorted, with those of their customers. Where equal numbers
have different customers the rows themselves are compared, so that no hash decides. Memory is bounded: the
hashes of all chunks are looked through range by range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from crmlab import memory
from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.order_numbers import Hashes, contradicting

INDEX = "orders.npy"
_ROW_BYTES = 64
"""Memory that a row takes while its range is sorted."""


def write_index(folder: Path, orders: Hashes, customers: Hashes) -> None:
    """Keep the hashes of the rows' numbers and customers in the folder of their chunk."""
    index = np.stack([orders, customers])
    np.save(folder / INDEX, index[:, np.argsort(index[0])])


def suspects(chunks: Sequence[Path]) -> Hashes:
    """Return the hashes of numbers that seem to have several customers, sorted."""
    indexes = [np.load(chunk / INDEX, mmap_mode="r") for chunk in chunks]
    rows = sum(index.shape[1] for index in indexes)
    ranges = 1 + rows * _ROW_BYTES // (memory.budget_mb() << 20)
    found = [np.zeros(0, np.uint64)]
    for start in range(ranges):
        ends = [(1 << 64) * place // ranges for place in (start, start + 1)]
        inside = []
        for index in indexes:
            first = np.searchsorted(index[0], np.uint64(ends[0]))
            last = np.searchsorted(index[0], np.uint64(ends[1] - 1), side="right")
            inside.append(index[:, first:last])
        if inside:
            orders, customers = np.concatenate(inside, axis=1)
            place = np.argsort(orders, kind="stable")
            orders, customers = orders[place], customers[place]
            again = (orders[1:] == orders[:-1]) & (customers[1:] != customers[:-1])
            found.append(np.unique(orders[1:][again]))
    return np.concatenate(found)


def numbers(chunks: Sequence[Path], suspected: Hashes) -> pl.Series:
    """Return the order numbers that no row may keep, sorted.

    Those that several customers have, and those of which one chunk has rejected several contents already.
    """
    rejected = (pl.read_parquet(path) for chunk in chunks if (path := chunk / "rejected.parquet").exists())
    told = [contradicting(rows) for rows in rejected]
    rows = [pl.DataFrame(schema={"order_id": pl.String, "customer_id": pl.String})]
    if len(suspected):
        rows += _suspected(chunks, suspected)
    owners = pl.concat(rows).unique().group_by("order_id").len()
    several = owners.filter(pl.col("len") > 1)["order_id"]
    return pl.concat([several, *told]).unique().sort()


def _suspected(chunks: Sequence[Path], suspected: Hashes) -> Iterator[pl.DataFrame]:
    for chunk in chunks:
        if np.isin(np.load(chunk / INDEX, mmap_mode="r")[0], suspected).any():
            for piece in sorted(chunk.glob("bucket-*.parquet")):
                rows = pl.read_parquet(piece, columns=["order_id", "customer_id"])
                yield rows.filter(pl.Series(np.isin(hashes(rows["order_id"]), suspected)))
