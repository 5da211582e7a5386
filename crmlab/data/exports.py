"""Files that a spreadsheet program may open: text in them stays text, nothing is run, nothing links.

A spreadsheet takes a cell that begins with ``= + - @`` for a formula, also behind a tab, a line
break or what cannot be seen, and in the full-width and small forms of a Chinese keyboard; quotation
marks do not help. An apostrophe in front makes it text (OWASP Application Security Verification
Standard 4.0.3, 5.3.10; CWE-1236). Numbers are left as they are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

FORMULA = r"(?:[\t\r\n\x00]|[\s\p{C}]*[=+\-@＝＋－＠﹦﹢﹣﹫])"
"""How a text begins that a spreadsheet may run."""
_SHEET_NAME = 31
_NO_SHEET = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def safe_text(values: pl.Series) -> pl.Series:
    """Return texts with an apostrophe before each that a spreadsheet would run; other types as they are."""
    if values.dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    if values.dtype != pl.String:
        return values
    value = pl.col(values.name)
    defused = pl.when(value.str.contains(f"^{FORMULA}")).then("'" + value).otherwise(value)
    return values.to_frame().select(defused.alias(values.name)).to_series()


def safe_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame as a spreadsheet may open it: texts and headers defused, lists written out.

    Two headers that become equal are told apart by a number.
    """
    columns: list[pl.Series] = []
    for column in frame.get_columns():
        if column.dtype.is_nested():
            column = _written(column)
        columns.append(safe_text(column))
    taken: set[str] = set()
    for place, column in enumerate(columns):
        header = pl.Series("header", [column.name], dtype=pl.String)
        name = str(safe_text(header)[0]) or f"column_{place + 1}"
        # A workbook's table tells headers apart without regard to case.
        candidates = [name, *(f"{name}~{extra}" for extra in range(2, len(columns) + 2))]
        name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
        taken.add(name.casefold())
        columns[place] = column.alias(name)
    return pl.DataFrame(columns)


def write_csv_safely(frame: pl.DataFrame, path: Path) -> None:
    """Write a CSV file in UTF-8 with a byte-order mark, whole or not at all, with nothing that runs."""
    with whole(path) as draft:
        safe_frame(frame).write_csv(draft, include_bom=True)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend a name beside ``path``; what was written there takes its place when all went well."""
    draft = path.with_name(f".{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def sheet_names(tables: Iterable[str]) -> dict[str, str]:
    """Return table → sheet: without what a workbook forbids in names, short enough, and kept apart."""
    short: dict[str, str] = {}
    for table in tables:
        name = _NO_SHEET.sub("_", table).strip("' ") or "sheet"
        if name.casefold() == "history":  # Excel keeps it for itself
            name += "_"
        taken = {sheet.casefold() for sheet in short.values()}
        candidates = [name[:_SHEET_NAME], *(f"{name[: _SHEET_NAME - 3]}~{extra}" for extra in range(2, 100))]
        short[table] = next(sheet for sheet in candidates if sheet.casefold() not in taken)
    return short


def _written(column: pl.Series) -> pl.Series:
    """Write lists of values with commas, other nested values as JSON."""
    value = pl.col(column.name)
    if isinstance(column.dtype, pl.List) and not column.dtype.inner.is_nested():
        written = value.cast(pl.List(pl.String)).list.join(", ")
    elif isinstance(column.dtype, pl.Struct):
        written = value.struct.json_encode()
    else:
        written = pl.struct(value).struct.json_encode()
    return column.to_frame().select(written.alias(column.name)).to_series()
