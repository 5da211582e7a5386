"""What the database drivers share: identifiers, types, and errors that give nothing away.

A driver's own error is never passed on nor kept as a cause, because it may quote the URI with its
password, or a value of a customer. ``where`` begins the sentence of an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import polars as pl

from crmlab.errors import DataError, MissingExtraError

T = TypeVar("T")

DAMAGED = (
    "the database stopped with an error while it read the rows{code}. The error is left out here, as it may "
    "quote a customer; run the query in the database's own client to see it"
)
_UNSUITABLE = "a column has a type that cannot be read. Name the columns you need in a `query`"


def quoted(name: str, quote: str = '"') -> str:
    """Return a name as an identifier of SQL."""
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def attempt(call: Callable[[], T], explain: Callable[[BaseException], str], where: str) -> T:
    """Call; where a driver fails, raise DataError in our own words, which keeps nothing of the driver's."""
    try:
        return call()
    except (DataError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # drivers written in Rust panic with exceptions of their own
        problem = explain(error) if isinstance(error, Exception) else _UNSUITABLE
    raise DataError(f"{where} cannot be read: {problem}.")


def missing_extra(package: str, extra: str) -> MissingExtraError:
    """Return the error that names the extra which brings a driver."""
    return MissingExtraError(
        f"The source {extra} needs the package {package}, which is not installed. "
        f"Run: pip install 'crmlab[{extra}]'"
    )


def select_from(expressions: Iterable[str], query: str) -> str:
    """Select from a query; the line break ends a comment that the query may end with."""
    return f"SELECT {', '.join(expressions)} FROM (\n{query}\n) AS q"  # noqa: S608


def types_by_name(names: Sequence[str], types: Iterable[str], where: str) -> dict[str, str]:
    """Return name → type; raise DataError for a name that appears twice."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise DataError(
            f"{where} cannot be read: two columns are named {repeated[0]!r}. Rename one in the query with AS."
        )
    return dict(zip(names, types, strict=True))


def readable(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return times with a zone in UTC; raise DataError that names the binary columns."""
    binary = [name for name, dtype in frame.schema.items() if dtype == pl.Binary]
    if binary:
        raise DataError(
            f"{where} cannot be read: it holds binary data in {', '.join(map(repr, binary))}. Give a "
            "`query` that names the columns you need, or that turns these into text."
        )
    return frame.with_columns(
        pl.col(name).dt.convert_time_zone("UTC")
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone
    )
