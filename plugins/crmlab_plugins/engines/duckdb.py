"""The engine of one machine whose tables are larger than its memory."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.engines import Engine
from crmlab.errors import MissingExtraError, ParamsError
from crmlab.labels import Text
from crmlab.memory import budget_mb
from crmlab_plugins.engines.arrow import BATCH, applied, arrow_schema, parquet_glob, portable, whole

if TYPE_CHECKING:
    import duckdb
    import narwhals as nw

    from crmlab_plugins.engines.arrow import Schema

_SIZE = r"[1-9]\d*(\.\d+)? ?([KMGT]i?B)"


class DuckDB(Engine):
    """DuckDB relations, in a database in memory that spills to disk above ``memory_limit``.

    ``memory_limit`` is a size such as ``2GB`` (unless given, what :mod:`crmlab.memory` plans with: 60 % of
    the machine or the container), ``threads`` how many cores it may use (all unless given), ``temp_folder``
    where it spills (a folder of its own among the system's temporary ones unless given, removed in the
    end). All engines of a process share one database, and the settings last given.
    """

    title: ClassVar[Text] = Text("DuckDB（本机）", "DuckDB on this machine")
    implementations: ClassVar[tuple[str, ...]] = ("DUCKDB",)

    memory_limit: str | None = None
    threads: int | None = None
    temp_folder: str | None = None

    def _check_params(self) -> None:
        import re

        if self.memory_limit is not None and not re.fullmatch(_SIZE, self.memory_limit):
            raise ParamsError("memory_limit must be a size with its unit, for example 2GB or 512MB.")
        if self.threads is not None and self.threads < 1:
            raise ParamsError(f"threads is {self.threads}; it must be 1 or more.")

    def from_polars(self, frame: pl.LazyFrame) -> nw.LazyFrame[Any]:
        """Return a relation over the rows, which stay where they are."""
        import narwhals as nw

        return nw.from_native(self._connection().from_arrow(portable(frame).collect().to_arrow()))

    def to_polars(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Compute the relation."""
        native: duckdb.DuckDBPyRelation = frame.to_native()
        rows: pl.DataFrame = native.pl()
        return rows

    def scan(self, path: Path | str) -> nw.LazyFrame[Any]:
        """Return the rows of a Parquet file or of a folder of such."""
        import narwhals as nw

        relation = self._connection().read_parquet(parquet_glob(path))
        return nw.from_native(relation)

    def sink(self, frame: nw.LazyFrame[Any], path: Path | str) -> None:
        """Compute the relation and write one Parquet file."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        native: duckdb.DuckDBPyRelation = frame.to_native()
        native.write_parquet(str(path), compression="zstd")

    def apply(
        self,
        frame: nw.LazyFrame[Any],
        function: Callable[[pl.DataFrame], pl.DataFrame],
        schema: Schema,
        together: str | None = None,
    ) -> nw.LazyFrame[Any]:
        """Compute the relation batch by batch into a table, which can be read as often as needed.

        One batch at a time is in memory; the table spills like everything else in the database.
        """
        import narwhals as nw

        relation: duckdb.DuckDBPyRelation = frame.to_native()
        name = f"crmlab_applied_{next(_NUMBERS)}"
        # The relation is read on its own connection while another one writes.
        writer = self._connection().cursor()
        writer.from_arrow(arrow_schema(schema).empty_table()).create(name)
        if together is None:
            batches = iter(relation.to_arrow_reader(BATCH))
        else:
            key = '"' + together.replace('"', '""') + '"'
            batches = whole(relation.order(key).to_arrow_reader(BATCH), together)
        for rows in batches:
            writer.from_arrow(applied(function, rows, schema)).insert_into(name)
        writer.close()
        _TABLES.append(name)
        return nw.from_native(self._connection().table(name))

    def release(self) -> None:
        """Drop the tables of functions that were applied; relations over them are not usable any more."""
        while _TABLES:
            self._connection().execute(f"DROP TABLE {_TABLES.pop()}")

    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = _database()
        for name, value in (
            ("memory_limit", self.memory_limit),
            ("threads", self.threads),
            ("temp_directory", self.temp_folder),
        ):
            if value is not None:
                text = str(value).replace("'", "''")
                connection.execute(f"SET {name} = '{text}'")
        return connection


_NUMBERS = count()
_TABLES: list[str] = []


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return the database of this process; relations of two of them could not be joined."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError(
            "The engine 'duckdb' needs the package duckdb, which is not installed. "
            "Install it with: pip install 'crmlab[duckdb]'."
        ) from error
    # Its own default is .tmp of the working folder, which others may read; what spills is personal data.
    spilled = TemporaryDirectory(prefix="crmlab-duckdb-", ignore_cleanup_errors=True)
    database = duckdb.connect(
        ":memory:", config={"memory_limit": f"{budget_mb()}MiB", "temp_directory": spilled.name}
    )
    database.execute("SET TimeZone = 'UTC'")  # as on every machine, whatever its own
    atexit.register(spilled.cleanup)
    return database
