"""Read from database files: DuckDB and SQLite, both opened read-only."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from crmlab.errors import DataError
from crmlab_plugins.sources.database_drivers import (
    DAMAGED,
    attempt,
    missing_extra,
    quoted,
    readable,
    select_from,
    types_by_name,
)

_BUSY_SECONDS = 10
"""How long to wait for a program that writes to the file."""
_LARGEST_EXACT_INTEGER = 2**53
"""Up to here a Float64 holds every integer."""


def read_duckdb(path: str, query: str, where: str) -> pl.DataFrame:
    """Read from a DuckDB file; the query reaches no other file."""
    try:
        import duckdb
    except ImportError:
        raise missing_extra("duckdb", "duckdb") from None
    file = _existing(path, where)

    def read() -> pl.DataFrame:
        settings: dict[str, Any] = {"enable_external_access": "false"}
        with contextlib.closing(duckdb.connect(str(file), read_only=True, config=settings)) as database:
            described = database.sql(query)
            types = types_by_name(described.columns, map(str, described.types), where)
            chosen = [_duckdb_expression(name, kind) for name, kind in types.items()]
            return pl.DataFrame(database.sql(select_from(chosen, query)))

    def explain(error: BaseException) -> str:
        said = str(error).split("\n")[0]
        if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
            return f"{said}. Correct the table, the column or the query"
        if isinstance(error, duckdb.PermissionException):
            return "the query reaches for something outside this database, which a source may not"
        if "set lock" in said or isinstance(error, duckdb.ConnectionException):
            return f"{file.name} is open for writing elsewhere. Close it there, or read a copy"
        if isinstance(error, duckdb.IOException):
            return f"{file.name} is no DuckDB database of this version. Check `path`"
        return DAMAGED.format(code="")

    return readable(attempt(read, explain, where), where)


def read_sqlite(path: str, query: str, where: str) -> pl.DataFrame:
    """Read from an SQLite file."""
    file = _existing(path, where)

    def read() -> pl.DataFrame:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as database:
            cursor = database.execute(query)
            names = [item[0] for item in cursor.description]
            types_by_name(names, names, where)
            rows = cursor.fetchall()
        values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ([] for _ in names)
        return pl.DataFrame([_sqlite_column(*item) for item in zip(names, values, strict=True)])

    def explain(error: BaseException) -> str:
        said = str(error)
        if unreadable := re.match(r"Could not decode to UTF-8 column '(.*?)' with text", said):
            return f"the column {unreadable[1]!r} holds text that is not UTF-8. Convert it in the database"
        if "not a database" in said or "unable to open" in said:
            return f"{file.name} is no SQLite database, or may not be opened. Check `path`"
        if "locked" in said:
            return f"another program is writing to {file.name}. Try again, or read a copy"
        if re.match(r"no such|near |ambiguous|incomplete|wrong number|misuse|unrecognized", said):
            return f"{said}. Correct the table, the column or the query"
        return DAMAGED.format(code="")

    return readable(attempt(read, explain, where), where)


def _existing(path: str, where: str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise DataError(
            f"{where} cannot be read: there is no file {file.name!r}. Check `path`; it is relative to the "
            "folder of the study."
        )
    return file


_DUCKDB_TYPES = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|DECIMAL\(.*\)"
)


def _duckdb_expression(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "DATE" or (kind.startswith("TIMESTAMP") and "NS" not in kind):
        return f"CASE WHEN isfinite({column}) THEN {column} END AS {column}"
    if _DUCKDB_TYPES.fullmatch(kind):
        return column
    return f"CAST({column} AS VARCHAR) AS {column}"


def _sqlite_column(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values} - {type(None)}
    if bytes in kinds:
        kept = [value if isinstance(value, bytes) else None for value in values]
        return pl.Series(name, kept, pl.Binary)
    if kinds == {int}:
        return pl.Series(name, values, pl.Int64)
    whole = (value for value in values if isinstance(value, int))
    if float in kinds and str not in kinds and all(abs(value) <= _LARGEST_EXACT_INTEGER for value in whole):
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)
