"""Read from database servers: PostgreSQL and MySQL, both in a read-only session."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import polars as pl

from crmlab_plugins.sources.database_drivers import (
    DAMAGED,
    attempt,
    missing_extra,
    quoted,
    readable,
    select_from,
    types_by_name,
)

CONNECT_SECONDS = 10
"""How long a server may take to answer before it counts as not reachable."""

_REFUSED = (
    "the server answers, and refuses the user, the password, the database or the way of encryption. Check "
    "the URI behind `connection`"
)
_UNREACHABLE = (
    "the server cannot be reached. Check host and port in the URI behind `connection`, and that the "
    "database runs"
)
_NO_URI = (
    "the URI behind `connection` cannot be understood. Characters such as @ / : # % and spaces in a user or "
    "password want percent-encoding (@ is %40)"
)


_NOT_CONNECTED = (
    (r"refused\n|could not translate host|timeout expired|No route|unreachable", _UNREACHABLE),
    (r"invalid (?:integer|port|percent|URI)|unexpected (?:spaces|character)|missing ", _NO_URI),
)
"""What libpq itself says; what else it reports is the server's answer, in the server's language."""


def read_postgresql(uri: str, query: str, where: str) -> pl.DataFrame:
    """Read from a PostgreSQL server through ADBC; infinite dates are read as missing."""
    try:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
    except ImportError:
        raise missing_extra("adbc-driver-postgresql", "postgresql") from None

    def read() -> pl.DataFrame:
        with contextlib.closing(dbapi.connect(_with_timeout(uri))) as connection:

            def run(sql: str) -> pl.DataFrame:
                with contextlib.closing(connection.cursor()) as cursor:
                    cursor.execute(sql)
                    return pl.DataFrame(cursor.fetch_arrow())

            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.commit()
            # One row of nulls tells names and types, and runs nothing of the query.
            empty = f"SELECT q.* FROM (SELECT) AS one LEFT JOIN (\n{query}\n) AS q ON false"  # noqa: S608
            names = run(select_from(["json_object_keys(row_to_json(q))"], empty)).to_series().to_list()
            types_by_name(names, names, where)
            kinds = run(
                select_from([f"pg_typeof({quoted(name)})::text AS {quoted(name)}" for name in names], empty)
            )
            types = types_by_name(names, kinds.row(0), where)
            frame = run(select_from([_postgresql_expression(*item) for item in types.items()], query))
        return frame.with_columns(
            _decimal(frame[name].ext.storage())
            for name, kind in types.items()
            if kind in ("numeric", "money")
        )

    def explain(error: BaseException) -> str:
        state = getattr(error, "sqlstate", None)
        details = dict(getattr(error, "details", None) or [])
        said = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"")
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        if state and state[:2] in ("42", "0A", "3F"):
            return f"{said}. Correct the table, the column or the query; names count letter by letter"
        if state == "25006":
            return "the query would change the database, and a source only reads. Use a plain SELECT"
        if state or not isinstance(error, dbapi.OperationalError):
            return DAMAGED.format(code=f" (SQLSTATE {state})" if state else "")
        return next((problem for cue, problem in _NOT_CONNECTED if re.search(cue, str(error))), _REFUSED)

    return readable(attempt(read, explain, where), where)


def read_mysql(uri: str, query: str, where: str) -> pl.DataFrame:
    """Read from a MySQL or MariaDB server through connectorx."""
    try:
        import connectorx
        import pyarrow  # noqa: F401  # connectorx hands over through it
    except ImportError:
        raise missing_extra("connectorx or pyarrow", "mysql") from None

    def run(sql: str, zone: str | None = None) -> pl.DataFrame:
        session = ["SET SESSION TRANSACTION READ ONLY", *([f"SET time_zone = '{zone}'"] if zone else [])]
        result = connectorx.read_sql(uri, sql, return_type="arrow", pre_execution_query=session)
        return pl.DataFrame(result)

    def read() -> pl.DataFrame:
        server = urlsplit(uri)
        socket.create_connection((server.hostname or "", server.port or 3306), CONNECT_SECONDS).close()
        schema = run(f"{select_from(['*'], query)} LIMIT 0").schema
        moments = _moments(schema, query, run)
        frame = run(select_from([_mysql_expression(*item, moments) for item in schema.items()], query))
        return frame.with_columns(
            _mysql_column(frame[name], dtype, moments) for name, dtype in schema.items()
        )

    def explain(error: BaseException) -> str:
        found = re.search(r"ERROR (\d+) \(\w+\): (.*) }", str(error), re.DOTALL)
        code, said = (int(found[1]), found[2]) if found else (0, "")
        if code in (1054, 1060, 1064, 1142, 1143, 1146):
            return f"{said}. Correct the table, the column or the query"
        if code in (1044, 1045, 1049, 1698):
            return _REFUSED
        if isinstance(error, (OSError, ValueError)) or "timed out waiting" in str(error):
            return _UNREACHABLE
        return DAMAGED.format(code=f" (error {code})" if code else "")

    return readable(attempt(read, explain, where), where)


_POSTGRESQL_TYPES = (
    *("smallint", "integer", "bigint", "real", "double precision", "numeric"),
    *("boolean", "text", "character varying", "bytea"),
)


def _postgresql_expression(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "date" or kind.startswith("timestamp"):
        return f"CASE WHEN isfinite({column}) THEN {column} END AS {column}"
    if kind in _POSTGRESQL_TYPES:
        return column
    # The driver gives money as whole hundredths and a UUID as bytes, which nothing would tell.
    return f"{column}::{'numeric' if kind == 'money' else 'text'} AS {column}"


def _with_timeout(uri: str) -> str:
    if "connect_timeout=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}connect_timeout={CONNECT_SECONDS}"


def _moments(
    schema: Mapping[str, pl.DataType], query: str, run: Callable[[str, str], pl.DataFrame]
) -> frozenset[str]:
    """Return the TIMESTAMP columns: the result does not say which ones are, but they follow the session."""
    times = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)]
    if not times:
        return frozenset()
    latest = select_from(
        [f"CAST(MAX({c}) AS CHAR) AS {c}" for c in (quoted(name, "`") for name in times)], query
    )
    here, east = (
        run(latest, zone).select(pl.all().str.to_datetime(time_unit="us", strict=False))
        for zone in ("+00:00", "+01:00")
    )
    ahead = (east - here).row(0, named=True)
    return frozenset(name for name in times if ahead[name] == timedelta(hours=1))


def _mysql_expression(name: str, dtype: pl.DataType, moments: frozenset[str]) -> str:
    column = quoted(name, "`")
    if name in moments:
        return f"CAST(NULLIF(UNIX_TIMESTAMP({column}), 0) * 1000000 AS SIGNED) AS {column}"
    # As text, because connectorx panics at long decimals, and at dates such as 0000-00-00.
    exact = dtype.is_decimal() or dtype.is_temporal()
    return f"CAST({column} AS CHAR) AS {column}" if exact else column


def _mysql_column(values: pl.Series, dtype: pl.DataType, moments: frozenset[str]) -> pl.Series:
    if values.name in moments:
        return pl.from_epoch(values, "us").dt.replace_time_zone("UTC")
    if dtype.is_decimal():
        return _decimal(values)
    if dtype == pl.Date:
        typed = values.str.to_date("%Y-%m-%d", strict=False)
    elif isinstance(dtype, pl.Datetime):
        typed = values.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    else:
        return values
    return typed if typed.null_count() == values.null_count() else values


def _decimal(text: pl.Series) -> pl.Series:
    """Return a column of decimal numbers as Decimal where every one fits; otherwise the text."""
    scale = text.str.extract(r"\.(\d+)$").str.len_chars().max()
    number = text.cast(pl.Decimal(38, min(scale, 38) if isinstance(scale, int) else 0), strict=False)
    return number if number.null_count() == text.null_count() else text
