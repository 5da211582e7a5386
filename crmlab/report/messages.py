"""An IPython extension for the kernel of a report: no error and no warning quotes a customer.

Libraries put the value on which they failed into their messages. What the study's own tables hold
of persons is known in the kernel, so it is looked for there, in the message and in the traceback,
and hidden before either is written anywhere. So are the texts of warnings.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

_BEGINNING = 12
"""Of a longer text a message may quote the beginning only."""


def load_ipython_extension(shell: Any) -> None:
    """Put the masking before whatever shows errors and warnings in ``shell``."""
    show, written = shell._showtraceback, warnings.formatwarning

    def masked(kind: type[BaseException], error: BaseException, lines: list[str]) -> None:
        said = str(error)
        try:
            hidden = quoted("\n".join([said, *lines]), shell.user_ns)
        except Exception:  # no error may be lost because it could not be searched
            hidden = [said]
        show(kind, _without(said, hidden), [_without(line, hidden) for line in lines])

    def warned(*given: Any, **named: Any) -> str:
        text = written(*given, **named)
        try:
            return _without(text, quoted(text, shell.user_ns))
        except Exception:  # no warning may become an error because it could not be searched
            return f"{given[1].__name__}: ***\n"

    shell._showtraceback = masked
    warnings.formatwarning = warned


def quoted(message: str, names: Mapping[str, Any]) -> list[str]:
    """Return what of the tables of the labs among ``names`` is quoted in ``message``, longest first."""
    import polars as pl

    found: set[str] = set()
    for values in _values(names):
        # A short number would be found in every other number.
        told = values.filter(values.str.contains(r"\D.|.\D|^\d{7}"))
        if len(told):
            here = pl.select(pl.lit(message).str.contains(pl.lit(told), literal=True)).to_series()
            found.update(told.filter(here))
    return sorted(found, key=lambda value: (-len(value), value))


def _values(names: Mapping[str, Any]) -> Iterator[pl.Series]:
    """Go through the columns of all tables read so far, rejected rows too, that may name somebody."""
    import polars as pl

    lab_module = sys.modules.get("crmlab.lab")
    if lab_module is None:
        return
    from crmlab.data.schemas import sensitivity_of

    labs = [
        value for value in names.values() if isinstance(value, lab_module.Lab) and "tables" in vars(value)
    ]
    for lab in labs:
        for table in lab.tables.loaded:
            cleaned = lab.tables.cleaned(table)
            for frame in (cleaned.table, cleaned.rejected):
                for column, kind in frame.schema.items():
                    personal = sensitivity_of(table, column) != "ordinary" and column not in _OURS
                    if not personal or kind == pl.Boolean or kind.is_nested():
                        continue
                    values = frame[column].drop_nulls().unique()
                    yield values.cast(pl.String)
                    if kind == pl.Date:
                        yield values.dt.strftime("datetime.date(%Y, %-m, %-d)")
                    if kind == pl.String:
                        yield values.filter(values.str.len_chars() > _BEGINNING).str.slice(0, _BEGINNING)


_OURS = ("row", "reason", "rejected_column", "source_file", "source_row")
"""Columns of rejected rows that we wrote."""


def _without(text: str, values: list[str]) -> str:
    for value in values:
        text = text.replace(value, "***")
    return text
