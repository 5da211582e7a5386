"""The mapping report: what was understood, how surely, and no value of a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crm_exports import rows_of, wjx_by_text, write, zoho_contacts

from crmlab.data.intake.files import Options, open_file
from crmlab.data.mapping.report import MappingReport, reports


def report(path: Path, rows: list[object], table: str | None = None, **options: object) -> MappingReport:
    write(path, rows)  # type: ignore[arg-type]
    (found,) = reports(open_file(path, Options(**options), table), table)  # type: ignore[arg-type]
    return found


def test_what_it_says(tmp_path: Path) -> None:
    text = report(tmp_path / "联系人.csv", zoho_contacts()).to_text("zh")
    assert "联系人.csv" in text
    assert "识别为 Zoho CRM 联系人（预设 zoho-contacts" in text
    assert "数据表 customers（客户）" in text
    (row,) = [line for line in text.splitlines() if line.lstrip().startswith("Mobile ")]
    assert row.split() == [
        *("Mobile", "mobile（手机）", "文字", "预设", "0.95", "100%", "100%"),
        *("139****0000", "|", "139****0001", "|", "139****0002"),
    ]
    assert "Last Name + First Name  name（姓名）" in text
    assert "王** | 李** | 张**" in text
    assert "1960-**-**" in text


def test_english(tmp_path: Path) -> None:
    text = report(tmp_path / "contacts.csv", zoho_contacts()).to_text("en")
    assert "recognised as Zoho CRM contacts (preset zoho-contacts, which knows" in text
    assert "Columns that are not mapped and are kept (9): Contact Owner.id" in text
    assert not [line for line in text.splitlines() if "未" in line or "预设" in line]


@pytest.mark.parametrize("table", ["customers", "complaints", "identities", None])
def test_no_value_of_a_person_is_shown(tmp_path: Path, table: str | None) -> None:
    canaries = ("王小明", "13912345678", "wang@example.com", "110101199003078515", "张家口路88号", "李小龙")
    header = [
        "姓名",
        "手机",
        "邮箱",
        "身份证号",
        "住址",
        "我的备忘",
        "客户编号",
        "投诉内容",
        "投诉时间",
        "记录编号",
    ]
    row = [
        *canaries,
        "C00012345",
        "李小龙说服务差，电话13912345678，请尽快联系他本人",
        "2024-01-01",
        "R-778899",
    ]
    found = report(tmp_path / "a.csv", [header, *[row] * 3], table, preset="none")
    html = found._repr_html_()
    for shown in (found.to_text("zh"), found.to_text("en"), json.dumps(found.to_dict()), html, str(found)):
        text = shown.encode().decode("unicode_escape", "ignore") if shown.isascii() else shown
        for canary in (*canaries, "C00012345", "R-778899"):
            assert canary not in text


def test_names_in_other_columns(tmp_path: Path) -> None:
    """A customer may be a person; a deal may be called like one, a company live at one's address."""
    canaries = ("王小明", "张家口路88号", "李小龙的续费")
    customers = [
        ["客户名称", "客户级别", "负责人", "详细地址"],
        *[["王小明", "重要", "甲乙", "张家口路88号"]] * 6,
    ]
    deals = [
        ["Id", "AccountId", "Name", "StageName", "CloseDate", "Amount"],
        *[["1", "2", name, "Closed Won", "2024-01-01", "5"] for name in ("李小龙的续费", *["年度合同"] * 5)],
    ]
    for rows in (customers, deals):
        text = report(tmp_path / "a.csv", rows).to_text("zh")  # type: ignore[arg-type]
        assert [canary for canary in canaries if canary in text] == []
    assert "年度合同" in text, "what is there often is a category"


def test_shares(tmp_path: Path) -> None:
    rows = [
        ["订单号", "客户编号", "下单时间", "金额"],
        ["1", "a", "2024-01-01", "￥1,234.50"],
        ["2", "a", "soon", "1.2万"],
        ["3", "", "2024年1月5日", "many"],
        ["4", "b", "", "5"],
    ]
    found = report(tmp_path / "a.csv", rows)
    shares = {column.column: (column.filled, column.readable) for column in found.columns}
    assert shares["customer_id"] == (0.75, 1.0)
    assert shares["ordered_at"] == (0.75, pytest.approx(2 / 3))
    assert shares["amount"] == (1.0, 0.75)
    assert found.rows == 4


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (["12/25/2024", "3/5/2024"], "%m/%d/%Y"),
        (["25/12/2024", "3/5/2024"], "%d/%m/%Y"),
        (["25.12.2024 13:05", "3.5.2024 01:00"], "%d.%m.%Y %H:%M"),
        (["12/25/2024 13:05:06"], "%m/%d/%Y %H:%M:%S"),
    ],
)
def test_dates_that_do_not_begin_with_the_year(tmp_path: Path, dates: list[str], form: str) -> None:
    rows = [["订单号", "客户编号", "下单时间", "金额"], *([i, "a", day, 1] for i, day in enumerate(dates))]
    found = report(tmp_path / "a.csv", rows)
    assert any(f"dates: {{ordered_at: '{form}'}}" in note.en for note in found.notes)
    stated = report(tmp_path / "a.csv", rows, dates={"ordered_at": form})
    assert {column.column: column.readable for column in stated.columns}["ordered_at"] == 1.0
    assert not any("dates:" in note.en for note in stated.notes)


@pytest.mark.parametrize(
    ("dates", "told"), [(["03/04/2024", "05/06/2024"], True), (["03/04/2024", "05/26/2024"], False)]
)
def test_a_habit_that_the_dates_do_not_settle(tmp_path: Path, dates: list[str], told: bool) -> None:
    header = ["order_number", "order_total", "order_currency", "order_date", "billing_email"]
    rows = [header, *[[place, 5, "CNY", date, "a@x.cn"] for place, date in enumerate(dates)]]
    text = report(tmp_path / "a.csv", rows).to_text("en")  # type: ignore[arg-type]
    assert ("write dates: {ordered_at: '%d/%m/%Y %H:%M:%S'}" in text) is told


def test_words_in_no_code_list_and_lines_that_look_like_orders(tmp_path: Path) -> None:
    rows = [["订单号", "客户编号", "下单时间", "金额", "状态"], *[["1", "a", "2024-01-01", 5, "备货中"]] * 3]
    notes = " ".join(note.en for note in report(tmp_path / "a.csv", rows).notes)
    assert "状态 has values that are in no code list" in notes
    assert "use --table order_lines" in notes


def test_headers_that_do_not_decide(tmp_path: Path) -> None:
    nothing = report(tmp_path / "a.csv", [["甲", "乙"], ["1", "2"]])
    assert (nothing.table, nothing.candidates) == (None, ())
    assert "看不出是哪张数据表" in nothing.to_text("zh")
    several = report(tmp_path / "b.csv", [["投诉时间", "客户编号", "渠道", "互动时间"], ["1", "2", "3", "4"]])
    assert several.table is None
    assert "Say which with --table" in several.to_text("en")


def test_what_is_missing_or_in_conflict(tmp_path: Path) -> None:
    found = report(tmp_path / "a.csv", [["订单号", "客户编号", "会员号"], ["1", "2", "3"]], "orders")
    assert found.missing == ("customer_id", "ordered_at", "amount")
    text = found.to_text("zh")
    assert "客户编号、会员号 都可能是 customer_id" in text
    assert "缺少必需的列 amount" in text


def test_proposals(tmp_path: Path) -> None:
    text = report(tmp_path / "a.csv", [["客户编号", "客户电话"], ["1", "2"]]).to_text("zh")
    assert "“客户电话”像是 phone（0.70），未采用" in text


def test_questions_of_a_survey(tmp_path: Path) -> None:
    found = report(tmp_path / "w.csv", wjx_by_text())
    told = [(c.header, c.column, c.type.zh if c.type else None) for c in found.columns]
    assert told[2:6] == [
        ("3 您有多大可能向朋友推荐我们？", "score", "评分 nps_0_10"),
        ("4 您对我们的服务满意吗？", "score", "评分 csat_1_5"),
        ("5 您的建议", "text", "开放题"),
        ("6 您的手机号", None, "个人信息（不读入）"),
    ]
    assert "13900" not in found.to_text("zh")


def test_two_tables_of_one_file(tmp_path: Path) -> None:
    headers = [
        "Name",
        "Email",
        "Financial Status",
        "Total",
        "Created at",
        "Lineitem quantity",
        "Lineitem name",
    ]
    path = write(tmp_path / "s.csv", rows_of(headers, [{"Name": "#1", "Total": 5}]))
    assert [found.table for found in reports(open_file(path))] == ["orders", "order_lines"]


def test_an_empty_table(tmp_path: Path) -> None:
    found = report(tmp_path / "a.csv", [["订单号", "客户编号", "下单时间", "金额"]])
    assert found.rows == 0
    assert [column.filled for column in found.columns] == [0.0] * 4
