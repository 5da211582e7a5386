"""The content says what a file is; the extension is not believed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from crmlab.data.reading import readers
from crmlab.data.reading.readers import RawTable, read_file
from crmlab.errors import DataError
from tests.data.reading import workbooks


def _gzip(content: bytes) -> bytes:
    """Pack without the time of day, which would make the name of a test another each second."""
    return gzip.compress(content, mtime=0)


TABLE = "客户编号,姓名,金额\n007,王伟,12.50\n008,O'Brien,-3\n"
ROWS = [(2, "007", "王伟", "12.50"), (3, "008", "O'Brien", "-3")]
SECRET = "王伟13912345678"
CELLS = [["客户编号", "姓名", "金额"], ["007", "王伟", "12.50"], ["008", "O'Brien", "-3"]]
PAGE = (
    "<table><tr><th>客户编号</th><th>姓名</th><th>金额</th></tr><tr><td>007</td><td>王伟</td><td>12.50</td></tr>"
    "<tr><td>008</td><td>O&#39;Brien</td><td>-3</td></tr></table>"
)
LINES = '{"客户编号":"007","姓名":"王伟","金额":"12.50"}\n{"客户编号":"008","姓名":"O\'Brien","金额":"-3"}\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes or text to a file and return its path."""

    def write(content: str | bytes, name: str = "orders.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def _error(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_file(path)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert path.name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        (TABLE, "orders.xlsx", "csv"),
        (TABLE, "orders", "csv"),
        (TABLE.replace(",", "\t"), "orders.csv", "tsv"),
        (TABLE.replace(",", "\t").encode("utf-16"), "orders.csv", "tsv"),
        (TABLE.encode("gbk"), "orders.xls", "csv"),
        (PAGE, "orders.xls", "html"),
        (b'<meta charset="gb2312">' + PAGE.encode("gbk"), "orders.xls", "html"),
        (_gzip(TABLE.encode()), "orders.csv", "csv"),
        (_gzip(PAGE.encode()), "orders.csv.gz", "html"),
    ],
)
def test_the_extension_is_not_believed(
    write: Callable[..., Path], content: str | bytes, name: str, form: str
) -> None:
    table = read_file(write(content, name))
    assert table.frame.collect().rows() == ROWS
    assert (table.format, table.name) == (form, name)
    assert table.headers == (("客户编号", "姓名", "金额"),)


@pytest.mark.parametrize("content", [LINES, "[" + LINES.strip().replace("\n", ",") + "]"])
def test_json_by_any_name(write: Callable[..., Path], content: str) -> None:
    table = read_file(write(content, "orders.csv"))
    assert [row[1:] for row in table.frame.collect().rows()] == [row[1:] for row in ROWS]


@pytest.mark.parametrize("make", [workbooks.xlsx, workbooks.xls])
def test_workbooks_by_any_name(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path / "orders.csv", {"数据": CELLS})
    table = read_file(path)
    assert table.frame.collect().rows() == ROWS
    assert table.name == "orders.csv [数据]"
    assert table.format == make.__name__


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2], " amount\n": [1.5, None], "source_row": ["a", "b"]})
    frame.write_parquet(tmp_path / "a[1].dat")
    table = read_file(tmp_path / "a[1].dat")
    expected = frame.rename({" amount\n": "amount", "source_row": "source_row (2)"})
    assert table.frame.collect().drop("source_row").equals(expected)
    assert table.frame.collect()["source_row"].to_list() == [1, 2]
    assert table.left_out.schema == {"source_row": pl.UInt32, "left_out_as": pl.String, **expected.schema}


def test_damaged_parquet(write: Callable[..., Path], tmp_path: Path) -> None:
    pl.DataFrame({"name": [SECRET] * 1000, "n": range(1000)}).write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    message = _error(write(whole[:-50], "orders.parquet"))
    assert message.startswith("orders.parquet is a damaged Parquet file")
    assert SECRET not in message


def test_files_that_are_not_there(tmp_path: Path) -> None:
    message = _error(tmp_path / "missing.csv")
    assert "missing.csv cannot be read: No such file or directory." in message
    assert "relative to the folder of its YAML file" in message
    assert "cannot be read" in _error(tmp_path)
    assert "cannot be read" in _error(Path("a\0b"))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        (b"%PDF-1.7 x", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\x09\x04\x06\x00\x00\x00", "a workbook of Excel 4"),
        (_gzip(b"PK\x03\x04 zip"), "holds a packed file of another kind"),
        (_gzip(_gzip(b"a,b\n")), "holds a packed file of another kind"),
        (b"PK\x03\x04 zip", "is a damaged workbook"),
        (b"PK\x05\x06" + bytes(18), "is a zip archive, and no workbook"),
        (b"\x1f\x8b\x08broken", "is a damaged gzip file"),
        (_gzip(b"a,b\n1,2\n" * 99)[:-9], "is a damaged gzip file"),
        ("<html><p>请登录</p></html>", "an HTML page without any table"),
    ],
)
def test_files_that_hold_no_table(write: Callable[..., Path], content: bytes, what: str) -> None:
    assert what in _error(write(content))


def test_gzip_of_several_members(write: Callable[..., Path]) -> None:
    packed = _gzip(b"a,b\n1,2\n") + _gzip(b"3,4\n") + b"\0" * 512
    assert read_file(write(packed)).frame.collect().rows() == [(2, "1", "2"), (3, "3", "4")]


def test_a_sheet_of_what_is_no_workbook(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"orders\.csv is no workbook and has no sheet 'x'"):
        read_file(write(TABLE), sheet="x")


class Panic(BaseException):
    """What a library written in Rust raises is no Exception."""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(Panic(SECRET), r"gave up \(Panic\)"), (MemoryError(), "memory"), (ValueError(SECRET), "ValueError")],
)
def test_whatever_breaks_is_one_kind_of_error(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, raised: BaseException, expected: str
) -> None:
    def breaks(*_: object) -> RawTable:
        raise raised

    path = write(TABLE)
    monkeypatch.setattr(readers, "_text", breaks)
    with pytest.raises(DataError, match=rf"^orders\.csv .*{expected}") as error:
        read_file(path)
    assert SECRET not in str(error.value)
    assert error.value.__suppress_context__


def test_an_interrupt_is_let_through(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> RawTable:
        raise KeyboardInterrupt

    path = write(TABLE)
    monkeypatch.setattr(readers, "_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_file(path)
