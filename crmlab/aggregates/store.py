"""Orders in buckets by a hash of the customer, each sorted by customer and day: memory bounded by a bucket.

::

    NAME/store.json                      what is in it: see :class:`Store`
    NAME/bucket-0003/part-000001.parquet the orders of the customers of bucket 3
    NAME/bucket-0003/state-000001.arrow  the state of its customers, where it is kept: see
    NAME/bucket-0003/orders-000001.npy   :mod:`crmlab.aggregates.increments`
    NAME/rejected/…                      rows that were rejected, as they were read, with the reason

All orders of a customer lie in one bucket. The parts are plain Parquet files with the columns of the
canonical table, which any engine reads; those that ``store.json`` names are the table, and others are what an
append left that was interrupted.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl
import polars.selectors as cs

from crmlab.aggregates.layout import Layout
from crmlab.errors import DataError

MANIFEST = "store.json"
VERSION = 1
_NOTHING = {"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64, "order_id": pl.String}
_NO_ROOM = 1 << 20
"""Bytes of a disk that is as good as full."""
ORDER = ("customer_id", "day")
"""The columns that each part is sorted by."""


@dataclass(frozen=True)
class Store:
    """A folder of orders in buckets, complete since it has its manifest.

    ``manifest`` has ``buckets`` (their number), ``rows``, ``customers``, ``first_day``, ``last_day``,
    ``time_zone``, ``currency``, ``rejected`` (reason → rows), ``values`` (column → value → rows, most
    frequent first, of columns with few values) and ``parts`` (bucket → files with rows and customers); where
    a state is kept, ``state`` (its layout, and bucket → its files) and ``appends`` (how many there were).
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Store:
        """Open a store; raise DataError where there is none, or one of a later version."""
        folder = Path(folder)
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise DataError(
                f"{folder.name} is no store of orders: it has no readable {MANIFEST}. Make one with "
                "`crmlab ingest STUDY FOLDER`; one that was interrupted goes on when it is called again."
            ) from None
        if manifest.get("version") != VERSION:
            raise DataError(
                f"{folder.name} is a store of version {manifest.get('version')!r}; this crmlab reads version "
                f"{VERSION}. Ingest it anew."
            )
        return cls(folder, manifest)

    @property
    def buckets(self) -> range:
        """The numbers of the buckets."""
        return range(self.manifest["buckets"])

    def rows(self, bucket: int) -> pl.LazyFrame:
        """Return the orders of a bucket, sorted by customer and day.

        A column of few values is an Enum of those of the part; of several parts, text.
        """
        parts = self._parts(bucket)
        if not parts:
            return self.scan().clear()
        if len(parts) == 1:
            return pl.scan_parquet(parts, glob=False, hive_partitioning=False)
        return _as_text(parts).sort(*ORDER, maintain_order=True)

    def scan(self) -> pl.LazyFrame:
        """Return all orders, bucket by bucket."""
        parts = [part for bucket in self.buckets for part in self._parts(bucket)]
        return _as_text(parts) if parts else pl.LazyFrame(schema=_NOTHING)

    def _parts(self, bucket: int) -> list[Path]:
        return [self.folder / part["file"] for part in self.manifest["parts"].get(str(bucket), ())]

    def layout(
        self,
        category_column: str = "product",
        windows: tuple[int, ...] = (30, 90, 365),
        counted: int = 5,
        *,
        gaps: bool = True,
    ) -> Layout:
        """Return a layout with the channels and categories that were seen at ingest, most frequent first.

        Where a state of the same categories is kept, they are in its order: an append may change which is
        the most frequent, but not what ``channel_1_orders`` means.
        """
        values = self.manifest["values"]
        channels, categories = (tuple(values.get(name, ())) for name in ("channel", category_column))
        if "state" in self.manifest:
            kept = Layout.read(self.manifest["state"]["layout"])
            if kept.category_column == category_column:
                channels, categories = kept.channels, kept.categories
        return Layout(
            channels=channels,
            categories=categories,
            windows=windows,
            counted=counted,
            gaps=gaps,
            category_column=category_column,
        )


def _as_text(parts: list[Path]) -> pl.LazyFrame:
    """Read parts whose columns of few values may have other values in each."""
    frames = [pl.scan_parquet(part, glob=False, hive_partitioning=False) for part in parts]
    return pl.concat([frame.with_columns(cs.enum().cast(pl.String)) for frame in frames], how="diagonal")


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest whole or not at all."""
    write_json(folder / MANIFEST, {"version": VERSION, **manifest})


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, even when the power fails."""
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write Parquet so that the file is there complete, or not at all."""
    write_whole(path, lambda file: frame.write_parquet(file, compression="lz4"))


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Have a file written so that it is there complete, or not at all; raise OSError for a full disk."""
    partial = path.with_name(path.name + ".partial")
    with telling_full_disk(path), partial.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@contextmanager
def telling_full_disk(path: Path) -> Iterator[None]:
    """Raise OSError for a full disk, which polars tells as a fault of the format of the file."""
    try:
        yield
    except pl.exceptions.PolarsError:
        if shutil.disk_usage(path.parent).free < _NO_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        raise
