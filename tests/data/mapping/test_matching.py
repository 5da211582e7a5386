"""Headers to canonical columns: by name, preset, alias; guesses are proposed and never used."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.mapping.matching import check_conflicts, map_table, required, tables_of
from crmlab.data.mapping.values import iso
from crmlab.data.presets import named, plain
from crmlab.data.schemas import TABLES, columns
from crmlab.errors import DataError


def frame(headers: str, *rows: str) -> pl.LazyFrame:
    names = headers.split(",")
    cells = [[cell or None for cell in row.split(",")] for row in rows]
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row").lazy()


def test_how_and_how_sure() -> None:
    headers = ["order_id", "Account Name.id", "消费金额", "Stage", "Closing Date", "客户电话"]
    mapping = map_table("orders", headers, named("zoho-deals"), {"remark": "客户电话"})
    found = {match.column: (match.header, match.how, match.confidence) for match in mapping.matches}
    assert found == {
        "order_id": ("order_id", "name", 1.0),
        "customer_id": ("Account Name.id", "preset", 0.95),
        "ordered_at": ("Closing Date", "preset", 0.95),
        "status": ("Stage", "preset", 0.95),
        "amount": ("消费金额", "alias", 0.9),
        "remark": ("客户电话", "params", 1.0),
    }
    assert mapping.unmapped == ()
    assert mapping.missing == ()


@pytest.mark.parametrize("header", ["金额（元）", "金额 (RMB)", "金额[元]", "实付金额(¥)"])
def test_a_plain_unit_in_the_header(header: str) -> None:
    (match,) = map_table("orders", [header]).matches
    assert match.column == "amount"
    assert match.how == "alias"
    assert match.confidence == pytest.approx(0.85)


@pytest.mark.parametrize("header", ["金额（万元）", "金额(千元)", "预算金额", "Total weight"])
def test_another_unit_is_only_a_proposal(header: str) -> None:
    mapping = map_table("orders", [header])
    assert mapping.matches == ()
    assert mapping.unmapped == (header,)
    assert [(match.column, match.how) for match in mapping.proposals] == [("amount", "guess")]
    assert mapping.proposals[0].confidence <= 0.75


def test_guesses() -> None:
    mapping = map_table("customers", ["客户编号", "客户电话", "Mobil Phone", "颜色"])
    guesses = {match.header: (match.column, match.confidence) for match in mapping.proposals}
    assert guesses["客户电话"] == ("phone", 0.7)
    assert guesses["Mobil Phone"][0] in ("mobile", "phone")
    assert "颜色" not in guesses
    assert mapping.unmapped == ("客户电话", "Mobil Phone", "颜色")


def test_two_headers_for_one_column_are_an_error() -> None:
    mapping = map_table("orders", ["订单号", "客户编号", "会员号", "下单时间", "金额"])
    assert mapping.conflicts == {"customer_id": ("客户编号", "会员号")}
    with pytest.raises(DataError) as error:
        check_conflicts(mapping)
    assert str(error.value) == (
        "In the table 'orders' the headers 客户编号, 会员号 could all be 'customer_id'. Say which it is: "
        "`columns: {customer_id: 客户编号}`."
    )
    check_conflicts(map_table("orders", mapping.headers, None, {"customer_id": "会员号"}))


def test_a_preset_ranks_headers() -> None:
    headers = ["Record Id", "Account Name", "Account Name.id", "Amount", "Closing Date", "Stage", "Deal Name"]
    mapping = map_table("orders", headers, named("zoho-deals"))
    assert {match.column: match.header for match in mapping.matches}["customer_id"] == "Account Name.id"
    assert mapping.unmapped == ("Account Name",)
    assert not mapping.conflicts


def test_one_header_may_be_two_columns_of_a_preset() -> None:
    headers = ["客户名称", "客户级别", "负责人"]
    mapping = map_table("customers", headers, named("fxiaoke-customer"))
    table = mapping.apply(frame("客户名称,客户级别,负责人", "甲公司,A,李雷")).collect()
    assert table.select("customer_id", "name", "company").rows() == [("甲公司", "甲公司", "甲公司")]


@pytest.mark.parametrize(
    ("family", "first", "name"),
    [
        ("王", "小明", "王小明"),
        ("Smith", "Ann", "Ann Smith"),
        ("欧阳", "", "欧阳"),
        ("", "Ann", "Ann"),
        ("", "", None),
        (" 王 ", "Tom", "王Tom"),
    ],
)
def test_names_in_two_columns(family: str, first: str, name: str | None) -> None:
    headers = "Record Id,Contact Owner,Last Name,First Name"
    mapping = map_table("customers", headers.split(","), named("zoho-contacts"))
    table = mapping.apply(frame(headers, f"1,x,{family},{first}")).collect()
    assert table["name"].to_list() == [name]


def test_stages_become_codes_and_others_stay() -> None:
    headers = "Record Id,Account Name,Amount,Closing Date,Stage,Deal Name"
    mapping = map_table("orders", headers.split(","), named("zoho-deals"))
    rows = [
        f"{i},a,1,2024-01-01,{stage},d" for i, stage in enumerate(["Closed Won", "closed lost", "备货中", ""])
    ]
    values = mapping.apply(frame(headers, *rows)).collect()["status"].to_list()
    assert values == ["completed", "cancelled", "备货中", None]
    own = (
        mapping.apply(frame(headers, *rows), {"status": {"备货中": "pending"}}).collect()["status"].to_list()
    )
    assert own == ["completed", "cancelled", "pending", None]


@pytest.mark.parametrize("number", ["InvoiceNo", "Invoice"])
def test_cancelled_invoices_are_flagged(number: str) -> None:
    headers = f"{number},StockCode,Quantity,InvoiceDate,UnitPrice"
    mapping = map_table("order_lines", headers.split(","), named("order-lines"))
    table = mapping.apply(frame(headers, "C5,a,-1,2024-01-01,2", "5,a,1,2024-01-01,2")).collect()
    assert table["status"].to_list() == ["cancelled", "completed"]
    assert mapping.missing == ()


def test_won_and_closed_go_before_the_name_of_the_stage() -> None:
    headers = "Id,AccountId,StageName,Amount,CloseDate,IsWon,IsClosed"
    mapping = map_table("orders", headers.split(","), named("salesforce-opportunity"))
    rows = [
        "1,a,签约成功,1,2024-01-01,true,true",
        "2,a,丢单,1,2024-01-01,FALSE,True",
        "3,a,报价,1,2024-01-01,0,0",
        "4,a,Closed Won,1,2024-01-01,,",
        "5,a,报价,1,2024-01-01,,",
    ]
    status = mapping.apply(frame(headers, *rows)).collect()["status"].to_list()
    assert status == ["completed", "cancelled", "pending", "completed", "报价"]
    own = map_table("orders", headers.split(","), named("salesforce-opportunity"), {"status": "StageName"})
    assert own.apply(frame(headers, *rows)).collect()["status"].to_list()[0] == "签约成功"


def test_orders_and_lines_of_one_export() -> None:
    headers = (
        "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price"
    )
    rows = (
        "#1,a@x.cn,paid,CNY,30,2024-01-02 10:00:00 +0800,2,茶,10",
        "#1,,,,,,1,米,10",
        "#2,,refunded,CNY,5,2024-01-03 10:00:00 +0800,1,茶,5",
        "#2,,,,,,1,米,0",
    )
    preset = named("shopify-orders")
    orders = map_table("orders", headers.split(","), preset).apply(frame(headers, *rows)).collect()
    assert orders.select("order_id", "amount", "status").rows() == [
        ("#1", "30", "completed"),
        ("#2", "5", "refunded"),
    ]
    mapping = map_table("order_lines", headers.split(","), preset)
    assert "amount" not in mapping.delivered  # Total is the order's
    lines = mapping.apply(frame(headers, *rows)).collect()
    assert lines.select("order_id", "customer_id", "product", "quantity", "status").rows() == [
        ("#1", "a@x.cn", "茶", "2", "completed"),
        ("#1", "a@x.cn", "米", "1", "completed"),
        ("#2", None, "茶", "1", "refunded"),  # nobody else's address is taken
        ("#2", None, "米", "1", "refunded"),
    ]


def test_unmapped_columns_stay_and_lose_no_name() -> None:
    mapping = map_table("orders", ["customer_id", "会员号", "x"], None, {"customer_id": "会员号"})
    table = mapping.apply(frame("customer_id,会员号,x", "old,new,1")).collect()
    assert table.rows(named=True) == [{"customer_id": "new", "customer_id (file)": "old", "x": "1"}]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_month_first_dates_are_exact(moment: datetime) -> None:
    written = pl.DataFrame({"d": [moment.strftime("%m/%d/%Y %I:%M:%S %p"), moment.strftime("%m/%d/%Y")]})
    forms = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y")
    assert written.select(iso(pl.col("d"), forms)).to_series().to_list() == [
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        moment.strftime("%Y-%m-%d 00:00:00"),
    ]


def test_dates_of_another_form_stay_for_cleaning() -> None:
    given = ["13/25/2024", "2024-03-05", "soon", None, "3/5/2024"]
    read = pl.DataFrame({"d": given}).select(iso(pl.col("d"), ("%m/%d/%Y",))).to_series().to_list()
    assert read == ["13/25/2024", "2024-03-05", "soon", None, "2024-03-05 00:00:00"]


def test_a_habit_of_a_program_gives_way_to_the_dates() -> None:
    headers = "order_number,order_total,order_currency,order_date,billing_email"
    mapping = map_table("orders", headers.split(","), named("woocommerce-orders"))
    rows = ["1,5,CNY,03/04/2024 10:00,a@x.cn", "2,5,CNY,25/12/2024 10:00,b@x.cn"]
    asked = mapping.apply(frame(headers, *rows)).collect()["ordered_at"].to_list()
    assert asked == ["03/04/2024 10:00", "25/12/2024 10:00"], "not the first one as the 4th of March"
    stated = mapping.apply(frame(headers, *rows), dates={"ordered_at": ("%d/%m/%Y %H:%M",)}).collect()
    assert stated["ordered_at"].to_list() == ["2024-04-03 10:00:00", "2024-12-25 10:00:00"]


def test_a_stated_format_replaces_that_of_the_preset() -> None:
    headers = "order_number,order_total,order_currency,order_date,billing_email"
    mapping = map_table("orders", headers.split(","), named("woocommerce-orders"))
    found = mapping.apply(
        frame(headers, "1,5,CNY,12/25/2024,a@x.cn"), dates={"ordered_at": ("%d/%m/%Y",)}
    ).collect()
    assert found["ordered_at"].to_list() == ["12/25/2024"]


@pytest.mark.parametrize(
    ("total", "back", "amount"),
    [
        ("100.00", "40.10", "59.9"),
        ("100.00", "-40.10", "59.9"),
        ("100.00", "0.00", "100.00"),
        ("100.00", "", "100.00"),
        ("100.00", "100.00", "100.00"),  # the status says so
        ("100.00", "?", "?"),
        ("x", "5", "x"),
    ],
)
def test_what_was_paid_back_in_part(total: str, back: str, amount: str) -> None:
    headers = "Name,Email,Financial Status,Total,Created at,Lineitem quantity,Lineitem name,Refunded Amount"
    mapping = map_table("orders", headers.split(","), named("shopify-orders"))
    row = f"#1,a@x.cn,partially_refunded,{total},2024-01-02 10:00:00 +0800,2,茶,{back}"
    assert mapping.apply(frame(headers, row)).collect()["amount"].to_list() == [amount]
    own = map_table("orders", headers.split(","), named("shopify-orders"), {"amount": "Total"})
    assert own.apply(frame(headers, row)).collect()["amount"].to_list() == [total], "as the study says"


def test_guests_are_nobody_in_particular() -> None:
    headers = "Order Number,Order Status,Order Date,Order Total Amount,Customer User ID"
    mapping = map_table("orders", headers.split(","), named("woocommerce-orders"))
    found = mapping.apply(frame(headers, "1,Completed,2024-01-01,5,0", "2,Completed,2024-01-01,5,8"))
    assert [value or None for value in found.collect()["customer_id"].to_list()] == [None, "8"]


@pytest.mark.parametrize("table", TABLES)
def test_no_header_can_be_two_columns(table: str) -> None:
    owners: dict[str, str] = {}
    for column in columns(table):
        for alias in (column.name, *column.aliases):
            assert owners.setdefault(plain(alias), column.name) == column.name
    headers = [column.text.zh for column in columns(table)]
    assert [match.column for match in map_table(table, headers).matches] == [c.name for c in columns(table)]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_known_by_its_own_columns(table: str) -> None:
    assert tables_of([column.name for column in columns(table)]) == [table]
    assert required(table) == map_table(table, []).missing


@pytest.mark.parametrize(
    ("headers", "name", "tables"),
    [
        ("订单号,客户编号,下单时间,金额", "a.csv", ["orders"]),
        ("订单号,客户编号,下单时间,数量,单价,商品编号", "a.csv", ["order_lines"]),
        ("客户编号,姓名,手机", "a.csv", ["customers"]),
        ("评论,打分", "a.csv", ["feedback"]),
        ("甲,乙", "a.csv", []),
        ("", "orders.csv", []),
    ],
)
def test_which_table_a_file_is(headers: str, name: str, tables: list[str]) -> None:
    assert tables_of(headers.split(","), name) == tables


def test_the_name_of_the_file_decides_where_headers_do_not() -> None:
    headers = ["投诉时间", "客户编号", "渠道", "互动时间"]
    undecided = tables_of(headers)
    assert tables_of(headers, "投诉2024.xlsx") == ["complaints"]
    assert tables_of(headers, "互动记录.csv") == ["interactions"]
    assert set(undecided) >= {"complaints", "interactions"}
