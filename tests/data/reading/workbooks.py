"""Small workbooks for tests: XLSX by XlsxWriter, XLSX from raw markup, and XLS of Excel 97–2003.

An XLS file is an OLE container ([MS-CFB]: a header, a sector allocation table, a directory) around one
stream of records ([MS-XLS]: a number of two bytes, a length of two bytes, a body). What is written here
is the least that a reader needs: globals with the list of sheets, and per sheet its cells.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

Cell = str | float | bool | None
_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_VISIBILITY = {"visible": 0, "hidden": 1, "veryhidden": 2}


class ExcelError(str):
    """An error value of a cell; XLS knows it by a number."""

    __slots__ = ()


_ERROR_CODES = {"#DIV/0!": 7, "#N/A": 42}


def xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], hidden: Sequence[str] = ()) -> Path:
    """Write rows of values to the sheets of an XLSX workbook."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_urls": False, "strings_to_formulas": False}) as book:
        book.set_properties({"created": datetime(2024, 1, 1)})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            elif name == next(other for other in sheets if other not in hidden):
                # The first sheet can be hidden only while another one is in front.
                sheet.activate()
                sheet.set_first_sheet()
            for row, cells in enumerate(rows):
                for column, value in enumerate(cells):
                    if isinstance(value, ExcelError):
                        sheet.write_formula(row, column, "=NA()", None, str(value))
                    elif isinstance(value, str):
                        sheet.write_string(row, column, value)
                    elif value is not None:
                        sheet.write(row, column, value)
    return path


def xlsx_of_markup(path: Path, sheet: bytes, styles: bytes = b"", extra: Mapping[str, bytes] = {}) -> Path:
    """Write an XLSX workbook whose only sheet has the markup ``sheet``."""
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = b"http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": b'<Relationships xmlns="%s"><Relationship Id="r1" Type="%s/officeDocument" '
        b'Target="xl/workbook.xml"/></Relationships>' % (package, rel),
        "xl/workbook.xml": b'<workbook xmlns="%s" xmlns:r="%s"><sheets><sheet name="S" sheetId="1" '
        b'r:id="r1"/></sheets></workbook>' % (main, rel),
        "xl/_rels/workbook.xml.rels": b'<Relationships xmlns="%s"><Relationship Id="r1" Type="%s/worksheet" '
        b'Target="worksheets/sheet1.xml"/></Relationships>' % (package, rel),
        "xl/worksheets/sheet1.xml": b'<worksheet xmlns="%s">%s</worksheet>' % (main, sheet)
        if not sheet.startswith(b"<!")
        else sheet,
        **extra,
    }
    if styles:
        parts["xl/styles.xml"] = styles
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return path


def xls(path: Path, sheets: Mapping[str, Sequence[Sequence[Cell]]], hidden: Sequence[str] = ()) -> Path:
    """Write rows of texts, numbers, booleans and error values to an XLS workbook."""
    path.write_bytes(ole({"Workbook": _workbook(sheets, hidden)}))
    return path


def ole(streams: Mapping[str, bytes]) -> bytes:
    """Return an OLE container with ``streams``, each at least 4,096 bytes long."""
    sectors: list[bytes] = []
    table: list[int] = []
    entries = []
    for name, content in streams.items():
        padded = content.ljust(max(4096, -(-len(content) // _SECTOR) * _SECTOR), b"\0")
        first, count = len(sectors), len(padded) // _SECTOR
        sectors += [padded[at * _SECTOR :][:_SECTOR] for at in range(count)]
        table += [*range(first + 1, first + count), _END]
        entries.append(_entry(name, 2, first, len(padded)))
    directory = len(sectors)
    root = _entry("Root Entry", 5, _END, 0, child=1)
    sectors.append(b"".join([root, *entries]).ljust(_SECTOR, b"\0"))
    table.append(_END)
    fat = len(sectors)
    count = -(-(fat + 1) // 128)
    while fat + count > count * 128:
        count += 1
    table += [_FAT] * count
    table += [_FREE] * (count * 128 - len(table))
    packed = struct.pack(f"<{len(table)}I", *table)
    sectors += [packed[at * _SECTOR :][:_SECTOR] for at in range(count)]
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
        0, count, directory, 0, 4096, _END, 0, _END, 0,
    )  # fmt: skip
    places = [fat + at if at < count else _FREE for at in range(109)]
    return header + struct.pack("<109I", *places) + b"".join(sectors)


def _entry(name: str, kind: int, first: int, size: int, child: int = _FREE) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16sI8s8sIQ", text, len(text), kind, 1, _FREE, _FREE, child, b"", 0, b"", b"", first, size
    )


def _workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]], hidden: Sequence[str]) -> bytes:
    bodies = [_sheet(rows) for rows in sheets.values()]
    names = [_text(name, "<B") for name in sheets]
    start = _record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0))
    start += _record(0x0042, struct.pack("<H", 1200))
    offset = len(start) + sum(4 + 6 + len(name) for name in names) + 4
    listed = b""
    for (sheet, name), body in zip(zip(sheets, names, strict=True), bodies, strict=True):
        listed += _record(0x0085, struct.pack("<IBB", offset, sheet in hidden, 0) + name)
        offset += len(body)
    return start + listed + _record(0x000A) + b"".join(bodies)


def _sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    width = max((len(row) for row in rows), default=0)
    parts = [_record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 0, 0, 0))]
    parts.append(_record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0)))
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            place = struct.pack("<HHH", row, column, 0)
            if isinstance(value, ExcelError):
                parts.append(_record(0x0205, place + struct.pack("<BB", _ERROR_CODES[value], 1)))
            elif isinstance(value, bool):
                parts.append(_record(0x0205, place + struct.pack("<BB", value, 0)))
            elif isinstance(value, str):
                parts.append(_record(0x0204, place + _text(value, "<H")))
            elif value is not None:
                parts.append(_record(0x0203, place + struct.pack("<d", value)))
    return b"".join([*parts, _record(0x000A)])


def _record(number: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(body)) + body


def _text(text: str, length: str) -> bytes:
    return struct.pack(length, len(text)) + b"\1" + text.encode("utf-16-le")
