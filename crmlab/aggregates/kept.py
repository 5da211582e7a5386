"""The state of a store's customers, kept beside its rows, and merged with that of new rows.

It is the state of :func:`crmlab.aggregates.runs.lift` without an as-of day, in files per bucket of which a
later one stands above the earlier. A state is merged with that of new rows where their days follow, or come
before, all that the customer has; customers for whom they come between are named, to be lifted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from os import fsync
from pathlib import Path
from typing import IO, Any

import narwhals as nw
import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from crmlab.aggregates import customers, runs
from crmlab.aggregates.customers import KEY
from crmlab.aggregates.hashing import hashes
from crmlab.aggregates.layout import Layout
from crmlab.aggregates.store import Store, write_manifest
from crmlab.errors import DataError
from crmlab.summary import day_number

_ADDED = ("order_count", "refund_count", "zero_count", "spend_hundredths")
_LEAST = ("smallest_hundredths", "first_day")
_MOST = ("largest_hundredths", "last_day")


def begin(store: Store, layout: Layout | None = None) -> Store:
    """Make the state of a store that has none, with this layout or the store's own."""
    layout = layout or store.layout()
    files = {}
    for bucket, parts in store.manifest["parts"].items():
        rows = store.rows(int(bucket)).collect()
        last = Path(parts[-1]["file"])
        files[bucket] = [write_kept(store.folder, last, runs.lift(rows, layout), hashes(rows["order_id"]))]
    return published(store, {"state": {"layout": asdict(layout), "files": files}})


def layout_of(store: Store) -> Layout:
    """Return the layout of the store's state."""
    said: dict[str, Any] = dict(state_of(store)["layout"])
    for name, value in said.items():
        said[name] = tuple(value) if isinstance(value, list) else value
    return Layout(**said)


def current(store: Store, bucket: int) -> pl.DataFrame:
    """Return the state of the customers of a bucket, sorted by customer."""
    layout = layout_of(store)
    newest = [widened(pl.read_ipc(path), layout) for path in reversed(_files(store, bucket))]
    every = pl.concat([_nobody(layout), *newest])
    return every.unique(KEY, keep="first", maintain_order=True).sort(KEY)


def features(store: Store, bucket: int, as_of: date) -> pl.DataFrame:
    """Return the features of the customers of a bucket from their state and the rows of the windows.

    Raises DataError for a day before the last order: the state holds all of them.
    """
    if day_number(as_of) < (store.manifest["last_day"] or 0):
        raise DataError(
            f"The store has orders after {as_of}, and its state holds them. Name a later day, or use "
            "`crmlab summarise`, which leaves later orders out."
        )
    layout, state = layout_of(store), nw.from_native(current(store, bucket).lazy())
    if layout.windows:
        spend = customers.windows(nw.from_native(rows_of(store, bucket)), layout, as_of)
        state = state.join(spend, on=KEY, how="left")
    found: pl.DataFrame = customers.finish(state, layout, as_of).to_native().collect()
    return found.sort(KEY)


def held(store: Store, bucket: int, wanted: pl.Series, layout: Layout) -> pl.DataFrame:
    """Return the states that these customers of a bucket have, with the columns of ``layout``."""
    found, left = [_nobody(layout)], wanted.to_frame()
    for path in reversed(_files(store, bucket)):
        mine = pl.scan_ipc(path).join(left.lazy(), on=KEY, how="semi").collect()
        found.append(widened(mine, layout))
        left = left.join(mine, on=KEY, how="anti")
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
    """Return the orders of a bucket, all text as text."""
    return store.rows(bucket).with_columns(cs.enum().cast(pl.String))


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
    """Write the states and the order numbers of a part beside it."""
    number = part.stem.removeprefix("part-")
    files = {
        "state": part.with_name(f"state-{number}.arrow").as_posix(),
        "orders": part.with_name(f"orders-{number}.npy").as_posix(),
    }
    _write(folder / files["state"], state.write_ipc)
    _write(folder / files["orders"], lambda file: np.save(file, np.sort(numbers)))
    return files


def _files(store: Store, bucket: int) -> list[Path]:
    return [store.folder / files["state"] for files in state_of(store)["files"].get(str(bucket), ())]


def _nobody(layout: Layout) -> pl.DataFrame:
    names = customers.columns(layout)
    return pl.DataFrame(schema={name: pl.String if name == KEY else pl.Int64 for name in names})


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        write(file)
        file.flush()
        fsync(file.fileno())
    partial.replace(path)
