"""Cells and column names as they are meant: without invisible characters, blanks as null."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import polars as pl

from crmlab.data.reading.limits import MAX_CELL_BYTES, MAX_COLUMNS
from crmlab.data.reading.raw_table import LEFT_OUT_AS, SOURCE_ROW
from crmlab.errors import DataError

_INVISIBLE = (
    r"\x{00AD}\x{061C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}"
)
_ANY_INVISIBLE = f"[{_INVISIBLE}]"
# The joiner inside an emoji is what makes 👨 and 👩 a couple: it stays.
_REMOVED = r"([\x{2600}-\x{27BF}\x{1F000}-\x{1FAFF}\x{FE0F}]\x{200D})|" + _ANY_INVISIBLE

_GUARDED = r"^(?:=\"([^\"]*)\"|'(\d+))$"
"""How exports keep Excel from turning an id into a number: ="007" or '007."""


def clean_header(text: str) -> str:
    """Write a header as it is meant: NFKC, no invisible characters, one line, trimmed."""
    visible = "".join(
        char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf"
    )
    return " ".join(visible.split())


def unique_names(names: Sequence[str], taken: Sequence[str] = (SOURCE_ROW, LEFT_OUT_AS)) -> list[str]:
    """Return ``names`` with `` (2)``, `` (3)`` … behind those that stood before or are taken."""
    used = {*names, *taken}
    seen: Counter[str] = Counter(taken)
    found = []
    for name in names:
        seen[name] += 1
        unique = name
        while seen[name] > 1:
            unique = f"{name} ({seen[name]})"
            if unique not in used:
                break
            seen[name] += 1
        used.add(unique)
        found.append(unique)
    return found


def too_wide(file: str, columns: int) -> DataError:
    """Return the error for a table of more columns than are read."""
    return DataError(
        f"{file} has {columns:,} columns; at most {MAX_COLUMNS:,} are read. "
        "Leave out columns, or turn columns into rows, in the program that made it."
    )


def clean_cells(grid: pl.DataFrame, file: str) -> tuple[pl.DataFrame, int, int]:
    """Blank cells become null, invisible characters and guards of ids (="007", '007) go.

    Return the grid, how many cells lost invisible characters, and how many a guard.
    """
    columns = [name for name in grid.columns if name != SOURCE_ROW]
    longest = grid.select(pl.col(columns).str.len_bytes().max()).row(0)
    for place, length in enumerate(longest, 1):
        if (length or 0) > MAX_CELL_BYTES:
            row = grid.filter(pl.col(columns[place - 1]).str.len_bytes() == length)[SOURCE_ROW][0]
            raise DataError(
                f"{file}, row {row}, column {place}: the cell has {length:,} bytes, at most "
                f"{MAX_CELL_BYTES:,} are read. Is a quotation mark missing there?"
            )
    # What is ASCII has none, and most other columns neither: both are told quickly.
    text = pl.col(columns).str
    wide = _those(columns, grid.select(text.len_bytes().sum() > text.len_chars().sum()))
    dirty = _those(wide, grid.select(pl.col(wide).str.contains(_ANY_INVISIBLE).any()))
    changed = 0
    if dirty:
        cleaned = grid.select(without_invisible(name) for name in dirty)
        changed = sum(int((cleaned[name] != grid[name]).sum()) for name in dirty)
        grid = grid.with_columns(cleaned)
    unguarded = 0
    likely = _those(columns, grid.select((text.starts_with('="') | text.starts_with("'")).any()))
    if likely:
        guarded = [pl.col(name).str.contains(_GUARDED) for name in likely]
        unguarded = sum(grid.select(cell.sum() for cell in guarded).row(0))
        grid = grid.with_columns(pl.col(likely).str.replace(_GUARDED, "${1}${2}"))
    blanks = _those(columns, grid.select((text.strip_chars_start() == "").any()))
    if blanks:
        cell = pl.col(blanks)
        grid = grid.with_columns(pl.when(cell.str.strip_chars_start() != "").then(cell))
    return grid, changed, unguarded


def _those(columns: Sequence[str], found: pl.DataFrame) -> list[str]:
    """Return the columns for which the only row of ``found`` says yes."""
    return [name for name, yes in zip(columns, found.row(0) if columns else (), strict=True) if yes]


def without_invisible(column: str) -> pl.Expr:
    """Return an expression that removes zero-width and direction characters from a String column."""
    return pl.col(column).str.replace_all(_REMOVED, "${1}")
