"""The first pass of an ingest: chunks of rows are read, cleaned as every table is, and dealt to buckets."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import polars as pl

from crmlab.aggregates import chunks
from crmlab.aggregates.contested import write_marks
from crmlab.aggregates.hashing import buckets_of, hashes
from crmlab.data.cleaning import clean, has_other_currency
from crmlab.data.policy import Policy

FEW_VALUES = 500
"""Columns of text with more values than this in a chunk have no list of values."""
LISTED = ("channel", "product", "store")
"""Columns of which a store lists the values."""
_CLEANED_ROWS = 250_000
"""Rows that are cleaned at once: cleaning holds them several times over."""


class Chunking(NamedTuple):
    """How ``rows`` rows become chunks in ``folder``: of ``size`` rows each, dealt to ``buckets``."""

    folder: Path
    rows: int
    size: int
    buckets: int

    def name(self, start: int) -> str:
        """Return the name of the chunk that begins at a row."""
        return f"{start:012}-{min(start + self.size, self.rows):012}"


def deal(
    orders: pl.LazyFrame, chunking: Chunking, time_zone: str, policy: Policy | None, currency: str | None
) -> Iterator[int]:
    """Deal the rows that are not dealt yet, some chunks at a time; say after each how many rows are done.

    What an earlier process has left is gone on with; a chunk of it that is not whole is made anew.
    """
    for path in chunks.there(chunking.folder):
        if path.name != chunking.name(int(path.name.split("-")[0])) or not chunks.is_whole(path):
            shutil.rmtree(path)
    there = {path.name for path in chunks.there(chunking.folder)}
    starts = range(0, chunking.rows, chunking.size)
    first = next((start for start in starts if chunking.name(start) not in there), chunking.rows)
    done = first
    yield done
    under_way: deque[tuple[int, Future[None]]] = deque()
    with ThreadPoolExecutor(chunks.WORKERS) as pool:
        for start, rows in chunks.in_chunks(orders, first, chunking.size):
            if chunking.name(start) in there:  # dealt before a kill, beside one that was not
                done += rows.height
                yield done
                continue
            work = pool.submit(_deal, rows, start, chunking, time_zone, policy, currency)
            under_way.append((rows.height, work))
            del rows
            if len(under_way) == chunks.WORKERS:
                size, work = under_way.popleft()
                work.result()
                done += size
                yield done
        for size, work in under_way:
            work.result()
            done += size
            yield done


def _deal(
    given: pl.DataFrame,
    start: int,
    chunking: Chunking,
    time_zone: str,
    policy: Policy | None,
    currency: str | None,
) -> None:
    """Clean the rows of a chunk, which begins at ``start``, and write them bucket by bucket."""
    tables, rejects, reasons, end = [], [], Counter[str](), start
    for rows in given.iter_slices(_CLEANED_ROWS):
        if "order_id" not in rows.columns:
            number = pl.int_range(end + 1, end + 1 + pl.len())
            rows = rows.with_columns(order_id=pl.format("row-{}", number))
        cleaned = clean("orders", rows.lazy(), time_zone, policy, currency, is_part=True)
        tables.append(cleaned.table)
        rejects.append(cleaned.rejected.with_columns(pl.col("row") + end))
        reasons.update(cleaned.counts)
        end += rows.height
    partial = chunking.folder / f".{start:012}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    table = pl.concat(tables, how="diagonal")
    bucket = buckets_of(table["customer_id"], chunking.buckets)
    write_marks(partial, hashes(table["order_id"]), bucket, chunking.buckets)
    chunks.write(partial, table, bucket, chunking.buckets)
    if rejected := [rows for rows in rejects if rows.height]:
        pl.concat(rejected, how="diagonal_relaxed").write_parquet(partial / "rejected.parquet")
    counted = {
        "rejected": dict(reasons),
        "values": {name: _values(table[name]) for name in LISTED if name in table.columns},
        "currencies": "currency" in given.columns or has_other_currency(table, currency),
    }
    chunks.seal(partial, counted)
    partial.rename(chunking.folder / f"{start:012}-{end:012}")


def _values(column: pl.Series) -> dict[str, int] | None:
    """Count the values of a column; None where there are too many to list."""
    counts = column.drop_nulls().value_counts()
    if counts.height > FEW_VALUES:
        return None
    return dict(counts.sort(column.name).iter_rows())
