"""Tables from databases: DuckDB, SQLite, PostgreSQL, MySQL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import polars as pl
from pydantic import ConfigDict
from typing_extensions import TypedDict

from crmlab.data.fingerprints import of_files
from crmlab.data.mapping.matching import check_conflicts, map_table
from crmlab.data.schemas import TABLES, column_problem, table_problem
from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab.estimators import Source
from crmlab.labels import Text
from crmlab.satisfaction import scale_problem
from crmlab_plugins.sources.database_drivers import quoted
from crmlab_plugins.sources.database_files import read_duckdb, read_sqlite
from crmlab_plugins.sources.database_servers import read_mysql, read_postgresql

_REFERENCE = "env:"
_QUOTED_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME_PART = re.compile(r'"((?:[^"]|"")+)"|([^".\x00]+)')


class Selection(TypedDict, total=False):
    """One table of the database, or what one query gives, and which column stands for which."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    table: str
    query: str
    columns: dict[str, str]
    scale: str


class Database(Source):
    """Canonical tables from the tables of a database, or from queries; nothing is ever written to it.

    ``select`` maps a canonical table to a ``table`` (``name`` or ``schema.name``, letter by letter; a
    part with a dot in it in double quotes) or to a ``query``, a single SELECT; and, where the names are
    not recognised, to ``columns``: canonical column → column of the database. ``scale`` says on which
    scale the scores of feedback were given. ``note`` tells readers in a sentence what the data is.

    Exact types stay exact: DECIMAL arrives as Decimal, a time with a zone as UTC, one without a zone is
    local to the study. What has no such type (UUID, JSON, enumerations, arrays, intervals) arrives as the
    text that the database writes; binary columns are refused. As a database promises no order of rows,
    they are sorted by their values.
    """

    tables: ClassVar[tuple[str, ...]] = tuple(TABLES)
    quotes: ClassVar[str] = '"'
    select: dict[str, Selection]
    note: str = ""

    @property
    def provides(self) -> tuple[str, ...]:
        """The tables that ``select`` names."""
        return tuple(self.select)

    @property
    def origin(self) -> Text:
        """The kind of database and the tables in it; neither host nor name of the database."""
        named = [item["table"] for item in self.select.values() if "table" in item]
        queries = len(self.select) - len(named)
        zh = [*(["表 " + "、".join(named)] if named else []), *([f"{queries} 个查询"] if queries else [])]
        en = [*named, *([f"{queries} {'query' if queries == 1 else 'queries'}"] if queries else [])]
        note = f" {self.note}" if self.note else ""
        return Text(
            f"{self.title.zh}：{'，另有 '.join(zh) or '未选表'}。{self.note}",
            f"{self.title.en}: {', '.join(en) or 'no tables'}.{note}",
        )

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return the tables; each is read from the database when it is asked for.

        Asking for one raises MissingExtraError without the driver, and DataError where the database
        cannot be opened, a table or column is not there, or the query is not valid.
        """
        return _OnDemand(self)

    def table(self, name: str) -> pl.LazyFrame:
        """Read one canonical table."""
        item = self.select[name]
        where = f"The table {name!r} of the source {type(self).__name__.lower()}"
        if "query" in item:
            query = _statement(item["query"])
        else:
            query = f"SELECT * FROM {self._quoted(item['table'])}"  # noqa: S608  # an identifier in quotes
        frame = self._fetch(query, where)
        mapped = self._mapped(name, frame.sort(frame.columns), item.get("columns", {}), where)
        scale = item.get("scale")
        return mapped.with_columns(scale=pl.lit(scale)) if scale else mapped

    def _fetch(self, query: str, where: str) -> pl.DataFrame:
        raise NotImplementedError

    def _mapped(self, name: str, frame: pl.DataFrame, given: Mapping[str, str], where: str) -> pl.LazyFrame:
        mapping = map_table(name, frame.columns, given=given, file=where)
        check_conflicts(mapping)
        return mapping.apply(frame.lazy())

    def _quoted(self, table: str) -> str:
        return ".".join(quoted(part, self.quotes) for part in _name_parts(table) or ())

    def _check_params(self) -> None:
        problems = [line for name, item in self.select.items() for line in _problems(name, item)]
        if problems:
            raise ParamsError(" ".join(problems))


class _DatabaseFile(Database):
    """A database in a file, at ``path``."""

    path: str

    def _fingerprint(self, logs: Sequence[str], views: str) -> str | None:
        """Return a hash over the file and its ``logs``; None where a query or a view may ask for the time."""
        try:
            if any("query" in item for item in self.select.values()) or self._fetch(views, "").item():
                return None
        except (DataError, MissingExtraError):  # said when the tables are read
            return None
        files = (Path(f"{self.path}{end}") for end in logs)
        return of_files([self.path, *(file for file in files if file.is_file())])


class DuckDB(_DatabaseFile):
    """Tables of a DuckDB file, opened read-only; ``path`` is relative to the working folder."""

    title: ClassVar[Text] = Text("DuckDB 数据库", "DuckDB database")

    def fingerprint(self) -> str | None:
        """Return a hash over the file and what is not yet written into it; None with a query or view."""
        return self._fingerprint([".wal"], "SELECT count(*) AS views FROM duckdb_views() WHERE NOT internal")

    def _fetch(self, query: str, where: str) -> pl.DataFrame:
        return read_duckdb(self.path, query, where)


class SQLite(_DatabaseFile):
    """Tables of an SQLite file, opened read-only; ``path`` is relative to the working folder.

    SQLite has values with types rather than columns: a column of integers, of floats or of both is
    numeric, any other is text. Dates are what was stored, as a rule ISO 8601 text.
    """

    title: ClassVar[Text] = Text("SQLite 数据库", "SQLite database")

    def fingerprint(self) -> str | None:
        """Return a hash over the file and what is not yet written into it; None with a query or view."""
        views = "SELECT count(*) AS views FROM sqlite_master WHERE type = 'view'"
        return self._fingerprint(["-wal", "-journal"], views)

    def _fetch(self, query: str, where: str) -> pl.DataFrame:
        return read_sqlite(self.path, query, where)


class PostgreSQL(Database):
    """Tables of a PostgreSQL server, read in a read-only session.

    ``connection`` is a URI, ``postgresql://user:password@host:5432/database``; with a password in it
    by reference, ``env:NAME``.
    """

    title: ClassVar[Text] = Text("PostgreSQL 数据库", "PostgreSQL database")
    connection: str = field(repr=False)

    def _fetch(self, query: str, where: str) -> pl.DataFrame:
        return read_postgresql(self.connection, query, where)

    def _check_params(self) -> None:
        _check_uri(self.connection, ("postgresql", "postgres"))
        super()._check_params()


class MySQL(Database):
    """Tables of a MySQL or MariaDB server, read in a read-only session.

    ``connection`` is a URI, ``mysql://user:password@host:3306/database``; with a password in it by
    reference, ``env:NAME``. A TIMESTAMP is a moment and arrives as UTC, a DATETIME is local to the study.
    """

    title: ClassVar[Text] = Text("MySQL 数据库", "MySQL database")
    quotes: ClassVar[str] = "`"
    connection: str = field(repr=False)

    def _fetch(self, query: str, where: str) -> pl.DataFrame:
        return read_mysql(self.connection, query, where)

    def _check_params(self) -> None:
        _check_uri(self.connection, ("mysql",))
        super()._check_params()


class _OnDemand(Mapping[str, pl.LazyFrame]):
    """The tables of a database: a report reads those it needs."""

    def __init__(self, source: Database) -> None:
        self._source = source

    def __getitem__(self, name: str) -> pl.LazyFrame:
        return self._source.table(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.provides)

    def __len__(self) -> int:
        return len(self._source.provides)

    def __contains__(self, name: object) -> bool:
        return name in self._source.provides


def _name_parts(table: str) -> list[str] | None:
    """Split ``schema.name`` at its dots, which double quotes protect; None where it is no such name."""
    parts, place = [], 0
    while found := _NAME_PART.match(table, place):
        quoted, plain = found.groups()
        parts.append(quoted.replace('""', '"') if quoted else plain)
        place = found.end()
        if place == len(table):
            return parts
        if table[place] != ".":
            return None
        place += 1
    return None


def _check_uri(uri: str, schemes: tuple[str, ...]) -> None:
    """Raise ParamsError for what is no URI of the database, or has its password in plain sight."""
    example = f"{schemes[0]}://user:password@host/database"
    if uri.startswith(_REFERENCE):
        name = uri.removeprefix(_REFERENCE)
        if name not in os.environ:
            raise ParamsError(
                f"connection: the environment variable {name!r} is not set. Set it to the URI of the "
                f"database before the run, for example: export {name}='{example}'"
            )
        return
    try:
        parts = urlsplit(uri)
        password = parts.password or "password" in parse_qs(parts.query)
    except ValueError:
        parts, password = urlsplit(""), None
    if parts.scheme not in schemes:
        raise ParamsError(
            f"connection: a URI such as {example} is needed; what is given begins otherwise, or a character "
            "in it wants percent-encoding (@ is %40, / is %2F)."
        )
    # A reference has been replaced by the variable's value when the source is opened.
    if password and uri not in os.environ.values():
        raise ParamsError(
            "connection: the URI has a password in plain text. Put the whole URI into an environment "
            "variable, for example SHOP_DATABASE, and write `connection: env:SHOP_DATABASE`."
        )


def _problems(name: str, item: Selection) -> list[str]:
    """Say what is wrong with the entry of one table, before any database is opened."""
    if unknown := table_problem(name):
        return [unknown]
    problems = []
    if ("table" in item) == ("query" in item):
        problems.append(f"Give {name!r} either a table, `{name}: {{table: …}}`, or a query.")
    if "table" in item and _name_parts(item["table"]) is None:
        problems.append(f"{name}.table is no name of a table; write name or schema.name.")
    if "query" in item and (problem := _query_problem(item["query"])):
        problems.append(f"{name}.query {problem}")
    if name != "customers":  # they may bring attributes of any name
        found = (column_problem(name, column) for column in item.get("columns", {}))
        problems += [problem for problem in found if problem]
    if problem := scale_problem(item.get("scale")):
        problems.append(problem)
    if item.get("scale") is not None and name != "feedback":
        problems.append(f"`scale` belongs to the table 'feedback', not to {name!r}.")
    return problems


def _query_problem(query: str) -> str | None:
    """Say why a query is not a single SELECT; the read-only session has the last word."""
    bare = _blanked(query)
    if ";" in bare:
        return "holds several statements; it must be a single SELECT."
    words = re.match(r"[\s(]*(\w+)", bare)
    if words is None or words[1].upper() not in ("SELECT", "WITH"):
        return "must begin with SELECT or WITH; a source only reads."
    return None


def _statement(query: str) -> str:
    """Return a query without the semicolon, and the comments, at its end."""
    return query[: len(_blanked(query))]


def _blanked(query: str) -> str:
    """Return a query up to its closing semicolon, strings and names in quotes as x, comments as spaces."""
    blank = _QUOTED_OR_COMMENT.sub(lambda found: (" " if found[0][0] in "-/" else "x") * len(found[0]), query)
    return blank.rstrip("; \t\r\n")
