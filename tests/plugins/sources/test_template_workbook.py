"""A study reads filled forms: tables, counts, and a caution about cells to check."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from crmlab.data.tables import TableStore
from crmlab.data.templates.examples import example_rows
from crmlab.data.templates.forms import forms, named_forms
from crmlab.data.templates.write import write_workbook
from crmlab.errors import DataError, ParamsError
from crmlab_plugins.sources.template_workbook import TemplateWorkbook


def source(path: Path) -> TemplateWorkbook:
    return TemplateWorkbook.from_params({"path": str(path)})


def test_the_example_is_a_study(tmp_path: Path) -> None:
    path = tmp_path / "客户.xlsx"
    write_workbook(path, forms(), "zh", example_rows("zh"))
    filled = source(path)
    assert filled.provides == (
        *("customers", "orders", "interactions", "feedback", "complaints", "improvements"),
    )
    assert filled.caution is None
    assert filled.origin.zh == "填写的客户资料表：客户.xlsx。"
    store = TableStore([filled], date(2024, 6, 12), "Asia/Shanghai")
    assert {name: (store.count(name).used, store.count(name).later) for name in store} == {
        "customers": (4, 0),
        "orders": (5, 1),
        "interactions": (3, 0),
        "feedback": (1, 1),
        "complaints": (1, 0),
        "improvements": (3, 0),
    }


def test_cells_to_check_are_a_caution_without_their_values(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"customer_id": "K1", "name": "甲", "gender": "南", "grade": "特高"},
        {"customer_id": "K2", "gender": "男"},
    ]
    path = tmp_path / "a.xlsx"
    write_workbook(path, named_forms(("profile",)), "zh", {"profile": rows})
    caution = source(path).caution
    assert caution is not None
    assert caution.zh == "a.xlsx：有需要核对的单元格：不在代码表内 2 处、必填项为空 1 处。"
    assert caution.en == "a.xlsx: cells to check: not in the code list: 2, required and empty: 1."


def test_what_was_left_out_is_a_caution(tmp_path: Path) -> None:
    import xlsxwriter

    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        for name, key in (("客户基本资料表", "K1"), ("客户基本资料表 (2)", "K2")):
            worksheet = workbook.add_worksheet(name)
            worksheet.write_row(0, 0, ("编号", "姓名"))
            worksheet.write_row(1, 0, (key, "甲"))
    caution = source(path).caution
    assert caution is not None
    assert "未读取的工作表：客户基本资料表 (2)" in caution.zh
    assert "not read" in caution.en


def test_only_filled_sheets_are_promised(tmp_path: Path) -> None:
    order = {"customer_id": "K1", "order_id": "D1", "ordered_at": datetime(2024, 1, 2), "amount": 3}
    path = tmp_path / "a.xlsx"
    write_workbook(path, named_forms(("profile", "purchases")), "en", {"purchases": [order]})
    assert source(path).provides == ("orders",)
    assert list(source(path).read()) == ["orders"]


def test_a_blank_workbook_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, named_forms(("profile",)), "zh")
    with pytest.raises(DataError, match=r"a\.xlsx is blank"):
        source(path).read()


def test_what_is_no_form_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_text("no workbook", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.xlsx"):
        source(path).read()
    with pytest.raises(DataError, match=r"none\.xlsx"):
        source(tmp_path / "none.xlsx").read()
    with pytest.raises(ParamsError, match="path"):
        TemplateWorkbook.from_params({})
