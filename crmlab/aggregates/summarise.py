"""Features of a store: bucket by bucket to a state, exact cut points over all of them, then features.

The state is the one that the store keeps where that holds for the day (:mod:`crmlab.aggregates.kept`), and
made from the orders where not; both are equal, bit by bit.

The result is a folder of Parquet, one part per bucket, and ``summary.json`` beside them. What was done when
a process was killed is kept in a staging folder and not done again; the result appears by one rename.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw
import polars as pl

from crmlab.aggregates import customers, kept, rfm, runs
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.store import Store, telling_full_disk, write_json
from crmlab.errors import DataError, ParamsError
from crmlab.estimators import Classifier

SUMMARY = "summary.json"
_PLAN, _LOCK = "plan.json", ".lock"
_FORMAT = 2
"""That of the files of a summary under way: those of another are not gone on with."""
_MOST_IN_MEMORY = 2_000_000
"""Customers of whom the three columns that are cut fit in memory at once: 48 MB."""


class Progress(NamedTuple):
    """What a summary has done: ``stage`` is ``"states"`` or ``"features"``, in buckets."""

    stage: str
    done: int
    total: int


def states(store: Store, layout: Layout, as_of: date | None = None) -> Iterator[tuple[int, pl.DataFrame]]:
    """Return the state of each bucket's customers."""
    for bucket in store.buckets:
        yield bucket, state(store, bucket, layout, as_of)


def state(store: Store, bucket: int, layout: Layout, as_of: date | None = None) -> pl.DataFrame:
    """Return the state of the customers of one bucket."""
    return runs.lift(store.rows(bucket).select(layout.columns).collect(), layout, as_of)


def summarise(
    store: Store,
    folder: Path,
    as_of: date,
    layout: Layout | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    advance: Callable[[Progress], object] = lambda progress: None,
) -> Path:
    """Write the features of all customers of a store as of a day, with RFM scores and labels.

    ``settings`` are parameters of the classifier ``rfm``. ``workers`` buckets are in memory at once, as
    many as there are processors unless given, two at most. Raises DataError where the folder holds
    something, or a summary into it with other input or settings was interrupted.
    """
    from filelock import FileLock, Timeout

    layout = layout or store.layout()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder.name} exists and is not empty. Name a new folder, or remove it first.")
    staging = folder.with_name(f".{folder.name}.summary")
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(staging / _LOCK, timeout=0):
            _begin(staging, store, as_of, layout, settings)
            _write_all(_Work(store, staging, as_of, layout), settings, workers, advance)
            (staging / _LOCK).unlink(missing_ok=True)
            if folder.exists():
                folder.rmdir()
            staging.rename(folder)
    except Timeout:
        raise DataError(
            f"Another process is writing to {folder.name}. Wait for it, or name another folder."
        ) from None
    except ParamsError:  # nothing that such settings have begun can be gone on with
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return folder


def _write_all(
    work: _Work,
    settings: Mapping[str, Any] | None,
    workers: int | None,
    advance: Callable[[Progress], object],
) -> None:
    store, total = work.store, len(work.store.buckets)
    with _threads(workers or min(2, os.cpu_count() or 1)) as pool:
        lifts = pool.map(work.lift, store.buckets)
        rfm.classifier({"recency": []}, settings)  # what is wrong with the settings is said before the end
        for done, _ in enumerate(lifts):
            advance(Progress("states", done + 1, total))
        paths = [work.state(bucket) for bucket in store.buckets]
        cuts = cut_points(pl.scan_ipc(paths, glob=False), store, work.as_of, settings)
        classifier = rfm.classifier(cuts, settings)
        rows = 0
        for done, count in enumerate(pool.map(lambda bucket: work.finish(bucket, classifier), store.buckets)):
            rows += count
            advance(Progress("features", done + 1, total))
    write_json(work.staging / SUMMARY, described(work.as_of, rows, cuts, work.layout))
    for path in [*paths, work.staging / _PLAN]:
        path.unlink()


@dataclass(frozen=True)
class _Work:
    """A summary under way in its staging folder."""

    store: Store
    staging: Path
    as_of: date
    layout: Layout

    @cached_property
    def is_kept(self) -> bool:
        """Whether the store keeps the state that is needed."""
        return kept.holds(self.store, self.layout, self.as_of)

    def state(self, bucket: int) -> Path:
        """Return where the state of a bucket lies."""
        return self.staging / f"state-{bucket:04}.arrow"

    def lift(self, bucket: int) -> None:
        """Write the state of a bucket, unless it is there."""
        path = self.state(bucket)
        if _rows_of(path, pl.scan_ipc) is None:
            state_of = kept.state if self.is_kept else state
            _write(path, state_of(self.store, bucket, self.layout, self.as_of).write_ipc)

    def finish(self, bucket: int, classifier: Classifier) -> int:
        """Write the features of a bucket, unless they are there; return how many customers it has."""
        path = self.staging / f"part-{bucket:04}.parquet"
        if (rows := _rows_of(path, pl.scan_parquet)) is not None:
            return rows
        lazy = nw.from_native(pl.scan_ipc(self.state(bucket), glob=False))
        features: pl.DataFrame = customers.finish(lazy, self.layout, self.as_of).to_native().collect()
        labelled = rfm.label(features, classifier)
        _write(path, lambda partial: labelled.write_parquet(partial, compression="lz4", statistics=False))
        return features.height


def _rows_of(path: Path, scan: Callable[..., pl.LazyFrame]) -> int | None:
    """Return how many rows a file has; None where there is none, or not all of it since the power failed."""
    try:
        return int(scan(path, glob=False).select(pl.len()).collect().item()) if path.exists() else None
    except (pl.exceptions.PolarsError, OSError):
        return None


@contextmanager
def _threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Return threads which, once one or the caller has failed, begin nothing more."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def cut_points(
    states: pl.LazyFrame, store: Store, as_of: date, settings: Mapping[str, Any] | None
) -> dict[str, list[float]]:
    """Return the cut points over the states of all customers of a store."""
    if store.manifest["customers"] > _MOST_IN_MEMORY:
        return rfm.cut_points(nw.from_native(states), as_of, settings)
    few = states.select("order_count", "spend_hundredths", "last_day").collect()
    return rfm.cut_points_of(few, as_of, settings)


def described(as_of: date, rows: int, cuts: Mapping[str, list[float]], layout: Layout) -> dict[str, Any]:
    """Return what ``summary.json`` says of the features as of a day."""
    return {
        "as_of": as_of.isoformat(),
        "customers": rows,
        "cut_points": cuts,
        "columns": {
            name: {"zh": measure.zh, "en": measure.en, "unit": measure.unit}
            for name, measure in layout.measures.items()
        },
        "layout": asdict(layout),
    }


def _begin(
    staging: Path, store: Store, as_of: date, layout: Layout, settings: Mapping[str, Any] | None
) -> None:
    """Note what is being summarised, or check that it is what was begun."""
    manifest = json.dumps(store.manifest, sort_keys=True).encode()
    plan = {
        "store": sha256(manifest).hexdigest(),
        "as_of": as_of.isoformat(),
        "layout": json.loads(json.dumps(asdict(layout))),
        "rfm": dict(settings or {}),
        "format": _FORMAT,
    }
    path = staging / _PLAN
    if (staging / SUMMARY).exists():  # killed between the summary and its name: cheaper to do again
        for made in [made for made in staging.iterdir() if made.name != _LOCK]:
            made.unlink()
    if not path.exists():
        write_json(path, plan)
        return
    begun = json.loads(path.read_text(encoding="utf-8"))
    if changed := sorted(name for name in plan if plan[name] != begun.get(name)):
        raise DataError(
            f"A summary into this folder was interrupted, and since then {', '.join(changed)} changed. "
            f"Remove the folder {staging.name} to begin anew, or restore what it began with."
        )


def _write(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(path.name + ".partial")
    with telling_full_disk(path):
        write(partial)
    partial.replace(path)
