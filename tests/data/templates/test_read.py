"""Filled forms come back as canonical tables, and what is wrong in them is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from crmlab.data.canonical.improvements import IMPROVEMENT_STATUSES, TARGET_METRICS
from crmlab.data.cleaning import Cleaned, clean
from crmlab.data.templates.examples import example_rows
from crmlab.data.templates.forms import forms, sheets
from crmlab.data.templates.read import PROBLEMS, Filled, is_template, read_filled, read_template
from crmlab.data.templates.write import write_workbook
from crmlab.errors import DataError

ZONE = "Asia/Shanghai"
Fill = Callable[..., Path]


def cleaned(filled: Filled) -> dict[str, Cleaned]:
    return {name: clean(name, table, ZONE) for name, table in filled.tables.items()}


def told(filled: Filled) -> list[tuple[Any, ...]]:
    return filled.problems.rows()


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"customer_id": f"K{number}", "name": f"客户{number}"} | more


def order(number: int, customer: int = 1, amount: float = 10, **more: Any) -> dict[str, Any]:
    given = {"customer_id": f"K{customer}", "order_id": f"D{number}", "amount": amount}
    return given | {"ordered_at": datetime(2024, 3, number)} | more


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_example_comes_back_as_it_was_written(tmp_path: Path, language: Any) -> None:
    path = tmp_path / "example.xlsx"
    write_workbook(path, forms(), language, example_rows(language))
    assert is_template(path)
    filled = read_filled(path)
    tables = cleaned(filled)
    assert list(tables) == [
        *("customers", "orders", "interactions", "feedback", "complaints", "improvements")
    ]
    assert {name: table.rejected.height for name, table in tables.items()} == dict.fromkeys(tables, 0)
    assert told(filled) == []
    assert filled.notes == ()
    heights = {name: table.table.height for name, table in tables.items()}
    # Four customers, four purchases and three of the history of which one is the same, …
    assert heights == {
        "customers": 4,
        "orders": 6,
        "interactions": 3,
        "feedback": 2,
        "complaints": 1,
        "improvements": 3,
    }
    expected = expected_rows(language)
    for name, rows in expected.items():
        found = tables[name].table
        for row in rows:
            same = found.filter(pl.col(key) == value for key, value in row.items())
            assert same.height == 1, (name, row, found.to_dicts())


def expected_rows(language: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the example as the canonical tables should hold it."""
    rows = example_rows(language)
    yes, no = {"zh": ("是", "否"), "en": ("Yes", "No")}[language]
    stages = {"已解决": "resolved", "Resolved": "resolved"}
    codes = {
        word.casefold(): code
        for code, words in (TARGET_METRICS | IMPROVEMENT_STATUSES).items()
        for word in words
    }
    wanted: dict[str, list[dict[str, Any]]] = {}
    for sheet in sheets():
        for row in rows[sheet.id]:
            values = {}
            for field in sheet.inputs:
                value = row.get(field.column)
                if value is None or field.column == "case":
                    continue
                if field.column == "stage":
                    values["stage"] = stages[value]
                elif field.codes and field.codes.id == "yes_no":
                    values[field.column] = {yes: True, no: False}[value]
                elif sheet.id == "improvements" and field.codes:
                    values[field.column] = codes[value.casefold()]
                elif field.column == "target_value":
                    values[field.column] = {"48": 48.0, "30%": 0.3, "85%": 0.85}[value]
                elif field.kind == "amount":
                    values[f"{field.column}_hundredths"] = round(value * 100)
                elif isinstance(value, datetime):
                    values[field.column] = value.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
                else:
                    values[field.column] = value
            table = sheet.table
            if sheet.id == "cases" and row["case"] in ("反馈", "Feedback"):
                table = "feedback"
                values["given_on"] = values.pop("opened_at").date()
                values["scale"] = "csat_1_5"
            wanted.setdefault(table, []).append(values)
    return wanted


def test_a_blank_workbook_is_a_template_without_tables(fill: Fill) -> None:
    path = fill(language="zh")
    assert is_template(path)
    assert read_template(path) == {}


def test_computed_columns_are_not_read(fill: Fill) -> None:
    path = fill("overview", overview=[person(1, order_count=99, total_spend=5.0), {"order_count": 3}])
    frame = read_template(path)["customers"].collect()
    assert frame.height == 1  # a row with nothing but results is no customer
    assert not {"order_count", "total_spend", "购买次数", "累计金额"} & set(frame.columns)


def test_long_ids_and_leading_zeros_survive(fill: Fill) -> None:
    long = "00123456789012345678"
    path = fill("profile", profile=[person(1, customer_id=long, phone="010-00000001", postcode="010000")])
    table = cleaned(read_filled(path))["customers"].table
    assert table.select("customer_id", "phone", "postcode").row(0) == (long, "010-00000001", "010000")


def test_text_that_looks_like_a_formula_comes_back_as_text(fill: Fill) -> None:
    path = fill("profile", profile=[person(1, motto="=1+1", remark="@SUM(A1)")])
    assert read_template(path)["customers"].collect().select("motto", "remark").row(0) == ("=1+1", "@SUM(A1)")


def test_values_off_the_list_are_counted_and_kept(fill: Fill) -> None:
    rows = [
        person(1, gender="南", grade="高"),
        person(2, gender="男", smokes="偶尔"),
        person(3, grade="特高"),
    ]
    filled = read_filled(fill("profile", profile=rows))
    assert told(filled) == [
        ("客户基本资料表", 2, "性别", "not_listed"),
        ("客户基本资料表", 3, "是否有吸烟", "not_listed"),
        ("客户基本资料表", 4, "客户等级", "not_listed"),
    ]
    customers = cleaned(filled)["customers"]
    assert customers.table["gender"].to_list() == ["南", None]
    assert dict(customers.counts) == {"unreadable": 1}  # 偶尔 is neither yes nor no
    assert customers.rejected["source_row"].to_list() == [3]


def test_open_lists_take_other_values(fill: Fill) -> None:
    filled = read_filled(fill("purchases", purchases=[order(1, payment_method="花呗")]))
    assert told(filled) == []
    assert cleaned(filled)["orders"].table["payment_method"].to_list() == ["花呗"]


def test_required_cells_that_are_empty_are_counted(fill: Fill) -> None:
    rows = [{"customer_id": "K1", "grade": "高"}, {"name": "无编号"}]
    filled = read_filled(fill("profile", profile=rows))
    assert told(filled) == [
        ("客户基本资料表", 2, "姓名", "missing"),
        ("客户基本资料表", 3, "编号", "missing"),
    ]
    customers = cleaned(filled)["customers"]
    assert customers.table["customer_id"].to_list() == ["K1"]
    assert dict(customers.counts) == {"nullability": 1}


def test_the_life_journey_joins_its_customer_and_strangers_are_kept(fill: Fill) -> None:
    journey = [
        {"customer_id": "K2", "life_goal_short": "攒钱", "life_remark": "二"},
        {"customer_id": "K9", "life_goal_short": "旅行"},
        {"customer_id": "K2", "life_goal_short": "再来一次"},
    ]
    profile = [person(1, remark="一"), person(2, remark="二号"), person(3)]
    filled = read_filled(fill("profile", "journey", profile=profile, journey=journey))
    assert told(filled) == [
        ("客户人生旅途表", 3, "编号", "unknown_customer"),
        ("客户人生旅途表", 4, "编号", "repeated"),
    ]
    customers = cleaned(filled)["customers"]
    found = customers.table.select("customer_id", "life_goal_short", "remark", "life_remark").rows()
    assert found == [("K1", None, "一", None), ("K2", "攒钱", "二号", "二"), ("K3", None, None, None)]
    assert customers.rejected.select("customer_id", "reason", "life_goal_short", "source_row").rows() == [
        ("K9", "unknown_customer", "旅行", 3),
        ("K2", "repeated", "再来一次", 4),
    ]
    assert customers.rejected["source_file"].to_list() == ["客户.xlsx · 客户人生旅途表"] * 2


def test_a_life_journey_alone_makes_customers(fill: Fill) -> None:
    filled = read_filled(fill("journey", journey=[{"customer_id": "K1", "main_concern": "价格"}]))
    assert told(filled) == []
    table = cleaned(filled)["customers"].table
    assert table.select("customer_id", "main_concern").rows() == [("K1", "价格")]


def test_the_profile_holds_and_the_overview_fills_and_adds(fill: Fill) -> None:
    profile = [person(1, phone="010-1"), person(2, phone="010-2")]
    overview = [person(2, phone="010-3", email="b@example.com"), person(3, status="活跃")]
    filled = read_filled(fill(profile=profile, overview=overview))
    assert told(filled) == [("客户情况管理表", 2, "电话", "contradicts")]
    table = cleaned(filled)["customers"].table
    assert table.select("customer_id", "phone", "email", "status").rows() == [
        ("K1", "010-1", None, None),
        ("K2", "010-2", "b@example.com", None),
        ("K3", None, None, "活跃"),
    ]


def test_an_order_in_two_sheets_counts_once(fill: Fill) -> None:
    rows = {"purchases": [order(1, amount=10), order(2, amount=20)]}
    rows["history"] = [order(2, amount=25, product="书"), order(3, amount=30), order(3, amount=31)]
    filled = read_filled(fill("purchases", "overview", **rows))
    assert told(filled) == [("购买历史", 2, "购买金额", "contradicts")]
    orders = cleaned(filled)["orders"]
    assert orders.table.select("order_id", "amount_hundredths", "product").rows() == [
        ("D1", 1000, None),
        ("D2", 2000, "书"),
    ]
    assert dict(orders.counts) == {"unique_id": 2}  # two different orders of one number


def test_complaints_and_feedback_part(fill: Fill) -> None:
    at = datetime(2024, 5, 1, 9)
    rows = [
        {"customer_id": "K1", "case": "投诉", "opened_at": at, "text": "坏了", "stage": "调查中", "score": 2},
        {"customer_id": "K1", "case": "反馈", "opened_at": at, "text": "很好", "score": 5},
        {"customer_id": "K2", "case": "反馈", "opened_at": at, "text": "快", "solution": "已回复"},
        {"customer_id": "K3", "case": "投拆", "opened_at": at, "text": "错字"},
    ]
    filled = read_filled(fill("overview", cases=rows))
    assert told(filled) == [
        ("投诉反馈", 4, "处理结果", "complaints_only"),
        ("投诉反馈", 5, "类别", "not_listed"),
    ]
    tables = cleaned(filled)
    assert tables["complaints"].table.select("text", "stage", "score").rows() == [
        ("坏了", "investigating", 2.0)
    ]
    assert tables["complaints"].rejected.select("text", "source_row").rows() == [("错字", 5)]
    feedback = tables["feedback"].table.select("given_on", "text", "score", "scale").rows()
    assert feedback == [(date(2024, 5, 1), "很好", 5.0, "csat_1_5"), (date(2024, 5, 1), "快", None, None)]


def written(path: Path, **content: list[list[Any]]) -> Path:
    """Write a workbook as somebody else would: sheet → rows of text."""
    import xlsxwriter

    with xlsxwriter.Workbook(str(path)) as workbook:
        for name, rows in content.items():
            worksheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                worksheet.write_row(number, 0, row)
    return path


def test_columns_may_be_moved_left_out_added_and_in_the_other_language(tmp_path: Path) -> None:
    header = ["Name", "会员号", "区域", "是否有吸烟 ", "Motto"]
    path = written(tmp_path / "a.xlsx", 客户基本资料表=[header, ["甲", "K1", "华东", "是", "稳"]])
    table = cleaned(read_filled(path))["customers"].table
    assert table.to_dicts() == [
        {"customer_id": "K1", "name": "甲", "smokes": True, "motto": "稳", "区域": "华东"}
    ]


def test_a_sheet_without_its_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    header = ["姓名", "性别", "手机"]
    path = written(tmp_path / "a.xlsx", 客户基本资料表=[header, ["甲", "男", "13900000001"]])
    with pytest.raises(DataError, match=r"a\.xlsx, sheet 客户基本资料表: the column 编号"):
        read_template(path)


def test_one_form_in_two_sheets_is_an_error(tmp_path: Path) -> None:
    rows = [["编号", "姓名"], ["K1", "甲"]]
    path = written(tmp_path / "a.xlsx", **{"客户基本资料表": rows, "Customer profile": rows})
    with pytest.raises(DataError, match="客户基本资料表 and Customer profile"):
        read_template(path)


def test_other_files_are_no_templates(tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_text("编号,姓名\nK1,甲\n", encoding="utf-8")
    orders = written(tmp_path / "b.xlsx", 订单=[["订单号", "编号"], ["D1", "K1"]])
    namesake = written(tmp_path / "c.xlsx", Purchases=[["Vendor", "Invoice"], ["x", "1"]])
    assert [is_template(path) for path in (csv, orders, namesake, tmp_path / "none.xlsx")] == [False] * 4
    with pytest.raises(DataError, match=r"b\.xlsx has none of the forms' sheets"):
        read_template(orders)


def test_every_problem_has_words_in_both_languages() -> None:
    assert all(text.zh and text.en for text in PROBLEMS.values())
