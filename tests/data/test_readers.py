"""Files as they come: encodings, separators, line ends, and what is no table at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data.readers import read_file
from crmlab.errors import DataError

TABLE = '客户编号,姓名,金额\n1,王伟,"1,234.50"\n2,O\'Brien,-3\n'
ROWS = [
    {"客户编号": "1", "姓名": "王伟", "金额": "1,234.50"},
    {"客户编号": "2", "姓名": "O'Brien", "金额": "-3"},
]
SECRET = "王伟13912345678"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes or text to a file and return its path."""

    def write(content: str | bytes, name: str = "orders.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def _read(path: Path) -> list[dict[str, object]]:
    return read_file(path).collect().to_dicts()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings(write: Callable[..., Path], encoding: str) -> None:
    assert _read(write(TABLE, encoding=encoding)) == ROWS


def test_utf_16_of_the_other_byte_order(write: Callable[..., Path]) -> None:
    assert _read(write(b"\xfe\xff" + TABLE.encode("utf-16-be"))) == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(write: Callable[..., Path], end: str) -> None:
    assert _read(write(TABLE.replace("\n", end))) == ROWS


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_separators(write: Callable[..., Path], separator: str) -> None:
    text = TABLE.replace('"1,234.50"', "@").replace(",", separator).replace("@", "1,234.50")
    assert _read(write(text, "orders.tsv")) == ROWS


def test_everything_stays_text(write: Callable[..., Path]) -> None:
    path = write("id,day,n,b\n007,2024-03-05,1e5,true\n,NA,null,NaN\n")
    assert _read(path) == [
        {"id": "007", "day": "2024-03-05", "n": "1e5", "b": "true"},
        {"id": None, "day": "NA", "n": "null", "b": "NaN"},
    ]


def test_quotes(write: Callable[..., Path]) -> None:
    path = write('id,text\n1,"a ""b"", c"\n2,"two\nlines"\n3,in"side\n')
    assert [row["text"] for row in _read(path)] == ['a "b", c', "two\nlines", 'in"side']


def test_headers_are_trimmed_and_named(write: Callable[..., Path]) -> None:
    assert read_file(write("\n\n id ,\u3000,b\n1,2,3\n")).collect_schema().names() == ["id", "column_2", "b"]


def test_lines_without_any_value_are_no_rows(write: Callable[..., Path]) -> None:
    assert _read(write("a,b\n1,2\n\n,\n3,\n\n")) == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    assert _read(write("a\n1\n\n2\n")) == [{"a": "1"}, {"a": "2"}]


def test_a_row_that_ends_early_lacks_its_last_values(write: Callable[..., Path]) -> None:
    assert _read(write("a,b\n1\n2,3")) == [{"a": "1", "b": None}, {"a": "2", "b": "3"}]


def test_a_header_alone_is_an_empty_table(write: Callable[..., Path]) -> None:
    frame = read_file(write("a,b\n")).collect()
    assert (frame.shape, frame.columns) == ((0, 2), ["a", "b"])


def test_a_huge_cell(write: Callable[..., Path]) -> None:
    text = "好" * 2_000_000
    assert _read(write(f"id,text\n1,{text}\n")) == [{"id": "1", "text": text}]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2], "amount": [1.5, None]})
    frame.write_parquet(tmp_path / "a.dat")
    assert read_file(tmp_path / "a.dat").collect().equals(frame)


def _error(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_file(path).collect()
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return str(error.value)


@pytest.mark.parametrize("content", ["", "\n\n\r\n", b"\xef\xbb\xbf", "   \n"])
def test_empty_files(write: Callable[..., Path], content: str | bytes) -> None:
    assert _error(write(content)) == "orders.csv is empty. A table needs a header line and rows below it."


def test_files_that_are_not_there(tmp_path: Path) -> None:
    message = _error(tmp_path / "missing.csv")
    assert "missing.csv cannot be read: No such file or directory." in message
    assert "relative to the folder of its YAML file" in message
    assert "cannot be read" in _error(tmp_path)
    assert "cannot be read" in _error(Path("a\0b"))


def test_more_fields_than_the_header(write: Callable[..., Path]) -> None:
    text = f'\nid,text\n1,"two\nlines"\n2,{SECRET},again\n3,x\n'
    assert _error(write(text)) == (
        "orders.csv is not a regular table: line 5 has 3 fields, the header has 2. "
        "Put quotes around values that contain the separator."
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'id,text\n1,x\n2,"{SECRET}\n3,y\n', 3),
        (f'id,text\n1,"two\nlines"\n2,"{SECRET}"x\n3,y\n', 4),
        ('"id,text\n1,x\n', 1),
    ],
)
def test_quotation_marks_that_do_not_match(write: Callable[..., Path], text: str, line: int) -> None:
    message = _error(write(text))
    assert message.startswith(
        f"orders.csv is not a regular table: the quotation marks in the row that begins at line {line} do not"
    )
    assert SECRET not in message


def test_two_columns_of_one_name(write: Callable[..., Path]) -> None:
    message = _error(write("id,金额,金额 \n1,2,3\n"))
    assert message == (
        "The header of orders.csv has '金额' more than once. Give each column a name of its own."
    )


def test_full_width_commas(write: Callable[..., Path]) -> None:
    assert "separated by full-width commas" in _error(write("编号，金额，日期\n1，2，3\n"))


@pytest.mark.parametrize("content", [b"id,a\n1,\x00\n", b"a\x00b\x00,\x00"])
def test_nul_bytes(write: Callable[..., Path], content: bytes) -> None:
    assert _error(write(content)).startswith("orders.csv contains NUL bytes")


def test_bytes_that_are_no_text(write: Callable[..., Path]) -> None:
    assert "is neither UTF-8 nor GB18030/GBK nor UTF-16 text" in _error(write(b"id,a\n1,\xff\xff\xff\n"))
    assert "is neither UTF-8 nor GB18030/GBK nor UTF-16 text" in _error(write(b"\xff\xfea\x00b"))


@pytest.mark.parametrize("head", [b"PK\x03\x04 zip", b"\xd0\xcf\x11\xe0 old Excel"])
def test_a_spreadsheet_that_is_called_csv(write: Callable[..., Path], head: bytes) -> None:
    assert _error(write(head)).startswith("orders.csv is a spreadsheet. Save it as CSV (UTF-8)")


def test_damaged_parquet(write: Callable[..., Path], tmp_path: Path) -> None:
    pl.DataFrame({"name": [SECRET] * 1000, "n": range(1000)}).write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    message = _error(write(whole[:-50], "orders.parquet"))
    assert message.startswith("orders.parquet is a damaged Parquet file")
    assert SECRET not in message


CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda text: text.strip() and "\ufeff" not in text
)


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), separator=st.sampled_from(",;\t"))
@settings(max_examples=40)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    frame.write_csv(path, separator=separator)
    assert read_file(path).collect().equals(frame)
