"""Tables from files: headers are recognised or mapped, mistakes are told before a file is read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crmlab.data.schemas import TABLES
from crmlab.data.tables import TableStore
from crmlab.errors import DataError, ParamsError
from crmlab.satisfaction import SCALES
from crmlab_plugins.files import Files


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Write a file, read it as a table and return its columns and rows."""

    def read(name: str, text: str, **entry: Any) -> tuple[list[str], list[tuple[object, ...]]]:
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        source = Files.from_params({"files": {name: {"path": str(path), **entry}}})
        frame = source.read()[name].collect()
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
        "Amount": "no",
        "amount": "5",
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
