"""What is in the workbook: no formula, no link, checks while typing, text that stays text."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from crmlab.data.templates.examples import example_rows
from crmlab.data.templates.forms import forms, named_forms, sheets
from crmlab.data.templates.write import comment, write_workbook
from crmlab.errors import DataError

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
MAIN = f"{{{NS['m']}}}"


class Book:
    """The markup of a workbook."""

    def __init__(self, path: Path) -> None:
        self.parts = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                self.parts[name] = archive.read(name)
        root = ElementTree.fromstring(self.parts["xl/workbook.xml"])
        self.names = [str(sheet.get("name")) for sheet in root.iter(f"{MAIN}sheet")]
        shared = ElementTree.fromstring(self.parts["xl/sharedStrings.xml"])
        self.strings = ["".join(t.text or "" for t in si.iter(f"{MAIN}t")) for si in shared]

    def sheet(self, name: str) -> ElementTree.Element:
        return ElementTree.fromstring(self.parts[f"xl/worksheets/sheet{self.names.index(name) + 1}.xml"])

    def cells(self, name: str) -> dict[str, Any]:
        found = {}
        for cell in self.sheet(name).iter(f"{MAIN}c"):
            value = cell.find("m:v", NS)
            if value is not None and value.text is not None:
                text = cell.get("t") == "s"
                found[str(cell.get("r"))] = self.strings[int(value.text)] if text else float(value.text)
        return found

    def formats(self) -> list[dict[str, str]]:
        """Return number format and fill of every cell format, by its number."""
        root = ElementTree.fromstring(self.parts["xl/styles.xml"])
        own = {str(form.get("numFmtId")): str(form.get("formatCode")) for form in root.iter(f"{MAIN}numFmt")}
        fills = [
            str(colour.get("rgb")) if (colour := fill.find(".//m:fgColor", NS)) is not None else ""
            for fill in root.find("m:fills", NS) or []
        ]
        return [
            {
                "number": own.get(str(xf.get("numFmtId")), str(xf.get("numFmtId"))),
                "fill": fills[int(str(xf.get("fillId")))],
            }
            for xf in root.find("m:cellXfs", NS) or []
        ]


@pytest.fixture(scope="module", params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, language: Any) -> Book:
    path = tmp_path_factory.mktemp("forms") / "forms.xlsx"
    write_workbook(path, forms(), language, example_rows(language))
    return Book(path)


def test_sheets_and_headers_are_in_the_chosen_language(book: Book, language: Any) -> None:
    beside = {
        "zh": ("填写说明", "字段与示例", "代码表"),
        "en": ("Instructions", "Fields and examples", "Code lists"),
    }
    first, *rest = beside[language]
    assert book.names == [first, *(sheet.text.to(language) for sheet in sheets()), *rest]
    for sheet in sheets():
        cells = book.cells(sheet.text.to(language))
        row = [value for cell, value in cells.items() if re.fullmatch(r"[A-Z]+1", cell)]
        assert row == [field.text.to(language) for field in sheet.fields]


def test_no_cell_has_a_formula_or_a_link(book: Book) -> None:
    for name, part in book.parts.items():
        if name.startswith("xl/worksheets/sheet"):
            root = ElementTree.fromstring(part)
            assert root.find("m:hyperlinks", NS) is None, name
            assert not list(root.iter(f"{MAIN}f")), name
    assert not any("externalLink" in name or "vba" in name for name in book.parts)


def test_lists_point_at_their_values(book: Book, language: Any) -> None:
    codes = book.cells({"zh": "代码表", "en": "Code lists"}[language])
    for sheet in sheets():
        checks = checks_of(book, sheet.text.to(language))
        for place, field in enumerate(sheet.fields):
            if field.codes is None:
                continue
            kind, formula, style = checks[letter(place)]
            column, first, last = re.fullmatch(r"'.+'!\$([A-Z])\$(\d+):\$[A-Z]\$(\d+)", formula).groups()  # type: ignore[union-attr]
            offered = [codes[f"{column}{row}"] for row in range(int(first), int(last) + 1)]
            assert kind == "list"
            assert offered == [value.to(language) for value in field.codes.values]
            assert style == ("warning" if field.codes.open else "stop")


def test_dates_amounts_and_ratings_are_checked_and_text_is_not(book: Book, language: Any) -> None:
    kinds = {"date": "date", "time": "date", "amount": "decimal", "rating": "whole"}
    for sheet in sheets():
        checks = checks_of(book, sheet.text.to(language))
        for place, field in enumerate(sheet.fields):
            expected = None if field.computed else "list" if field.codes else kinds.get(field.kind)
            assert (checks.get(letter(place)) or [None])[0] == expected, field.column


def test_ids_and_numbers_of_persons_are_text_columns(book: Book, language: Any) -> None:
    formats = book.formats()
    textual = {"customer_id", "order_id", "phone", "fax", "mobile", "postcode", "name", "remark", "email"}
    for sheet in sheets():
        root = book.sheet(sheet.text.to(language))
        styles = {
            place: int(str(col.get("style")))
            for col in root.iter(f"{MAIN}col")
            for place in range(int(str(col.get("min"))), int(str(col.get("max"))) + 1)
        }
        for place, field in enumerate(sheet.fields, 1):
            if field.column in textual:
                assert formats[styles[place]]["number"] == "@", field.column


def test_headers_show_what_must_be_filled_and_what_is_sensitive_or_computed(
    book: Book, language: Any
) -> None:
    formats = book.formats()
    looks: dict[str, set[tuple[str, str]]] = {}
    for sheet in sheets():
        root = book.sheet(sheet.text.to(language))
        styles = {str(c.get("r")): int(str(c.get("s"))) for c in root.iter(f"{MAIN}c")}
        for place, field in enumerate(sheet.fields):
            look = formats[styles[f"{letter(place)}1"]]
            kind = "computed" if field.computed else "required" if field.required else field.sensitivity
            kind = kind if kind in ("computed", "required", "sensitive") else "optional"
            looks.setdefault(kind, set()).add((look["fill"], look["number"]))
    assert {kind: len(found) for kind, found in looks.items()} == dict.fromkeys(looks, 1)
    assert len(set().union(*looks.values())) == 4
    assert {mark for _, mark in looks["required"]} == {'@" *"'}  # not by colour alone


def test_every_header_has_a_comment(book: Book, language: Any) -> None:
    comments = [part for name, part in sorted(book.parts.items()) if name.startswith("xl/comments")]
    assert len(comments) == len(sheets())
    counted = [len(list(ElementTree.fromstring(part).iter(f"{MAIN}comment"))) for part in comments]
    assert sorted(counted) == sorted(len(sheet.fields) for sheet in sheets())
    purchases = next(sheet for sheet in sheets() if sheet.id == "purchases")
    said = [comment(field, language) for field in purchases.fields[:2]]
    assert all({"zh": "原表", "en": "Added"}[language] in words for words in said)
    religion = next(field for field in sheets()[0].fields if field.column == "religion")
    words = comment(religion, language)
    assert {"zh": "第二十八", "en": "28"}[language] in words
    assert {"zh": "默认不入模", "en": "in no model by default"}[language] in words


def test_sheets_scroll_filter_and_print(book: Book, language: Any) -> None:
    for sheet in sheets():
        root = book.sheet(sheet.text.to(language))
        pane = root.find(".//m:pane", NS)
        assert pane is not None
        assert (pane.get("ySplit"), pane.get("xSplit")) == ("1", str(sheet.frozen))
        assert root.find("m:autoFilter", NS) is not None
        setup = root.find("m:pageSetup", NS)
        assert setup is not None
        assert (setup.get("orientation"), setup.get("paperSize")) == ("landscape", "9")
    assert book.parts["xl/workbook.xml"].count(b"_xlnm.Print_Titles") == len(sheets())


def test_the_same_forms_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(tmp_path / name, forms(), "zh", example_rows("zh"))
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_values_that_look_like_formulas_links_or_numbers_are_text(tmp_path: Path) -> None:
    hostile = {
        "customer_id": "007",
        "name": "=cmd|'/c calc'!A1",
        "mobile": "+8613900000001",
        "website": "http://x.example",
    }
    path = tmp_path / "forms.xlsx"
    write_workbook(path, named_forms(("profile",)), "zh", {"profile": [hostile]})
    book = Book(path)
    assert set(hostile.values()) <= {v for v in book.cells("客户基本资料表").values() if isinstance(v, str)}
    assert b"<f>" not in book.parts["xl/worksheets/sheet2.xml"]
    assert b"hyperlink" not in book.parts["xl/worksheets/sheet2.xml"]


def test_a_place_that_cannot_be_written_is_named_and_left_clean(tmp_path: Path) -> None:
    path = tmp_path / "forms.xlsx"
    path.mkdir()
    with pytest.raises(DataError, match=r"forms\.xlsx cannot be written"):
        write_workbook(path, forms(), "zh")
    assert [found.name for found in tmp_path.iterdir()] == ["forms.xlsx"]


def letter(place: int) -> str:
    return chr(65 + place) if place < 26 else "A" + chr(65 + place - 26)


def checks_of(book: Book, name: str) -> dict[str, list[str]]:
    """Return column letter → kind, first formula and strictness of its check."""
    found = {}
    for check in book.sheet(name).iter(f"{MAIN}dataValidation"):
        assert check.get("sqref", "").endswith("1048576")
        formula = check.find("m:formula1", NS)
        text = str(formula.text) if formula is not None else ""
        column = re.sub(r"\d.*", "", str(check.get("sqref")))
        found[column] = [str(check.get("type")), text, str(check.get("errorStyle", "stop"))]
    return found
