"""Read files as text tables, strictly: nothing is guessed lossily, no type is inferred."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from pathlib import Path

import polars as pl

from crmlab.errors import DataError

_ENCODINGS = ("utf-8-sig", "gb18030")
_SEPARATORS = (",", "\t", ";", "|", "，")


def read_file(path: Path) -> pl.LazyFrame:
    """Read a CSV, TSV or Parquet file; text columns stay text.

    Text files are UTF-8 (with or without a byte-order mark), UTF-16 with one, or GB18030, which
    includes GBK; the separator is found in the header. Lines without any value are no rows; a row
    that ends early lacks its last values. Raises DataError naming the file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The file {path} cannot be read: {getattr(error, 'strerror', None) or error}. "
            "Paths in a study are relative to the folder of its YAML file."
        ) from None
    if head == b"PAR1":
        return _parquet(path)
    if head[:2] == b"PK" or head == b"\xd0\xcf\x11\xe0":
        raise DataError(
            f"{path.name} is a spreadsheet. Save it as CSV (UTF-8) in Excel, or as Parquet, "
            "and name that file."
        )
    return _separated(path)


def _parquet(path: Path) -> pl.LazyFrame:
    try:
        pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name} is a damaged Parquet file: {error}. Export it again.") from None
    return pl.scan_parquet(path)


def _separated(path: Path) -> pl.LazyFrame:
    text = _decode(path).replace("\r\n", "\n").replace("\r", "\n")
    blank_lines = len(text) - len(text.lstrip("\n"))
    text = text.strip("\n")
    header, _, _ = text.partition("\n")
    if not header.strip():
        raise DataError(f"{path.name} is empty. A table needs a header line and rows below it.")
    separator = max(_SEPARATORS, key=header.count)
    if separator == "，":
        raise DataError(
            f"The header of {path.name} is separated by full-width commas (，). Export it with plain commas."
        )
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)
        frame.columns = _names(text, separator, path.name)
    except (pl.exceptions.PolarsError, csv.Error):
        irregular = _irregular(text, separator, blank_lines)
        # Without the cause, which quotes what stands in the file.
        raise DataError(f"{path.name} is not a regular table: {irregular}") from None
    return frame.filter(~pl.all_horizontal(pl.all().is_null())).lazy()


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else _ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise DataError(f"{path.name} contains NUL bytes: it is no text file, or a damaged one.")
        return text
    raise DataError(
        f"{path.name} is neither UTF-8 nor GB18030/GBK nor UTF-16 text. "
        "Open it in the program that made it and save it as CSV UTF-8."
    )


def _names(text: str, separator: str, file: str) -> list[str]:
    """Return the trimmed headers; columns without one are called by their place."""
    headers = next(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    names = [header.strip() or f"column_{place}" for place, header in enumerate(headers, 1)]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise DataError(
            f"The header of {file} has {', '.join(map(repr, repeated))} more than once. "
            "Give each column a name of its own."
        )
    return names


def _irregular(text: str, separator: str, blank_lines: int) -> str:
    """Name the first line that has more fields than the header, or quotation marks that don't match."""
    rows = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    line = blank_lines + 1
    with contextlib.suppress(csv.Error):
        width = len(next(rows))
        line = blank_lines + rows.line_num + 1
        for row in rows:
            if len(row) > width:
                return (
                    f"line {line} has {len(row)} fields, the header has {width}. "
                    "Put quotes around values that contain the separator."
                )
            line = blank_lines + rows.line_num + 1
    return (
        f"the quotation marks in the row that begins at line {line} do not match: one is "
        "opened and never closed, or something follows the closing one."
    )
