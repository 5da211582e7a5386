"""Fifty hostile files, each with what reading it must give: a golden frame, or one typed error.

Run as a program with a folder, this module reads the files in it and writes beside each what came of
it; so the reading can be measured, and killed, from outside.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import signal
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl

from tests.data.reading import workbooks

SECONDS = 10
"""Processor seconds that one file may take in the reading process."""
PEAK = 1 << 30
"""Bytes of memory that the reading process may take, for all files together."""

SECRET = "13912345678"
ROWS = [(2, "000123", "张伟"), (3, "000124", "李娜")]
TEXT = "编号,姓名\n000123,张伟\n000124,李娜\n"


@dataclass(frozen=True)
class Case:
    """One hostile file: how to write it, and the rows (with `source_row`) or the words of the error."""

    id: str
    file: str
    make: Callable[[Path], object]
    rows: Sequence[Sequence[Any]] | None = None
    error: str = ""
    columns: Sequence[str] = ("编号", "姓名")


def _bytes(content: bytes | str) -> Callable[[Path], object]:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda path: path.write_bytes(raw)


def _cells(markup: str) -> Callable[[Path], object]:
    return lambda path: workbooks.xlsx_of_markup(path, f"<sheetData>{markup}</sheetData>".encode())


def _typed_workbook(path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_urls": False}) as book:
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            time: book.add_format({"num_format": "hh:mm:ss"}),
        }
        sheet = book.add_worksheet("数据")
        rows = [
            ["身份证", "单元格"],
            [440301199001011234, True],
            ["440301199001011234", date(2024, 3, 5)],
            [1, datetime(2024, 3, 5, 12, 30)],
            [2, time(8, 30)],
            [3, "not a date"],
            [4.0, 0.5],
        ]
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if type(cell) in formats:
                    sheet.write_datetime(row, column, cell, formats[type(cell)])
                elif isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                else:
                    sheet.write(row, column, cell)
        sheet.write_formula(7, 0, "=NA()", None, "#N/A")
        sheet.write_string(7, 1, "#N/A")
        book.add_worksheet("hidden").hide()
        book.add_worksheet("very").very_hidden()


def _epoch_1904(path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"date_1904": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["编号", "姓名"])
        sheet.write_string(1, 0, "1")
        sheet.write_datetime(1, 1, date(2024, 3, 5), book.add_format({"num_format": "yyyy-mm-dd"}))


def gzip_bomb(path: Path) -> None:
    """Write a gzip file of some 2 MiB that unpacks to 2 GiB: one block of deflate, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush the compressed block refers to nothing before it.
    block = packer.compress(b"1,2\n" * (1 << 18)) + packer.flush(zlib.Z_FULL_FLUSH)
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        for _ in range(2048):
            file.write(block)
        file.write(b"\x03\0" + struct.pack("<II", 0, 1 << 31 & 0xFFFFFFFF))


def _zip_bomb(path: Path, promised: int | None = None) -> None:
    """Write a workbook whose sheet unpacks to 300 MiB; ``promised`` is what its directory says."""
    workbooks.xlsx_of_markup(path, b"<sheetData/>")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("xl/sharedStrings.xml", "w") as part:
            for _ in range(300):
                part.write(b"a" * (1 << 20))
        if promised is not None:
            # The directory is written from this when the archive is closed.
            archive.getinfo("xl/sharedStrings.xml").file_size = promised
    assert path.stat().st_size < 4 << 20


def _encrypted(path: Path) -> None:
    content = {"EncryptionInfo": b"\4\0\4\0", "EncryptedPackage": bytes(8)}
    path.write_bytes(workbooks.ole(content))


def _damaged_xls(path: Path) -> None:
    raw = bytearray(workbooks.xls(path, {"S": [["编号", "姓名"], ["1", "x"]]}).read_bytes())
    # The length of a record, the table of sectors, the start of the directory.
    raw[512 + 22 : 512 + 24] = b"\xff\xff"
    raw[44:52] = b"\xff\xff\xff\x7f\xff\xff\xff\x0f"
    path.write_bytes(raw)


def _parquet(path: Path, spoil: Callable[[bytearray], bytes | bytearray]) -> None:
    file = io.BytesIO()
    frame = pl.DataFrame({"编号": [f"{row:06d}" for row in range(500)], "姓名": ["张伟"] * 500})
    frame.write_parquet(file, compression="uncompressed")
    path.write_bytes(spoil(bytearray(file.getvalue())))


def _cut(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes()[:-60])

    return write


def _spoil_page(raw: bytearray) -> bytearray:
    raw[4:40] = b"\xff" * 36
    return raw


def _good(path: Path) -> None:
    workbooks.xlsx(path, {"数据": [["编号", "姓名"], ["000123", "张伟"], ["000124", "李娜"]]})


_HALF = TEXT.encode("gbk") + "000125,王芳\n".encode()
_INVISIBLE = ["张伟", "\ufeff张伟", "张\u200b伟", "\u202e张伟\u202c"]
_PAGE = (
    "<html><head><meta http-equiv='Content-Type' content='text/html; charset=gb2312'></head><body><table>"
    "<tr><th>编号</th><th>姓名</th></tr><tr><td>000123</td><td>张伟</td></tr>"
    "<tr><td>000124</td><td>李娜</td></tr></table></body></html>"
)
_LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><worksheet xmlns='
    b'"http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" '
    b't="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)
_XXE = _LAUGHS.replace(b'"&a;&a;&a;&a;&a;&a;"', b'SYSTEM "file:///etc/passwd"')
_HEADS = "二月消费统计,,,,\n客户,基本信息,,消费,\n,姓名,城市,金额,次数\n"
_MERGED = _HEADS + "C1,张伟,北京,12.5,3\nC2,李娜,重庆,8,1\n合计,,,20.5,4\n"
_CELL = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'
_A_B = _CELL.format("A1", "编号") + _CELL.format("B1", "姓名")
_ONE_TWO = _CELL.format("A2", "000123") + _CELL.format("B2", "张伟")

CASES = (
    Case("01 GBK", "a.csv", _bytes(TEXT.encode("gbk")), ROWS),
    Case(
        "02 GB18030 of four bytes",
        "a.csv",
        _bytes("编号,姓名\n1,㐀𠀀\n2,李娜\n".encode("gb18030")),
        [(2, "1", "㐀𠀀"), (3, "2", "李娜")],
    ),
    Case("03 byte-order mark and leading zeros", "a.csv", _bytes(b"\xef\xbb\xbf" + TEXT.encode()), ROWS),
    Case("04 UTF-16 with tabs", "a.csv", _bytes(TEXT.replace(",", "\t").encode("utf-16")), ROWS),
    Case(
        "05 numbers as people type them",
        "a.csv",
        _bytes('编号,姓名\n１２３,"￥1,234.50"\n"(1,234.50)",1.2万\n−5,12％\n'),
        [(2, "１２３", "￥1,234.50"), (3, "(1,234.50)", "1.2万"), (4, "−5", "12％")],
    ),
    Case(
        "06 integers, then a fraction",
        "a.csv",
        _bytes("编号,姓名\n" + "1,x\n" * 5000 + '195.83,"1,234"\n'),
        [*((row, "1", "x") for row in range(2, 5002)), (5002, "195.83", "1,234")],
    ),
    Case(
        "07 a phone in scientific notation",
        "a.csv",
        _bytes("编号,姓名\n1.38123E+10,x\n"),
        [(2, "1.38123E+10", "x")],
    ),
    Case(
        "08 long ids", "a.csv", _bytes("编号,姓名\n440301199001011234,x\n"), [(2, "440301199001011234", "x")]
    ),
    Case(
        "09 a cell of a million characters",
        "a.csv",
        _bytes("编号,姓名\n1," + "好" * 10**6),
        [(2, "1", "好" * 10**6)],
    ),
    Case(
        "10 a hundred thousand columns",
        "a.csv",
        _bytes(",".join(["a"] * 10**5) + "\n1\n"),
        error="columns; at most",
    ),
    Case(
        "11 a million columns", "a.csv", _bytes(",".join(["a"] * 10**6) + "\n1\n"), error="columns; at most"
    ),
    Case(
        "12 NUL bytes",
        "a.csv",
        _bytes("编号,姓名\n1,张\0伟\n"),
        error="contains NUL bytes, the first in line 2",
    ),
    Case("13 a row that is too long", "a.csv", _bytes(TEXT + f"3,{SECRET},x\n"), error="row 4 has 3 fields"),
    Case(
        "14 an open quotation mark",
        "a.csv",
        _bytes(TEXT + f'3,"{SECRET}\n4,y\n'),
        error="quotation marks in row 4",
    ),
    Case("15 mixed line ends", "a.csv", _bytes("编号,姓名\r\n000123,张伟\r000124,李娜\n"), ROWS),
    Case("16 line ends of CR alone", "a.csv", _bytes(TEXT.replace("\n", "\r")), ROWS),
    Case(
        "17 lines within quotes",
        "a.csv",
        _bytes('编号,姓名\n1,"a\nb"\n2,c\n'),
        [(2, "1", "a\nb"), (3, "2", "c")],
    ),
    Case(
        "18 lone quotes",
        "a.csv",
        _bytes('编号,姓名\n1,5" x\n2,"a\nb"\n'),
        [(2, "1", '5" x'), (3, "2", "a\nb")],
    ),
    Case("19 separators at line ends", "a.csv", _bytes("编号,姓名,\n000123,张伟,\n000124,李娜,\n"), ROWS),
    Case("20 an empty file", "a.csv", _bytes(b""), error="is empty"),
    Case(
        "21 repeated and blank headers",
        "a.csv",
        _bytes("金额,金额, ,\n1,2,3,4\n"),
        [(2, "1", "2", "3", "4")],
        columns=("金额", "金额 (2)", "column_3", "column_4"),
    ),
    Case("22 semicolons", "a.csv", _bytes(TEXT.replace(",", ";")), ROWS),
    Case("23 full-width commas", "a.csv", _bytes(TEXT.replace(",", "，")), ROWS),
    Case(
        "24 a separator told to Excel",
        "a.csv",
        _bytes("sep=|\n" + TEXT.replace(",", "|")),
        [(3, *ROWS[0][1:]), (4, *ROWS[1][1:])],
    ),
    Case("25 half GBK, half UTF-8", "a.csv", _bytes(_HALF), error="mixes encodings: line 4 is UTF-8"),
    Case(
        "26 dates of every kind",
        "a.csv",
        _bytes("编号,姓名\n2024年3月5日,45356\n2024-02-30,0001-01-01\n"),
        [(2, "2024年3月5日", "45356"), (3, "2024-02-30", "0001-01-01")],
    ),
    Case(
        "27 infinities",
        "a.csv",
        _bytes("编号,姓名\ninf,NaN\n1e308,-inf\n"),
        [(2, "inf", "NaN"), (3, "1e308", "-inf")],
    ),
    Case("28 equal rows", "a.csv", _bytes("编号,姓名\n1,x\n1,x\n"), [(2, "1", "x"), (3, "1", "x")]),
    Case(
        "29 invisible characters",
        "a.csv",
        _bytes("编号,姓名\n" + "".join(f"1,{name}\n" for name in _INVISIBLE)),
        [(row, "1", "张伟") for row in range(2, 6)],
    ),
    Case("30 a gzip bomb", "a.csv", gzip_bomb, error="unpacks to more than"),
    Case("31 a workbook bomb", "a.xlsx", _zip_bomb, error="unpacks to more than"),
    Case(
        "31b one that promises to be small",
        "a.xlsx",
        lambda path: _zip_bomb(path, 100),
        error="damaged workbook",
    ),
    Case(
        "32 two cells in opposite corners",
        "a.xlsx",
        _cells(
            '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
        error="has a sheet of 1,048,576 rows and 16,384 columns",
    ),
    Case(
        "32b the same, written another way",
        "a.xlsx",
        _cells(
            "<row r='1'><c r = 'A1'><v>1</v></c></row><row r='1048576'><c r = 'XFD1048576'><v>1</v></c></row>"
        ),
        error="within the memory and time that a workbook is given",
    ),
    Case(
        "33 a dimension that lies",
        "a.xlsx",
        lambda path: workbooks.xlsx_of_markup(
            path,
            f'<dimension ref="A1:XFD1048576"/><sheetData><row r="1">{_A_B}</row><row r="2">{_ONE_TWO}</row>'
            "</sheetData>".encode(),
        ),
        ROWS[:1],
    ),
    Case(
        "34 a billion laughs",
        "a.xlsx",
        lambda path: workbooks.xlsx_of_markup(path, _LAUGHS),
        error="document type",
    ),
    Case(
        "35 an external entity",
        "a.xlsx",
        lambda path: workbooks.xlsx_of_markup(path, _XXE),
        error="document type",
    ),
    Case(
        "36 title, groups, total",
        "a.csv",
        _bytes(_MERGED),
        [(4, "C1", "张伟", "北京", "12.5", "3"), (5, "C2", "李娜", "重庆", "8", "1")],
        columns=("客户", "基本信息 / 姓名", "基本信息 / 城市", "消费 / 金额", "消费 / 次数"),
    ),
    Case(
        "37 cells of every type",
        "a.xlsx",
        _typed_workbook,
        [
            (2, "4.40301199001011E+17", "TRUE"),
            (3, "440301199001011234", "2024-03-05"),
            (4, "1", "2024-03-05 12:30:00"),
            (5, "2", "08:30:00"),
            (6, "3", "not a date"),
            (7, "4", "0.5"),
            (8, None, "#N/A"),
        ],
        columns=("身份证", "单元格"),
    ),
    Case("38 dates from 1904", "a.xlsx", _epoch_1904, [(2, "1", "2024-03-05")]),
    Case("39 HTML named .xls", "a.xls", _bytes(_PAGE.encode("gbk")), ROWS),
    Case("40 CSV named .xlsx", "a.xlsx", _bytes(TEXT), ROWS),
    Case(
        "41 Excel 97-2003",
        "a.xls",
        lambda path: workbooks.xls(path, {"S": [["编号", "姓名"], ["000123", "张伟"], ["000124", "李娜"]]}),
        ROWS,
    ),
    Case("42 encrypted", "a.xlsx", _encrypted, error="protected by a password"),
    Case("43 a workbook cut short", "a.xlsx", _cut(_good), error="damaged workbook"),
    Case("44 gzip cut short", "a.csv", _bytes(gzip.compress(TEXT.encode())[:-9]), error="damaged gzip"),
    Case(
        "45 Parquet cut short",
        "a.parquet",
        lambda path: _parquet(path, lambda raw: raw[:-60]),
        error="damaged Parquet",
    ),
    Case(
        "46 Parquet with a broken page",
        "a.parquet",
        lambda path: _parquet(path, _spoil_page),
        error="damaged Parquet",
    ),
    Case(
        "47 a zip archive of another kind",
        "a.xlsx",
        lambda path: zipfile.ZipFile(path, "w").writestr("x.csv", TEXT),
        error="no workbook",
    ),
    Case(
        "48 headers that mean to do something",
        "a.csv",
        _bytes('"a\nb",=1+1,<b>x</b>,a.b,__proto__\n1,2,3,4,5\n'),
        [(2, "1", "2", "3", "4", "5")],
        columns=("a b", "=1+1", "<b>x</b>", "a.b", "__proto__"),
    ),
    Case("49 a damaged workbook of Excel 97-2003", "a.xls", _damaged_xls, error="damaged"),
    Case(
        "50 three hundred blanks, then a number",
        "a.csv",
        _bytes("编号,姓名\n" + "x,\n" * 300 + "x,5\n"),
        [*((row, "x", None) for row in range(2, 302)), (302, "x", "5")],
    ),
)


def write_all(folder: Path) -> None:
    """Write every case to a folder of its own in ``folder``."""
    for number, case in enumerate(CASES):
        place = folder / f"{number:02d}"
        place.mkdir()
        case.make(place / case.file)


class _TooSlow(BaseException):
    """Raised when a file has used up its processor time."""


def _too_slow(*_: object) -> None:
    raise _TooSlow


def read_all(folder: Path) -> None:
    """Read every case; leave ``result.parquet`` or ``error.txt`` beside it, and the peak of memory."""
    import resource

    from crmlab.data.reading.readers import read_file
    from crmlab.errors import DataError

    signal.signal(signal.SIGPROF, _too_slow)
    for number, case in enumerate(CASES):
        place = folder / f"{number:02d}"
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            read_file(place / case.file).frame.collect().write_parquet(place / "result.parquet")
        except DataError as error:
            (place / "error.txt").write_text(str(error), encoding="utf-8")
        except _TooSlow:
            (place / "slow.txt").touch()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = [_own_peak(unit), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit]
    (folder / "peaks.json").write_text(json.dumps(peaks), encoding="utf-8")


def _own_peak(unit: int) -> int:
    """Return the peak memory of this process in bytes.

    Linux counts into ru_maxrss what the process was before it became this program: a large parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    read_all(Path(sys.argv[1]))
