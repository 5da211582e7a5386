"""Read files as text tables, strictly: the content says what a file is, nothing is guessed lossily."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from crmlab.data.reading.cells import clean_header, too_wide, unique_names
from crmlab.data.reading.html_tables import looks_like_html, read_html
from crmlab.data.reading.json_lines import looks_like_json, read_json
from crmlab.data.reading.limits import MAX_COLUMNS
from crmlab.data.reading.preflight import unpacked_gzip
from crmlab.data.reading.raw_table import SOURCE_ROW, RawTable, nothing_left_out
from crmlab.data.reading.spreadsheets import read_xls, read_xlsx
from crmlab.data.reading.text_files import read_text
from crmlab.errors import DataError

__all__ = ["RawTable", "read_file"]

_HEAD = 4096
_OTHERS = {
    b"SQLite format 3\0": "an SQLite database. Read it with the source for databases",
    b"%PDF": "a PDF document. Ask for the table as a workbook or CSV",
    b"Rar!": "a RAR archive. Unpack it",
    b"7z\xbc\xaf": "a 7z archive. Unpack it",
    b"BZh": "a bzip2 archive. Unpack it",
    b"\xfd7zXZ": "an xz archive. Unpack it",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive. Unpack it",
    b"\x89PNG": "a picture. Ask for the table as a workbook or CSV",
    b"\xff\xd8\xff": "a picture. Ask for the table as a workbook or CSV",
    b"ARROW1": "an Arrow file. Save it as Parquet",
    b"\x09\x00\x04\x00": "a workbook of Excel 2. Open it in Excel and save it as .xlsx",
    b"\x09\x02\x06\x00": "a workbook of Excel 3. Open it in Excel and save it as .xlsx",
    b"\x09\x04\x06\x00": "a workbook of Excel 4. Open it in Excel and save it as .xlsx",
    b"MIME-Version:": "a web archive. Open it in Excel and save it as .xlsx",
}


def read_file(path: Path, *, sheet: str | None = None, header_rows: int | None = None) -> RawTable:
    """Read one table from a CSV, TSV, XLSX, XLS, HTML, JSON (lines or one array) or Parquet file.

    What the file is its content says; the extension is not looked at. Separated text, JSON and HTML
    may be packed with gzip. ``sheet`` names a sheet of a workbook; without it the first visible one
    with data is read. ``header_rows`` is the number of header rows of a survey export; without it
    titles, header and totals are found as `crmlab.data.reading.headers` describes. Raises DataError naming
    the file, and row and column where there is one; whatever else breaks becomes a DataError, too.
    """
    with _guarded(path.name):
        return _read(path, sheet, header_rows)


@contextmanager
def _guarded(file: str) -> Iterator[None]:
    """Turn whatever breaks inside into a DataError; a panic of a library is no Exception."""
    try:
        yield
    except (DataError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError:
        raise DataError(
            f"{file} needs more memory than there is. Split it into several files, or save it as Parquet."
        ) from None
    except BaseException as error:
        # Without the cause: libraries quote what stands in the file.
        raise DataError(
            f"{file} cannot be read: its reader gave up ({type(error).__name__}). The file is damaged or "
            "uncommon. Open it in the program that made it and save it again, as CSV UTF-8 or .xlsx."
        ) from None


def _read(path: Path, sheet: str | None, header_rows: int | None) -> RawTable:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The file {path} cannot be read: {getattr(error, 'strerror', None) or error}. "
            "Paths in a study are relative to the folder of its YAML file."
        ) from None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return read_xlsx(path, sheet, header_rows)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return read_xls(path, sheet, header_rows)
    if sheet is not None:
        raise DataError(f"{path.name} is no workbook and has no sheet {sheet!r}. Leave `sheet` out.")
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if head.startswith(b"\x1f\x8b"):
        return _text(unpacked_gzip(path), path.name, header_rows)
    return _text(path.read_bytes(), path.name, header_rows)


def _text(raw: bytes, file: str, header_rows: int | None) -> RawTable:
    head = raw[:_HEAD]
    for mark, what in _OTHERS.items():
        if head.startswith(mark):
            raise DataError(f"{file} is {what}.")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"\x1f\x8b")):
        raise DataError(f"{file} holds a packed file of another kind. Unpack it and name the file inside.")
    if looks_like_html(head):
        return read_html(raw, file, header_rows)
    if looks_like_json(head):
        return read_json(raw, file)
    return read_text(raw, file, header_rows)


def _parquet(path: Path) -> RawTable:
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
        if len(schema) > MAX_COLUMNS:
            raise too_wide(path.name, len(schema))
        # Every page is decoded once, so that a damaged one is found here, where the file has a name.
        frame.select(pl.all().null_count()).collect(engine="streaming")
    except (KeyboardInterrupt, SystemExit, MemoryError, DataError):
        raise
    except BaseException:  # some damage makes the reader panic, which is no Exception
        raise DataError(f"{path.name} is a damaged Parquet file. Export it again.") from None
    given = [clean_header(name) or f"column_{place}" for place, name in enumerate(schema, 1)]
    names = unique_names(given)
    renamed = frame.rename(dict(zip(schema, names, strict=True))).with_row_index(SOURCE_ROW, offset=1)
    empty = nothing_left_out(pl.Schema(dict(zip(names, schema.values(), strict=True))))
    return RawTable(path.name, renamed, "parquet", None, None, None, (tuple(given),), (), empty)
