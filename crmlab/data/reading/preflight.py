"""Look at a packed file before it is opened: what it would unpack to, and what a workbook holds."""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crmlab.data.reading.limits import (
    MAX_COLUMNS,
    MAX_GRID,
    MAX_PARTS,
    MAX_RATIO,
    MAX_UNPACKED,
    RATIO_FROM,
)
from crmlab.errors import DataError

_CHUNK = 1 << 20
_GZIP = 31
"""What tells zlib that a gzip header comes first."""
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_ERROR = re.compile(rb"<(?:\w+:)?c\s[^>]*?\bt=[\"']e[\"']")
_FORMULA_ALONE = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*</(?:\w+:)?c>")
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})\d{1,7}[\"']")
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Marks of a text in which those would look otherwise; no workbook is written in it."""
_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s[^>]*>")


@dataclass(frozen=True)
class SheetScan:
    """What the markup of one sheet says that its values don't.

    ``error_cells`` is None where they could not be counted; ``merged_rows`` are the rows in which cells
    are merged side by side.
    """

    error_cells: int | None = 0
    formulas_alone: int = 0
    merged_rows: frozenset[int] = field(default_factory=frozenset)


def unpacked_gzip(path: Path) -> bytes:
    """Return what a gzip file holds; raise DataError where that is too much, or damaged.

    The limits are ``MAX_UNPACKED`` bytes, and ``MAX_RATIO`` times the packed size.
    """
    parts: list[bytes] = []
    size = packed = 0
    member = None
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK >> 4):
                packed += len(chunk)
                while chunk:
                    if member is None:
                        # A gzip file may have several members, and zeros behind the last.
                        chunk = chunk.lstrip(b"\0") if parts else chunk
                        member = zlib.decompressobj(_GZIP) if chunk else None
                        continue
                    part = member.decompress(chunk, _CHUNK)
                    parts.append(part)
                    size += len(part)
                    _check_size(path.name, size, packed)
                    chunk = member.unused_data if member.eof else member.unconsumed_tail
                    member = None if member.eof else member
        if member is not None:
            parts.append(member.flush())
    except zlib.error:
        member = None
        parts.clear()
    if not parts or (member is not None and not member.eof):
        raise DataError(f"{path.name} is a damaged gzip file. Copy or export it again.")
    return b"".join(parts)


def scan_workbook(path: Path) -> dict[str, SheetScan]:
    """Return sheet name → scan for an XLSX workbook; raise DataError for what must not be opened.

    Refused are directories that promise too much, document types (the door of entity attacks), and
    sheets whose cells span a rectangle that is too large: readers keep all of it in memory.
    """
    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            return _scan(archive, name, path.stat().st_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise damaged(name) from None
    except (NotImplementedError, RuntimeError):
        raise DataError(
            f"{name} is packed in a way that Excel does not use, or encrypted. Save it again in Excel."
        ) from None


def damaged(name: str) -> DataError:
    """Return the error for a workbook that cannot be read to its end."""
    return DataError(f"{name} is a damaged workbook. Open it in Excel, save it again, or export it anew.")


def _check_size(name: str, size: int, packed: int) -> None:
    if size > MAX_UNPACKED or (size > RATIO_FROM and size > MAX_RATIO * packed):
        raise DataError(
            f"{name} unpacks to more than {MAX_UNPACKED >> 20:,} MiB or to more than {MAX_RATIO} times its "
            "size, and is not opened. If it is genuine, unpack it and split it, or save it as Parquet."
        )


def _scan(archive: zipfile.ZipFile, name: str, packed: int) -> dict[str, SheetScan]:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise DataError(f"{name} holds {len(parts):,} files; a workbook has at most {MAX_PARTS:,}.")
    _check_size(name, sum(part.file_size for part in parts), packed)
    names = {part.filename for part in parts}
    if "xl/workbook.bin" in names:
        raise DataError(f"{name} is a binary workbook (.xlsb). Save it as .xlsx in Excel.")
    if "xl/workbook.xml" not in names:
        what = "an OpenDocument file" if "content.xml" in names else "a zip archive, and no workbook"
        raise DataError(f"{name} is {what}. Save the table as .xlsx or CSV, or unpack the archive.")
    sheets = {target: sheet for sheet, target in _sheet_parts(archive, name)}
    scans = {}
    total = 0
    for part in parts:
        if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
            scan = _SheetScanner(name)
            for chunk in _chunks(archive, part, name):
                total += len(chunk)
                _check_size(name, total, packed)
                scan.feed(chunk)
            scans[sheets.get(part.filename, part.filename)] = scan.result()
        elif part.filename.endswith((".xml", ".rels")):
            next(_chunks(archive, part, name), b"")
    return scans


def _chunks(archive: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    with archive.open(part) as file:
        first = True
        while chunk := file.read(_CHUNK):
            if first and (any(mark in chunk for mark in _FORBIDDEN) or chunk.startswith(_UTF_16)):
                raise DataError(
                    f"{name} contains a document type definition, which no workbook needs and attacks use; "
                    "it is not opened. Save it again in Excel."
                )
            first = False
            yield chunk


def _sheet_parts(archive: zipfile.ZipFile, name: str) -> list[tuple[str, str]]:
    """Return (sheet name, path in the archive) of every sheet that the workbook lists."""
    relations = {}
    if "xl/_rels/workbook.xml.rels" in archive.namelist():
        for element in _RELATION.findall(_text(archive, "xl/_rels/workbook.xml.rels", name)):
            relations[_attribute(element, "Id")] = _attribute(element, "Target")
    found = []
    for element in _SHEET.findall(_text(archive, "xl/workbook.xml", name)):
        target = relations.get(_attribute(element, r"\w+:id"), "")
        found.append(
            (_attribute(element, "name"), target.lstrip("/") if target.startswith("/") else f"xl/{target}")
        )
    return found


def _text(archive: zipfile.ZipFile, part: str, name: str) -> str:
    return b"".join(_chunks(archive, archive.getinfo(part), name)).decode("utf-8", errors="replace")


def _attribute(element: str, name: str) -> str:
    match = re.search(rf"\s{name}=(\"[^\"]*\"|'[^']*')", element)
    return html.unescape(match[1][1:-1]) if match else ""


class _SheetScanner:
    """Count what matters in a sheet's markup, chunk by chunk."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tail = b""
        self._rows = self._columns = self._errors = self._formulas = 0
        self._merged: set[int] = set()

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk; what may be cut at its end is looked at with the next one."""
        text = self._tail + chunk
        cut = max(text.rfind(b"</c>") + 4, len(text) - _CHUNK) if b"</c>" in text else 0
        self._look(text[:cut])
        self._tail = text[cut:]
        if len(self._tail) > 4 * _CHUNK:
            self._look(self._tail)
            self._tail = b""

    def result(self) -> SheetScan:
        """Return the counts once everything was fed."""
        self._look(self._tail)
        return SheetScan(self._errors, self._formulas, frozenset(self._merged))

    def _look(self, text: bytes) -> None:
        for letters, digits in _CELL.findall(text):
            self._rows = max(self._rows, int(digits))
            self._columns = max(self._columns, _column(letters))
        if self._columns > MAX_COLUMNS or self._rows * self._columns > MAX_GRID:
            raise DataError(
                f"{self._name} has a sheet of {self._rows:,} rows and {self._columns:,} columns. At most "
                f"{MAX_COLUMNS:,} columns and {MAX_GRID:,} cells are read. Delete stray cells far from the "
                "table in Excel (Ctrl+End shows the last one), or save the table as CSV."
            )
        self._errors += len(_ERROR.findall(text))
        self._formulas += len(_FORMULA_ALONE.findall(text))
        for left, row, right in _MERGE.findall(text):
            if left != right:
                self._merged.add(int(row))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
