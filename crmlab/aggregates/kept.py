"""The state of a store's customers, kept beside its rows, and merged with that of new rows.

It is the state of :func:`crmlab.aggregates.runs.lift` without an as-of day, in files per bucket of which a
later one stands above the earlier. A state is merged with that of new rows where their days follow, or come
before, all that the customer has; customers for whom they come between are named, to be lifted anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from os import cpu_count
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from crmlab.aggregates import customers, runs
from crmlab.aggregates.customers import KEY
from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.store import Store, write_manifest, write_whole
from crmlab.errors import DataError
from crmlab.summary import day_number

_ROWS = ("order_count", "refund_count", "zero_count")
"""Each row of a customer counts in one of these."""
_ADDED = (*_ROWS, "spend_hundredths")
_LEAST = ("smallest_hundredths", "first_day")
_MOST = ("largest_hundredths", "last_day")


def begin(store: Store, layout: Layout | None = None) -> Store:
    """Make the state of a store that has none, with this layout or the store's own."""
    layout = layout or store.layout()

    def kept(bucket: str, parts: list[dict[str, Any]]) -> list[dict[str, str]]:
        rows = store.rows(int(bucket)).collect()
        part = Path(parts[-1]["file"])
        return [write_kept(store.folder, part, runs.lift(rows, layout), np.sort(hashes(rows["order_id"])))]

    with workers() as pool:
        parts = store.manifest["parts"]
        files = dict(zip(parts, pool.map(kept, parts, parts.values()), strict=True))
    return published(store, {"state": {"layout": asdict(layout), "files": files}})


def layout_of(store: Store) -> Layout:
    """Return the layout of the store's state."""
    return Layout.read(state_of(store)["layout"])


def holds(store: Store, layout: Layout, as_of: date) -> bool:
    """Say whether the state that is kept, or a part of its columns, gives that of ``layout`` as of a day."""
    if "state" not in store.manifest or day_number(as_of) < (store.manifest["last_day"] or 0):
        return False
    mine = layout_of(store)
    categories = [(each.category_column, each.categories, each.counted) for each in (layout, mine)]
    return (
        layout.channels in ((), mine.channels)
        and (not layout.categories or categories[0] == categories[1])
        and mine.gaps >= layout.gaps
    )


def state(store: Store, bucket: int, layout: Layout, as_of: date) -> pl.DataFrame:
    """Return the state of a bucket as of a day from the one that is kept and the days of the windows.

    It is what :func:`crmlab.aggregates.runs.lift` makes of the rows. Raises DataError where the state does
    not hold for the day or the layout: see :func:`holds`.
    """
    if not holds(store, layout, as_of):
        raise DataError(
            f"The store has orders after {as_of}, or its state has other columns, so that it does not hold. "
            "Use `crmlab summarise`, which reads the orders where that is so."
        )
    kept = current(store, bucket).select(customers.columns(layout))
    spent = {name: np.zeros(kept.height, np.int64) for name in layout.spends(as_of)}
    if layout.windows:
        today = day_number(as_of)
        for who, starts, rows in _runs(store, bucket, today - max(layout.windows)):
            places = kept[KEY].search_sorted(who).to_numpy() if len(who) < kept.height else slice(None)
            day, amount = rows["day"].to_numpy(), rows["amount_hundredths"].to_numpy()
            for name, days in layout.spends(as_of).items():
                spent[name][places] += np.add.reduceat(np.where(day > today - days, amount, 0), starts)
    return kept.with_columns(pl.Series(name, values) for name, values in spent.items()).select(
        customers.columns(layout, as_of)
    )


def current(store: Store, bucket: int) -> pl.DataFrame:
    """Return the state of the customers of a bucket, sorted by customer."""
    layout = layout_of(store)
    found, *newer = [
        widened(pl.scan_ipc(path, glob=False).collect(), layout) for path in _files(store, bucket)
    ] or [_nobody(layout)]
    if not newer:
        return found
    above = pl.concat(newer[::-1]).unique(KEY, keep="first").sort(KEY)
    if found.is_empty():
        return above
    places = found[KEY].search_sorted(above[KEY]).to_numpy().astype(np.int64)
    there = (found[KEY].gather(places.clip(max=found.height - 1)) == above[KEY]).to_numpy()
    rows, later = np.arange(found.height), found.height + np.arange(above.height)
    rows[places[there]] = later[there]
    return pl.concat([found, above])[np.insert(rows, places[~there], later[~there])]


def features(store: Store, bucket: int, as_of: date) -> pl.DataFrame:
    """Return the features of the customers of a bucket from their state and the rows of the windows.

    Raises DataError for a day before the last order: the state holds all of them.
    """
    layout = layout_of(store)
    lazy = nw.from_native(state(store, bucket, layout, as_of).lazy())
    found: pl.DataFrame = customers.finish(lazy, layout, as_of).to_native().collect()
    return found


def held(store: Store, bucket: int, wanted: pl.Series, layout: Layout) -> pl.DataFrame:
    """Return the states that these customers of a bucket have, with the columns of ``layout``."""
    found, left = [_nobody(layout)], wanted
    for path in reversed(_files(store, bucket)):
        state = pl.scan_ipc(path, glob=False).collect()
        mine = widened(state.filter(pl.col(KEY).is_in(left.implode())), layout)
        found.append(mine)
        left = left.filter(~left.is_in(mine[KEY].implode()))
    return pl.concat(found)


def merged(old: pl.DataFrame, new: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, pl.Series]:
    """Merge the states of new rows with those that the same customers had, where they had one.

    Return the states, in the order of ``new``, and the customers among them whose new days lie between
    those they had: the columns of gaps are null, and their rows are to be lifted anew.
    """
    both = new.join(old, on=KEY, how="left", suffix="_old", maintain_order="left")

    def was(name: str) -> pl.Expr:
        return pl.col(f"{name}_old")

    made = {name: pl.col(name) + was(name).fill_null(0) for name in (*_ADDED, *layout.counts)}
    made |= {name: pl.min_horizontal(name, was(name)) for name in _LEAST}
    made |= {name: pl.max_horizontal(name, was(name)) for name in _MOST}
    made |= {name: pl.col(name) | was(name).fill_null(0) for name in layout.masks}
    if not layout.gaps:
        return both.select(KEY, **made).select(customers.columns(layout)), new[KEY].clear()
    first, last = pl.col("first_day"), pl.col("last_day")
    bought = first.is_not_null() & was("first_day").is_not_null()
    bridge = (
        pl.when(~bought)
        .then(0)
        .when(first >= was("last_day"))
        .then(first - was("last_day"))
        .when(last <= was("first_day"))
        .then(was("first_day") - last)
    )
    same = (bought & (bridge == 0)).cast(pl.Int64)
    made["purchase_days"] = pl.col("purchase_days") + was("purchase_days").fill_null(0) - same
    made["gap_squares"] = pl.col("gap_squares") + was("gap_squares").fill_null(0) + bridge * bridge
    made["longest_gap"] = pl.when(bridge.is_not_null()).then(
        pl.max_horizontal("longest_gap", was("longest_gap"), bridge)
    )
    states = both.select(KEY, **made).select(customers.columns(layout))
    return states, states.filter(pl.col("gap_squares").is_null())[KEY]


def state_of(store: Store) -> Mapping[str, Any]:
    """Return what the manifest says of the state; raise DataError where there is none."""
    if "state" not in store.manifest:
        raise DataError(f"{store.folder.name} has no state yet. The first `crmlab ingest --append` makes it.")
    found: Mapping[str, Any] = store.manifest["state"]
    return found


def rows_of(store: Store, bucket: int) -> pl.LazyFrame:
    """Return the orders of a bucket, part by part, all text as text."""
    frames = [_scanned(path).with_columns(cs.enum().cast(pl.String)) for path in _parts(store, bucket)]
    return pl.concat(frames, how="diagonal") if frames else store.rows(bucket)


def indexes(store: Store, bucket: int) -> list[Path]:
    """Return the files of the hashes of the order numbers of a bucket."""
    return [store.folder / files["orders"] for files in state_of(store)["files"].get(str(bucket), ())]


def widened(state: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Give a state the columns of values that came later: nobody in it had any of them."""
    missing = [name for name in customers.columns(layout) if name not in state.columns]
    return state.with_columns(pl.lit(0, pl.Int64).alias(name) for name in missing).select(
        customers.columns(layout)
    )


def published(store: Store, changes: Mapping[str, Any]) -> Store:
    """Replace the manifest by one with ``changes``, from when on the files that it names count."""
    manifest = {**store.manifest, **changes}
    manifest.pop("version", None)
    write_manifest(store.folder, manifest)
    return Store.open(store.folder)


def write_kept(folder: Path, part: Path, state: pl.DataFrame, numbers: NDArray[np.uint64]) -> dict[str, str]:
    """Write the states and the sorted hashes of the order numbers of a part beside it."""
    number = part.stem.removeprefix("part-")
    files = {
        "state": part.with_name(f"state-{number}.arrow").as_posix(),
        "orders": part.with_name(f"orders-{number}.npy").as_posix(),
    }
    write_whole(folder / files["state"], state.write_ipc)
    write_index(folder / files["orders"], numbers)
    return files


def write_index(path: Path, numbers: NDArray[np.uint64]) -> None:
    """Write sorted hashes whole or not at all."""
    write_whole(path, lambda file: np.save(file, numbers))


def workers() -> ThreadPoolExecutor:
    """Return threads for buckets: as many are in memory at once."""
    return ThreadPoolExecutor(min(2, cpu_count() or 1))


def _parts(store: Store, bucket: int) -> list[Path]:
    return [store.folder / part["file"] for part in store.manifest["parts"].get(str(bucket), ())]


def _runs(
    store: Store, bucket: int, after: int
) -> Iterator[tuple[pl.Series, NDArray[np.int64], pl.DataFrame]]:
    """Return, part by part, the customers with rows, where the rows of each begin, and the rows.

    Rows up to the day ``after`` may be left out. The first state is that of the first part alone, and knows
    how many rows each customer has in it.
    """
    names = ["day", "amount_hundredths"]
    for number, path in enumerate(_parts(store, bucket)):
        if number == 0:
            state = pl.scan_ipc(_files(store, bucket)[0], glob=False).select(KEY, *_ROWS).collect()
            counts = state.select(pl.sum_horizontal(_ROWS)).to_series().to_numpy()
            who, starts, rows = state[KEY], np.cumsum(counts) - counts, _scanned(path).select(names).collect()
        else:
            rows = _scanned(path).filter(pl.col("day") > after).select(KEY, *names).collect()
            starts = (rows[KEY] != rows[KEY].shift(1)).fill_null(value=True).arg_true().to_numpy()
            who = rows[KEY].gather(starts)
        if rows.height:
            yield who, starts, rows


def _scanned(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _files(store: Store, bucket: int) -> list[Path]:
    return [store.folder / files["state"] for files in state_of(store)["files"].get(str(bucket), ())]


def _nobody(layout: Layout) -> pl.DataFrame:
    names = customers.columns(layout)
    return pl.DataFrame(schema={name: pl.String if name == KEY else pl.Int64 for name in names})
