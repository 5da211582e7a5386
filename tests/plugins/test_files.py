"""Files of a user: headers are recognised or mapped, and what is wrong is said before reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmlab.errors import DataError, ParamsError
from crmlab_plugins.files import Files

ORDERS = "订单号,会员号,购买时间,实付金额\nA1,000123,2024-03-05 10:00,\"1,234.50\"\n"


def _write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> str:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_chinese_headers_are_recognised_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = _write(tmp_path, "orders.csv", ORDERS, encoding)
    frame = Files(files={"orders": {"path": path}}).read()["orders"].collect()
    assert frame.to_dicts() == [
        {"order_id": "A1", "customer_id": "000123", "ordered_at": "2024-03-05 10:00", "amount": "1,234.50"}
    ]


def test_a_mapping_goes_before_what_is_recognised(tmp_path: Path) -> None:
    path = _write(tmp_path, "o.csv", "customer_id,card,when,paid\nwrong,right,2024-01-01,5\n")
    columns = {"customer_id": "card", "ordered_at": "when", "amount": "paid"}
    frame = Files(files={"orders": {"path": path, "columns": columns}}).read()["orders"].collect()
    assert frame.to_dicts() == [{"customer_id": "right", "ordered_at": "2024-01-01", "amount": "5"}]


def test_a_header_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = _write(tmp_path, "o.csv", "顾客编码,when,paid\n1,2024-01-01,5\n")
    source = Files(files={"orders": {"path": path, "columns": {"customer_id": "顾客编号"}}})
    with pytest.raises(DataError, match=r"o\.csv has no column '顾客编号'\. Did you mean '顾客编码'\?"):
        source.read()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv cannot be read: No such file"):
        Files(files={"orders": {"path": str(tmp_path / "gone.csv")}}).read()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"order": {"path": "x.csv"}}, "No canonical table is named 'order'. Did you mean 'orders'?"),
        ({"orders": {}}, "The table 'orders' has no file"),
        ({"orders": {"path": "x", "columns": {"amuont": "a"}}}, "Did you mean 'amount'?"),
        ({"orders": {"path": "x", "columns": {"amount": "a", "order_id": "a"}}}, "more than one column"),
        ({"feedback": {"path": "x", "scale": "nps"}}, "Did you mean 'nps_0_10'?"),
        ({"orders": {"path": "x", "scale": "nps_0_10"}}, "belongs to the table 'feedback'"),
        ({"orders": {"path": "x", "colums": {}}}, "unknown name"),
    ],
)
def test_what_is_wrong_is_said_before_any_file_is_opened(files: dict[str, object], said: str) -> None:
    with pytest.raises(ParamsError) as caught:
        Files.from_params({"files": files})
    assert said in str(caught.value)


def test_it_provides_what_it_was_given_and_names_no_folder(tmp_path: Path) -> None:
    path = _write(tmp_path, "orders.csv", ORDERS)
    source = Files(files={"orders": {"path": path}}, note="2024 年门店数据")
    assert source.provides == ("orders",)
    for text in source.origin:
        assert "orders.csv" in text
        assert "2024 年门店数据" in text
        assert str(tmp_path) not in text


def test_a_scale_is_written_beside_every_score(tmp_path: Path) -> None:
    path = _write(tmp_path, "f.csv", "内容,评分\n好,5\n差,1\n")
    frame = Files(files={"feedback": {"path": path, "scale": "csat_1_5"}}).read()["feedback"].collect()
    assert frame["scale"].to_list() == ["csat_1_5", "csat_1_5"]
    assert frame["text"].to_list() == ["好", "差"]
