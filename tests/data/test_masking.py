"""Values by the sensitivity of their column: what is shown, and that nothing else is."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.masking import KINDS, mask_reasons, mask_values, masked
from crmlab.data.privacy import mask_ids
from crmlab.data.schemas import TABLES, columns
from crmlab.params import PrivacyParams

KEY = bytes(range(32))


def shown(value: object, sensitivity: str, kind: str | None = None) -> object:
    return mask_values(pl.Series("v", [value]), sensitivity, kind)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("name", "张三丰", "张**"),
        ("name", "张", "**"),
        ("name", " Ann Lee ", "A**"),
        ("phone", "13812348000", "138****8000"),
        ("phone", "+86 138-1234-8000", "138****8000"),
        ("phone", "１３８１２３４８０００", "138****8000"),
        ("phone", "(010)62345678转12", "010-****5678"),
        ("phone", "张三的手机", "***"),
        ("email", "ann.lee@example.com", "a***@…"),
        ("email", "ann.lee at example", "***"),
        ("address", "广东省深圳市南山区科技路1号", "广东省深圳市***"),
        ("address", "北京市朝阳区某路2号", "北京市***"),
        ("address", "内蒙古自治区呼和浩特市某街", "内蒙古自治区呼和浩特市***"),
        ("address", "某小区3栋张三家", "***"),
        ("date", date(1985, 3, 4), "1985-**-**"),
        ("date", "生日是三月", "***"),
        ("messenger", "zhangsan_85", "***"),
        (None, "13812348000", "138****8000"),
        (None, "a@b.cn", "a***@…"),
        (None, "E12345678", "***"),
        (None, "张三", "张**"),
    ],
)
def test_personal_values(kind: str | None, value: object, expected: str) -> None:
    assert shown(value, "personal", kind) == expected


def test_the_other_classes() -> None:
    assert shown("汉", "sensitive") == shown(True, "sensitive") == shown(3.5, "sensitive") == "***"
    assert shown("x", "no class at all") == "***"
    assert shown("打13812345678", "free_text") == shown("打13812345678", "ordinary") == "打[电话]"
    assert shown(13812345678, "free_text") == "[phone]"
    assert shown(13812345678, "ordinary") == 13812345678
    assert shown("ZC2024001", "code") == "ZC***"
    assert shown("张三", "code") == "***"
    ids = pl.Series("customer_id", ["a", None, "b"])
    assert mask_values(ids, "code", key=KEY).to_list() == mask_ids(ids, KEY).to_list()


def test_lists_are_scanned_and_types_kept() -> None:
    tags = pl.Series("tags", [["好", "13812345678"], [], None])
    assert mask_values(tags, "ordinary").to_list() == [["好", "[phone]"], [], None]
    for values in (pl.Series("n", [1, 2]), pl.Series("d", [date(2024, 1, 1)]), pl.Series("b", [True])):
        assert mask_values(values, "free_text").equals(values)


@given(st.sampled_from(["personal", "sensitive", "code"]), st.sampled_from([None, *set(KINDS.values())]))
def test_null_stays_null_and_the_name_is_kept(sensitivity: str, kind: str | None) -> None:
    values = mask_values(pl.Series("name", [None, "x"]), sensitivity, kind)  # type: ignore[arg-type]
    assert values.name == "name"
    assert values[0] is None
    assert values[1] is not None
    assert mask_values(values.clear(), sensitivity).len() == 0


@given(st.text(min_size=6, max_size=60), st.sampled_from([None, *set(KINDS.values())]))
def test_hardly_anything_of_a_personal_value_is_left(value: str, kind: str | None) -> None:
    left = str(shown(value, "personal", kind)).replace("*", "")
    assert len(left) <= 3 or kind in ("address", "date") or left[-4:].isdigit() or left.endswith("@…")


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_by_its_class(table: str) -> None:
    marks = {c.column: f"{c.column}-鲜于宸" for c in columns(table) if c.dtype == pl.String}
    frame = masked(table, pl.DataFrame({name: [mark] for name, mark in marks.items()}), PrivacyParams(), KEY)
    for column in columns(table):
        if column.column in marks and column.sensitivity in ("code", "personal", "sensitive"):
            assert "鲜于宸" not in frame[column.column][0]


def test_the_study_decides_on_ids_and_texts() -> None:
    frame = pl.DataFrame(
        {"customer_id": ["ann"], "name": ["张三"], "remark": ["打13812345678"], "more": ["x"]}
    )
    plain = masked("customers", frame, PrivacyParams(ids="plain", quotes="plain"), KEY)
    assert plain.row(0) == ("ann", "张**", "打13812345678", "x")
    none = masked("customers", frame, PrivacyParams(quotes="none"), KEY)
    assert none.row(0)[1:] == ("张**", "***", "***")
    assert masked("customers", frame, PrivacyParams(), KEY).row(0)[1:] == ("张**", "打[电话]", "x")


def test_reasons_quote_nobody() -> None:
    customers = pl.DataFrame(
        {"customer_id": ["7", "K-1"], "name": ["张三", "李四"], "birth_date": [date(1985, 3, 4), None]}
    )
    reasons = pl.DataFrame(
        {
            "customer_id": ["7", "K-1", "none"],
            "zh": ["张三生于1985-03-04，7 笔订单", "K-1 不是张三", "打13812345678"],
            "en": ["张三", "K-1", None],
        }
    )
    assert mask_reasons(reasons, customers).select("zh", "en").rows() == [
        ("张**生于1985-**-**，7 笔订单", "张**"),
        ("*** 不是张三", "***"),
        ("打[电话]", None),
    ]
    assert mask_reasons(reasons, None)["zh"].to_list() == [
        "张三生于1985-03-04，7 笔订单",
        "*** 不是张三",
        "打[电话]",
    ]
