"""Matching keys: what is the same although it is typed otherwise, and what never glues customers."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from crmlab.data.identity.companies import company_core, company_place
from crmlab.data.identity.keys import comparable, is_placeholder, matching_keys, shared_keys
from crmlab.errors import DataError, ParamsError


def _values(kind: str, **columns: list[Any]) -> list[tuple[str, str]]:
    rows = len(next(iter(columns.values())))
    records = pl.DataFrame({"customer_id": [str(row) for row in range(rows)], **columns})
    return (
        matching_keys(records, [kind]).sort("record_id", "key_value").select("record_id", "key_value").rows()
    )


def test_mobiles_are_found_in_both_telephone_columns_and_several_in_a_cell() -> None:
    found = _values(
        "mobile", mobile=["+86 138-0000-0001/13900000002", None], phone=["13800000001", "010-87654321"]
    )
    assert found == [("0", "13800000001"), ("0", "13900000002")]


@pytest.mark.parametrize(
    "number", ["13800138000", "13888888888", "13912345678", "13900000000", "12345678901"]
)
def test_placeholder_numbers_give_no_key(number: str) -> None:
    assert _values("mobile", mobile=[number, "13800000001"]) == [("1", "13800000001")]


@pytest.mark.parametrize(
    "address", ["1@1", "test@qq.com", "TEST01@163.com", "a@a.com", "123456@qq.com", "x@example.com", "无"]
)
def test_placeholder_addresses_give_no_key(address: str) -> None:
    assert _values("email", email=[address, " Li.Na@QQ.com"]) == [("1", "li.na@qq.com")]


def test_the_other_kinds() -> None:
    assert _values("identity_number", identity_number=["440524800101001", "440524 1980 0101 0013"]) == [
        ("0", "440524198001010013"),
        ("1", "440524198001010013"),
    ]
    assert _values("credit_code", credit_code=["91350100m000100y43", "91350100M000100Y44"]) == [
        ("0", "91350100M000100Y43")
    ]
    assert _values("wechat", wechat=["Zhang_San8", "无", "test01", "ab"]) == [("0", "zhang_san8")]


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("北京小米科技有限责任公司", "小米科技"),
        ("小米科技（北京）有限公司", "小米科技"),
        ("小米科技", "小米科技"),
        ("广东省深圳市大疆创新科技有限公司", "大疆创新科技"),
        ("阿里巴巴（中国）网络技术有限公司", "阿里巴巴网络技术"),
        ("美的集团股份有限公司", "美的"),
        ("美的集团", "美的"),
        ("Acme Co., Ltd.", "acme"),
        ("ＡＣＭＥ　Inc", "acme"),
        ("上海银行股份有限公司", "上海银行"),
        ("北京银行", "北京银行"),
        ("小米科技有限公司深圳分公司", "小米科技深圳分公司"),
        ("小米科技有限公司上海分公司", "小米科技上海分公司"),
        ("有限公司", None),
        ("—", None),
    ],
)
def test_the_core_of_a_company_name(name: str, core: str | None) -> None:
    assert pl.DataFrame({"name": [name]}).select(company_core(pl.col("name"))).item() == core


def test_the_place_of_a_company() -> None:
    names = pl.DataFrame({"name": ["广东省深圳市大疆科技", "小米科技（北京）有限公司", "东北京味楼", None]})
    assert names.select(company_place(pl.col("name"))).to_series().to_list() == ["深圳", "北京", None, None]


def test_colleagues_are_not_one_customer() -> None:
    company = ["小米科技有限公司"] * 5
    name = ["王芳", "李强", "王 芳", None, "北京小米科技"]
    assert [value for _, value in _values("company", company=company, name=name)] == [
        "小米科技|王芳", "小米科技|李强", "小米科技|王芳", "小米科技|", "小米科技|",
    ]  # fmt: skip


def test_a_key_of_very_many_records_is_reported_and_not_used() -> None:
    mobile = ["13800000001"] * 11 + ["13800000002"] * 10 + ["13800000003"]
    records = pl.DataFrame({"customer_id": [str(row) for row in range(22)], "mobile": mobile})
    used, frequent = shared_keys(matching_keys(records))
    assert set(used["key_value"]) == {"13800000002"}
    assert frequent.to_dicts() == [{"key_kind": "mobile", "records": 11, "masked_value": "138****01"}]


def test_columns_that_are_not_there_give_no_keys() -> None:
    records = pl.DataFrame({"customer_id": ["a"], "mobile": pl.Series([None], dtype=pl.Null)})
    assert matching_keys(records).is_empty()


@pytest.mark.parametrize(
    "text", ["无", "N/A", "n/a", "暂无", "测试客户", "13800138000", "--", "１３８００１３８０００"]
)
def test_placeholders(text: str) -> None:
    values = pl.DataFrame({"text": [text, "无锡", "测"]})
    assert values.select(is_placeholder(pl.col("text"))).to_series().to_list() == [True, False, False]


def test_equal_things_compare_equal() -> None:
    frame = pl.DataFrame({"mobile": ["+86 138 0000 0001", "13800000001"], "name": ["Li  Na", "li na"]})
    for column in frame.columns:
        assert frame.select(comparable(column)).to_series().n_unique() == 1


def test_unknown_kinds_and_records_without_ids_are_errors() -> None:
    with pytest.raises(ParamsError, match="Did you mean 'mobile'"):
        matching_keys(pl.DataFrame({"customer_id": ["a"]}), ["mobil"])
    with pytest.raises(DataError, match="1 rows have none and 1 repeat"):
        matching_keys(pl.DataFrame({"customer_id": ["a", "a", None]}))
    with pytest.raises(DataError, match="lack the column 'customer_id'"):
        matching_keys(pl.DataFrame({"id": ["a"]}))
