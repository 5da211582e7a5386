"""``crmlab inspect`` and ``crmlab import``: what they print, write, refuse, and keep."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner, Result
from crm_exports import (
    ONLINE_RETAIL,
    SHOPIFY,
    fxiaoke_orders,
    rows_of,
    salesforce_opportunities,
    wjx_by_text,
    write,
    zoho_contacts,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmlab.cli import main
from crmlab.data.cleaning import clean
from crmlab.data.intake.importing import KEEP, as_delivered
from crmlab.data.tables import TableStore
from crmlab.params import read_study
from crmlab.registry import sources


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def store(study: Path, monkeypatch: pytest.MonkeyPatch) -> TableStore:
    """Open the tables of a study as a run does: from the folder of its YAML."""
    monkeypatch.chdir(study.parent)
    checked, warnings = read_study(study)
    assert warnings == []
    found = [sources[spec.source].from_params(spec.params) for spec in checked.data]
    return TableStore(found, checked.as_of, checked.timezone, 0.2, None, checked.policy, checked.currency)


def test_inspect_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", zoho_contacts(), "gbk")
    write(tmp_path / "b.csv", fxiaoke_orders(), "utf-16")
    result = run("inspect", tmp_path)
    assert result.exit_code == 0
    assert "== a.csv" in result.output
    assert "gb18030" in result.output
    assert "纷享销客销售订单" in result.output
    assert "138001" not in result.output
    assert not list(tmp_path.glob("*.yaml"))


def test_inspect_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", fxiaoke_orders())
    (tmp_path / "a.csv").write_bytes(b"\x00\x01\x02 broken")
    result = run("inspect", tmp_path, "--language", "en")
    assert result.exit_code == 2
    assert result.output.index("== a.csv") < result.output.index("Fxiaoke sales orders")


def test_inspect_as_json(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", fxiaoke_orders())
    (found,) = json.loads(run("inspect", path, "--json").output)
    assert (found["preset"], found["table"], found["rows"], found["rows_left_out"]) == (
        "fxiaoke-order",
        "orders",
        60,
        1,
    )
    told = {
        column["header"]: (column["column"], column["how"], column["confidence"])
        for column in found["columns"]
    }
    assert told["销售订单金额"] == ("amount", "preset", 0.95)
    assert told["收货地址"] == (None, None, None)
    assert found["notes"][0]["en"].endswith("kept aside: 1 (row 62).")


def test_inspect_with_what_the_user_says(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["日子", "谁", "多少"], ["5/3/2024", "a", "7"]])
    columns = ["--column", "ordered_at=日子", "--column", "customer_id=谁", "--column", "amount=多少"]
    result = run(
        "inspect", path, "--table", "orders", *columns, "--date", "ordered_at=%d/%m/%Y", "--language", "en"
    )
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["日子", "ordered_at", "(Order", "time)", "time", "stated", "1.00", "100%", "100%"] in [
        r[:9] for r in rows
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "order"], "No table is named 'order'. Did you mean 'orders'?"),
        (["--preset", "zoho-deal"], "No preset is named 'zoho-deal'. Did you mean 'zoho-deals'?"),
        (["--column", "amount"], "'amount' is not NAME=VALUE"),
        (["--timezone", "Asia/Beijing"], "No time zone is named 'Asia/Beijing'"),
        (["--question", "1=nps"], "no kind or scale is named 'nps'"),
        (["--date", "ordered_at=dd/mm/yyyy"], "dates.ordered_at: 'dd/mm/yyyy' is no format of a date"),
        (["--date", "ordered_at=%d/%m"], "is no format of a date"),
        (
            ["--date", "odered_at=%d/%m/%Y"],
            "no canonical column is named 'odered_at'. Did you mean 'ordered_at'",
        ),
        (["--column", "odered_at=下单日期"], "no column 'odered_at'. Did you mean 'ordered_at'?"),
    ],
)
def test_mistakes_in_options(tmp_path: Path, arguments: list[str], message: str) -> None:
    path = write(tmp_path / "b.csv", fxiaoke_orders())
    for command in (["inspect", path], ["import", path, "--to", tmp_path / "s.yaml"]):
        result = run(*command, *arguments)
        assert result.exit_code == 2
        assert message in result.output
    assert not (tmp_path / "s.yaml").exists()


def test_import_writes_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contacts, orders = (
        write(tmp_path / "a.csv", zoho_contacts(), "gbk"),
        write(tmp_path / "b.csv", fxiaoke_orders()),
    )
    study = tmp_path / "studies" / "shop.yaml"
    result = run("import", contacts, orders, "--to", study)
    assert result.exit_code == 0, result.output
    assert "a.csv → customers (preset 预设 zoho-contacts)" in result.output
    assert "客户 Customers: 39 accepted 接收, 1 rejected 拒收" in result.output
    data = study.parent / "shop-data"
    assert sorted(str(path.relative_to(data)) for path in data.rglob("*.*")) == [
        *("customers.parquet", "extra/orders.parquet", "left_out/1-b.parquet", "mapping.json"),
        *("orders.parquet", "rejected/customers.parquet"),
    ]
    tables = store(study, monkeypatch)
    assert tables["customers"].height == 39
    assert tables["orders"].height == 50
    assert tables.count("orders").reasons == {"cancelled": 5, "pending": 5}
    assert tables["orders"].row(0, named=True)["amount_hundredths"] == 123_450
    rejected = pl.read_parquet(data / "rejected" / "customers.parquet")
    assert rejected.select("reason", "source_file", "source_row").rows() == [("nullability", "a.csv", 41)]
    extra = pl.read_parquet(data / "extra" / "orders.parquet")
    assert extra.height == 60
    assert extra.columns[:4] == ["source_file", "source_row", "order_id", "商机"]
    record = json.loads((data / "mapping.json").read_text(encoding="utf-8"))
    assert [file["table"] for file in record["files"]] == ["customers", "orders"]
    assert record["tables"][0] == {
        "table": "customers",
        "accepted": 39,
        "rejected": 1,
        "reasons": {"nullability": 1},
    }
    assert "1390000" not in json.dumps(record)


def test_the_study_that_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", salesforce_opportunities())
    study = tmp_path / "机会.yaml"
    assert run("import", path, "--to", study).exit_code == 0
    text = study.read_text(encoding="utf-8")
    given = yaml.safe_load(text)
    assert given["data"] == [
        {"source": "files", "files": {"orders": {"path": "机会-data/orders.parquet", "preset": "none"}}}
    ]
    assert "数据中最晚的一天；之后的数据一律不用 the latest day in the data" in text
    assert given["as_of"] == date(2024, 12, 18)  # those still open, of 2025, do not count
    assert "segmentation" in given["reports"]
    assert "feedback" not in given["reports"]
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert all(
        any("\u4e00" <= char <= "\u9fff" for char in c) or "rows" in c or "Made" in c for c in comments
    )


def test_reports_that_the_tables_allow(tmp_path: Path) -> None:
    path = write(tmp_path / "w.csv", wjx_by_text(), "gbk")
    assert run("import", path, "--to", tmp_path / "w.yaml", "--as-of", "2024-06-30").exit_code == 0
    given = yaml.safe_load((tmp_path / "w.yaml").read_text(encoding="utf-8"))
    assert given["as_of"] == date(2024, 6, 30)
    assert "feedback" in given["reports"]
    assert "segmentation" not in given["reports"]
    assert "policy" not in given


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", salesforce_opportunities())
    study = tmp_path / "s.yaml"
    study.write_text("mine", encoding="utf-8")
    result = run("import", path, "--to", study)
    assert result.exit_code == 2
    assert "There is s.yaml already. Give another name, or --force" in result.output
    assert study.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "s-data").exists()
    assert run("import", path, "--to", study, "--force").exit_code == 0
    (tmp_path / "s-data" / "old.parquet").write_bytes(b"")
    assert run("import", path, "--to", study, "--force").exit_code == 0
    assert not (tmp_path / "s-data" / "old.parquet").exists()


def test_a_failed_import_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", salesforce_opportunities())
    study = tmp_path / "out" / "s.yaml"
    assert run("import", path, "--to", study).exit_code == 0
    before = {file: file.read_bytes() for file in study.parent.rglob("*.*") if file.is_file()}
    undated = write(tmp_path / "c.csv", [["客户编号", "姓名"], ["1", "甲"]])
    result = run("import", undated, "--to", study, "--force")
    assert result.exit_code == 2
    assert "Give it: --as-of YYYY-MM-DD" in result.output
    assert {file: file.read_bytes() for file in study.parent.rglob("*.*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [["甲", "乙"], ["1", "2"]],
            "a.csv fits no canonical table by its headers: 甲, 乙. Say which it is with --table",
        ),
        (
            [["订单编号", "客户名称", "下单日期", "订单金额"], ["1", "2", "2024-01-01", "4"]],
            "a.csv fits no canonical table by its headers",
        ),
        (
            [["投诉时间", "客户编号", "渠道", "互动时间"], ["1", "2", "3", "4"]],
            "a.csv may be interactions or complaints",
        ),
        (
            [["订单号", "客户编号", "会员号", "下单时间", "金额"], ["1", "2", "3", "2024-01-01", "4"]],
            "the headers 客户编号, 会员号 could all be 'customer_id'",
        ),
    ],
)
def test_files_that_need_a_word(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    path = write(tmp_path / "a.csv", rows)
    result = run(
        "import", path, "--to", tmp_path / "s.yaml", *(["--table", "orders"] if len(rows[0]) == 5 else [])
    )
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["2", "a", "25/12/2024", "5"]], "1 rows of orders rejected (unreadable value)"),
        ([], "there are only headers"),
    ],
)
def test_files_without_a_row_that_can_be_used(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    path = write(tmp_path / "a.csv", [["订单号", "客户编号", "下单时间", "金额"], *rows])
    result = run("import", path, "--to", tmp_path / "s.yaml")
    assert result.exit_code == 2
    assert f"No row can be imported: {message}" in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("value", ["13912345678", "wang@example.com", "11010119900307851X"])
def test_a_file_without_a_header_row(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "a.csv", [["王小明", value, "北京"], ["李四", "13912345679", "上海"]])
    for command in (["inspect", path], ["import", path, "--to", tmp_path / "s.yaml"]):
        result = run(*command)
        assert result.exit_code == 2
        assert "a.csv seems to have no header row: where the name of column 2 should be" in result.output
        assert value not in result.output
        assert "王小明" not in result.output


@pytest.mark.parametrize(
    ("source", "start"), [("sqlite", b"SQLite format 3\0"), ("duckdb", bytes(8) + b"DUCK" + bytes(4))]
)
def test_a_database_file(tmp_path: Path, source: str, start: bytes) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(start + bytes(100))
    result = run("inspect", path)
    assert result.exit_code == 2
    assert f"{{source: {source}, path: shop.db, select: {{orders: {{table: <name>}}}}}}" in result.output


def test_the_study_has_to_be_a_yaml_file(tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", salesforce_opportunities())
    result = run("import", path, "--to", tmp_path / "s.csv")
    assert result.exit_code == 2
    assert "a YAML file such as s.yaml" in result.output


def test_two_tables_of_one_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paid = {
        "Email": "a@x.cn",
        "Financial Status": "paid",
        "Currency": "USD",
        "Created at": "2024-01-02 10:00:00 +0800",
    }
    line = {"Lineitem quantity": 2, "Lineitem name": "茶", "Lineitem price": "10.50"}
    records = [
        {"Name": "#1", "Total": "31.00", **paid, **line},
        {"Name": "#1", **line, "Lineitem price": "5"},
    ]
    path = write(tmp_path / "shop.csv", rows_of(SHOPIFY, records))
    study = tmp_path / "s.yaml"
    assert run("import", path, "--to", study).exit_code == 0
    assert yaml.safe_load(study.read_text(encoding="utf-8"))["currency"] == "USD"
    tables = store(study, monkeypatch)
    assert tables["orders"].select("order_id", "amount_hundredths").rows() == [("#1", 3100)]
    assert tables["order_lines"]["amount_hundredths"].to_list() == [2100, 1000]


def test_orders_from_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ["5", "A", "tea", 3, "2024-01-01 10:00:00", "0.001", "c1", "UK"],
        ["5", "B", "rice", 1, "2024-01-01 10:00:00", "10", "c1", "UK"],
        ["C6", "A", "tea", -2, "2024-01-02 10:00:00", "1.25", "c1", "UK"],
        ["7", "A", "tea", 1, "2024-01-02 10:00:00", "1.25", "", "UK"],
    ]
    path = write(tmp_path / "lines.csv", [ONLINE_RETAIL, *rows])
    study = tmp_path / "s.yaml"
    result = run("import", path, "--to", study, "--timezone", "Europe/London")
    assert "3 accepted 接收, 1 rejected 拒收" in result.output
    written = pl.read_parquet(tmp_path / "s-data" / "order_lines.parquet")
    assert "amount" not in written.columns  # quantity × unit price, unrounded, in every run
    tables = store(study, monkeypatch)
    assert tables["orders"].select("order_id", "amount_hundredths").rows() == [("5", 1000)]
    assert tables.count("order_lines").reasons == {"cancelled": 1}


def test_forms_of_crmlab_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("template", "--example", "--to", tmp_path / "forms.xlsx").exit_code == 0
    study = tmp_path / "s.yaml"
    result = run("import", tmp_path / "forms.xlsx", "--to", study)
    assert result.exit_code == 0, result.output
    tables = store(study, monkeypatch)
    assert {"customers", "orders"} <= set(tables)
    assert tables["customers"].height > 0
    assert tables.count("customers").rejected == 0
    record = json.loads((tmp_path / "s-data" / "mapping.json").read_text(encoding="utf-8"))
    assert record["files"][0]["format"] == "crmlab template"
    assert record["files"][0]["tables"]["customers"] == tables["customers"].height


def test_inspect_forms(tmp_path: Path) -> None:
    assert run("template", "overview", "--to", tmp_path / "forms.xlsx").exit_code == 0, "a blank form"
    result = run("inspect", tmp_path / "forms.xlsx")
    assert result.exit_code == 0
    assert "crmlab template:" in result.output


money = st.integers(-(2**51), 2**51)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(money, min_size=1, max_size=20), st.sampled_from(["Asia/Shanghai", "America/New_York"]))
def test_a_table_that_was_written_is_read_again_exactly(tmp_path: Path, cents: list[int], zone: str) -> None:
    raw = pl.DataFrame(
        {
            "order_id": [f"{place:04}" for place in range(len(cents))],
            "customer_id": [f"00{place % 3}" for place in range(len(cents))],
            "ordered_at": [f"2024-11-03 0{place % 10}:30:00.25" for place in range(len(cents))],
            "amount": [f"{'-' * (c < 0)}{abs(c) // 100}.{abs(c) % 100:02}" for c in cents],
            "status": ["完成", "refunded"][: len(cents)] + [""] * (len(cents) - 2),
        }
    )
    once = clean("orders", raw.lazy(), zone, KEEP)
    path = tmp_path / "orders.parquet"
    as_delivered("orders", once.table, raw.columns).write_parquet(path)
    again = clean("orders", pl.scan_parquet(path), zone, KEEP)
    assert again.table.equals(once.table)
    assert again.rejected.is_empty()


def test_every_table_is_read_again_exactly(tmp_path: Path) -> None:
    raw = {
        "customers": {
            "customer_id": "007",
            "birth_date": "1990-02-03",
            "smokes": "是",
            "last_contact_at": "2024-01-02 03:04",
        },
        "feedback": {
            "text": "好",
            "score": "5",
            "scale": "csat_1_5",
            "given_on": "2024-01-02",
            "answer": "茶┋米",
        },
        "complaints": {
            "opened_at": "2024-01-02 03:04",
            "compensation": "12.34",
            "escalated": "否",
            "stage": "处理中",
        },
        "campaigns": {"campaign_id": "1", "started_on": "2024-01-02", "budget": "1.2万"},
        "contacts": {
            "campaign_id": "1",
            "customer_id": "7",
            "contacted_at": "2024-01-02",
            "arm": "对照组",
            "cost": "0.5",
        },
    }
    for table, row in raw.items():
        given = pl.DataFrame({name: [value] for name, value in row.items()})
        once = clean(table, given.lazy(), "Asia/Shanghai", KEEP)
        assert once.counts == {}
        path = tmp_path / f"{table}.parquet"
        as_delivered(table, once.table, given.columns).write_parquet(path)
        again = clean(table, pl.scan_parquet(path), "Asia/Shanghai", KEEP)
        assert again.table.equals(once.table), table


def test_a_date_that_stands_for_never_is_not_the_day_of_the_study(tmp_path: Path) -> None:
    rows = [["客户编号", "登记日期", "手机"], ["a", "2024-05-01", "13900000001"], ["b", "9999-12-31", ""]]
    path = write(tmp_path / "a.csv", rows)
    result = run("import", path, "--table", "customers", "--to", tmp_path / "s.yaml")
    assert "as_of 2024-05-01" in result.output


def test_a_planned_improvement_is_not_the_day_of_the_study_and_a_register_asks_for_its_report(
    tmp_path: Path,
) -> None:
    orders = [["订单号", "客户编号", "下单时间", "金额"], ["d1", "a", "2024-05-01", "10"]]
    register = [["改进编号", "改进措施", "开始日期", "目标指标"], ["A1", "新包装", "2025-03-01", "投诉率"]]
    paths = [write(tmp_path / "o.csv", orders), write(tmp_path / "r.csv", register)]
    study = tmp_path / "s.yaml"
    assert run("import", *paths, "--to", study).exit_code == 0
    given = yaml.safe_load(study.read_text(encoding="utf-8"))
    assert given["as_of"] == date(2024, 5, 1)
    assert "improvement" in given["reports"]


def test_a_blank_workbook_of_forms_is_told(tmp_path: Path) -> None:
    book = tmp_path / "forms.xlsx"
    assert run("template", "--to", book).exit_code == 0
    result = run("import", book, "--to", tmp_path / "s.yaml")
    assert result.exit_code == 2
    assert "blank workbook of forms" in result.output
    assert not (tmp_path / "s.yaml").exists()


def test_what_was_noticed_in_a_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", fxiaoke_orders())
    result = run("import", path, "--to", tmp_path / "s.yaml")
    assert "kept aside: 1 (row 62)" in result.output


def test_numbers_that_excel_destroyed_are_pointed_out(tmp_path: Path) -> None:
    rows = [["客户编号", "手机", "备注"], ["a", "1.38123E+10", "1.5E+10"], ["b", "13900000001", ""]]
    path = write(tmp_path / "a.csv", rows)
    (found,) = json.loads(run("inspect", path, "--table", "customers", "--json").output)
    notes = [note["en"] for note in found["notes"]]
    assert any("Long numbers in 手机" in note and "last digits: 1." in note for note in notes)
