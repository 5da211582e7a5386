"""Read JSON lines, or one array of objects, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from crmlab.data.reading.cells import clean_header, too_wide, unique_names, without_invisible
from crmlab.data.reading.decoding import to_utf8
from crmlab.data.reading.limits import MAX_COLUMNS, MAX_GRID
from crmlab.data.reading.raw_table import SOURCE_ROW, RawTable, nothing_left_out
from crmlab.errors import DataError

_INT64 = range(-(2**63), 2**63)


def looks_like_json(head: bytes) -> bool:
    """Say whether a file that begins with ``head`` is an object, or an array of objects."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"[":
        text = text[1:].lstrip()
        return text[:1] in (b"{", b"]") or not text
    return text[:1] == b"{" and text[1:].lstrip()[:1] in (b'"', b"}", b"")


def read_json(raw: bytes, file: str) -> RawTable:
    """Read objects as rows: one a line, or all in one array.

    An object inside a row becomes columns ``outer.inner``; what lies deeper, and lists, are kept as
    JSON text. Columns keep their type where all values have one (Boolean, Int64, Float64), and are text
    otherwise. `source_row` counts lines, in an array its items. Raises DataError naming the line.
    """
    data, encoding = to_utf8(raw, file)
    text = data.decode()
    is_array = text.lstrip()[:1] == "["
    columns: dict[str, dict[int, Any]] = {}
    rows: list[int] = []
    for row, item in _items(text, file) if is_array else _lines(text, file):
        if not isinstance(item, dict):
            raise DataError(f"{file}, {_where(is_array, row)}: a row must be an object, {{…}}.")
        for name, value in _flat(item):
            values = columns.setdefault(name, {})
            if len(rows) in values:
                raise _repeated(file, _where(is_array, row))
            values[len(rows)] = value
        rows.append(row)
        if len(columns) > MAX_COLUMNS:
            raise too_wide(file, len(columns))
        if len(columns) * len(rows) > MAX_GRID * 5:
            raise DataError(
                f"{file} would be a table of more than {MAX_GRID * 5:,} cells: its objects have too many "
                "different keys. Write rows as objects of the same keys, or save it as Parquet."
            )
    if not columns:
        raise DataError(f"{file} is empty. A table needs at least one object with values.")
    given = [clean_header(name) or f"column_{place}" for place, name in enumerate(columns, 1)]
    names = unique_names(given)
    series = [_column(name, values, len(rows)) for name, values in zip(names, columns.values(), strict=True)]
    frame = pl.DataFrame([pl.Series(SOURCE_ROW, rows, dtype=pl.UInt32), *series])
    frame = frame.with_columns(without_invisible(name) for name in names if frame.schema[name] == pl.String)
    return RawTable(
        file,
        frame.lazy(),
        "json" if is_array else "jsonl",
        encoding,
        None,
        None,
        (tuple(given),),
        (),
        nothing_left_out(frame.schema),
    )


class _RepeatedKeyError(Exception):
    """One object has one key twice: a parser would keep the last value alone."""


def _repeated(file: str, where: str) -> DataError:
    return DataError(f"{file}, {where}: an object has the same key twice. Give each value a key of its own.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKeyError
    return found


def _where(is_array: bool, row: int) -> str:
    return f"item {row}" if is_array else f"line {row}"


def _lines(text: str, file: str) -> Iterator[tuple[int, Any]]:
    # Only \n ends a line here: values may contain other separators of lines.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_object)
        except _RepeatedKeyError:
            raise _repeated(file, f"line {number}") from None
        except (ValueError, RecursionError):
            try:
                # One object over several lines is a file of one row.
                whole = json.loads(text, object_pairs_hook=_object)
            except _RepeatedKeyError:
                raise _repeated(file, f"line {number} or below") from None
            except (ValueError, RecursionError):
                raise DataError(
                    f"{file}, line {number}: this is no complete JSON object. Write one object a "
                    "line, or all of them in one array."
                ) from None
            if number > 1:
                raise DataError(f"{file}, line {number}: this is no JSON object.") from None
            yield 1, whole
            return


def _items(text: str, file: str) -> Iterator[tuple[int, Any]]:
    try:
        items = json.loads(text, object_pairs_hook=_object)
    except _RepeatedKeyError:
        raise _repeated(file, "the array") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{file}, line {error.lineno}: the JSON array breaks here. Export the file again, or write one "
            "object a line."
        ) from None
    except (ValueError, RecursionError):
        raise DataError(
            f"{file} is JSON that is nested too deeply, or has numbers that are too long."
        ) from None
    yield from enumerate(items, 1)


def _flat(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, dict):
            for inner, deeper in value.items():
                yield f"{name}.{inner}", _plain(deeper)
        else:
            yield name, _plain(value)


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _column(name: str, values: dict[int, Any], height: int) -> pl.Series:
    cells = [values.get(row) for row in range(height)]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {bool}:
        return pl.Series(name, cells, dtype=pl.Boolean)
    if kinds == {int} and all(cell is None or cell in _INT64 for cell in cells):
        return pl.Series(name, cells, dtype=pl.Int64)
    if kinds and kinds <= {int, float} and all(cell is None or abs(cell) <= 2**53 for cell in cells):
        return pl.Series(name, cells, dtype=pl.Float64, strict=False)
    texts = [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]
    # A surrogate alone is legal JSON and no text.
    whole = [text and text.encode("utf-8", "replace").decode() for text in texts]
    return pl.Series(name, whole, dtype=pl.String)
