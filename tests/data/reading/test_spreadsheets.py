"""Workbooks: exact text, one sheet, told what was not read, and a worker that may die."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crmlab.data.reading import limits, sheet_worker, spreadsheets
from crmlab.data.reading.biff import error_cells
from crmlab.data.reading.readers import read_file
from crmlab.errors import DataError
from tests.data.reading import workbooks
from tests.data.reading.workbooks import ExcelError

CELLS = [
    ["编号", "金额", "是否", "身份证"],
    ["007", 12.5, True, 440301199001011234],
    ["true", 4.0, False, "440301199001011234"],
    [None, 1e15, ExcelError("#N/A"), 123456789012345],
]
EXPECTED = [
    (2, "007", "12.5", "TRUE", "4.40301199001011E+17"),
    (3, "true", "4", "FALSE", "440301199001011234"),
    (4, None, "1E+15", None, "123456789012345"),
]


@pytest.fixture(params=[workbooks.xlsx, workbooks.xls], ids=["xlsx", "xls"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes sheets of rows to a workbook of either kind."""
    return lambda sheets, **given: request.param(tmp_path / "a.dat", sheets, **given)


def test_cells_are_exact_text_and_what_is_lost_is_told(make: Callable[..., Path]) -> None:
    table = read_file(make({"数据": CELLS}))
    assert table.frame.collect().rows() == EXPECTED
    notes = [note.en for note in table.notes]
    assert notes[0].startswith("Numbers with more than 15 digits, of which Excel has lost the last: 2.")
    assert notes[1] == "Cells with an error of Excel (such as #N/A), read as empty: 1."
    assert len(notes) == 2


def test_the_first_visible_sheet_with_data_is_read(make: Callable[..., Path]) -> None:
    sheets = {"隐": [["x"], ["1"]], "空": [], "一": [["a"], ["1"]], "二": [["b"], ["2"]]}
    path = make(sheets, hidden=["隐"])
    table = read_file(path)
    assert (table.sheet, table.name, table.frame.collect().columns[1:]) == ("一", "a.dat [一]", ["a"])
    assert [note.zh for note in table.notes] == [
        "隐藏的工作表未读取：隐。需要时用 sheet 指定。",
        "读取的是工作表“一”；其他有数据的工作表未读取：二。",
    ]
    assert read_file(path, sheet="隐").frame.collect().rows() == [(2, "1")]
    with pytest.raises(DataError, match=r"a\.dat has no sheet '三'\. It has: 隐, 空, 一, 二\."):
        read_file(path, sheet="三")
    with pytest.raises(DataError, match=r"a\.dat is empty"):
        read_file(path, sheet="空")


def test_rows_and_columns_that_are_empty_before_the_table(make: Callable[..., Path]) -> None:
    rows = [[], [], [None, "a", "b"], [], [None, "1", "2"]]
    assert read_file(make({"S": rows})).frame.collect().rows() == [(5, "1", "2")]


def test_title_groups_merged_in_the_workbook_and_total(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.merge_range("A1:C1", "联系人表")
        sheet.merge_range("A2:A3", "客户")
        sheet.merge_range("B2:C2", "联系人")
        for row, cells in enumerate(
            [[None, "姓名", "城市"], ["甲", "张伟", "北京"], ["乙", "李娜", "重庆"]], 2
        ):
            sheet.write_row(row, 0, cells)
    table = read_file(tmp_path / "a.xlsx")
    assert table.frame.collect().columns[1:] == ["客户", "联系人 / 姓名", "联系人 / 城市"]
    assert table.frame.collect()["source_row"].to_list() == [4, 5]


def test_formulas_without_a_saved_result_are_counted(tmp_path: Path) -> None:
    markup = (
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c></row>'
        '<row r="3"><c r="A3"><f>A2+1</f></c><c r="B3"><f>A2</f><v>1</v></c></row></sheetData>'
    )
    table = read_file(workbooks.xlsx_of_markup(tmp_path / "a.xlsx", markup.encode()))
    assert table.notes[0].en.startswith("Formulas without a saved result, read as empty: 1.")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("440301199001011328", "4.40301199001011E+17"),
        ("-1000000000000000000000", "-1E+21"),
        ("1234567890123456", "1.23456789012346E+15"),
    ],
)
def test_long_numbers_are_written_as_excel_does(number: str, text: str) -> None:
    assert sheet_worker._scientific(number) == text


def test_errors_are_counted_in_workbooks_larger_than_one_table_of_sectors(tmp_path: Path) -> None:
    rows = [["x" * 200, ExcelError("#DIV/0!")] for _ in range(1000)]
    path = workbooks.xls(tmp_path / "a.xls", {"一": [["a"]], "二": rows})
    assert error_cells(path.read_bytes(), "二") == 1000
    assert error_cells(path.read_bytes(), "一") == 0
    with pytest.raises(ValueError, match="no such sheet"):
        error_cells(path.read_bytes(), "三")


def test_a_worker_that_runs_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    markup = (
        '<sheetData><row r="1"><c r = "A1"><v>1</v></c></row>'
        '<row r="9"><c r = "XFD1048576"><v>1</v></c></row></sheetData>'
    )
    path = workbooks.xlsx_of_markup(tmp_path / "a.xlsx", markup.encode())
    with pytest.raises(DataError, match=r"^a\.xlsx cannot be read within the memory and time"):
        read_file(path)
    monkeypatch.setattr(spreadsheets, "CHILD_SECONDS", 0)
    with pytest.raises(DataError, match=r"^b\.xlsx cannot be read within the memory and time"):
        read_file(workbooks.xlsx(tmp_path / "b.xlsx", {"S": CELLS}))


def test_a_module_beside_the_data_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fastexcel.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert read_file(workbooks.xlsx(tmp_path / "a.xlsx", {"S": CELLS})).frame.collect().height == 3


def test_old_workbooks_where_memory_cannot_be_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "_CAN_LIMIT", False)
    with pytest.raises(DataError, match=r"a\.xls is a workbook of Excel 97–2003, .* save it as \.xlsx"):
        read_file(workbooks.xls(tmp_path / "a.xls", {"S": CELLS}))


def test_the_limits_hold_what_excel_allows_in_a_cell() -> None:
    assert limits.MAX_CELL_BYTES > 4 * 32_767
