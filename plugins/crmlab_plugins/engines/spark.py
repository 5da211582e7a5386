"""The engine of a cluster: any server that speaks Spark Connect."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import polars as pl

from crmlab.engines import Engine
from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab.labels import Text
from crmlab_plugins.engines.arrow import applied, portable

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from crmlab_plugins.engines.arrow import Kind, Schema

_PORT = 15002
_SECONDS = 10


class Spark(Engine):
    """Frames of a Spark Connect server (Spark 4, Databricks Connect, Sail): a cluster, or this machine.

    ``remote`` is its address, ``sc://host:15002``; give one with a token as ``env:NAME``. Functions that
    are applied to batches run in the server's Python workers, which need the same crmlab installed.
    """

    title: ClassVar[Text] = Text("Spark（集群）", "Spark on a cluster")
    implementations: ClassVar[tuple[str, ...]] = ("PYSPARK_CONNECT",)

    remote: str = f"sc://localhost:{_PORT}"

    def _check_params(self) -> None:
        try:
            parts = urlsplit(self.remote)
            fine = parts.scheme == "env" or (
                parts.scheme == "sc" and bool(parts.hostname) and parts.port != 0
            )
        except ValueError:
            fine = False
        if not fine:
            # The address itself is not repeated: it may hold a token.
            raise ParamsError(
                "remote must be the address of a Spark Connect server, such as sc://spark.example.com:15002."
            )

    def from_polars(self, frame: pl.LazyFrame) -> nw.LazyFrame[Any]:
        """Send the rows to the server; tables that are large belong where the cluster can scan them."""
        import narwhals as nw

        rows = portable(frame).collect()
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if rows.is_empty():  # the client asks for the types of a table without rows
            return nw.from_native(self._session().createDataFrame([], _columns(rows.schema)))
        return nw.from_native(self._session().createDataFrame(table))

    def to_polars(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Compute on the server and fetch the rows."""
        native: DataFrame = frame.to_native()
        rows = pl.from_arrow(native.toArrow())
        assert isinstance(rows, pl.DataFrame)
        return rows

    def scan(self, path: Path | str) -> nw.LazyFrame[Any]:
        """Return the rows of Parquet files at a path that the server sees."""
        import narwhals as nw

        return nw.from_native(self._session().read.parquet(str(path)))

    def sink(self, frame: nw.LazyFrame[Any], path: Path | str) -> None:
        """Compute on the server and write a folder of Parquet files there."""
        native: DataFrame = frame.to_native()
        native.write.parquet(str(path))

    def apply(
        self,
        frame: nw.LazyFrame[Any],
        function: Callable[[pl.DataFrame], pl.DataFrame],
        schema: Schema,
        together: str | None = None,
    ) -> nw.LazyFrame[Any]:
        """Apply the function in the workers, with ``mapInArrow``.

        Where customers must be whole, the rows are spread over the cluster by customer, and a worker
        has all rows of one partition in memory at a time.
        """
        import narwhals as nw

        native: DataFrame = frame.to_native()
        given = dict(schema)

        def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from applied(function, batch, given).to_batches()

        def all_at_once(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            import pyarrow

            if rows := list(batches):
                yield from applied(function, pyarrow.Table.from_batches(rows), given).to_batches()

        if together is not None:
            native = native.repartition(together)
        # Kept, because a function of Python is dear, and a feature may use what it returns more than once.
        kept = native.mapInArrow(each if together is None else all_at_once, _columns(given)).cache()
        _KEPT.append(kept)
        return nw.from_native(kept)

    def release(self) -> None:
        """Let the server forget what functions returned."""
        while _KEPT:
            _KEPT.pop().unpersist()

    def _session(self) -> SparkSession:
        return _connected(self.remote)


_KEPT: list[DataFrame] = []


def _columns(schema: Schema) -> str:
    """Return a schema as Spark reads it."""
    return ", ".join(f"`{name}` {_spark_type(dtype)}" for name, dtype in schema.items())


def _spark_type(dtype: Kind) -> str:
    simple: dict[Kind, str] = {
        pl.String: "string",
        pl.Int64: "bigint",
        pl.Float64: "double",
        pl.Boolean: "boolean",
        pl.Date: "date",
    }
    if isinstance(dtype, pl.List):
        return f"array<{_spark_type(dtype.inner)}>"
    if isinstance(dtype, pl.Struct):
        fields = (f"`{field.name}`: {_spark_type(field.dtype)}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    if isinstance(dtype, pl.Datetime):
        return "timestamp" if dtype.time_zone else "timestamp_ntz"
    return simple[dtype.base_type()]


@cache
def _connected(remote: str) -> SparkSession:
    """Return the session at an address, the same one for a whole process.

    Raises MissingExtraError without the client, DataError where nothing answers there.
    """
    try:
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise MissingExtraError(
            "The engine 'spark' needs the Spark Connect client, which is not installed. "
            "Install it with: pip install 'crmlab[spark]'."
        ) from error
    parts = urlsplit(remote)
    where = f"{parts.hostname}:{parts.port or _PORT}"
    try:  # the client itself would try again for ten minutes
        socket.create_connection((parts.hostname, parts.port or _PORT), timeout=_SECONDS).close()
    except OSError as error:
        raise DataError(
            f"No Spark Connect server answers at {where} ({error.strerror or error}). Start it "
            "(docs/scale.md says how), correct `engines: {spark: {remote: sc://…}}` of the study, or "
            "compute here with `engine: polars`."
        ) from None
    session: SparkSession = SparkSession.builder.remote(remote).getOrCreate()
    return session
