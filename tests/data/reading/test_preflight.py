"""What a packed file would unpack to is known before it is opened."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from crmlab.data.reading import preflight
from crmlab.data.reading.preflight import SheetScan, scan_workbook, unpacked_gzip
from crmlab.errors import DataError
from tests.data.reading import workbooks

NOTHING = SheetScan()


def test_a_scan_of_every_sheet(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet("一 & 二")
        sheet.merge_range("A3:C3", "x")
        sheet.merge_range("A4:A6", "down")
        sheet.write_formula("B1", "=NA()", None, "#N/A")
        book.add_worksheet("空")
    scans = scan_workbook(tmp_path / "a.xlsx")
    assert scans == {"一 & 二": SheetScan(error_cells=1, merged_rows=frozenset({3})), "空": NOTHING}


@pytest.mark.parametrize("length", [64, 200, 1 << 20])
def test_cells_on_the_edge_of_a_chunk_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    cells = b"".join(b'<c r="A%d" t="e"><v>#N/A</v></c>' % row for row in range(1, 400))
    path = workbooks.xlsx_of_markup(tmp_path / "a.xlsx", b"<sheetData>" + cells + b"</sheetData>")
    monkeypatch.setattr(preflight, "_CHUNK", length)
    assert scan_workbook(path)["S"].error_cells == 399


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"xl/workbook.bin": b""}, "binary workbook"),
        ({"xl/styles.xml": b"<!DOCTYPE x><styleSheet/>"}, "document type definition"),
        ({"xl/styles.xml": "<styleSheet/>".encode("utf-16")}, "document type definition"),
        ({f"xl/media/{at}": b"" for at in range(5001)}, "holds 5,006 files"),
    ],
)
def test_workbooks_that_are_not_opened(tmp_path: Path, parts: dict[str, bytes], words: str) -> None:
    path = workbooks.xlsx_of_markup(tmp_path / "a.xlsx", b"<sheetData/>", extra=parts)
    with pytest.raises(DataError, match=rf"^a\.xlsx .*{words}"):
        scan_workbook(path)


def test_the_budget_of_gzip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert unpacked_gzip(tmp_path / "a.gz") == content
    monkeypatch.setattr(preflight, "RATIO_FROM", 1 << 19)
    with pytest.raises(DataError, match=r"a\.gz unpacks to more than"):
        unpacked_gzip(tmp_path / "a.gz")
    monkeypatch.setattr(preflight, "MAX_RATIO", 10_000)
    monkeypatch.setattr(preflight, "MAX_UNPACKED", len(content) - 1)
    with pytest.raises(DataError, match=r"a\.gz unpacks to more than"):
        unpacked_gzip(tmp_path / "a.gz")
