"""Engines: where features are computed, and models applied. polars on this machine unless a study says more.

A feature is written once, with narwhals, and runs on every engine; results are equal bit by bit
(``tests/engines`` proves it for each registered feature). What narwhals has no words for (rules on
texts, sums that run through time) is a function of polars frames that the engine applies to Arrow
batches of its rows: :func:`by_batches` where each row stands for itself, :func:`by_customers` where
all rows of a customer must come together. Neither collects the rows in one place.

An engine is a plugin of the group ``crmlab.engines``; ours are in ``crmlab_plugins.engines``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab import registry
from crmlab.errors import DataError, PluginContractError
from crmlab.estimators import KEY, Estimator

if TYPE_CHECKING:
    from pathlib import Path

    import narwhals as nw
    import polars as pl
    from polars.datatypes import DataTypeClass

    Function = Callable[[pl.DataFrame], pl.DataFrame]
    Schema = Mapping[str, pl.DataType | DataTypeClass]


class Engine(Estimator):
    """Computes on lazy frames of its own kind; :class:`crmlab.Feature` sees them through narwhals.

    ``implementations`` holds what narwhals calls these frames, such as ``DUCKDB``. An engine opens what
    it needs (a connection, a session) when first used, and keeps it for the process.
    """

    implementations: ClassVar[tuple[str, ...]] = ()

    def from_polars(self, frame: pl.LazyFrame) -> nw.LazyFrame[Any]:
        """Return the rows of a polars frame as a frame of this engine."""
        raise NotImplementedError

    def to_polars(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Compute a frame and return its rows; their order is not defined."""
        raise NotImplementedError

    def scan(self, path: Path | str) -> nw.LazyFrame[Any]:
        """Return the rows of a Parquet file, or of a folder of such, without reading them yet.

        The engine reads the path itself: a cluster needs one that all its machines see.
        """
        raise NotImplementedError

    def sink(self, frame: nw.LazyFrame[Any], path: Path | str) -> None:
        """Compute a frame and write its rows to ``path`` as Parquet, without holding them in memory.

        polars and DuckDB write one file, Spark a folder of files. Nothing may be at ``path`` yet.
        """
        raise NotImplementedError

    def apply(
        self, frame: nw.LazyFrame[Any], function: Function, schema: Schema, together: str | None = None
    ) -> nw.LazyFrame[Any]:
        """Return ``function`` of batches of the rows; see :func:`by_batches` and :func:`by_customers`.

        With ``together``, all rows that are equal in that column come in one batch.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Free what was kept for frames that are no longer used."""


def by_batches(frame: nw.LazyFrame[Any], function: Function, schema: Schema) -> nw.LazyFrame[Any]:
    """Apply a function to batches of rows, wherever the engine keeps them.

    The function must give the same rows however its input is cut into batches, also for none;
    ``schema`` says what it returns: String, Int64, Float64, Boolean, Date, lists and structs of these. On
    Spark it runs in the workers, which need crmlab. Raises PluginContractError for another type.
    """
    _check(schema)
    return engine_of(frame).apply(frame, function, schema)


def by_customers(
    frame: nw.LazyFrame[Any], function: Function, schema: Schema, key: str = KEY
) -> nw.LazyFrame[Any]:
    """Apply a function to batches that hold all rows of the customers in them, in any order.

    The function must give the same rows however the customers are spread over batches. Rows without
    a key come together too. ``schema`` is as for :func:`by_batches`.
    """
    _check(schema)
    return engine_of(frame).apply(frame, function, schema, together=key)


def engine_of(frame: nw.LazyFrame[Any]) -> Engine:
    """Return the engine that a frame belongs to; raise DataError where none knows such frames."""
    kind = frame.implementation.name
    for engine in _OPENED.values():
        if kind in engine.implementations:
            return engine
    for name in registry.engines:
        if kind in registry.engines[name].implementations:
            return opened(name)
    raise DataError(
        f"No engine computes on frames of {kind.lower()}. Registered: {', '.join(registry.engines)}. "
        "Give the rows as a polars frame to the engine's from_polars()."
    )


def opened(name: str, params: Mapping[str, Any] | None = None) -> Engine:
    """Return the engine of that name, the same one for the same parameters in this process.

    Raises UnknownPluginError, ParamsError for parameters, MissingExtraError where what it needs is not
    installed (when first used).
    """
    key = f"{name} {json.dumps(dict(params or {}), sort_keys=True)}"
    if key not in _OPENED:
        _OPENED[key] = registry.engines[name].from_params(params or {})
    return _OPENED[key]


_OPENED: dict[str, Engine] = {}
_TYPES = ("String", "Int64", "Float64", "Boolean", "Date")


def _check(schema: Schema) -> None:
    """Raise PluginContractError for a type that not every engine has, on whichever the feature is built."""
    import polars as pl

    for name, dtype in schema.items():
        kinds = [dtype]
        for kind in kinds:  # grows while it is walked through
            if isinstance(kind, pl.List):
                kinds.append(kind.inner)
            elif isinstance(kind, pl.Struct):
                kinds += [field.dtype for field in kind.fields]
            elif str(kind) not in _TYPES:
                raise PluginContractError(
                    f"The column {name!r} of what is applied to batches is {kind}. Every engine has "
                    f"{', '.join(_TYPES)}, and lists and structs of these; cast it to one of them."
                )
