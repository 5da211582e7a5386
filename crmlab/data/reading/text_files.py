"""Read separated text (CSV, TSV and their kin) as a grid of text cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import polars as pl

from crmlab.data.reading.cells import too_wide
from crmlab.data.reading.decoding import to_utf8
from crmlab.data.reading.header_notes import short_rows_note
from crmlab.data.reading.headers import Layout, lay_out
from crmlab.data.reading.limits import MAX_CELL_BYTES, MAX_COLUMNS
from crmlab.data.reading.raw_table import SOURCE_ROW, RawTable
from crmlab.errors import DataError
from crmlab.labels import Text

_SEPARATORS = (",", "\t", ";", "|")
_FULL_WIDTH = "，"
_STAND_IN = "\x1f"
"""What stands for the full-width comma while it separates: the parser takes one byte only."""
_QUOTED = re.compile(rb'"[^"]*"')
_SAMPLE_CHARS = 1 << 18
_SAMPLE_RECORDS = 100


def read_text(raw: bytes, file: str, header_rows: int | None = None) -> RawTable:
    """Read the bytes of a CSV, TSV, or another separated file; raise DataError naming row and reason.

    The separator is the one of , tab ; | that gives the first records equal lengths; a full-width
    comma is taken where nothing else can separate. A row that ends early lacks its last values, and a
    note says so; one that has more than the header is an error, as are quotation marks that do not
    match.
    """
    data, encoding = to_utf8(raw, file)
    data, hinted = _hinted(data)
    head = data[:_SAMPLE_CHARS].decode("utf-8", errors="ignore")
    first, _, _ = data.lstrip(b"\n").partition(b"\n")
    for mark in _SEPARATORS:
        if first.count(mark.encode()) > 2 * MAX_COLUMNS:
            raise too_wide(file, first.count(mark.encode()) + 1)
    separator = hinted or _separator(head)
    notes = []
    if separator == _FULL_WIDTH:
        data, head = _stand_in(data, head, file)
        notes.append(
            Text(
                "各列以全角逗号（，）分隔，已按分隔符读取。",
                "Columns are separated by full-width commas (，); they were read as separators.",
            )
        )
    mark = _STAND_IN if separator == _FULL_WIDTH else separator
    records = _sample(head, mark)
    grid = _grid(data, mark, max([1, *map(len, records)]), file)
    if hinted:
        grid = grid.with_columns(pl.col(SOURCE_ROW) + 1)
    if separator == _FULL_WIDTH:
        grid = grid.with_columns(pl.col(pl.String).str.replace_all(_STAND_IN, _FULL_WIDTH, literal=True))
    layout = lay_out(grid, file, header_rows)
    _refuse_longer_rows(grid, layout, records, bool(hinted), file)
    if short := _short_rows(data, mark, grid.height, layout, records, bool(hinted)):
        notes.append(short_rows_note(short))
    return RawTable(
        name=file,
        frame=layout.frame.lazy(),
        format="tsv" if separator == "\t" else "csv",
        encoding=encoding,
        separator=separator,
        sheet=None,
        headers=layout.headers,
        notes=(*notes, *layout.notes),
        left_out=layout.left_out,
    )


def _hinted(data: bytes) -> tuple[bytes, str | None]:
    """Take off the line ``sep=;`` by which files tell Excel their separator."""
    hint = re.match(rb"(?i)sep=([,\t;|])\n", data)
    return (data[hint.end() :], hint[1].decode()) if hint else (data, None)


def _separator(head: str) -> str:
    first = next((line for line in head.split("\n") if line.strip()), "")
    scores = {}
    for mark in _SEPARATORS:
        widths = [len(record) for record in _sample(head, mark) if any(record)]
        if widths and max(widths) > 1:
            width, times = max(Counter(widths).items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
            scores[mark] = (times / len(widths), width)
    within = {mark: score for mark, score in scores.items() if mark in first}
    if within:
        return max(within, key=lambda mark: within[mark])
    if _FULL_WIDTH in first:
        lengths = {len(record) for record in _sample(head, _FULL_WIDTH) if any(record)}
        if len(lengths) == 1:
            return _FULL_WIDTH
    # A title above the table has no separator.
    below = {mark: score for mark, score in scores.items() if score[0] >= 0.8 and score[1] > 1}
    return max(below, key=lambda mark: below[mark], default=",")


def _sample(head: str, mark: str) -> list[list[str]]:
    """Return the first records as far as they can be told from the beginning of the text."""
    records: list[list[str]] = []
    cut = len(head) >= _SAMPLE_CHARS - 3
    try:
        for record in islice(csv.reader(io.StringIO(head, newline=""), delimiter=mark), _SAMPLE_RECORDS):
            records.append(record)
    except csv.Error:
        return records
    return records[:-1] if cut and 1 < len(records) < _SAMPLE_RECORDS else records


def _stand_in(data: bytes, head: str, file: str) -> tuple[bytes, str]:
    if _STAND_IN.encode() in data:
        raise DataError(
            f"{file} is separated by full-width commas (，) and contains control characters. "
            "Export it with plain commas."
        )
    text = data.decode().replace(_FULL_WIDTH, _STAND_IN)
    return text.encode(), head.replace(_FULL_WIDTH, _STAND_IN)


def _grid(data: bytes, mark: str, width: int, file: str) -> pl.DataFrame:
    """Return every record as a row of ``width`` text cells, with its number."""
    if width > MAX_COLUMNS:
        raise too_wide(file, width)
    # Headers of our own make blank lines rows, so that rows keep their numbers.
    header = mark.join(f"c{place}" for place in range(width)).encode()
    try:
        frame = pl.read_csv(io.BytesIO(header + b"\n" + data), separator=mark, infer_schema=False)
    except pl.exceptions.PolarsError:
        frame = None
    if frame is None:
        # Polars refuses some legal files, too, such as a lone quotation mark inside a value.
        frame = _slow_grid(data, mark, width, file)
    return frame.with_row_index(SOURCE_ROW, offset=1)


def _slow_grid(data: bytes, mark: str, width: int, file: str) -> pl.DataFrame:
    text = data.decode()
    widest = width
    with _large_fields():
        number = 1
        before = 0
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        try:
            for number, record in enumerate(reader, 1):
                if len(record) > width and any(record[width:]):
                    raise _too_long(file, number, before + 1, len(record), width)
                widest = max(widest, len(record))
                before = reader.line_num
        except csv.Error as error:
            if "larger than field limit" in str(error):
                raise DataError(
                    f"{file}, row {number + (before > 0)}: a cell has more than {MAX_CELL_BYTES:,} bytes, "
                    "the most that is read. Is a quotation mark missing there?"
                ) from None
            row = number + (before > 0)
            raise DataError(
                f"{file} is not a regular table: the quotation marks in row {row}{_at_line(row, before + 1)} "
                "do not match: one is opened and never closed, or something follows the closing one."
            ) from None
        if widest > MAX_COLUMNS:
            raise too_wide(file, widest)
        records = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        rows = [[cell or None for cell in record] + [None] * (widest - len(record)) for record in records]
    return pl.DataFrame(rows, schema={f"c{place}": pl.String for place in range(widest)}, orient="row")


@contextmanager
def _large_fields() -> Iterator[None]:
    before = csv.field_size_limit(MAX_CELL_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _refuse_longer_rows(
    grid: pl.DataFrame, layout: Layout, records: list[list[str]], hinted: bool, file: str
) -> None:
    """Raise where a row has a value right of the last column of the header."""
    at = [row - 1 - hinted for row in layout.header_rows]
    width = max((len(records[place]) for place in at if place < len(records)), default=grid.width - 1)
    beyond = grid.columns[width + 1 :]
    if not beyond:
        return
    longer = grid.filter(
        pl.any_horizontal(pl.col(beyond).is_not_null()), pl.col(SOURCE_ROW) > layout.header_rows[-1]
    )
    if longer.height:
        row = int(longer[SOURCE_ROW][0])
        cells = longer.row(0)[1:]
        fields = max(place for place, cell in enumerate(cells, 1) if cell is not None)
        raise _too_long(file, row, row, fields, width)


def _short_rows(
    data: bytes, mark: str, height: int, layout: Layout, records: list[list[str]], hinted: bool
) -> list[int]:
    """Return those of the ``height`` rows that end before the last column that the header names.

    Empty where lone quotation marks hide which line is which row.
    """
    headers = [records[row - 1 - hinted] for row in layout.header_rows if row - 1 - hinted < len(records)]
    width = max((at for header in headers for at, cell in enumerate(header, 1) if cell.strip()), default=1)
    blank = layout.frame.filter(pl.col(layout.frame.columns[-1]).is_null())[SOURCE_ROW]
    if width < 2 or blank.is_empty():
        return []
    lines = (_QUOTED.sub(b"", data) if b'"' in data else data).split(b"\n")
    if height != len(lines) - (not lines[-1]):
        return []
    return [row for row in blank if lines[row - 1 - hinted].count(mark.encode()) < width - 1]


def _too_long(file: str, row: int, line: int, fields: int, width: int) -> DataError:
    return DataError(
        f"{file} is not a regular table: row {row}{_at_line(row, line)} has {fields} fields, the rows above "
        f"it {width} at most. Put quotes around values that contain the separator."
    )


def _at_line(row: int, line: int) -> str:
    return f" (line {line} of the file)" if line != row else ""
