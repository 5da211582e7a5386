"""Read files as text tables, strictly: nothing is guessed lossily, no type is inferred."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from crmlab.errors import DataError

_ENCODINGS = ("utf-8-sig", "gb18030")
_SEPARATORS = (",", "\t", ";", "|", "，")


def read_file(path: Path) -> pl.LazyFrame:
    """Read a CSV, TSV or Parquet file; text columns stay text.

    Text files are UTF-8 (with or without a byte-order mark), UTF-16 with one, or GB18030, which
    includes GBK; the separator is found in the header. Raises DataError naming the file.
    """
    try:
        head = path.open("rb").read(4)
    except OSError as error:
        raise DataError(
            f"The file {path} cannot be read: {error.strerror or error}. "
            "Paths in a study are relative to the folder of its YAML file."
        ) from None
    if head == b"PAR1":
        return _parquet(path)
    if head[:2] == b"PK" or head == b"\xd0\xcf\x11\xe0":
        raise DataError(
            f"{path.name} is a spreadsheet. Save it as CSV (UTF-8) in Excel, or as Parquet, and name that file."
        )
    return _separated(path)


def _parquet(path: Path) -> pl.LazyFrame:
    try:
        pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name} is a damaged Parquet file: {error}. Export it again.") from None
    return pl.scan_parquet(path)


def _separated(path: Path) -> pl.LazyFrame:
    text = _decode(path).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
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
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path.name} is not a regular table: {_ragged(text, separator)}") from error
    return frame.rename({name: name.strip() for name in frame.columns}).lazy()


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = _ENCODINGS
    for encoding in encodings:
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


def _ragged(text: str, separator: str) -> str:
    """Name the first line with more fields than the header, or say that a quote is left open."""
    import csv

    rows = csv.reader(io.StringIO(text), delimiter=separator)
    width = len(next(rows))
    for row in rows:
        if len(row) > width:
            return (
                f"line {rows.line_num} has {len(row)} fields, the header has {width}. "
                "Put quotes around values that contain the separator."
            )
    return "a quotation mark is opened and never closed."
