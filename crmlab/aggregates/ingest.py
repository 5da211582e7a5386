"""Bring orders of any number into a store, in memory bounded by a chunk and a bucket.

Two passes over staging files beside the store: chunk by chunk the rows are cleaned as every table is
(:func:`crmlab.data.cleaning.clean`), counted where they are rejected, and dealt to buckets; then bucket by
bucket they are sorted, and orders that came twice in different chunks are found; a number that two customers
have is found between the passes, in all buckets at once. Each chunk and each bucket
is there whole or not at all, so an ingest that was killed goes on where it was. The store appears by one
rename at the end.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from crmlab import memory
from crmlab.aggregates import chunks
from crmlab.aggregates.chunks import WORKERS
from crmlab.aggregates.contested import again, among, load, numbers
from crmlab.aggregates.dealing import FEW_VALUES, Chunking, deal
from crmlab.aggregates.order_numbers import CONTRADICTION
from crmlab.aggregates.sorting import in_runs, without, without_repeats
from crmlab.aggregates.store import MANIFEST, Store, write_json, write_manifest, write_parquet
from crmlab.data.policy import Policy
from crmlab.data.schemas import BY_POLICY, REASONS
from crmlab.errors import DataError, QualityGateError

_CHUNK_ROWS = 500_000
"""Rows that are read, cleaned and dealt at once where memory allows."""
_ROW_BYTES = 1024
"""Memory to plan with for a row of a bucket: copies while it is sorted, and as many workers."""
_CHUNK_ROW_BYTES = 6144
"""The same for a row of a chunk, of which more is in memory: what is read ahead, and what cleaning makes."""
_PLAN, _LOCK, _CHUNKS, _CONTESTED, _AGAIN = "plan.json", ".lock", "chunks", "contested.parquet", "again.bin"


class Progress(NamedTuple):
    """What an ingest has done: ``stage`` is ``"reading"`` rows, ``"comparing"`` or ``"sorting"`` buckets."""

    stage: str
    done: int
    total: int


def ingest(
    orders: pl.LazyFrame,
    folder: Path,
    *,
    time_zone: str,
    policy: Policy | None = None,
    currency: str | None = None,
    fingerprint: str = "",
    max_rejected_share: float = 1.0,
    buckets: int | None = None,
    chunk_rows: int | None = None,
    advance: Callable[[Progress], object] = lambda progress: None,
) -> Store:
    """Bring ``orders``, as a source delivers them, into a new store at ``folder``.

    ``fingerprint`` says which input it is: an interrupted ingest of another one is not gone on with.
    ``buckets`` and ``chunk_rows`` are chosen from the rows and the memory unless given. Raises DataError
    where the folder holds something, where another ingest into it is running or was interrupted with other
    input or settings, and QualityGateError for too many faulty rows.
    """
    from filelock import FileLock, Timeout

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder.name} exists and is not empty. Name a new folder, or remove it first; orders that a "
            "store does not have yet are added with `crmlab ingest --append`."
        )
    staging = folder.with_name(f".{folder.name}.ingest")
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(staging / _LOCK, timeout=0):
            if (staging / MANIFEST).exists():  # killed just before the end
                _tidy(staging)
                return _published(staging, folder)
            total = int(orders.select(pl.len()).collect().item())
            work = _Work(
                staging,
                total,
                buckets or buckets_for(total),
                chunk_rows or chunk_rows_for(),
                {"time_zone": time_zone, "currency": currency, "policy": (policy or Policy()).model_dump()},
            )
            work.begin(fingerprint)
            for done in work.deal(orders, policy, currency):
                advance(Progress("reading", done, total))
            work.check(max_rejected_share)
            advance(Progress("comparing", 0, 1))
            work.compare(max_rejected_share)
            advance(Progress("comparing", 1, 1))
            advance(Progress("sorting", 0, work.buckets))
            with ThreadPoolExecutor(WORKERS) as pool:
                for done, _ in enumerate(pool.map(work.sort, range(work.buckets))):
                    advance(Progress("sorting", done + 1, work.buckets))
            work.check(max_rejected_share)
            work.finish()
            _tidy(staging)
            return _published(staging, folder)
    except Timeout:
        raise DataError(
            f"Another ingest into {folder.name} is running. Wait for it, or name another folder."
        ) from None


def buckets_for(rows: int) -> int:
    """Return how many buckets keep one within the memory to plan with: a power of two."""
    most = memory.budget_mb() * (1 << 20) // _ROW_BYTES
    buckets = 1
    while rows > most * buckets:
        buckets *= 2
    return buckets


def chunk_rows_for() -> int:
    """Return how many rows are read and cleaned at once, within the memory to plan with."""
    return min(_CHUNK_ROWS, memory.budget_mb() * (1 << 20) // _CHUNK_ROW_BYTES)


class _Work:
    """One ingest under way in its staging folder."""

    def __init__(
        self, staging: Path, total: int, buckets: int, chunk_rows: int, settings: dict[str, Any]
    ) -> None:
        self.staging = staging
        self.total = total
        self.buckets = buckets
        self.chunk_rows = chunk_rows
        self.settings = settings

    def begin(self, fingerprint: str) -> None:
        """Note what is being ingested, or check that it is what was begun."""
        plan = {
            "fingerprint": fingerprint,
            "rows": self.total,
            **self.settings,
        }
        path = self.staging / _PLAN
        if not path.exists():
            write_json(path, {**plan, "buckets": self.buckets, "chunk_rows": self.chunk_rows})
            return
        begun = json.loads(path.read_text(encoding="utf-8"))
        # Another machine, or more memory, must not deal differently.
        self.buckets, self.chunk_rows = begun.pop("buckets"), begun.pop("chunk_rows")
        changed = sorted(name for name in plan if plan[name] != begun.get(name))
        if changed:
            raise DataError(
                f"An ingest into this folder was interrupted, and since then {', '.join(changed)} changed. "
                f"Remove the folder {self.staging.name} to begin anew, or restore what it began with."
            )

    def deal(self, orders: pl.LazyFrame, policy: Policy | None, currency: str | None) -> Iterator[int]:
        """Deal the rows that are not dealt yet; say after each chunk how many rows are done."""
        chunking = Chunking(self.staging / _CHUNKS, self.total, self.chunk_rows, self.buckets)
        done = 0
        for done in deal(orders, chunking, self.settings["time_zone"], policy, currency):
            yield done
        if done != self.total:
            raise DataError(
                f"The input has {done:,} rows, and said that it has {self.total:,}. Remove the folder "
                f"{self.staging.name} and ingest it anew, from data at rest."
            )

    def compare(self, max_rejected_share: float) -> None:
        """Find the order numbers that come again, and those that several customers have, over all chunks."""
        path = self.staging / _CONTESTED
        if not (path.exists() and (self.staging / _AGAIN).exists()):
            suspected = again(self._dealt(), self.buckets, self.staging / _AGAIN)
            self.check(max_rejected_share, more=2 * len(suspected))
            contested = numbers(self._dealt(), suspected, self.buckets)
            write_parquet(path, contested.to_frame("order_id"))
        self.chunks = chunks.Chunks(self._dealt())
        self.again = load(self.staging / _AGAIN)
        self.contested = pl.read_parquet(path, glob=False)["order_id"]
        self.currencies = any(each["currencies"] for each in self._counted(self._dealt()))

    def sort(self, bucket: int) -> None:
        """Sort a bucket and set aside orders that came in two chunks, or of two customers."""
        folder = self.staging / f"bucket-{bucket:04}"
        done = folder / "counted.json"
        if done.exists():
            return
        pieces = self.chunks.read(bucket)
        folder.mkdir(exist_ok=True)
        counted: dict[str, Any] = {"rows": 0, "customers": 0, "rejected": {}}
        if pieces:
            rows = pl.concat(pieces, how="diagonal", rechunk=True)
            del pieces
            if not self.currencies:
                rows = rows.drop("currency", strict=False)
            rows, rejected = without_repeats(rows, among(rows["order_id"], self.again, self.buckets))
            rows, disputed = without(rows, self.contested)
            rejected = pl.concat([rejected, disputed])
            listed = {
                name: pl.Enum(list(values)) for name, values in self.values.items() if name in rows.columns
            }
            rows = rows.cast(listed)  # type: ignore[arg-type]
            rows, customers = in_runs(rows)
            write_parquet(folder / "part-000001.parquet", rows)
            if rejected.height:
                write_parquet(folder / "rejected.parquet", rejected)
            counted = {
                "rows": rows.height,
                "customers": customers,
                "first_day": rows["day"].min(),
                "last_day": rows["day"].max(),
                "rejected": dict(rejected.group_by("reason").len().sort("reason").iter_rows()),
            }
        write_json(done, counted)

    def check(self, max_rejected_share: float, more: int = 0) -> None:
        """Raise QualityGateError for more faulty rows than are allowed; ``more`` have a disputed number."""
        reasons = self._reasons() + Counter({CONTRADICTION: more})
        faulty = sum(count for reason, count in reasons.items() if reason not in BY_POLICY)
        if self.total and faulty / self.total > max_rejected_share:
            told = ", ".join(f"{REASONS[reason].en} {count:,}" for reason, count in reasons.most_common())
            raise QualityGateError(
                f"{faulty:,} of {self.total:,} rows ({faulty / self.total:.1%}) are rejected: {told}. The "
                f"study allows {max_rejected_share:.1%} (quality.max_rejected_share). The rows are in the "
                f"folder {self.staging.name}/chunks; remove {self.staging.name} once the data is corrected."
            )

    @cached_property
    def values(self) -> dict[str, dict[str, int]]:
        """Column of few values → value → rows, most frequent first, over all chunks."""
        values: dict[str, Counter[str]] = {}
        unlisted: set[str] = set()
        for each in self._counted(self._dealt()):
            for name, counts in each["values"].items():
                unlisted |= {name} if counts is None else set()
                values.setdefault(name, Counter()).update(counts or {})
        return {
            name: dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
            for name, counts in values.items()
            if name not in unlisted and len(counts) <= FEW_VALUES
        }

    def finish(self) -> None:
        """Move the rejected rows to one place, write the manifest, and drop what is no longer needed."""
        rejected = self.staging / "rejected"
        rejected.mkdir(exist_ok=True)
        for folder in [*self._dealt(), *self._sorted()]:
            if (path := folder / "rejected.parquet").exists():
                path.rename(rejected / f"{folder.name}.parquet")
        self._check_sum()
        found = {int(path.name.split("-")[1]): each for path, each in self._with_counts(self._sorted())}
        filled = {bucket: each for bucket, each in found.items() if each["rows"]}
        write_manifest(
            self.staging,
            {
                "table": "orders",
                **self.settings,
                "buckets": self.buckets,
                "rows": sum(each["rows"] for each in found.values()),
                "customers": sum(each["customers"] for each in found.values()),
                "first_day": min((each["first_day"] for each in filled.values()), default=None),
                "last_day": max((each["last_day"] for each in filled.values()), default=None),
                "rejected": dict(sorted(self._reasons().items())),
                "values": self.values,
                "parts": {
                    str(bucket): [
                        {
                            "file": f"bucket-{bucket:04}/part-000001.parquet",
                            "rows": each["rows"],
                            "customers": each["customers"],
                        }
                    ]
                    for bucket, each in sorted(filled.items())
                },
            },
        )

    def _check_sum(self) -> None:
        """Raise DataError unless every row that was read is kept or rejected."""
        kept = sum(each["rows"] for each in self._counted(self._sorted()))
        rejected = self._reasons().total()
        if kept + rejected != self.total:
            raise DataError(
                f"Of {self.total:,} rows {kept:,} are kept and {rejected:,} rejected, not all of them. Files "
                f"in the folder {self.staging.name} were changed; remove it and ingest anew."
            )

    def _dealt(self) -> list[Path]:
        return chunks.there(self.staging / _CHUNKS)

    def _sorted(self) -> list[Path]:
        return sorted(self.staging.glob("bucket-*"))

    def _with_counts(self, folders: list[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
        for folder in folders:
            if (path := folder / "counted.json").exists():
                yield folder, json.loads(path.read_text(encoding="utf-8"))

    def _counted(self, folders: list[Path]) -> list[dict[str, Any]]:
        return [each for _, each in self._with_counts(folders)]

    def _reasons(self) -> Counter[str]:
        reasons: Counter[str] = Counter()
        for each in self._counted([*self._dealt(), *self._sorted()]):
            reasons.update(each["rejected"])
        return reasons


def _tidy(staging: Path) -> None:
    """Drop what only an ingest under way needs."""
    shutil.rmtree(staging / _CHUNKS, ignore_errors=True)
    for path in [
        staging / _PLAN,
        staging / _CONTESTED,
        staging / _AGAIN,
        *staging.glob("bucket-*/counted.json"),
    ]:
        path.unlink(missing_ok=True)
    for empty in [path for path in staging.glob("bucket-*") if not any(path.iterdir())]:
        empty.rmdir()


def _published(staging: Path, folder: Path) -> Store:
    """Give the complete store its name; the lock, which is held, goes with its file."""
    (staging / _LOCK).unlink(missing_ok=True)
    if folder.exists():
        folder.rmdir()
    staging.rename(folder)
    return Store.open(folder)
