"""Add a day's orders to a store and keep the state of its customers current.

The state (:func:`crmlab.aggregates.runs.lift` without an as-of day) is kept bucket by bucket in files of
which a later one stands above the earlier: an append writes the rows that are new and the states of the
customers that have them, and nothing else, so it costs by the new rows. Beside each part lie the hashes of
its order numbers, sorted, in which a row that is already there is found without reading the orders. Of a
bucket that has many files all are written anew as one.

A state is merged with the new rows where their days follow, or come before, all that the customer has; of
customers for whom they come between, the rows are lifted anew. Both give what all rows at once would give,
bit by bit. New files count from the moment that the manifest, replaced as a whole, names them: an append
that was interrupted has done nothing, and one that is repeated finds its rows already there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates import kept, runs
from crmlab.aggregates.customers import KEY
from crmlab.aggregates.hashing import buckets_of, hashes
from crmlab.aggregates.ingest import FEW_VALUES, buckets_for
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.sorting import in_runs, without_repeats
from crmlab.aggregates.store import Store, write_parquet
from crmlab.data.cleaning import clean
from crmlab.data.policy import Policy
from crmlab.data.schemas import BY_POLICY, REASONS
from crmlab.errors import DataError, QualityGateError

MOST_FILES = 16
"""Files of a bucket, above which they are made one."""
_CLEANED_ROWS = 250_000
_LOCK = ".lock"


class Appended(NamedTuple):
    """What an append did: rows added, customers they are of, those lifted anew, and rows rejected."""

    store: Store
    rows: int
    customers: int
    lifted_anew: int
    rejected: dict[str, int]


def append(
    folder: Path,
    orders: pl.LazyFrame,
    *,
    max_rejected_share: float = 1.0,
    most_files: int = MOST_FILES,
) -> Appended:
    """Add ``orders``, as a source delivers them, to the store at ``folder``, and its state with them.

    They are cleaned by the time zone, the currency and the policy that the store was made with. An order
    whose number its bucket already has is rejected and counted: as ``exact_duplicate``, or as ``unique_id``
    where the content is another one; the first stays. Raises DataError for rows without ``order_id``, for
    more than fit in memory at once, and where another append is running; QualityGateError for too many
    faulty rows.
    """
    from filelock import FileLock, Timeout

    Store.open(folder)
    try:
        with FileLock(folder / _LOCK, timeout=0):
            try:
                return _appended(folder, orders, max_rejected_share, most_files)
            finally:
                (folder / _LOCK).unlink(missing_ok=True)
    except Timeout:
        raise DataError(
            f"Another append to {folder.name} is running. Wait for it, then append anew."
        ) from None


def _appended(folder: Path, orders: pl.LazyFrame, max_rejected_share: float, most_files: int) -> Appended:
    store = Store.open(folder)
    if "state" not in store.manifest:
        store = kept.begin(store)
    _sweep(store)
    work = _Append(store, most_files)
    work.read(orders)
    work.sift()
    work.check(max_rejected_share)
    work.write()
    return work.publish()


class _Append:
    """One append under way."""

    def __init__(self, store: Store, most_files: int) -> None:
        self.store = store
        self.manifest = dict(store.manifest)
        self.most_files = most_files
        self.number = self.manifest.get("appends", 0) + 1
        self.parts = {bucket: list(each) for bucket, each in self.manifest["parts"].items()}
        self.files = {bucket: list(each) for bucket, each in kept.state_of(store)["files"].items()}
        self.reasons: Counter[str] = Counter()
        self.there: Counter[str] = Counter()
        self.rejected: list[pl.DataFrame] = []
        self.delivered = self.rows = self.touched = self.added = self.anew = 0
        self.days: list[int] = []

    def read(self, orders: pl.LazyFrame) -> None:
        """Clean the rows and find the values that the layout does not have yet."""
        if "order_id" not in orders.collect_schema():
            raise DataError(
                "The orders to append have no order_id, and only by it is a row known that is already there. "
                "Give each order its number, or ingest all of them anew."
            )
        rows = orders.collect(engine="streaming")
        self.delivered = rows.height
        if buckets_for(rows.height) > 1:
            raise DataError(
                f"{rows.height:,} rows are more than fit in the memory of an append. Append them in smaller "
                "parts, or ingest all orders anew."
            )
        tables, policy = [], Policy.model_validate(self.manifest["policy"])
        for start in range(0, max(1, rows.height), _CLEANED_ROWS):
            cleaned = clean(
                "orders",
                rows.slice(start, _CLEANED_ROWS).lazy(),
                self.manifest["time_zone"],
                policy,
                self.manifest["currency"],
            )
            tables.append(cleaned.table)
            self.reasons.update(cleaned.counts)
            self._reject(cleaned.rejected.with_columns(pl.col("row") + start))
        table = pl.concat(tables, how="diagonal")
        absent = [name for name in kept.layout_of(self.store).columns if name not in table.columns]
        self.table = table.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)

    def sift(self) -> None:
        """Find the rows of each bucket that it does not have yet."""
        buckets = buckets_of(self.table[KEY], len(self.store.buckets))
        dealt = self.table.with_columns(bucket=buckets).sort("bucket", maintain_order=True)
        self.accepted: list[tuple[int, pl.DataFrame, NDArray[np.uint64]]] = []
        for (bucket,), given in dealt.partition_by(
            "bucket", as_dict=True, include_key=False, maintain_order=True
        ).items():
            rows, again = without_repeats(given)
            known, numbers = self._known(bucket, rows)
            self.reasons.update(again["reason"])
            self.there.update(known["reason"])
            for rejected in (again, known):
                self._reject(rejected)
            fresh = ~rows["order_id"].is_in(known["order_id"].implode())
            if fresh.any():
                self.accepted.append((bucket, rows.filter(fresh), numbers[fresh.to_numpy()]))

    def check(self, max_rejected_share: float) -> None:
        """Raise QualityGateError for more faulty rows than are allowed; those already there are none."""
        faulty = sum(count for reason, count in self.reasons.items() if reason not in BY_POLICY)
        if self.delivered and faulty / self.delivered > max_rejected_share:
            told = ", ".join(
                f"{REASONS[reason].en} {count:,}" for reason, count in self.reasons.most_common()
            )
            raise QualityGateError(
                f"{faulty:,} of {self.delivered:,} rows ({faulty / self.delivered:.1%}) are rejected: "
                f"{told}. The study allows {max_rejected_share:.1%} (quality.max_rejected_share). "
                "Nothing was added; correct the data and append it anew."
            )

    def write(self) -> None:
        """Write the files of each bucket that has new rows."""
        self.values = _counted(self.manifest["values"], [rows for _, rows, _ in self.accepted])
        self.layout = _extended(kept.layout_of(self.store), self.values)
        for bucket, rows, numbers in self.accepted:
            self._add(bucket, rows, numbers)

    def publish(self) -> Appended:
        """Write the rejected rows and the manifest, which makes the append count."""
        if self.rejected:
            folder = self.store.folder / "rejected"
            folder.mkdir(exist_ok=True)
            rows = pl.concat(self.rejected, how="diagonal_relaxed")
            write_parquet(folder / f"append-{self.number:06}.parquet", rows)
        before = self.manifest
        reasons = self.reasons + self.there
        ends = [day for day in (before["first_day"], before["last_day"]) if day is not None] + self.days
        store = kept.published(
            self.store,
            {
                "rows": before["rows"] + self.rows,
                "customers": before["customers"] + self.added,
                "first_day": min(ends, default=None),
                "last_day": max(ends, default=None),
                "rejected": dict(sorted((Counter(before["rejected"]) + reasons).items())),
                "values": self.values,
                "parts": dict(sorted(self.parts.items(), key=lambda pair: int(pair[0]))),
                "state": {"layout": asdict(self.layout), "files": self.files},
                "appends": self.number,
            },
        )
        return Appended(store, self.rows, self.touched, self.anew, dict(sorted(reasons.items())))

    def _known(self, bucket: int, rows: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.uint64]]:
        """Return the rows whose number the bucket has, with the reason, and the hashes of all numbers."""
        numbers = hashes(rows["order_id"])
        maybe = np.zeros(len(numbers), bool)
        for files in self.files.get(str(bucket), ()):
            index = np.load(self.store.folder / files["orders"], mmap_mode="r")
            places = np.searchsorted(index, numbers).clip(max=len(index) - 1)
            maybe |= index[places] == numbers
        candidates = rows.filter(maybe)
        if candidates.is_empty():
            return candidates.select(pl.lit("", pl.String).alias("reason"), pl.all()), numbers
        stored = kept.rows_of(self.store, bucket).filter(
            pl.col("order_id").is_in(candidates["order_id"].implode())
        )
        names = [name for name in candidates.columns if name in stored.collect_schema()]
        held = stored.select(names).collect()
        known = candidates.join(held, on="order_id", how="semi", maintain_order="left")
        equal = known.with_row_index("row").join(held, on=names, how="semi", nulls_equal=True)["row"]
        reason = pl.when(pl.int_range(pl.len()).is_in(equal.implode()))
        told = reason.then(pl.lit("exact_duplicate")).otherwise(pl.lit("unique_id"))
        return known.select(told.alias("reason"), pl.all()), numbers

    def _add(self, bucket: int, rows: pl.DataFrame, numbers: NDArray[np.uint64]) -> None:
        """Write the new rows of a bucket and the states of their customers."""
        name = str(bucket)
        rows, touched = in_runs(rows)
        new = runs.lift(rows, self.layout)
        old = kept.held(self.store, bucket, new[KEY], self.layout)
        states, between = kept.merged(old, new, self.layout)
        if len(between):
            mine = pl.col(KEY).is_in(between.implode())
            held = kept.rows_of(self.store, bucket).filter(mine).collect()
            again = pl.concat([held, rows.filter(mine)], how="diagonal").sort(KEY, "day", maintain_order=True)
            lifted = runs.lift(again, self.layout)
            states = pl.concat([states.filter(~mine), lifted]).sort(KEY)
        self.rows += rows.height
        self.touched += touched
        self.added += touched - old.height
        self.anew += len(between)
        self.days += [rows["day"].min(), rows["day"].max()]  # type: ignore[list-item]
        self._write(name, rows, states, numbers, touched)

    def _write(
        self, bucket: str, rows: pl.DataFrame, states: pl.DataFrame, numbers: NDArray[np.uint64], touched: int
    ) -> None:
        parts, files = self.parts.get(bucket, []), self.files.get(bucket, [])
        if len(files) + 1 >= self.most_files:
            rows = pl.concat([kept.rows_of(self.store, int(bucket)).collect(), rows], how="diagonal")
            rows, touched = in_runs(rows)
            held = kept.widened(kept.current(self.store, int(bucket)), self.layout)
            states = pl.concat([states, held]).unique(KEY, keep="first", maintain_order=True).sort(KEY)
            numbers = hashes(rows["order_id"])
            parts, files = [], []
        listed = {name: pl.Enum(list(values)) for name, values in self.values.items() if name in rows.columns}
        path = Path(f"bucket-{int(bucket):04}/part-{self.number + 1:06}.parquet")
        (self.store.folder / path.parent).mkdir(exist_ok=True)
        write_parquet(self.store.folder / path, rows.cast(listed))  # type: ignore[arg-type]
        part = {"file": path.as_posix(), "rows": rows.height, "customers": touched}
        self.parts[bucket] = [*parts, part]
        self.files[bucket] = [*files, kept.write_kept(self.store.folder, path, states, numbers)]

    def _reject(self, rows: pl.DataFrame) -> None:
        if rows.height:
            self.rejected.append(rows)


def _counted(values: Mapping[str, Mapping[str, int]], tables: Iterable[pl.DataFrame]) -> dict[str, Any]:
    """Add the rows' values to the counted ones; a column with too many of them is no longer listed."""
    found = {name: Counter(counts) for name, counts in values.items()}
    for rows in tables:
        for name in found:
            if name in rows.columns:
                found[name].update(dict(rows[name].drop_nulls().value_counts().iter_rows()))
    return {
        name: dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
        for name, counts in found.items()
        if len(counts) <= FEW_VALUES
    }


def _extended(layout: Layout, values: Mapping[str, Iterable[str]]) -> Layout:
    """Put values that are new at the end, where they move no column of a state."""

    def longer(known: tuple[str, ...], name: str) -> tuple[str, ...]:
        return (*known, *sorted(set(values.get(name, ())) - set(known))) if known else known

    return replace(
        layout,
        channels=longer(layout.channels, "channel"),
        categories=longer(layout.categories, layout.category_column),
    )


def _sweep(store: Store) -> None:
    """Remove what an interrupted append left, and what the one before has made one."""
    parts = (part["file"] for each in store.manifest["parts"].values() for part in each)
    states = (
        file for each in kept.state_of(store)["files"].values() for files in each for file in files.values()
    )
    named = {store.folder / file for file in (*parts, *states)}
    for path in store.folder.glob("bucket-*/*"):
        if path not in named:
            path.unlink()
    for path in store.folder.glob("rejected/append-*"):
        if int(path.name.split("-")[1].split(".")[0]) > store.manifest.get("appends", 0):
            path.unlink()
