"""What engines share: columns that all of them can hold, and batches of Arrow rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from crmlab.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from polars.datatypes import DataTypeClass

    Kind = pl.DataType | DataTypeClass
    Schema = Mapping[str, Kind]

BATCH = 131_072
"""Rows of a batch."""


def parquet_glob(path: Path | str) -> str:
    """Return a pattern of the Parquet files at ``path``: the file itself, or all of a folder."""
    return f"{path}/**/*.parquet" if Path(path).is_dir() else str(path)


def portable(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame with types and names that every engine has.

    Whole numbers become Int64, other numbers Float64, categories and columns without a type String;
    texts, truth values, dates, moments and lists of these stay. Columns of other kinds, which no canonical
    table has, are left out, so that a feature that asks for one fails. Raises DataError for names that
    differ only in case, which engines other than polars take for one.
    """
    schema = frame.collect_schema()
    folded = [name.casefold() for name in schema]
    if alike := [name for name, plain in zip(schema, folded, strict=True) if folded.count(plain) > 1]:
        raise DataError(
            f"The columns {', '.join(alike)} of a table differ only in case, and engines other than polars "
            "take them for one. Rename one of them in the source, or set `engine: polars`."
        )
    targets = {name: _target(dtype) for name, dtype in schema.items()}
    return frame.select(pl.col(name).cast(target) for name, target in targets.items() if target is not None)


def _target(dtype: pl.DataType) -> pl.DataType | None:
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_numeric():
        return pl.Float64()
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Null):
        return pl.String()
    if isinstance(dtype, pl.List):
        inner = _target(dtype.inner)  # type: ignore[arg-type]
        return None if inner is None else pl.List(inner)
    return dtype if isinstance(dtype, pl.String | pl.Boolean | pl.Date | pl.Datetime) else None


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema that engines agree on: short strings, lists and no views."""
    import pyarrow as pa

    return pa.schema([(name, _arrow_type(dtype)) for name, dtype in schema.items()])


def _arrow_type(dtype: Kind) -> pa.DataType:
    import pyarrow as pa

    simple: dict[Kind, pa.DataType] = {
        pl.String: pa.string(),
        pl.Int64: pa.int64(),
        pl.Float64: pa.float64(),
        pl.Boolean: pa.bool_(),
        pl.Date: pa.date32(),
    }
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow_type(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pa.struct([(field.name, _arrow_type(field.dtype)) for field in dtype.fields])
    return simple[dtype.base_type()]


def applied(
    function: Callable[[pl.DataFrame], pl.DataFrame], rows: pa.Table | pa.RecordBatch, schema: Schema
) -> pa.Table:
    """Return the function of a batch of Arrow rows, as Arrow rows of ``schema``."""
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return function(frame).select(list(schema)).to_arrow().cast(arrow_schema(schema))


def whole(batches: Iterable[pa.RecordBatch], key: str) -> Iterator[pa.Table]:
    """Cut batches that are sorted by ``key`` anew, so that equal keys are in one batch."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        keys = batch.column(batch.schema.get_field_index(key))
        last = pc.is_null(keys) if not keys[-1].is_valid else pc.fill_null(pc.equal(keys, keys[-1]), False)
        begins = pc.index(last, True).as_py()
        if begins or (kept and not _ends_with(kept[-1], key, keys[0])):
            table = pa.Table.from_batches([*kept, batch.slice(0, begins)])
            if table.num_rows:
                yield table
            kept = []
        kept.append(batch.slice(begins))
    if kept:
        yield pa.Table.from_batches(kept)


def _ends_with(batch: pa.RecordBatch, key: str, value: pa.Scalar) -> bool:
    last = batch.column(batch.schema.get_field_index(key))[-1]
    return bool(last.as_py() == value.as_py())
