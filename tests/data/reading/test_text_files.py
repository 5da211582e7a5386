"""Separated text as it comes: separators, line ends, quotation marks, and what is no table."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data.reading.limits import MAX_CELL_BYTES, MAX_COLUMNS
from crmlab.data.reading.raw_table import RawTable
from crmlab.data.reading.text_files import read_text
from crmlab.errors import DataError

TABLE = '客户编号,姓名,金额\n1,王伟,"1,234.50"\n2,O\'Brien,-3\n'
ROWS = [
    {"客户编号": "1", "姓名": "王伟", "金额": "1,234.50"},
    {"客户编号": "2", "姓名": "O'Brien", "金额": "-3"},
]
SECRET = "王伟13912345678"


def _table(content: str | bytes, header_rows: int | None = None) -> RawTable:
    return read_text(content if isinstance(content, bytes) else content.encode(), "orders.csv", header_rows)


def _read(content: str | bytes) -> list[dict[str, object]]:
    return _table(content).frame.drop("source_row").collect().to_dicts()


def _rows(content: str) -> list[int]:
    return _table(content).frame.collect()["source_row"].to_list()


def _error(content: str | bytes) -> str:
    with pytest.raises(DataError) as error:
        _table(content)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    assert _read(TABLE.replace("\n", end)) == ROWS


def test_line_ends_that_are_mixed() -> None:
    assert _read("a,b\r\n1,2\r3,4\n5,6") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, {"a": "5", "b": "6"}]


@pytest.mark.parametrize(("separator", "form"), [("\t", "tsv"), (";", "csv"), ("|", "csv"), (",", "csv")])
def test_separators(separator: str, form: str) -> None:
    text = TABLE.replace('"1,234.50"', "@").replace(",", separator).replace("@", '"1,234.50"')
    assert _read(text) == ROWS
    table = _table(text)
    assert (table.separator, table.format, table.encoding) == (separator, form, "utf-8")


def test_commas_within_text_do_not_separate_a_table_of_tabs() -> None:
    text = "id\ttext, with a comma, or two\n1\ta,b,c,d\n2\te\n"
    assert [list(row.values()) for row in _read(text)] == [["1", "a,b,c,d"], ["2", "e"]]


def test_the_separator_that_a_file_tells_excel() -> None:
    assert _read("sep=;\na;b\n1,5;2\n") == [{"a": "1,5", "b": "2"}]
    assert _rows("sep=;\na;b\n1,5;2\n") == [3]


def test_full_width_commas() -> None:
    table = _table('编号，金额，备注\n1，2，"很好，喜欢"\n2，3，\n')
    assert table.frame.collect().rows() == [(2, "1", "2", "很好，喜欢"), (3, "2", "3", None)]
    assert [note.zh for note in table.notes] == ["各列以全角逗号（，）分隔，已按分隔符读取。"]
    assert "full-width commas" in table.notes[0].en


def test_full_width_commas_in_prose_do_not_separate() -> None:
    text = "评价，选填\n很好，喜欢，会再来\n一般\n"
    assert _read(text) == [{"评价,选填": "很好，喜欢，会再来"}, {"评价,选填": "一般"}]


def test_everything_stays_text() -> None:
    assert _read("id,day,n,b\n007,2024-03-05,1e5,true\n,NA,null,NaN\n110101199003078515,1,2,3") == [
        {"id": "007", "day": "2024-03-05", "n": "1e5", "b": "true"},
        {"id": None, "day": "NA", "n": "null", "b": "NaN"},
        {"id": "110101199003078515", "day": "1", "n": "2", "b": "3"},
    ]


def test_quotes() -> None:
    text = 'id,text\n1,"a ""b"", c"\n2,"two\nlines"\n3,in"side\n'
    assert [row["text"] for row in _read(text)] == ['a "b", c', "two\nlines", 'in"side']


@pytest.mark.parametrize("lines", [3, 4000])
def test_lone_quotation_marks_within_values(lines: int) -> None:
    rows = "".join(f'{row},5" pipe\n' if row % 3 else f'{row},"a\nb"\n' for row in range(lines))
    expected = ['5" pipe' if row % 3 else "a\nb" for row in range(lines)]
    assert [row["b"] for row in _read(f"a,b\n{rows}")] == expected


def test_rows_keep_the_numbers_that_a_spreadsheet_program_shows() -> None:
    assert _rows('\n\na,b\n1,"two\nlines"\n\n2,\n,\n3,x\n\n') == [4, 6, 8]


def test_lines_without_any_value_are_no_rows() -> None:
    assert _read("a,b\n1,2\n\n,\n  ,\t\n3,\n\n") == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]
    assert _read("a\n1\n\n2\n") == [{"a": "1"}, {"a": "2"}]
    assert [note.en for note in _table("a,b\n1,2\n\n,\n3,\n\n").notes] == [
        "Empty rows among the data, skipped: 2."
    ]


def test_a_row_that_ends_early_lacks_its_last_values() -> None:
    assert _read("a,b\n1\n2,3") == [{"a": "1", "b": None}, {"a": "2", "b": "3"}]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b,c\n1,2,3\n4\n5,6\n7,8,\n", "3, 4"),
        ('a,b,c\n"1,\n,",2,3\n"4,,",x\n5,6,\n', "3"),
        ("sep=;\na;b;c\n1;2;3\n4;5\n", "4"),
        ("标题\na,b,c\n1,2,3\n4,5,6\n7,8", "5"),
    ],
)
def test_rows_that_end_early_are_noted(text: str, rows: str) -> None:
    notes = [note.en for note in _table(text).notes if "end before" in note.en]
    assert len(notes) == 1
    assert f"(row{'s' * (',' in rows)} {rows})" in notes[0]


@pytest.mark.parametrize("text", ["a,b,c\n1,,\n2,3,\n", "a,b,\n1,2\n3,\n", "a\n1\n\n2\n", "a,b\n1,2\n,\n\n"])
def test_blank_cells_are_no_early_end(text: str) -> None:
    assert not any("end before" in note.en for note in _table(text).notes)


@pytest.mark.parametrize("footer", ["导出时间：2024-03-05", "共 2 条记录", "Exported on: 2024-03-05"])
def test_remarks_below_the_data_are_no_customers(footer: str) -> None:
    table = _table(f"编号,姓名,金额\n1,王伟,5\n2,李娜,6\n合计,,11\n\n{footer}\n")
    assert table.frame.collect()["编号"].to_list() == ["1", "2"]
    assert table.left_out.rows() == [(4, "total", "合计", None, "11"), (6, "footer", footer, None, None)]
    assert "Remarks below the data, kept aside: 1 (row 6)." in [note.en for note in table.notes]


@pytest.mark.parametrize(
    "text",
    [
        "编号,姓名,金额\n1,王伟,5\nA-3,,\n",  # says nothing
        "编号,姓名,金额\n1,王伟,5\n2,,\n张三：很好,,\n",  # other rows have one value, too
        "反馈,日期\n好,1\n张三：很好,\n",  # two columns
        "反馈,日期,店\n张三：很好,,\n",  # nothing above
    ],
)
def test_a_last_row_of_one_value_may_be_data(text: str) -> None:
    assert _table(text).left_out.is_empty()
    assert len(_read(text)) == text.count("\n") - 1


def test_ids_that_an_export_guards_from_excel() -> None:
    table = _table('订单编号,手机,备注\n="007",\'13812345678,\'好\'\n"=""008""",1,=1+1\n')
    assert table.frame.collect().rows() == [
        (2, "007", "13812345678", "'好'"),
        (3, "008", "1", "=1+1"),
    ]
    assert "to keep Excel from changing ids: 3;" in table.notes[0].en
    assert table.notes[0].zh.startswith("3 个单元格写成")


def test_separators_at_line_ends_are_no_column() -> None:
    assert _read("a,b,\n1,2,\n3,4,\n") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert _read("a,b\n" + "1,2\n" * 200 + "3,4,\n")[-1] == {"a": "3", "b": "4"}


def test_a_header_alone_is_an_empty_table() -> None:
    frame = _table("a,b\n").frame.collect()
    assert frame.schema == {"source_row": pl.UInt32, "a": pl.String, "b": pl.String}
    assert frame.height == 0


def test_one_column_is_a_table() -> None:
    assert _read("反馈\n很好\n一般\n") == [{"反馈": "很好"}, {"反馈": "一般"}]


def test_a_title_without_separators() -> None:
    table = _table("二月订单\n编号,金额,城市\n1,2,北京\n2,3,上海\n")
    assert table.frame.collect().rows() == [(3, "1", "2", "北京"), (4, "2", "3", "上海")]
    assert table.left_out.rows() == [(1, "title", "二月订单", None, None)]


@pytest.mark.parametrize("content", ["", "\n\n\r\n", b"\xef\xbb\xbf", "   \n", ",,,\n,,\n"])
def test_empty_files(content: str | bytes) -> None:
    assert _error(content) == "orders.csv is empty. A table needs a header row and rows below it."


def test_more_fields_than_the_header() -> None:
    text = f'\nid,text\n1,"two\nlines"\n2,{SECRET},again\n3,x\n'
    assert _error(text) == (
        "orders.csv is not a regular table: row 4 has 3 fields, the rows above it 2 at most. "
        "Put quotes around values that contain the separator."
    )


def test_more_fields_than_the_header_far_below() -> None:
    text = 'id,text\n1,"two\nlines"\n' + "2,x\n" * 500 + f"3,{SECRET},again\n"
    assert "row 503 (line 504 of the file) has 3 fields" in _error(text)


def test_prose_with_commas_below_a_single_header() -> None:
    assert "row 2 has 3 fields" in _error(f"反馈\n好,{SECRET},便宜\n一般\n")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'id,text\n1,x\n2,"{SECRET}\n3,y\n', "in row 3 do"),
        (f'id,text\n1,"two\nlines"\n2,"{SECRET}"x\n3,y\n', "in row 3 (line 4 of the file) do"),
        ('"id,text\n1,x\n', "in row 1 do"),
    ],
)
def test_quotation_marks_that_do_not_match(text: str, place: str) -> None:
    message = _error(text)
    assert message.startswith(f"orders.csv is not a regular table: the quotation marks {place} not match")
    assert SECRET not in message


def test_a_large_cell_and_one_that_is_too_large() -> None:
    text = "好" * 2_000_000
    assert _read(f"id,text\n1,{text}\n") == [{"id": "1", "text": text}]
    message = _error("id,text\n1,x\n2," + "x" * (MAX_CELL_BYTES + 1))
    assert message.startswith(f"orders.csv, row 3, column 2: the cell has {MAX_CELL_BYTES + 1:,} bytes")


def test_too_many_columns() -> None:
    assert f"at most {MAX_COLUMNS:,} are read" in _error(",".join(["a"] * 100_000) + "\n1,2\n")
    assert f"at most {MAX_COLUMNS:,} are read" in _error(",".join("ab" * 3_000) + "\n1,2\n")
    wide = ",".join(f"c{place}" for place in range(MAX_COLUMNS))
    assert len(_read(f"{wide}\n1,2\n")[0]) == MAX_COLUMNS


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs"]), min_size=1, max_size=8)


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), separator=st.sampled_from(",;\t"))
@settings(max_examples=40)
def test_what_is_written_is_read(rows: list[tuple[str, str]], separator: str) -> None:
    frame = pl.DataFrame(rows, schema={"name": pl.String, "text": pl.String}, orient="row")
    file = io.BytesIO()
    frame.write_csv(file, separator=separator)
    assert _table(file.getvalue()).frame.drop("source_row").collect().equals(frame)


@pytest.mark.parametrize(
    "name", ["cdnow/cdnow_customers_summary.csv", "febrl/dataset3.csv", "feedback/waimai_10k.csv"]
)
def test_real_files_are_read_as_polars_reads_them(
    shared_data: Path, name: str, read_all: Callable[[Path], pl.DataFrame]
) -> None:
    found = _table((shared_data / name).read_bytes())
    expected = read_all(shared_data / name)
    given = found.frame.drop("source_row").collect()
    assert given.rows() == expected.rows()
    assert found.left_out.is_empty()


@pytest.fixture
def read_all() -> Callable[[Path], pl.DataFrame]:
    def read(path: Path) -> pl.DataFrame:
        frame = pl.read_csv(path, infer_schema=False)
        texts = [pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)) for name in frame.columns]
        cleaned = frame.select(texts)
        return cleaned.filter(~pl.all_horizontal(pl.all().is_null()))

    return read
