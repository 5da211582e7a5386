"""Tables from files: headers are recognised or mapped, mistakes are told before a file is read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from crm_exports import ONLINE_RETAIL, WJX_META, ZOHO_DEALS, rows_of, write

from crmlab.data.policy import Policy
from crmlab.data.schemas import TABLES
from crmlab.data.tables import TableStore
from crmlab.errors import DataError, ParamsError
from crmlab.satisfaction import SCALES
from crmlab_plugins.sources.files import Files


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Write a file, read it as a table and return its columns and rows."""

    def read(name: str, text: str, **entry: Any) -> tuple[list[str], list[tuple[object, ...]]]:
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        source = Files.from_params({"files": {name: {"path": str(path), **entry}}})
        frame = source.read()[name].collect()
        assert frame.select("source_file", "source_row").row(0) == (f"{name}.csv", 2)
        frame = frame.drop("source_file", "source_row")
        return frame.columns, frame.rows()

    return read


@pytest.mark.parametrize(
    "header",
    [
        "order_id,customer_id,ordered_at,amount",
        "订单号,客户编号,下单时间,金额",
        "订单编号,会员号,订单日期,实付金额",
        "Order ID,CUSTOMER_ID,order time,Total",
        "ORDER_ID,客户ID,Order date,消费金额",
    ],
)
def test_headers_are_recognised(read: Any, header: str) -> None:
    columns, rows = read("orders", f"{header}\n1,a,2024-01-01,5\n")
    assert columns == ["order_id", "customer_id", "ordered_at", "amount"]
    assert rows == [("1", "a", "2024-01-01", "5")]


def test_mapped_headers_go_first(read: Any) -> None:
    text = "customer_id,会员号,日子,Amount,amount\nold,a,2024-01-01,no,5\n"
    mapped = {"customer_id": "会员号", "ordered_at": "日子"}
    columns, rows = read("orders", text, columns=mapped)
    assert dict(zip(columns, rows[0], strict=True)) == {
        "customer_id": "a",
        "ordered_at": "2024-01-01",
        "amount": "5",
        "customer_id (file)": "old",
        "Amount": "no",
    }


def test_a_column_that_is_called_row(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("row,行,customer_id\n1,2,a\n", encoding="utf-8")
    source = Files.from_params({"files": {"customers": {"path": str(path)}}})
    table = TableStore([source], date(2024, 1, 1), "Asia/Shanghai")["customers"]
    assert table.select("customer_id", "row_", "行").rows() == [("a", "1", "2")]


def test_attributes_of_customers_may_be_renamed(read: Any) -> None:
    columns, _ = read("customers", "客户编号,所在城市\na,北京\n", columns={"city": "所在城市"})
    assert columns == ["customer_id", "city"]


@pytest.mark.parametrize("scale", SCALES)
def test_scale(read: Any, scale: str) -> None:
    columns, rows = read("feedback", "评论,打分\n好,1\n", scale=scale)
    assert (columns, rows) == (["text", "score", "scale"], [("好", "1", scale)])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ordes": {"path": "x"}}, r"No canonical table is named 'ordes'\. Did you mean 'orders'\?"),
        ({"orders": {}}, r"The table 'orders' has no file; give it one with `orders: {path: …}`"),
        ({"orders": {"path": ""}}, r"The table 'orders' has no file"),
        ({"orders": {"pth": "x"}}, r"files\.orders\.pth: "),
        ({"orders": {"path": 5}}, r"files\.orders\.path: Input should be a valid string"),
        (
            {"orders": {"path": "x", "columns": {"amout": "a"}}},
            r"no column 'amout'\. Did you mean 'amount'\?",
        ),
        ({"orders": {"path": "x", "columns": {"day": "a"}}}, r"no column 'day'"),
        (
            {"orders": {"path": "x", "columns": {"order_id": "A", "customer_id": "A"}}},
            r"orders\.columns uses the header 'A' for more than one column",
        ),
        ({"feedback": {"path": "x", "scale": "nps"}}, r"No scale is named 'nps'\. Did you mean 'nps_0_10'\?"),
        ({"orders": {"path": "x", "scale": "nps_0_10"}}, r"`scale` belongs to the table 'feedback'"),
        (
            {"orders": {"path": "x", "questions": {"1": "open"}}},
            r"`questions` belongs to the table 'feedback'",
        ),
        (
            {"feedback": {"path": "x", "questions": {"1": "opn"}}},
            r"feedback\.questions\.1: .*Did you mean 'open'",
        ),
        ({"orders": {"path": "x", "preset": "zoho"}}, r"No preset is named 'zoho'\. Did you mean 'zoho-"),
        (
            {"orders": {"path": "x", "preset": "zoho-contacts"}},
            r"The preset 'zoho-contacts' has no table 'orders'; it has customers",
        ),
        (
            {"orders": {"path": "x", "values": {"status": {"备货中": "waiting"}}}},
            r"orders\.values\.status\.备货中: no code is named 'waiting'.*Allowed: completed, pending",
        ),
        (
            {"orders": {"path": "x", "values": {"stat": {}}}},
            r"orders\.values: .*no column 'stat'\. Did you mean",
        ),
        ({"customers": {"path": "x", "dates": {"born": "%d"}}}, r"customers\.dates: .*no column 'born'"),
        (
            {"orders": {"path": "x", "dates": {"ordered_at": "dd/mm/yyyy"}}},
            r"orders\.dates\.ordered_at: 'dd/mm/yyyy' is no format of a date",
        ),
        ({"orders": {"from": "order_lines"}}, r"needs the table 'order_lines' in the same `files`"),
        ({"customers": {"from": "orders"}}, r"only `orders: {from: order_lines}` is possible"),
        (
            {"orders": {"from": "order_lines", "path": "x"}, "order_lines": {"path": "x"}},
            r"orders: path belong to order_lines",
        ),
    ],
)
def test_mistakes_are_told_before_a_file_is_read(files: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        Files.from_params({"files": files})


def test_every_mistake_at_once() -> None:
    with pytest.raises(ParamsError, match=r"'ordes'.*'feedback' has no file"):
        Files.from_params({"files": {"ordes": {"path": "x"}, "feedback": {}}})
    with pytest.raises(ParamsError, match="files: required"):
        Files.from_params({})


def test_a_header_that_is_not_there(read: Any) -> None:
    with pytest.raises(DataError) as error:
        read("orders", "客户号,金额\n王伟,1\n", columns={"customer_id": "客户编号"})
    assert str(error.value) == (
        "orders.csv has no column '客户编号'. Did you mean '客户号'? It has: 客户号, 金额."
    )


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read: No such file"):
        Files.from_params({"files": {"orders": {"path": "nowhere.csv"}}}).read()


def test_what_readers_are_told_names_files_without_their_folders() -> None:
    files = {name: {"path": f"/home/me/secret/{name}.csv"} for name in TABLES}
    source = Files.from_params({"files": files, "note": "2024 export."})
    assert source.provides == tuple(TABLES)
    for text in source.origin:
        assert "orders.csv" in text
        assert "2024 export." in text
        assert "secret" not in text


def source_of(folder: Path, **files: dict[str, Any]) -> Files:
    entries = {
        name: {**file, "path": str(folder / file["path"])} if "path" in file else file
        for name, file in files.items()
    }
    return Files.from_params({"files": entries})


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "2024-02.csv").write_text(
        "金额,订单号,客户编号,下单时间,渠道\n2,b,y,2024-02-01,门店\n", encoding="gbk"
    )
    (folder / "2024-01.csv").write_text(
        "order_id,customer_id,ordered_at,amount\na,x,2024-01-01,1\n", encoding="utf-8"
    )
    (folder / ".hidden").write_text("not a table", encoding="utf-8")
    for path in ("orders", "orders/2024-*.csv"):
        frame = source_of(tmp_path, orders={"path": path}).read()["orders"].collect()
        columns = ["source_file", "source_row", "order_id", "customer_id", "ordered_at", "amount", "channel"]
        assert frame.select(columns).rows() == [
            ("2024-01.csv", 2, "a", "x", "2024-01-01", "1", None),
            ("2024-02.csv", 2, "b", "y", "2024-02-01", "2", "门店"),
        ]


def test_a_file_of_the_folder_lacks_a_column(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(
        "order_id,customer_id,ordered_at,amount\na,x,2024-01-01,1\n", encoding="utf-8"
    )
    (tmp_path / "2.csv").write_text("order_id,customer_id,ordered_at\na,x,2024-01-01\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        source_of(tmp_path, orders={"path": "*.csv"}).read()
    assert str(error.value).startswith(
        "2.csv, one of 2 files of the table 'orders', lacks amount. It has: order_id, customer_id, "
    )
    with pytest.raises(DataError, match=r"No file is found at .*nothing-\*\.csv"):
        source_of(tmp_path, orders={"path": "nothing-*.csv"}).read()


def test_surveys_of_a_folder_share_no_answer_sheets(tmp_path: Path) -> None:
    for name in ("一月", "二月"):
        write(
            tmp_path / f"{name}.csv",
            [[*WJX_META, "1、选择"], ["1", "2024/1/1 12:00:00", "9秒", "", "", "", "甲"]],
        )
    table = TableStore([source_of(tmp_path, feedback={"path": "*.csv"})], date(2024, 12, 31), "Asia/Shanghai")
    assert table["feedback"]["feedback_id"].to_list() == ["一月-1-1", "二月-1-1"]


def test_dates_and_values_of_the_study(tmp_path: Path) -> None:
    text = "订单号,客户编号,下单时间,金额,状态\n1,a,25/12/2024,5,备货中\n2,a,24/12/2024,6,Paid\n"
    (tmp_path / "o.csv").write_text(text, encoding="utf-8")
    source = source_of(
        tmp_path,
        orders={
            "path": "o.csv",
            "dates": {"ordered_at": "%d/%m/%Y"},
            "values": {"status": {"备货中": "pending"}},
        },
    )
    store = TableStore([source], date(2024, 12, 31), "Asia/Shanghai")
    assert store["orders"]["order_id"].to_list() == ["2"]
    assert store.count("orders").reasons == {"pending": 1}
    assert str(store["orders"]["ordered_at"][0]) == "2024-12-23 16:00:00+00:00"


def test_a_preset_may_be_switched_off(tmp_path: Path) -> None:
    write(
        tmp_path / "d.csv", rows_of(ZOHO_DEALS, [{"Record Id": "zcrm_1", "Stage": "Closed Won", "Amount": 5}])
    )
    with_preset = source_of(tmp_path, orders={"path": "d.csv"}).read()["orders"].collect()
    assert with_preset.select("order_id", "status").rows() == [("zcrm_1", "completed")]
    without = source_of(tmp_path, orders={"path": "d.csv", "preset": "none"}).read()["orders"].collect()
    assert {"order_id", "status"}.isdisjoint(without.columns)
    assert "Stage" in without.columns


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    preset = {
        "name": "our-erp",
        "title": {"zh": "自家 ERP", "en": "Our ERP"},
        "recognise": [{"all": ["单据号"]}],
        "tables": {
            "orders": {
                "columns": {
                    "order_id": ["单据号"],
                    "customer_id": ["往来单位"],
                    "ordered_at": ["业务日期"],
                    "amount": ["价税合计"],
                },
                "constants": {"channel": "门店"},
                "dates": {"ordered_at": ["%d.%m.%Y"]},
            }
        },
    }
    path = tmp_path / "our-erp.yaml"
    path.write_text(json.dumps(preset), encoding="utf-8")
    write(
        tmp_path / "o.csv",
        [["单据号", "往来单位", "业务日期", "价税合计"], ["1", "甲公司", "31.12.2024", "5"]],
    )
    source = source_of(tmp_path, orders={"path": "o.csv", "preset": str(path)})
    columns = ["order_id", "customer_id", "ordered_at", "amount", "channel"]
    found = source.read()["orders"].select(columns).collect().rows()
    assert found == [("1", "甲公司", "2024-12-31 00:00:00", "5", "门店")]


def test_times_in_milliseconds(tmp_path: Path) -> None:
    row = ["SO-1", "acc1", "1704067200000", "12.5", "已确认"]
    write(tmp_path / "o.csv", [["name", "account_id", "order_time", "order_amount", "order_status"], row])
    store = TableStore([source_of(tmp_path, orders={"path": "o.csv"})], date(2024, 12, 31), "Asia/Shanghai")
    (found,) = store["orders"].select("order_id", "ordered_at", "status").rows()
    assert (found[0], str(found[1]), found[2]) == ("SO-1", "2024-01-01 00:00:00+00:00", "completed")


def test_orders_from_their_lines(tmp_path: Path) -> None:
    rows = [
        ["5", "A", "tea", 2, "2024-01-01 10:00:00", "1.25", "c1", "UK"],
        ["5", "B", "rice", 1, "2024-01-01 10:00:00", "10", "c1", "UK"],
        ["C6", "A", "tea", -2, "2024-01-02 10:00:00", "1.25", "c1", "UK"],
        ["7", "A", "tea", 1, "2024-01-02 10:00:00", "1.25", "", "UK"],
    ]
    write(tmp_path / "lines.csv", [ONLINE_RETAIL, *rows])
    source = source_of(tmp_path, order_lines={"path": "lines.csv"}, orders={"from": "order_lines"})
    assert source.provides == ("order_lines", "orders")
    assert tuple(source.read()) == ("order_lines",)
    assert "lines.csv" in source.origin.zh
    store = TableStore([source], date(2024, 12, 31), "Europe/London")
    assert store["orders"].select("order_id", "customer_id", "amount_hundredths").rows() == [
        ("5", "c1", 1250)
    ]
    assert store.cleaned("order_lines").counts == {"cancelled": 1, "nullability": 1}


@pytest.mark.parametrize(("repeated", "rows"), [("keep", 397_884), ("exclude", 392_692)])
def test_online_retail(shared_data: Path, repeated: Literal["keep", "exclude"], rows: int) -> None:
    """The figures of the usual cleaning, from the file to the orders, every rejected row accounted for."""
    file = {"path": "online_retail.parquet"}
    source = source_of(shared_data / "onlineretail", order_lines=file, orders={"from": "order_lines"})
    policy = Policy(refunds="exclude", zero_amounts="exclude", repeated_lines=repeated)
    store = TableStore([source], date(2011, 12, 9), "Europe/London", 0.3, None, policy, "GBP")
    orders, lines = store["orders"], store.count("order_lines")
    assert (lines.read, lines.used, store["order_lines"].height) == (541_909, rows, rows)
    assert orders["customer_id"].n_unique() == 4_338
    assert orders["amount_hundredths"].sum() == store["order_lines"]["amount_hundredths"].sum()
    repeated_lines = {"repeated_line": 5_225} if repeated == "exclude" else {}
    cancelled = 8_872 if repeated == "exclude" else 8_905
    assert lines.reasons == {
        "nullability": 135_080, "cancelled": cancelled, "zero_amount": 40, **repeated_lines
    }  # fmt: skip
    if repeated == "keep":
        assert orders["amount_hundredths"].sum() == 891_140_790


def test_titles_and_totals_are_counted_and_kept_and_told(tmp_path: Path) -> None:
    path = tmp_path / "六月.csv"
    path.write_text(
        "六月订单,,,\n订单号,客户编号,下单时间,金额\n1,ann,2024-06-01,10\n\n2,bob,2024-06-02,5\n合计,,,15\n",
        encoding="utf-8",
    )
    source = Files.from_params({"files": {"orders": {"path": str(path)}}})
    tables = TableStore([source], date(2024, 6, 30), "Asia/Shanghai", 0.0)
    assert tables["orders"]["amount_hundredths"].to_list() == [1000, 500]
    assert tables.count("orders").reasons == {"no_data": 2}
    rejected = tables.cleaned("orders").rejected
    assert rejected.select("source_file", "source_row", "amount").rows() == [
        ("六月.csv", 1, None),
        ("六月.csv", 6, "15"),
    ]
    assert "六月.csv: Total rows, no data and kept aside: 1 (row 6)." in source.origin.en
    assert "合计" in source.origin.zh


def test_a_warning_is_for_both_languages() -> None:
    source = Files.from_params({"files": {}, "warning": {"zh": "生成数据。", "en": "Generated data."}})
    assert source.caution == ("生成数据。", "Generated data.")
    assert Files.from_params({"files": {}}).caution is None
    with pytest.raises(ParamsError, match="in both languages"):
        Files.from_params({"files": {}, "warning": {"zh": "生成数据。"}})
