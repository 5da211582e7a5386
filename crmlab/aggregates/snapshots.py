"""Features of a store as of several days, from one walk along its rows.

The rows of a bucket are lifted once, to a state per customer and interval between two of the as-of days;
these are folded forward day by day, which touches only who has rows in the interval. A windowed sum is the
spend up to the as-of day less the spend up to the day before the window, folded in the same way. So a
further day costs by its customers, not by the rows. Every column equals, bit by bit, that of
:func:`crmlab.aggregates.summarise.summarise` as of that day alone.
"""

from __future__ import annotations

import calendar
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from crmlab.aggregates import customers, rfm, runs
from crmlab.aggregates.customers import KEY
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.store import Store, write_json
from crmlab.aggregates.summarise import SUMMARY, Progress, cut_points, described
from crmlab.errors import DataError, ParamsError
from crmlab.summary import day_number

Ints = NDArray[np.int64]
_FAR = 1 << 62
_LEAST = ("smallest_hundredths", "first_day")
_MOST = ("largest_hundredths", "last_day")
_EXTREMES = (*_LEAST, *_MOST)
_SCRATCH = 8 << 30
"""Bytes on disk that the states under way may take."""
_LOCK = ".lock"


def month_ends(last: date, days: int) -> list[date]:
    """Return ``last`` and the ends of the months before its own, ``days`` dates in all, earliest first.

    Raises ParamsError for more months than the calendar has years for.
    """
    if days > last.year * 12:
        raise ParamsError(f"{days:,} months before {last} go back beyond the year 1. Name fewer.")
    found = [last]
    year, month = last.year, last.month
    while len(found) < days:
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        found.append(date(year, month, calendar.monthrange(year, month)[1]))
    return found[::-1]


def states(orders: pl.DataFrame, layout: Layout, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    """Return the state of the customers as of each of ``days``, which go up.

    ``orders`` is sorted by ``customer_id``, then by ``day``. Each state is the one that
    :func:`crmlab.aggregates.runs.lift` makes as of the day.
    """
    numbers = np.array([day_number(day) for day in days])
    orders = orders.filter(pl.col("day") <= numbers[-1])
    starts = (orders[KEY] != orders[KEY].shift(1)).fill_null(value=True)
    who = orders[KEY].filter(starts)
    owner = np.cumsum(starts.to_numpy()) - 1
    spent = _spent(orders, owner, len(who), {int(n) - back for n in numbers for back in layout.windows})
    fold = _Fold(len(who), layout)
    for day, number, partial in zip(days, numbers, _partials(orders, layout, owner, numbers), strict=True):
        fold.add(*partial)
        spend = fold.columns["spend_hundredths"]
        windowed = {name: spend - spent[int(number) - back] for name, back in layout.spends(day).items()}
        state = pl.DataFrame({KEY: who, **fold.columns, **windowed}).lazy()
        known = pl.when(pl.col("order_count") > 0).then(pl.col(_EXTREMES))
        yield (
            state.filter(pl.lit(pl.Series(fold.seen)))
            .with_columns(known)
            .select(customers.columns(layout, day))
            .collect()
        )


def snapshots(
    store: Store,
    folder: Path,
    days: Sequence[date],
    layout: Layout | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    advance: Callable[[Progress], object] = lambda progress: None,
) -> Path:
    """Write the features of a store as of each of ``days``: a folder per day, such as ``2025-01-31``.

    Each folder has what :func:`crmlab.aggregates.summarise.summarise` writes, with cut points of its own
    day. Raises ParamsError for no day, and DataError where ``folder`` holds something or another process
    is writing to it.
    """
    from filelock import FileLock, Timeout

    if not days:
        raise ParamsError("There is no as-of day. Name one at least.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder.name} exists and is not empty. Name a new folder, or remove it first.")
    work = _Work(
        store,
        folder.with_name(f".{folder.name}.snapshots"),
        sorted(set(days)),
        layout or store.layout(),
        settings,
    )
    work.staging.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work.staging / _LOCK, timeout=0):
            work.write(workers or min(2, os.cpu_count() or 1), advance)
            (work.staging / _LOCK).unlink(missing_ok=True)
            if folder.exists():
                folder.rmdir()
            work.staging.rename(folder)
    except Timeout:
        raise DataError(
            f"Another process is writing to {folder.name}. Wait for it, or name another folder."
        ) from None
    return folder


class _Work:
    """Snapshots under way in their staging folder."""

    def __init__(
        self,
        store: Store,
        staging: Path,
        days: Sequence[date],
        layout: Layout,
        settings: Mapping[str, Any] | None,
    ) -> None:
        self.store = store
        self.staging = staging
        self.days = days
        self.layout = layout
        self.settings = settings

    def write(self, workers: int, advance: Callable[[Progress], object]) -> None:
        """Write the states of all buckets and days, then the features day by day."""
        for left in self.staging.iterdir():  # of one that was interrupted
            if left.is_dir():
                shutil.rmtree(left)
        for day in self.days:
            self._folder(day).mkdir()
        groups, buckets = self._groups(), self.store.buckets
        with ThreadPoolExecutor(workers) as pool:
            for number, days in enumerate(groups):
                for done, _ in enumerate(pool.map(self._lift, buckets, repeat(days))):
                    done += number * len(buckets) + 1
                    advance(Progress("states", done, len(buckets) * len(groups)))
                for done, _ in enumerate(pool.map(self._finish, days)):
                    advance(Progress("features", self.days.index(days[done]) + 1, len(self.days)))

    def _groups(self) -> list[Sequence[date]]:
        """Return the days in groups, of which the states take no more than a bounded space on disk."""
        names = customers.columns(self.layout, self.days[-1])
        size = max(1, _SCRATCH // (8 * len(names) * max(1, self.store.manifest["customers"])))
        return [self.days[start : start + size] for start in range(0, len(self.days), size)]

    def _lift(self, bucket: int, days: Sequence[date]) -> None:
        orders = self.store.rows(bucket).select(self.layout.columns).collect()
        for day, state in zip(days, states(orders, self.layout, days), strict=True):
            state.write_ipc(self._state(day, bucket))

    def _finish(self, day: date) -> None:
        every = [pl.scan_ipc(self._state(day, bucket), glob=False) for bucket in self.store.buckets]
        cuts = cut_points(pl.concat(every), self.store, day, self.settings)
        classifier = rfm.classifier(cuts, self.settings)
        rows = 0
        for bucket, lazy in zip(self.store.buckets, every, strict=True):
            finished = customers.finish(nw.from_native(lazy), self.layout, day)
            features = rfm.label(finished.to_native().collect(), classifier)
            path = self._folder(day) / f"part-{bucket:04}.parquet"
            features.write_parquet(path, compression="lz4", statistics=False)
            rows += features.height
        write_json(self._folder(day) / SUMMARY, described(day, rows, cuts, self.layout))
        for bucket in self.store.buckets:
            self._state(day, bucket).unlink()

    def _folder(self, day: date) -> Path:
        return self.staging / day.isoformat()

    def _state(self, day: date, bucket: int) -> Path:
        return self._folder(day) / f"state-{bucket:04}.arrow"


class _Fold:
    """The columns of a state of all customers, folded forward in time."""

    def __init__(self, size: int, layout: Layout) -> None:
        names = [name for name in customers.columns(layout) if name != KEY]
        self.columns: dict[str, Ints] = {name: np.zeros(size, np.int64) for name in names}
        self.columns |= {name: np.full(size, _FAR) for name in _LEAST}
        self.columns |= {name: np.full(size, -_FAR) for name in _MOST}
        self.seen = np.zeros(size, bool)
        self.layout = layout

    def add(self, who: Ints, partial: Mapping[str, Ints]) -> None:
        """Add the states of a later interval, of the customers with these numbers."""
        mine = self.columns
        if self.layout.gaps:
            both = (mine["order_count"][who] > 0) & (partial["order_count"] > 0)
            bridge = np.where(both, partial["first_day"] - mine["last_day"][who], 0)
            mine["gap_squares"][who] += bridge * bridge
            mine["longest_gap"][who] = np.maximum.reduce(
                [mine["longest_gap"][who], partial["longest_gap"], bridge]
            )
        for name, values in partial.items():
            column = mine[name]
            if name in _LEAST:
                column[who] = np.minimum(column[who], values)
            elif name in _MOST:
                column[who] = np.maximum(column[who], values)
            elif name in self.layout.masks:
                column[who] |= values
            elif name != "longest_gap":
                column[who] += values
        self.seen[who] = True


def _partials(
    orders: pl.DataFrame, layout: Layout, owner: Ints, numbers: Ints
) -> Iterator[tuple[Ints, dict[str, Ints]]]:
    """Return, for each interval that ends on a day, who has rows in it and their states."""
    run = owner * len(numbers) + _intervals(orders["day"], numbers)
    lifted = runs.lift(orders.with_columns(pl.Series(KEY, run)), layout)
    order, ends = _by_interval(lifted[KEY].to_numpy() % len(numbers), len(numbers))
    known = lifted.with_columns(pl.col(_LEAST).fill_null(_FAR), pl.col(_MOST).fill_null(-_FAR))[order]
    for start, end in pairwise(ends):
        rows = known[start:end]
        who = rows[KEY].to_numpy() // len(numbers)
        yield who, {name: rows[name].to_numpy() for name in rows.columns if name != KEY}


def _spent(orders: pl.DataFrame, owner: Ints, size: int, ends: set[int]) -> dict[int, Ints]:
    """Return day → the spend of each customer up to it, in hundredths."""
    days = np.array(sorted(ends), np.int64)
    if not size:
        return {int(day): np.zeros(0, np.int64) for day in days}
    interval = _intervals(orders["day"], days)
    starts = np.flatnonzero(np.diff(owner * (len(days) + 1) + interval, prepend=-1))
    sums = np.add.reduceat(orders["amount_hundredths"].to_numpy(), starts)
    order, bounds = _by_interval(interval[starts], len(days))
    who, sums = owner[starts][order], sums[order]
    total, found = np.zeros(size, np.int64), {}
    for day, (start, end) in zip(days, pairwise(bounds), strict=True):
        total[who[start:end]] += sums[start:end]
        found[int(day)] = total.copy()
    return found


def _intervals(day: pl.Series, ends: Ints) -> Ints:
    """Return for each day the number of the first of ``ends`` that is not before it."""
    if day.is_empty():
        return np.zeros(0, np.int64)
    first, last = int(day.min()), int(day.max())  # type: ignore[arg-type]
    return np.searchsorted(ends, np.arange(first, last + 1)).take(day.to_numpy() - first)


def _by_interval(interval: Ints, intervals: int) -> tuple[Ints, Ints]:
    """Return the order that brings rows of an interval together, and where each begins."""
    small = np.int16 if intervals < 1 << 15 else np.int64  # 16 bits are sorted by radix
    order = np.argsort(interval.astype(small), kind="stable")
    return order, np.searchsorted(interval[order], np.arange(intervals + 1))
