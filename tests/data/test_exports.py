"""Files for spreadsheets: nothing in them runs, nothing links, numbers stay numbers."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.exports import safe_frame, safe_text, sheet_names, write_csv_safely

HOSTILE = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    " =1",
    "\u200b=1",
    "\ufeff=1",
    "\u202e=1",
    "\xad\x1b=1",
    "﹦1",
    "﹣1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    '=HYPERLINK("http://a.example","x")',
    "=DDE(1)",
]
HARMLESS = ["a=1", "价格：-5", "'=1", "", "–", "5", "http://a.example", "（=1）", "−5"]


def test_what_would_run_becomes_text() -> None:
    assert safe_text(pl.Series(HOSTILE)).to_list() == ["'" + text for text in HOSTILE]
    assert safe_text(pl.Series(HARMLESS)).to_list() == HARMLESS
    assert safe_text(pl.Series([None, "=1"], dtype=pl.String)).to_list() == [None, "'=1"]
    assert safe_text(pl.Series(["=1", "a"], dtype=pl.Categorical)).to_list() == ["'=1", "a"]
    numbers = pl.Series("n", [-1.5, 2])
    assert safe_text(numbers).equals(numbers)


@given(st.text())
def test_no_text_begins_a_formula(text: str) -> None:
    safe = safe_text(pl.Series([text]))[0]
    assert safe in (text, "'" + text)
    assert not safe or safe[0] not in "=+-@\t\r\n\0＝＋－＠"
    assert not safe.strip() or safe.strip()[0] not in "=+-@＝＋－＠"


def test_headers_lists_and_nested_values() -> None:
    frame = pl.DataFrame(
        {
            "=1": [["=2", "b"]],
            "a": [-1],
            "A": [{"x": "=3"}],
            "": ["+4"],
            "d": [date(2024, 1, 1)],
            "l": [[[1]]],
        }
    )
    safe = safe_frame(frame)
    assert safe.columns == ["'=1", "a", "A~2", "column_4", "d", "l"]
    assert safe.row(0)[:5] == ("'=2, b", -1, '{"x":"=3"}', "'+4", date(2024, 1, 1))
    assert not re.match(r"[=+\-@]", safe.row(0)[5])
    assert safe_frame(frame.clear()).height == 0


def test_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_csv_safely(pl.DataFrame({"=x": HOSTILE, "n": [-place for place in range(len(HOSTILE))]}), path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    back = pl.read_csv(path, infer_schema=False)
    assert back.columns == ["'=x", "n"]
    assert back["'=x"].to_list() == ["'" + text for text in HOSTILE]
    assert back["n"].to_list()[:3] == ["0", "-1", "-2"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_workbook_without_formulas_and_links(tmp_path: Path) -> None:
    """What saving.py sets for a workbook, with the values that saving.py would pass."""
    import xlsxwriter

    options = {"strings_to_urls": False, "strings_to_formulas": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(tmp_path / "out.xlsx"), options)
    values = [text for text in HOSTILE + HARMLESS if "\0" not in text]
    safe_frame(pl.DataFrame({"=x": values})).write_excel(book, worksheet=sheet_names(["=x"])["=x"])
    book.close()
    assert_inert(tmp_path / "out.xlsx")


def assert_inert(path: Path) -> None:
    """Check that no part of a workbook holds a formula, a link or anything outside of it."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode("utf-8")
            assert not re.search(r"<f[ >]|<hyperlink|ddeLink|externalLink|TargetMode=\"External\"", text), (
                name
            )
            for cell in re.findall(r"<t[^>]*>([^<]*)", text):
                assert not re.match(r"\s*[=+\-@＝＋－＠]", cell), cell


@pytest.mark.parametrize(
    ("name", "sheet"),
    [
        ("a/b", "a_b"),
        ("'x'", "x"),
        ("", "sheet"),
        ("History", "History_"),
        ("x" * 40, "x" * 31),
        ("[a]:*?", "_a____"),
    ],
)
def test_names_of_sheets(name: str, sheet: str) -> None:
    assert sheet_names([name]) == {name: sheet}


@given(st.lists(st.text(max_size=40), unique=True, max_size=20))
def test_sheets_are_kept_apart(names: list[str]) -> None:
    sheets = list(sheet_names(names).values())
    assert len({sheet.casefold() for sheet in sheets}) == len(names)
    assert all(0 < len(sheet) <= 31 and not re.search(r"[\[\]:*?/\\]", sheet) for sheet in sheets)
