"""The engine of this machine, and the default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.engines import Engine
from crmlab.labels import Text
from crmlab_plugins.engines.arrow import parquet_glob

if TYPE_CHECKING:
    import narwhals as nw

    from crmlab_plugins.engines.arrow import Schema


class Polars(Engine):
    """Lazy polars frames: in memory or, with ``stream``, in streams, which is slower and takes less memory.

    Streams are for tables in files; how much memory they may take is set by :mod:`crmlab.memory`.
    """

    title: ClassVar[Text] = Text("polars（本机）", "polars on this machine")
    implementations: ClassVar[tuple[str, ...]] = ("POLARS",)

    stream: bool = False

    def from_polars(self, frame: pl.LazyFrame) -> nw.LazyFrame[Any]:
        """Return the frame itself."""
        import narwhals as nw

        return nw.from_native(frame)

    def to_polars(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Compute on all cores."""
        native: pl.LazyFrame = frame.to_native()
        return native.collect(engine="streaming" if self.stream else "auto")

    def scan(self, path: Path | str) -> nw.LazyFrame[Any]:
        """Return the rows of a Parquet file or of a folder of such."""
        import narwhals as nw

        return nw.from_native(pl.scan_parquet(parquet_glob(path)))

    def sink(self, frame: nw.LazyFrame[Any], path: Path | str) -> None:
        """Compute in streams and write one Parquet file."""
        native: pl.LazyFrame = frame.to_native()
        native.sink_parquet(path, mkdir=True)

    def apply(
        self,
        frame: nw.LazyFrame[Any],
        function: Callable[[pl.DataFrame], pl.DataFrame],
        schema: Schema,
        together: str | None = None,
    ) -> nw.LazyFrame[Any]:
        """Apply the function to the rows where they are: all at once, unless they come in a stream.

        Where customers must be whole, a stream is gathered first.
        """
        import narwhals as nw

        def made(rows: pl.DataFrame) -> pl.DataFrame:
            return function(rows).select(pl.col(name).cast(dtype) for name, dtype in schema.items())

        native: pl.LazyFrame = frame.to_native()
        if not self.stream:  # at once, so that it is done once however often the rows are used
            return nw.from_native(made(native.collect()).lazy())
        return nw.from_native(native.map_batches(made, schema=dict(schema), streamable=together is None))
