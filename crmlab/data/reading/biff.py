"""Count the error values in a workbook of Excel 97–2003, which its reader gives as empty cells.

The file is an OLE container ([MS-CFB]) around a stream of records ([MS-XLS], 2.4): BOUNDSHEET8 names a
sheet and where it begins, BOOLERR and FORMULA hold errors.
"""

from __future__ import annotations

import struct

_BOUNDSHEET, _BOOLERR, _FORMULA, _EOF = 0x0085, 0x0205, 0x0006, 0x000A
_LAST = 0xFFFFFFFA
"""Sector numbers from here on mean an end, or something else than a sector."""


def error_cells(content: bytes, sheet: str) -> int:
    """Return how many cells of ``sheet`` hold an error value.

    Raises ValueError, IndexError or struct.error for a container that is not whole.
    """
    stream = _stream(content)
    start = _start(stream, sheet)
    count = 0
    for number, body in _records(stream, start):
        is_error = number == _BOOLERR and body[7:8] == b"\1"
        # The saved result of a formula: eight bytes, the last two all ones where it is no number.
        count += is_error or (number == _FORMULA and body[12:14] == b"\xff\xff" and body[6:7] == b"\2")
    return count


def _stream(content: bytes) -> bytes:
    size = 1 << struct.unpack_from("<H", content, 30)[0]
    fat_sectors = [at for at in struct.unpack_from("<109I", content, 76) if at < _LAST]
    # Containers above some 7 MB list further sectors of the table elsewhere.
    further = struct.unpack_from("<I", content, 68)[0]
    for _ in range(len(content) // size):
        if further >= _LAST:
            break
        *more, further = struct.unpack_from(f"<{size // 4}I", content, (further + 1) * size)
        fat_sectors += [at for at in more if at < _LAST]
    table: list[int] = []
    for at in fat_sectors:
        table += struct.unpack_from(f"<{size // 4}I", content, (at + 1) * size)
    directory = _chain(content, table, struct.unpack_from("<I", content, 48)[0], size)
    for at in range(0, len(directory), 128):
        entry = directory[at : at + 128]
        length = struct.unpack_from("<H", entry, 64)[0]
        if entry[: max(0, length - 2)].decode("utf-16-le", "replace") in ("Workbook", "Book"):
            first, total = struct.unpack_from("<II", entry, 116)
            return _chain(content, table, first, size)[:total]
    raise ValueError("no workbook in the container")


def _chain(content: bytes, table: list[int], at: int, size: int) -> bytes:
    parts = []
    while at < _LAST:
        parts.append(content[(at + 1) * size : (at + 2) * size])
        at = table[at]
        if len(parts) > len(table):
            raise ValueError("the sectors form a ring")
    return b"".join(parts)


def _start(stream: bytes, sheet: str) -> int:
    for number, body in _records(stream, 0):
        if number == _BOUNDSHEET:
            length, wide = body[6], body[7] & 1
            name = body[8 : 8 + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1", "replace")
            if name == sheet:
                return int(struct.unpack_from("<I", body)[0])
    raise ValueError("no such sheet")


def _records(stream: bytes, at: int) -> list[tuple[int, bytes]]:
    """Return number and body of each record from ``at`` to the end of that part of the stream."""
    records = []
    while at + 4 <= len(stream):
        number, length = struct.unpack_from("<HH", stream, at)
        if number == _EOF:
            break
        records.append((number, stream[at + 4 : at + 4 + length]))
        at += 4 + length
    return records
