"""Add a day's orders to a store and keep the state of its customers current.

The state (:func:`crmlab.aggregates.runs.lift` without an as-of day) is kept bucket by bucket in files of
which a later one stands above the earlier: an append writes the rows that are new and the states of the
customers that have them, and nothing else, so it costs by the new rows. Of a bucket that has many files all
are written anew as one.

A state is merged with the new rows where their days follow, or come before, all that the customer has; of
customers for whom they come between, the rows are lifted anew. Both give what all rows at once would give,
bit by bit. An order that is there with another content is withdrawn, and its bucket made anew, because of all
rows at once neither would be accepted. New files count from the moment that the manifest, replaced as a
whole, names them: an append that was interrupted has done nothing, and one that is repeated finds its rows
already there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from crmlab import memory
from crmlab.aggregates import kept, order_numbers, runs
from crmlab.aggregates.customers import KEY
from crmlab.aggregates.dealing import LISTED
from crmlab.aggregates.hashing import buckets_of, hashes
from crmlab.aggregates.listed import counted, extended
from crmlab.aggregates.order_numbers import Hashes
from crmlab.aggregates.sifting import Sifted, sift
from crmlab.aggregates.sorting import in_runs
from crmlab.aggregates.store import Store, write_parquet
from crmlab.data.cleaning import clean, has_other_currency
from crmlab.data.policy import Policy
from crmlab.data.schemas import BY_POLICY, REASONS
from crmlab.errors import DataError, QualityGateError

MOST_FILES = 16
"""Files of a bucket, above which they are made one."""
_CLEANED_ROWS = 250_000
_ROW_BYTES = 512
"""Memory to plan with for a row that is appended."""
_LOCK = ".lock"


class Appended(NamedTuple):
    """What an append did.

    Rows added, customers they are of, those lifted anew; orders withdrawn because they came again with
    another content; and rows rejected by reason, of which those withdrawn are some. ``uncounted`` are columns
    that the store's orders do not have: they are kept, and count in no feature until all are ingested anew.
    """

    store: Store
    rows: int
    customers: int
    lifted_anew: int
    withdrawn: int
    rejected: dict[str, int]
    uncounted: list[str]


def append(
    folder: Path,
    orders: pl.LazyFrame,
    *,
    max_rejected_share: float = 1.0,
    most_files: int = MOST_FILES,
) -> Appended:
    """Add ``orders``, as a source delivers them, to the store at ``folder``, and its state with them.

    They are cleaned by the time zone, the currency and the policy that the store was made with. An order
    that its bucket already has is rejected and counted (``exact_duplicate``); one whose number is there with
    another content too (``unique_id``), and the order that is there is withdrawn. Raises DataError for rows
    without ``order_id``, for more than fit in memory at once, and where another append is running;
    QualityGateError for too many faulty rows.
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


class _Written(NamedTuple):
    """A bucket's new files, and how many customers it has more, had touched, and had lifted anew."""

    bucket: str
    parts: list[dict[str, Any]]
    files: list[dict[str, str]]
    added: int
    touched: int
    anew: int


class _Append:
    """One append under way."""

    def __init__(self, store: Store, most_files: int) -> None:
        self.store = store
        self.manifest = dict(store.manifest)
        self.most_files = most_files
        self.number = self.manifest.get("appends", 0) + 1
        self.forbidden = order_numbers.withdrawn(store)
        self.reasons: Counter[str] = Counter()
        self.rejected: list[pl.DataFrame] = []

    def read(self, orders: pl.LazyFrame) -> None:
        """Clean the rows."""
        if "order_id" not in orders.collect_schema():
            raise DataError(
                "The orders to append have no order_id, and only by it is a row known that is already there. "
                "Give each order its number, or ingest all of them anew."
            )
        rows = orders.collect(engine="streaming")
        self.delivered = rows.height
        if rows.height * _ROW_BYTES > memory.budget_mb() << 20:
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
                is_part=True,
            )
            tables.append(cleaned.table)
            self._reject(cleaned.rejected.with_columns(pl.col("row") + start))
        none = pl.Series("order_id", [], pl.String)
        self.contradicting = pl.concat([none, *map(order_numbers.contradicting, self.rejected)]).unique()
        table = pl.concat(tables, how="diagonal")
        if "currency" not in rows.columns and not has_other_currency(table, self.manifest["currency"]):
            table = table.drop("currency", strict=False)
        # Each part has the columns that may be counted, so that a layout can take them up.
        wanted = dict.fromkeys([*kept.layout_of(self.store).columns, *self.manifest["values"]])
        absent = [name for name in wanted if name not in table.columns]
        self.table = table.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)

    def sift(self) -> None:
        """Find the rows of each bucket that it does not have yet."""
        buckets = pl.Series("bucket", buckets_of(self.table[KEY], len(self.store.buckets)))
        dealt = self.table.with_columns(buckets).partition_by(
            "bucket", as_dict=True, include_key=False, maintain_order=True
        )
        none = self.table.clear()
        wanted = self.store.buckets if len(self.contradicting) else sorted(bucket for (bucket,) in dealt)

        def sifted(bucket: int) -> Sifted:
            return sift(self.store, bucket, dealt.get((bucket,), none), self.contradicting, self.forbidden)

        with kept.workers() as pool:
            self.sifted = list(pool.map(sifted, wanted))
        for found in self.sifted:
            for rejected in (found.again, found.differing):
                self._reject(rejected)
        self.faults = self.reasons.copy()
        for found in self.sifted:
            for rejected in (found.known, found.withdrawn):
                self._reject(rejected)

    def check(self, max_rejected_share: float) -> None:
        """Raise QualityGateError for more faulty rows than are allowed; those already there are none."""
        faulty = sum(count for reason, count in self.faults.items() if reason not in BY_POLICY)
        if self.delivered and faulty / self.delivered > max_rejected_share:
            told = ", ".join(f"{REASONS[reason].en} {count:,}" for reason, count in self.faults.most_common())
            raise QualityGateError(
                f"{faulty:,} of {self.delivered:,} rows ({faulty / self.delivered:.1%}) are rejected: "
                f"{told}. The study allows {max_rejected_share:.1%} (quality.max_rejected_share). "
                "Nothing was added; correct the data and append it anew."
            )

    def write(self) -> None:
        """Write the files of each bucket that has new rows, or has orders withdrawn."""
        changed = [found for found in self.sifted if found.rows.height or found.withdrawn.height]
        more, less = [found.rows for found in changed], [found.withdrawn for found in changed]
        before, self.uncounted = self.manifest["values"], self._new_columns()
        if not self.manifest["parts"]:  # a store without an order takes them as it would at its ingest
            before, self.uncounted = before | {name: {} for name in self.uncounted}, []
        self.values = counted(before, more, less)
        self.layout = extended(kept.layout_of(self.store), before, self.values)
        with kept.workers() as pool:
            self.written = list(pool.map(self._written, changed))
        self.rows = sum(rows.height for rows in more)
        self.withdrawn = sum(rows.height for rows in less)
        self.days = pl.concat([pl.Series("day", [], pl.Int64), *(rows["day"] for rows in more)])

    def publish(self) -> Appended:
        """Write the rejected rows and the manifest, which makes the append count."""
        if self.rejected:
            folder = self.store.folder / "rejected"
            folder.mkdir(exist_ok=True)
            rows = pl.concat(self.rejected, how="diagonal_relaxed")
            write_parquet(folder / f"append-{self.number:06}.parquet", rows)
        before = self.manifest
        changed = {each.bucket: each for each in self.written}
        parts = before["parts"] | {name: each.parts for name, each in changed.items()}
        files = kept.state_of(self.store)["files"] | {name: each.files for name, each in changed.items()}
        first, last = self._days(parts)
        store = kept.published(
            self.store,
            {
                "rows": before["rows"] + self.rows - self.withdrawn,
                "customers": before["customers"] + sum(each.added for each in self.written),
                "first_day": first,
                "last_day": last,
                "rejected": dict(sorted((Counter(before["rejected"]) + self.reasons).items())),
                "values": self.values,
                "unlisted": sorted(
                    (set(before.get("unlisted", ())) | set(before["values"])) - set(self.values)
                ),
                "parts": {name: parts[name] for name in sorted(parts, key=int)},
                "state": {
                    "layout": asdict(self.layout),
                    "files": {name: files[name] for name in sorted(files, key=int)},
                },
                "withdrawn": self._forbid(),
                "appends": self.number,
            },
        )
        return Appended(
            store,
            self.rows,
            sum(each.touched for each in self.written),
            sum(each.anew for each in self.written),
            self.withdrawn,
            dict(sorted(self.reasons.items())),
            self.uncounted,
        )

    def _written(self, found: Sifted) -> _Written:
        """Write the new rows of a bucket and the states of their customers."""
        name = str(found.bucket)
        parts, files = self.manifest["parts"].get(name, []), kept.state_of(self.store)["files"].get(name, [])
        if found.withdrawn.height:
            return self._made_anew(found)
        rows, touched = in_runs(found.rows)
        new = runs.lift(rows, self.layout)
        old = kept.held(self.store, found.bucket, new[KEY], self.layout)
        states, between = kept.merged(old, new, self.layout)
        if len(between):
            mine = pl.col(KEY).is_in(between.implode())
            held = kept.rows_of(self.store, found.bucket).filter(mine).collect()
            again, _ = in_runs(pl.concat([held, rows.filter(mine)], how="diagonal"))
            states = pl.concat([states.filter(~mine), runs.lift(again, self.layout)]).sort(KEY)
        numbers, added = np.sort(found.numbers), touched - old.height
        done = _Written(name, [], [], added, touched, len(between))
        if len(files) + 1 < self.most_files:
            part, file = self._file(name, rows, states, numbers, touched)
            return done._replace(parts=[*parts, part], files=[*files, file])
        held = kept.current(self.store, found.bucket)
        theirs = kept.widened(held.filter(~pl.col(KEY).is_in(states[KEY].implode())), self.layout)
        stored = kept.rows_of(self.store, found.bucket).collect()
        rows, people = in_runs(pl.concat([stored, rows], how="diagonal"))
        indexes = map(order_numbers.load, kept.indexes(self.store, found.bucket))
        part, file = self._file(
            name,
            rows,
            pl.concat([theirs, states]).sort(KEY),
            order_numbers.merged([*indexes, numbers]),
            people,
        )
        return done._replace(parts=[part], files=[file])

    def _made_anew(self, found: Sifted) -> _Written:
        """Write a bucket without the orders that are withdrawn."""
        name = str(found.bucket)
        gone = found.withdrawn["order_id"].implode()
        stored = kept.rows_of(self.store, found.bucket).filter(~pl.col("order_id").is_in(gone)).collect()
        rows, people = in_runs(pl.concat([stored, found.rows], how="diagonal"))
        before = kept.current(self.store, found.bucket).height
        done = _Written(name, [], [], people - before, found.rows[KEY].n_unique(), people)
        numbers = np.sort(hashes(rows["order_id"]))
        part, file = self._file(name, rows, runs.lift(rows, self.layout), numbers, people)
        return done._replace(parts=[part], files=[file])

    def _file(
        self, bucket: str, rows: pl.DataFrame, states: pl.DataFrame, numbers: Hashes, people: int
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Write a part and what is kept beside it; return what the manifest says of both."""
        listed = {name: pl.Enum(list(values)) for name, values in self.values.items() if name in rows.columns}
        path = Path(f"bucket-{int(bucket):04}/part-{self.number + 1:06}.parquet")
        (self.store.folder / path.parent).mkdir(exist_ok=True)
        write_parquet(self.store.folder / path, rows.cast(listed))  # type: ignore[arg-type]
        part = {"file": path.as_posix(), "rows": rows.height, "customers": people}
        return part, kept.write_kept(self.store.folder, path, states, numbers)

    def _days(self, parts: Mapping[str, Iterable[Mapping[str, Any]]]) -> tuple[int | None, int | None]:
        """Return the first and the last day of the store's orders, now that it has these parts."""
        days = [self.manifest["first_day"], self.manifest["last_day"], self.days.min(), self.days.max()]
        if self.withdrawn:
            files = [self.store.folder / part["file"] for each in parts.values() for part in each]
            every = [
                pl.scan_parquet(file, glob=False).select(a=pl.min("day"), b=pl.max("day")) for file in files
            ]
            days = [day for frame in pl.collect_all(every) for day in frame.row(0)]
        known = [day for day in days if day is not None]
        return min(known, default=None), max(known, default=None)

    def _forbid(self) -> str:
        """Write the numbers that have several contents, where there are more of them; return their file."""
        found = [order_numbers.contradicting(rejected) for rejected in self.rejected]
        forbidden = order_numbers.merged([self.forbidden, *map(hashes, found)])
        said = self.manifest.get("withdrawn")
        if said is not None and len(forbidden) == len(self.forbidden):
            return str(said)
        name = f"withdrawn-{self.number:06}.npy"
        kept.write_index(self.store.folder / name, forbidden)
        return name

    def _new_columns(self) -> list[str]:
        """Return the columns of few values that the store's orders do not have."""
        names = set(self.table.columns).intersection(LISTED) - set(self.manifest["values"])
        names -= set(self.manifest.get("unlisted", ()))
        for parts in list(self.manifest["parts"].values())[:1]:  # an ingest gives all parts the same columns
            names -= set(pl.read_parquet_schema(self.store.folder / parts[0]["file"]))
        return sorted(names)

    def _reject(self, rows: pl.DataFrame) -> None:
        if rows.height:
            self.reasons.update(dict(rows["reason"].value_counts().iter_rows()))
            self.rejected.append(rows)


def _sweep(store: Store) -> None:
    """Remove what an interrupted append left, and what the one before has made one."""
    parts = (part["file"] for each in store.manifest["parts"].values() for part in each)
    states = (
        file for each in kept.state_of(store)["files"].values() for files in each for file in files.values()
    )
    named = {store.folder / file for file in (*parts, *states, store.manifest.get("withdrawn", ""))}
    for path in (*store.folder.glob("bucket-*/*"), *store.folder.glob("withdrawn-*")):
        if path not in named:
            path.unlink()
    for path in store.folder.glob("rejected/append-*"):
        if int(path.name.split("-")[1].split(".")[0]) > store.manifest.get("appends", 0):
            path.unlink()
