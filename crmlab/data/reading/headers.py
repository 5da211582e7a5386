"""Find the table in a grid of cells: title rows, header rows, data, total rows.

The rules are conservative: a row is taken for something else than data only on evidence, and whatever
is left out is kept and counted.

- **Header**: the first row that has any cell, unless it is a title.
- **Title rows** stand above the header and have one filled cell, or a few that say something like
  “导出时间：…”. The row below must be full enough, unlike data, and the rows under it as full.
- **Two header rows**: the upper one names groups, its blank cells continue the group to the left. They
  are merged cells of a workbook or page, or the lower row is text in columns of numbers and dates.
- **Total rows** have nothing but 合计, 总计, total … in their first cell, only figures in the others,
  and lack what other rows have; or they are the last row and hold the sums of their columns.
- **Footers** stand below the data and say something like “导出时间：…” or “共 120 条” in their first cell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from crmlab.data.reading.cells import clean_cells, clean_header, too_wide, unique_names
from crmlab.data.reading.header_notes import cell_notes, header_notes, row_notes
from crmlab.data.reading.limits import MAX_COLUMNS
from crmlab.data.reading.raw_table import LEFT_OUT_AS, SOURCE_ROW
from crmlab.data.reading.totals import find_footers, find_totals
from crmlab.errors import DataError
from crmlab.labels import Text

Row = tuple[str, ...]

_SAMPLE = 60
_TITLE_ROWS = 10
_VALUE = re.compile(
    r"[-+(]?[￥¥$€£]?\s*[\d０-９][\d０-９,，. ]*(?:[eE][-+]?\d+)?\s*(?:%|％|元|万|亿|秒|分|天|次|岁)?\)?"
    r"|\d{4}[-/.年]\d{1,2}(?:[-/.月]\d{1,2}日?)?(?:[T\s].*)?|\d{1,2}/\d{1,2}/\d{4}(?:\s.*)?|\d{1,2}:\d{2}(?::\d{2})?"
)
_PERIOD = re.compile(r"(?:19|20)\d\d年?|(?:1[0-2]|[1-9])月|Q[1-4]|[1-9]季度", re.IGNORECASE)
_REMARK = re.compile(r"[:：]|\d{4}[-/.年]")


@dataclass(frozen=True)
class Layout:
    """A table found in a grid; ``header_rows`` are the source rows of its headers."""

    frame: pl.DataFrame
    headers: tuple[Row, ...]
    header_rows: tuple[int, ...]
    left_out: pl.DataFrame
    notes: tuple[Text, ...]


def lay_out(
    grid: pl.DataFrame,
    file: str,
    header_rows: int | None = None,
    merged_rows: frozenset[int] = frozenset(),
) -> Layout:
    """Find headers, data and rows that are neither in ``grid``.

    ``grid`` has `source_row` and String columns in the order of the file, headers among its rows.
    ``header_rows`` says how many header rows there are; then nothing is taken for a title. In
    ``merged_rows`` cells are known to be merged side by side. Columns without header and value are
    no columns. Raises DataError where there is no header, and beyond the limits of a table.
    """
    if grid.width - 1 > MAX_COLUMNS:
        raise too_wide(file, grid.width - 1)
    if grid.is_empty():
        raise _empty(file)
    grid, removed, unguarded = clean_cells(grid, file)
    data = pl.all().exclude(SOURCE_ROW)
    filled = grid.filter(pl.any_horizontal(data.is_not_null()))
    if filled.is_empty():
        raise _empty(file)
    sample = filled.head(_SAMPLE)
    numbers = sample[SOURCE_ROW].to_list()
    rows = [tuple(clean_header(cell or "") for cell in row) for row in sample.drop(SOURCE_ROW).iter_rows()]
    if header_rows is None:
        titles = _title_rows(rows)
        count = 2 if _two_levels(rows, numbers, titles, merged_rows) else 1
    else:
        titles, count = 0, header_rows
    if header_rows is not None and not 1 <= header_rows <= min(len(rows), 10):
        raise DataError(
            f"{file} has {filled.height:,} rows with cells; {header_rows} header rows were asked for. "
            "Allowed are 1 to 10 that the file has."
        )
    headers = rows[titles : titles + count]
    body = filled.slice(titles + count)
    kept = _kept_columns(headers, body)
    headers = [tuple(row[place] for place in kept) for row in headers]
    names, repeated, blank = _names(headers, kept)
    cells = grid.columns[1:]
    columns = [pl.col(cells[place]).alias(name) for place, name in zip(kept, names, strict=True)]
    body = body.select(SOURCE_ROW, *columns)
    footers = find_footers(body)
    body, below = body.head(body.height - len(footers)), body.tail(len(footers))
    totals, doubtful = find_totals(body)
    is_total = pl.col(SOURCE_ROW).is_in(totals)
    frame = body.filter(~is_total) if totals else body
    left_out = pl.concat(
        [
            filled.head(titles).select(SOURCE_ROW, pl.lit("title").alias(LEFT_OUT_AS), *columns),
            body.filter(is_total).select(
                SOURCE_ROW, pl.lit("total").alias(LEFT_OUT_AS), pl.exclude(SOURCE_ROW)
            ),
            below.select(SOURCE_ROW, pl.lit("footer").alias(LEFT_OUT_AS), pl.exclude(SOURCE_ROW)),
        ]
    )
    notes = [*header_notes(numbers, titles, count if header_rows is None else 1, repeated, blank)]
    notes += [*cell_notes(removed, unguarded)]
    notes += row_notes(filled, titles + count, totals, doubtful, footers)
    return Layout(frame, tuple(headers), tuple(numbers[titles : titles + count]), left_out, tuple(notes))


def _empty(file: str) -> DataError:
    return DataError(f"{file} is empty. A table needs a header row and rows below it.")


def _title_rows(rows: Sequence[Row]) -> int:
    """Return how many rows at the top are titles."""
    width = max(sum(map(bool, row)) for row in rows)
    place = next((at for at, row in enumerate(rows[:_TITLE_ROWS]) if not _is_title(row, width)), 0)
    if place == 0:
        return 0
    header, below = rows[place], rows[place + 1 :]
    typed = _typed_columns(below)
    full = sum(map(bool, header))
    if full < max(2, width / 2) or not _like_header(header):
        # Under a title may stand the groups of two header rows.
        lower = below[0] if below else ()
        if not (full >= 2 and _like_header(header) and lower and _like_header(lower) and typed):
            return 0
    # A table of two columns has too little shape to tell a title from a header with a blank.
    if width == 2 and not any(header[column] and not _VALUE.fullmatch(header[column]) for column in typed):
        return 0
    even = sum(sum(map(bool, row)) * 2 >= width for row in below)
    return place if even * 2 >= len(below) else 0


def _is_title(row: Row, width: int) -> bool:
    cells = [cell for cell in row if cell]
    if width < 2 or len(cells) >= width:
        return False
    return len(cells) == 1 or (len(cells) * 2 < width and any(_REMARK.search(cell) for cell in cells))


def _like_header(row: Row) -> bool:
    cells = [cell for cell in row if cell]
    named = [cell for cell in cells if not _VALUE.fullmatch(cell)]
    return bool(named) and all(_PERIOD.fullmatch(cell) for cell in cells if cell not in named)


def _typed_columns(rows: Sequence[Row]) -> list[int]:
    """Return the columns that hold numbers, dates or times, at least two of them, and hardly text."""
    typed = []
    for column in range(len(rows[0]) if rows else 0):
        cells = [row[column] for row in rows if row[column]]
        if len(cells) >= 2 and sum(bool(_VALUE.fullmatch(cell)) for cell in cells) >= 0.8 * len(cells):
            typed.append(column)
    return typed


def _two_levels(
    rows: Sequence[Row], numbers: Sequence[int], titles: int, merged_rows: frozenset[int]
) -> bool:
    """Say whether the row below the first header row is one, too."""
    if len(rows) < titles + 3 or numbers[titles + 1] != numbers[titles] + 1:
        return False
    upper, lower, below = rows[titles], rows[titles + 1], rows[titles + 2 :]
    columns = range(len(upper))
    continued = [at for at in columns if lower[at] and not upper[at] and any(upper[:at])]
    if not continued or not _like_header(lower) or sum(map(bool, upper)) < 2:
        return False
    # A column with data and without a name in either row speaks against two rows of names.
    if any(not upper[at] and not lower[at] and any(row[at] for row in below) for at in columns):
        return False
    if numbers[titles] in merged_rows:
        return True
    evidence = 0
    for column in _typed_columns(below):
        if _VALUE.fullmatch(lower[column]) and not _PERIOD.fullmatch(lower[column]):
            return False
        evidence += 2 if lower[column] else 1
    recurring = any(lower[at] and lower[at] == row[at] for row in below for at in columns)
    # Options of a survey recur below their header; then more must speak for it.
    return evidence >= (4 if recurring else 2)


def _kept_columns(headers: Sequence[Row], body: pl.DataFrame) -> list[int]:
    columns = [name for name in body.columns if name != SOURCE_ROW]
    counts = body.select(pl.col(columns).count()).row(0)
    return [place for place, count in enumerate(counts) if count or any(row[place] for row in headers)]


def _names(headers: Sequence[Row], kept: Sequence[int]) -> tuple[list[str], int, int]:
    """Name the columns; return the names, how many repeat another, how many had none.

    With several header rows a column is called by the first where that text, carried over the blank
    cells right of it, belongs to one column alone, and else by the texts of all rows, joined by " / ".
    """
    first: list[str] = []
    for cell, *lower in zip(*headers, strict=True):
        carried = first[-1] if first and not cell and any(lower) else cell
        first.append(carried)
    times = Counter(first)
    names = []
    blank = 0
    for place, (name, (_, *lower)) in enumerate(zip(first, zip(*headers, strict=True), strict=True)):
        parts = [name, *lower] if times[name] > 1 or not name else [name]
        joined = " / ".join(dict.fromkeys(part for part in parts if part))
        blank += not joined
        names.append(joined or f"column_{kept[place] + 1}")
    unique = unique_names(names)
    repeated = sum(one != other for one, other in zip(names, unique, strict=True))
    return unique, repeated, blank
