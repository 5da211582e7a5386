"""The engine of a cluster: any server that speaks Spark Connect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.engines import Engine
from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab_plugins.engines.arrow import applied, portable
from crmlab_plugins.engines.spark_server import PORT, connected, problem_of

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from crmlab_plugins.engines.arrow import Kind, Schema


class Spark(Engine):
    """Frames of a Spark Connect server (Spark 4, Sail): a cluster, or this machine.

    ``remote`` is its address, ``sc://host:15002``; one with a token has to be given as ``env:NAME``.
    Functions that are applied to batches run in the server's Python workers, which need the same crmlab.
    """

    title: ClassVar[Text] = Text("Spark（集群）", "Spark on a cluster")
    implementations: ClassVar[tuple[str, ...]] = ("PYSPARK_CONNECT",)

    remote: str = f"sc://localhost:{PORT}"

    def _check_params(self) -> None:
        # The address itself is not repeated: it may hold a token.
        if problem := problem_of(self.remote):
            raise ParamsError(f"remote: {problem}")

    def __repr__(self) -> str:
        return f"Spark(remote={self.remote.split('/;')[0]!r})"  # without a token

    def from_polars(self, frame: pl.LazyFrame) -> nw.LazyFrame[Any]:
        """Send the rows to the server; tables that are large belong where the cluster can scan them."""
        import narwhals as nw

        rows = portable(frame).collect()
        # The client sends no table without rows: one row of nulls, which is not taken.
        table = (rows if rows.height else rows.clear(1)).to_arrow(compat_level=pl.CompatLevel.oldest())
        sent = self._session().createDataFrame(table)
        return nw.from_native(sent if rows.height else sent.limit(0))

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
        return connected(self.remote)


_KEPT: list[DataFrame] = []


def _columns(schema: Schema) -> str:
    """Return a schema as Spark reads it."""
    return ", ".join(f"{_quoted(name)} {_spark_type(dtype)}" for name, dtype in schema.items())


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


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
        fields = (f"{_quoted(field.name)}: {_spark_type(field.dtype)}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    return simple[dtype.base_type()]
