"""Validators: what is a number, a code, an address, however it is typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data import validators as v


def _of(function: Callable[[pl.Expr], pl.Expr], *texts: str | None) -> list[Any]:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return frame.select(function(pl.col("text")).alias("found"))["found"].to_list()


@pytest.mark.parametrize(
    "text",
    [
        "13812345678", "138 1234 5678", "138-1234-5678", "138.1234.5678", "138–1234–5678", "+86 13812345678",
        "+86-138-1234-5678", "(+86)13812345678", "0086 13812345678", "86 13812345678", "013812345678",
        "１３８１２３４５６７８", " 13812345678\u200b",
    ],
)  # fmt: skip
def test_a_mobile_number_is_known_however_it_is_typed(text: str) -> None:
    assert _of(v.is_mobile, text) == [True]
    assert _of(v.mobile_of, text) == ["13812345678"]


@pytest.mark.parametrize(
    "text", ["1381234567", "138123456789", "12812345678", "+13812345678", "0138-12345", "无"]
)
def test_other_numbers_are_no_mobile_numbers(text: str) -> None:
    assert _of(v.is_mobile, text) == [False]
    assert _of(v.mobile_of, text) == [None]


@pytest.mark.parametrize("between", ["/", " ", "、", ";", "，", "|", "-", "\n", "或"])
def test_a_cell_with_two_numbers_gives_both(between: str) -> None:
    text = f"13812345678{between}139 8765 4321"
    assert _of(v.mobiles_of, text) == [["13812345678", "13987654321"]]
    assert _of(v.is_mobile, text) == [False]


def test_an_identity_number_holds_no_mobile_number() -> None:
    assert _of(v.mobiles_of, "110105194912310021", "6222 0213 8123 4567 8", "手机：13812345678") == [
        [],
        [],
        ["13812345678"],
    ]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("010-87654321", "010-87654321"),
        ("（0371）6543210", "0371-6543210"),
        ("0371 65432101转123", "0371-65432101-123"),
        ("+86-021-87654321", "021-87654321"),
        ("400-820-8820", "4008208820"),
        ("075587654321", "0755-87654321"),
        ("87654321", None),
        ("13812345678", None),
        ("0123-1234567", None),
    ],
)
def test_landlines(text: str, plain: str | None) -> None:
    assert _of(v.landline_of, text) == [plain]
    assert _of(v.is_landline, text) == [plain is not None]


# The example of GB 11643-1999, one with the check digit 0, and an old number of 15 digits.
@pytest.mark.parametrize(
    ("text", "number", "born"),
    [
        ("11010519491231002X", "11010519491231002X", date(1949, 12, 31)),
        ("１１０１０５ 19491231 002x", "11010519491231002X", date(1949, 12, 31)),
        ("440524188001010014", "440524188001010014", date(1880, 1, 1)),
        ("440524800101001", "440524198001010013", date(1980, 1, 1)),
        ("110105194912310021", None, None),
        ("110105194902310026", None, None),
        ("990105194912310020", None, None),
        ("440524800231001", None, None),
        ("无", None, None),
    ],
)
def test_identity_numbers(text: str, number: str | None, born: date | None) -> None:
    assert _of(v.identity_number_of, text) == [number]
    assert _of(v.birth_date_of, text) == [born]
    assert _of(v.is_identity_number, text) == [number is not None and len(text) > 15]


@given(place=st.integers(0, 16), step=st.integers(1, 9))
def test_one_wrong_digit_of_an_identity_number_is_seen(place: int, step: int) -> None:
    right = "11010519491231002X"
    wrong = right[:place] + str((int(right[place]) + step) % 10) + right[place + 1 :]
    assert _of(v.is_identity_number, right, wrong) == [True, False]


_CODE = "91350100M000100Y43"  # the example of GB 32100-2015


@given(place=st.integers(0, 17), letter=st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZ"))
def test_one_wrong_character_of_a_credit_code_is_seen(place: int, letter: str) -> None:
    wrong = _CODE[:place] + letter + _CODE[place + 1 :]
    assert _of(v.is_credit_code, _CODE, wrong) == [True, wrong == _CODE]


def test_credit_codes() -> None:
    assert _of(v.credit_code_of, _CODE.lower(), "91350100 M000100Y43", "91350100M000100Y4") == [
        _CODE,
        _CODE,
        None,
    ]


def test_postcodes_and_addresses() -> None:
    assert _of(v.is_postcode, "100000", "０１０010", "999077", "000000", "990000", "10000") == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert _of(v.is_email, "A.b+c@QQ.com ", "ａ@b.cn", "1@1", "a@b..cn", "a b@c.cn", "@b.cn") == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert _of(v.email_of, " A@QQ.Com", "a@") == ["a@qq.com", None]


@pytest.mark.parametrize(
    "check", [v.is_mobile, v.is_landline, v.is_identity_number, v.is_credit_code, v.is_postcode, v.is_email]
)
def test_a_missing_value_is_neither_right_nor_wrong(check: Callable[[pl.Expr], pl.Expr]) -> None:
    assert _of(check, None, "", " \u3000") == [None, None, None]


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_whatever_the_text_there_is_an_answer(text: str) -> None:
    found = _of(lambda t: pl.concat_list([v.is_mobile(t), v.is_email(t), v.is_credit_code(t)]), text)[0]
    assert set(found) <= ({None} if _of(v.plain, text) == [None] else {True, False})
