"""Chunks of rows that an ingest has cleaned: each kept in one file, bucket by bucket, until it is sorted.

::

    000000500000-000001000000/rows.arrows    an Arrow stream per bucket, one after the other
    000000500000-000001000000/places.npy     where in it the bucket of each number begins and ends
    000000500000-000001000000/counted.json   what was counted, and how large each file is: written last
    000000500000-000001000000/…              what others keep of the chunk

A file per bucket would be some ten thousand small ones, which take longer to open than to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates.store import write_json
from crmlab.errors import DataError

WORKERS = 2
"""Chunks, or buckets, that are in memory at once."""
COUNTED = "counted.json"
_ROWS, _PLACES, _SIZES = "rows.arrows", "places.npy", "bytes"


def in_chunks(orders: pl.LazyFrame, first: int, size: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Read the orders from row ``first`` on, ``size`` at a time: the number of a chunk's first row, and it.

    Raises DataError for data that breaks off.
    """
    held: list[pl.DataFrame] = []
    height = 0
    try:
        for batch in orders.slice(first).collect_batches(chunk_size=size, maintain_order=True):
            held.append(batch)
            height += batch.height
            while height >= size:
                rows = pl.concat(held)
                held = [rows.slice(size)]
                yield first, rows.head(size)
                first, height = first + size, height - size
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"The data of the orders cannot be read to its end ({type(error).__name__}): it breaks off, is "
            "damaged, or cannot be reached. Export it again, or try again."
        ) from None
    if height:
        yield first, pl.concat(held)


def write(folder: Path, rows: pl.DataFrame, bucket: NDArray[np.int64], buckets: int) -> None:
    """Keep rows, of which ``bucket`` says where each belongs, in the folder of their chunk."""
    number = bucket.astype(np.uint16 if buckets <= 1 << 16 else np.int64)  # few bits are sorted by counting
    dealt = rows.rechunk()[
        number.argsort(kind="stable")
    ]  # of one piece: of several it takes eight times as long
    ends = np.cumsum(np.bincount(bucket, minlength=buckets))
    places = np.zeros(buckets + 1, np.int64)
    with (folder / _ROWS).open("wb") as file:
        start = 0
        for at, end in enumerate(ends.tolist()):
            if end > start:
                dealt[start:end].write_ipc_stream(file, compression="lz4")
            places[at + 1] = file.tell()
            start = end
    np.save(folder / _PLACES, places)


def seal(folder: Path, counted: Mapping[str, Any]) -> None:
    """Say what was counted in a chunk, now that all other files of it are written."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    write_json(folder / COUNTED, {**counted, _SIZES: sizes})


def is_whole(folder: Path) -> bool:
    """Say whether all files of a chunk are there: not so where the power failed before they were written."""
    try:
        sizes = json.loads((folder / COUNTED).read_text(encoding="utf-8"))[_SIZES]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, LookupError):
        return False


def there(folder: Path) -> list[Path]:
    """Return the folders of the chunks in a folder, in the order of their rows."""
    return sorted(folder.glob("[0-9]*"))


class Chunks:
    """Chunks of an ingest, all of which are written."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self._places = [np.load(folder / _PLACES).tolist() for folder in folders]

    def read(self, bucket: int) -> list[pl.DataFrame]:
        """Return the rows of a bucket in each of the chunks that have any."""
        found = []
        for folder, places in zip(self.folders, self._places, strict=True):
            start, end = places[bucket : bucket + 2]
            if end > start:
                with (folder / _ROWS).open("rb") as file:
                    file.seek(start)
                    found.append(pl.read_ipc_stream(file.read(end - start)))
        return found
