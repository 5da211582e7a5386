"""Each rule about rows: what breaks it, what keeps it, what it says nothing of."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.quality.dimensions import DIMENSIONS
from crmlab.data.quality.places import PROVINCES, province_of, province_of_landline, province_of_postcode
from crmlab.data.quality.reading import REJECTIONS
from crmlab.data.quality.rules import IDS, RULES
from crmlab.data.quality.scorecard import Scorecard
from crmlab.data.quality.zodiac import is_animal_of
from crmlab.data.schemas import BY_POLICY, REASONS, TABLES

Card = Callable[..., Scorecard]

# From GB 11643-1999, annex: a woman of Beijing, born 1949-12-31.
WOMAN = "11010519491231002X"
MAN = "440106199003071234"

BROKEN, KEPT, SILENT = True, False, None

CUSTOMERS: dict[str, tuple[dict[str, list[Any]], list[bool | None]]] = {
    "mobile_format": (
        {
            "mobile": [
                *("13912345678", "+86 139 1234 5678", "19812345678", "17012345678", "+1 (212) 555-0100"),
                *("00852 9123 4567", "212-555-0100", "1391234567", "010-88886666", "+86 1391234567", ""),
            ],
            "country": ["中国"] * 6 + ["USA", "", "中国大陆", "China", "China"],
        },
        [KEPT] * 6 + [SILENT, BROKEN, BROKEN, BROKEN, SILENT],
    ),
    "phone_format": (
        {
            "phone": [
                *("010-88886666", "400-800-8820", "13912345678", "+44 20 7946 0018", "+86-21-61234567"),
                *("(010)8888 6666", "021-6123-4567", "0755-88881234转801", "95588", "88886666", ""),
            ]
        },
        [KEPT] * 9 + [BROKEN, SILENT],
    ),
    "email_format": (
        {"email": ["a.b@qq.com", "1@1", "a@b@c.com", "", "ａ＠ｑｑ．ｃｏｍ"]},
        [KEPT, BROKEN, BROKEN, SILENT, KEPT],
    ),
    "postcode_format": (
        {
            "postcode": ["100000", "12345", "999999", "", "94103-1234", "SW1A 1AA", "无"],
            "country": ["", "", "", "", "美国", "", ""],
        },
        [KEPT, BROKEN, BROKEN, SILENT, SILENT, SILENT, BROKEN],
    ),
    "identity_number_format": (
        {
            # Then a passport, cards of Hong Kong and Taiwan, and a number that lost its last character.
            "identity_number": [
                *(WOMAN, WOMAN.lower(), "'" + WOMAN, "110105491231002", "4.4E+17", ""),
                *("E12345678", "A123456(3)", "A123456789", WOMAN[:17]),
            ]
        },
        [KEPT, KEPT, KEPT, BROKEN, BROKEN, SILENT, SILENT, SILENT, SILENT, BROKEN],
    ),
    "identity_number_check": (
        {"identity_number": [WOMAN, WOMAN[:-1] + "1", "110105194913310020", "110105491231002", ""]},
        [KEPT, BROKEN, BROKEN, SILENT, SILENT],
    ),
    "credit_code_format": (
        {"credit_code": ["91350100M000100Y43", "91350100M000100I43", "350100100000001", ""]},
        [KEPT, BROKEN, BROKEN, SILENT],
    ),
    "credit_code_check": (
        {"credit_code": ["91350100M000100Y43", "91350100M000100Y44", "9135", ""]},
        [KEPT, BROKEN, SILENT, SILENT],
    ),
    "gender_code": ({"gender": ["男", "F", "2", "不详吧", ""]}, [KEPT, KEPT, KEPT, BROKEN, SILENT]),
    "grade_code": ({"grade": ["高", "VIP", "很好", ""]}, [KEPT, KEPT, BROKEN, SILENT]),
    "status_code": ({"status": ["流失", "Active", "？", ""]}, [KEPT, KEPT, BROKEN, SILENT]),
    "education_code": ({"education": ["本科", "硕士", "好", ""]}, [KEPT, KEPT, BROKEN, SILENT]),
    "name_missing": (
        {"name": ["张三", "", " "], "company": ["", "某公司", ""]},
        [KEPT, KEPT, BROKEN],
    ),
    "contact_missing": (
        {"mobile": ["13912345678", "", ""], "email": ["", "a@b.cn", ""]},
        [KEPT, KEPT, BROKEN],
    ),
    "profile_thin": (
        {"name": ["张", "", ""], "city": ["北京", "北京", ""], "gender": ["男", "男", "男"]},
        [KEPT, KEPT, BROKEN],
    ),
    "age_plausible": (
        {
            "birth_date": [
                *("1990-05-01", "1903-01-01", "2025-01-01", "1904-06-30", ""),
                *("1903-06-30", "1903-07-01", "2024-06-30", "2024-07-01", "2024-12-31"),
            ]
        },
        [KEPT, BROKEN, BROKEN, KEPT, SILENT, BROKEN, KEPT, KEPT, BROKEN, BROKEN],
    ),
    "birth_date_default": (
        {"birth_date": ["1900-01-01", "1970-01-01", "1970-01-02", ""]},
        [BROKEN, BROKEN, KEPT, SILENT],
    ),
    "birth_date_identity": (
        {
            "identity_number": [WOMAN, WOMAN, "123", "", WOMAN, WOMAN],
            # The last two are told of by other rules: a default, and a day to come.
            "birth_date": ["1949-12-31", "1949-12-30", *["1949-12-31"] * 2, "1970-01-01", "2030-01-01"],
        },
        [KEPT, BROKEN, SILENT, SILENT, SILENT, SILENT],
    ),
    "gender_identity": (
        {"identity_number": [WOMAN, WOMAN, WOMAN, ""], "gender": ["女", "男", "未知", "男"]},
        [KEPT, BROKEN, SILENT, SILENT],
    ),
    "province_identity": (
        {"identity_number": [WOMAN, WOMAN, WOMAN], "province": ["北京市", "上海", "Beijing"]},
        [KEPT, BROKEN, SILENT],
    ),
    "province_area_code": (
        {
            "phone": [
                *("010-88886666", "021-88886666", "0755-8888666", "13912345678", "0100-8888666"),
                *("+86 21 6123 4567", "+86 10 8888 6666"),
            ],
            "province": ["北京", "北京市", "广东省", "北京", "北京", "上海", "上海"],
        },
        [KEPT, BROKEN, KEPT, SILENT, SILENT, KEPT, BROKEN],
    ),
    "province_postcode": (
        {
            "postcode": ["100000", "510000", "5100", "510000", "137400", "137000"],
            "province": ["北京", "北京", "北京", "", "内蒙古", "内蒙古"],
        },
        [KEPT, BROKEN, SILENT, SILENT, KEPT, BROKEN],
    ),
    "education_age": (
        {
            "education": ["本科", "本科", "小学", "硕士", ""],
            "birth_date": ["1990-01-01", "2015-01-01", "2015-01-01", "2030-01-01", "2015-01-01"],
        },
        [KEPT, BROKEN, KEPT, SILENT, SILENT],
    ),
    "mobile_placeholder": (
        {"mobile": ["13800138000", "138-0013-8000", "12345678901", "13000000000", "13888888888", ""]},
        [BROKEN, BROKEN, BROKEN, BROKEN, KEPT, SILENT],
    ),
    "name_placeholder": (
        {
            "name": [
                *("测试", "test01", "N/A", "无", "测试账号2", "test user", "测试公司"),
                *("吴无忌", "Testa Rossa", "Testa", "Sample", "测试仪器有限公司"[2:], ""),
            ]
        },
        [BROKEN] * 7 + [KEPT, KEPT, KEPT, BROKEN, KEPT, SILENT],
    ),
    "email_placeholder": (
        {
            "email": [
                *("1@1", "test@qq.com", "x@example.com", "123456@qq.com", "1234567890@qq.com", "a@xx.com"),
                *("wang@qq.com", "1239876540@qq.com", "li@aa.com", "admin@factory.cn", ""),
            ]
        },
        [BROKEN] * 6 + [KEPT] * 4 + [SILENT],
    ),
    "mobile_shared": (
        {"mobile": ["13912345679", "+8613912345679", "13700000001", "13800138000", "13800138000", ""]},
        [BROKEN, BROKEN, KEPT, SILENT, SILENT, SILENT],
    ),
    "identity_number_shared": (
        {"identity_number": [WOMAN, WOMAN.lower(), "", ""]},
        [BROKEN, BROKEN, SILENT, SILENT],
    ),
    "record_stale": (
        {"updated_at": ["2022-06-30", "2022-07-01", "2024-06-01", ""]},
        [BROKEN, KEPT, KEPT, SILENT],
    ),
    "contact_stale": (
        {"last_contact_at": ["2023-06-30", "2023-07-01", ""]},
        [BROKEN, KEPT, SILENT],
    ),
    "registered_early": ({"registered_on": ["1989-12-31", "1990-01-01", ""]}, [BROKEN, KEPT, SILENT]),
    "text_garbled": (
        {"name": ["张三", "\ufffd\ufffd三", "锟斤拷", ""], "city": ["北京", "", "", ""]},
        [KEPT, BROKEN, BROKEN, KEPT],
    ),
}


def _flags(found: Scorecard, rule: str, table: str, rows: int) -> tuple[list[bool], int]:
    result = found.result(rule, table)
    assert result is not None
    flags = found.flags[table]
    broken = flags[rule].to_list() if rule in flags.columns else [False] * rows
    assert sum(broken) == result.violated
    return broken, result.checked


@pytest.mark.parametrize("rule", CUSTOMERS)
def test_rules_of_customers(card: Card, rule: str) -> None:
    columns, expected = CUSTOMERS[rule]
    ids = [f"c{place}" for place in range(len(expected))]
    broken, checked = _flags(
        card({"customers": {"customer_id": ids, **columns}}), rule, "customers", len(ids)
    )
    assert broken == [verdict is BROKEN for verdict in expected]
    assert checked == sum(verdict is not SILENT for verdict in expected)


def _orders(**columns: list[Any]) -> dict[str, list[Any]]:
    n = len(next(iter(columns.values())))
    given = {
        "order_id": [f"o{place}" for place in range(n)],
        "customer_id": [f"c{place}" for place in range(n)],
        "ordered_at": [f"2024-05-{place + 1:02} 10:00" for place in range(n)],
        "amount": ["10"] * n,
    }
    return given | columns


OTHERS: dict[tuple[str, str], tuple[dict[str, dict[str, list[Any]]], list[bool | None]]] = {
    ("unknown_customer", "orders"): (
        {"customers": {"customer_id": ["c0", "c1"]}, "orders": _orders(customer_id=["c0", "c1", "c2"])},
        [KEPT, KEPT, BROKEN],
    ),
    ("unknown_customer", "feedback"): (
        {
            "customers": {"customer_id": ["c0"]},
            "feedback": {"text": ["好", "好", "好"], "customer_id": ["c0", "c9", ""]},
        },
        [KEPT, BROKEN, SILENT],
    ),
    ("unknown_order", "order_lines"): (
        {
            # Lines of a cancelled order are nobody's fault, those of a rejected one were told of there.
            "orders": _orders(status=["completed", "cancelled", "completed"], amount=["10", "10", "ten"]),
            "order_lines": {"order_id": ["o0", "o1", "o2", "o3"], "amount": ["5", "5", "5", "5"]},
        },
        [KEPT, KEPT, KEPT, BROKEN],
    ),
    ("unknown_campaign", "contacts"): (
        {
            "campaigns": {"campaign_id": ["k1"], "started_on": ["2024-01-01"]},
            "contacts": {
                "campaign_id": ["k1", "k2"],
                "customer_id": ["a", "b"],
                "contacted_at": ["2024-02-01", "2024-02-01"],
            },
        },
        [KEPT, BROKEN],
    ),
    ("order_total", "orders"): (
        {
            "orders": _orders(amount=["10", "10", "10"]),
            "order_lines": {"order_id": ["o0", "o0", "o1"], "amount": ["4", "6", "9"]},
        },
        [KEPT, BROKEN, SILENT],
    ),
    ("line_amount", "order_lines"): (
        {
            "order_lines": {
                "order_id": ["1", "1", "1"],
                "amount": ["6", "6", "6"],
                "quantity": ["2", "2", ""],
                "unit_price": ["3", "2", "3"],
            }
        },
        [KEPT, BROKEN, SILENT],
    ),
    ("order_repeated", "orders"): (
        {
            "orders": _orders(
                customer_id=["a", "a", "a", "b", "a"],
                ordered_at=[
                    "2024-05-01 10:04:59",
                    "2024-05-01 10:00",
                    "2024-05-01 10:10:00",
                    "2024-05-01 10:00",
                    "2024-05-01 10:01",
                ],
                amount=["10", "10", "10", "10", "-10"],
            )
        },
        [BROKEN, KEPT, KEPT, KEPT, SILENT],
    ),
    ("amount_negative", "orders"): ({"orders": _orders(amount=["-1", "0", "1"])}, [BROKEN, KEPT, KEPT]),
    ("amount_zero", "orders"): ({"orders": _orders(amount=["-1", "0", "1"])}, [KEPT, BROKEN, KEPT]),
    ("amount_outlier", "orders"): (
        {"orders": _orders(amount=["10", "11", "12", "9", "8", "10", "100000", "-5"])},
        [KEPT, KEPT, KEPT, KEPT, KEPT, KEPT, BROKEN, SILENT],
    ),
    ("interaction_repeated", "interactions"): (
        {
            "interactions": {
                "customer_id": ["a", "a", "a"],
                "channel": ["电话", "电话", "微信"],
                "happened_at": ["2024-05-01 10:00:00", "2024-05-01 10:00:30", "2024-05-01 10:00:40"],
            }
        },
        [KEPT, BROKEN, KEPT],
    ),
    ("feedback_repeated", "feedback"): (
        {
            "feedback": {
                "customer_id": ["a", "a", "b", ""],
                "given_on": ["2024-05-01"] * 4,
                "text": ["差"] * 4,
            }
        },
        [KEPT, BROKEN, KEPT, SILENT],
    ),
    ("text_placeholder", "feedback"): (
        {
            "feedback": {
                "text": [
                    *("无", "测试", "此用户没有填写评价。", "。。。", "测试数据123", "this is a test"),
                    *("无可挑剔", "测试了三天，很满意", "特意做了防水测试", "It passed my drop test"),
                ]
            }
        },
        [BROKEN] * 6 + [KEPT] * 4,
    ),
    ("feedback_undated", "feedback"): (
        {"feedback": {"text": ["好", "差"], "given_on": ["2024-05-01", ""]}},
        [KEPT, BROKEN],
    ),
    ("registered_after_order", "customers"): (
        {
            "customers": {
                "customer_id": ["a", "b", "c"],
                "registered_on": ["2024-05-01", "2024-05-02", "2024-06-01"],
            },
            "orders": _orders(customer_id=["a", "b"], ordered_at=["2024-05-01 09:00", "2024-05-01 09:00"]),
        },
        [KEPT, BROKEN, SILENT],
    ),
    ("closed_before_resolved", "complaints"): (
        {
            "complaints": {
                "opened_at": ["2024-05-01"] * 3,
                "resolved_at": ["2024-05-03", "2024-05-03", ""],
                "closed_at": ["2024-05-04", "2024-05-02", "2024-05-04"],
            }
        },
        [KEPT, BROKEN, SILENT],
    ),
    ("resolution_undated", "complaints"): (
        {
            "complaints": {
                "opened_at": ["2024-05-01"] * 3,
                "stage": ["已解决", "已解决", "处理中"],
                "resolved_at": ["2024-05-03", "", ""],
            }
        },
        [KEPT, BROKEN, SILENT],
    ),
}


@pytest.mark.parametrize("case", OTHERS, ids="-".join)
def test_rules_of_other_tables(card: Card, case: tuple[str, str]) -> None:
    rule, table = case
    tables, expected = OTHERS[case]
    broken, checked = _flags(card(tables), rule, table, len(expected))
    assert broken == [verdict is BROKEN for verdict in expected]
    assert checked == sum(verdict is not SILENT for verdict in expected)


def test_a_code_list_of_the_study(card: Card) -> None:
    grades = {"customers": {"customer_id": list("abcd"), "grade": ["高", "钛金Ａ", "钛金a", ""]}}
    found = card(grades, rules={"grade_code": {"codes": ["钛金Ａ"]}})
    assert _flags(found, "grade_code", "customers", 4) == ([True, False, False, False], 3)
    many = {"customers": {"customer_id": [f"c{n}" for n in range(9)], "grade": ["高"] * 9}}
    result = card(many, rules={"grade_code": {"codes": ["钛金"]}}).result("grade_code", "customers")
    assert result is not None
    assert result.violated == 9  # where the study gives a list, nothing else is a code


def test_an_age_of_the_study(card: Card) -> None:
    updated = {"customers": {"customer_id": ["a", "b"], "updated_at": ["2024-06-01", "2024-06-29"]}}
    assert _flags(card(updated, rules={"record_stale": {"days": 7}}), "record_stale", "customers", 2) == (
        [True, False],
        2,
    )


# --- rules that count ------------------------------------------------------------------------------


def _daily(days: list[date], each: int) -> dict[str, dict[str, list[Any]]]:
    times = [f"{day} 10:00" for day in days for _ in range(each)]
    return {"orders": _orders(ordered_at=times, customer_id=["a"] * len(times))}


WEEKDAYS = [
    date(2024, 4, 1) + timedelta(days=n)
    for n in range(84)
    if (date(2024, 4, 1) + timedelta(days=n)).weekday() < 5
]


def test_days_without_their_usual_orders_are_gaps_and_free_weekends_are_not(card: Card) -> None:
    gap = [date(2024, 5, 1), date(2024, 5, 2)]
    result = card(_daily([day for day in WEEKDAYS if day not in gap], 10)).result("cadence_gap", "orders")
    assert result is not None
    assert (result.checked, result.violated) == (60, 2)
    assert result.count.examples == ("2024-05-01", "2024-05-02")
    assert result.count.unit.en == "days"


def test_few_orders_a_day_are_looked_at_by_week(card: Card) -> None:
    lost = date(2024, 5, 13)
    kept = [day for day in WEEKDAYS if not lost <= day < lost + timedelta(days=7)]
    result = card(_daily(kept, 3)).result("cadence_gap", "orders")
    assert result is not None
    assert (result.violated, result.count.unit.en, result.count.examples) == (1, "weeks", ("2024-05-13",))


def test_the_first_weeks_of_a_growing_shop_are_no_gaps(card: Card) -> None:
    start = date(2024, 1, 1)
    quiet = [start + timedelta(days=n) for n in range(0, 56, 14)]
    busy = [start + timedelta(days=n) for n in range(56, 182)]
    month = [day for day in busy if day.month != 5]  # a month that was never exported stays a gap
    both = [_daily(quiet, 1)["orders"], _daily(month, 12)["orders"]]
    times = [time for orders in both for time in orders["ordered_at"]]
    result = card({"orders": _orders(ordered_at=times)}).result("cadence_gap", "orders")
    assert result is not None
    assert (result.violated, result.count.examples[0]) == (31, "2024-05-01")


def test_the_answers_of_one_questionnaire_come_by_one_chance(card: Card) -> None:
    days = [str(WEEKDAYS[n]) for n in (0, 1, 4, 7, 10, 15, 20, 30, 40, 59)]
    feedback = {
        "text": ["好"] * 100,
        "question": [f"Q{n}" for n in range(10)] * 10,
        "given_on": [day for day in days for _ in range(10)],
    }
    for who in ("respondent_id", "customer_id"):
        given = {"feedback": feedback | {who: [day for day in days for _ in range(10)]}}
        assert card(given).result("cadence_gap", "feedback") is None


def test_few_orders_a_week_have_no_cadence(card: Card) -> None:
    assert card(_daily(WEEKDAYS[::5], 1)).result("cadence_gap", "orders") is None


def test_a_table_that_ends_early_is_not_current(card: Card) -> None:
    for newest, late in (("2024-05-30", 0), ("2024-05-29", 1)):
        result = card({"orders": _orders(ordered_at=[newest])}).result("table_current", "orders")
        assert result is not None
        assert (result.violated, result.count.examples) == (late, (newest,))


def test_a_table_with_few_dates_is_not_called_old(card: Card) -> None:
    texts = {"text": ["好", "差", "中"]}
    for days, judged in ((["2020-01-01", "", ""], False), (["2020-01-01", "2020-01-01", ""], True)):
        result = card({"feedback": texts | {"given_on": days}}).result("table_current", "feedback")
        assert (result is not None) == judged


def test_a_grade_that_many_have_is_the_companys_own(card: Card) -> None:
    grades = ["紫卡"] * 5 + ["高"] * 90 + ["紫"] * 4 + [""] * 50
    ids = [f"c{n}" for n in range(len(grades))]
    result = card({"customers": {"customer_id": ids, "grade": grades}}).result("grade_code", "customers")
    assert result is not None
    assert (result.checked, result.violated) == (99, 4)


def test_rejected_rows_count_in_the_dimension_of_their_reason(card: Card) -> None:
    orders = _orders(
        order_id=["a", "b", "b", "c", "", "e", "e"],
        ordered_at=[
            "soon",
            "2024-05-01",
            "2024-05-01",
            "1980-01-01",
            "2024-05-01",
            "2024-05-01",
            "2024-05-02",
        ],
        customer_id=["x"] * 7,
        status=["完成", "完成", "完成", "完成", "完成", "取消", "不认识"],
    )
    found = card({"orders": orders})
    counts = {rule: found.result(rule, "orders") for rule in REJECTIONS}
    assert {rule: result.violated for rule, result in counts.items() if result} == {
        "rejected_unreadable": 1,
        "rejected_duplicate": 1,
        "rejected_implausible": 1,
        "rejected_incomplete": 1,
        "rejected_code": 1,
        "rejected_contradiction": 0,
    }
    assert {result.checked for result in counts.values() if result} == {6}  # without the cancelled one


def test_columns_that_nobody_understood(card: Card) -> None:
    result = card({"orders": _orders(amount=["1"], xyz=["?"])}).result("columns_unmapped", "orders")
    assert result is not None
    assert (result.checked, result.violated, result.count.examples) == (5, 1, ("xyz",))


# --- tables behind the rules -----------------------------------------------------------------------


@given(st.dates(date(1900, 1, 31), date(2100, 1, 1)))
def test_a_date_has_one_animal_or_two_around_the_new_year(day: date) -> None:
    frame = pl.DataFrame({"zodiac": list("鼠牛虎兔龙蛇马羊猴鸡狗猪"), "day": [day] * 12})
    fits = frame.filter(is_animal_of(pl.col("zodiac"), pl.col("day")))
    around = (1, 21) <= (day.month, day.day) <= (2, 20)
    assert fits.height == (2 if around else 1)


@pytest.mark.parametrize(
    ("zodiac", "born", "fits"),
    [
        ("龙", date(2024, 2, 21), True),
        ("兔", date(2024, 1, 20), True),
        ("兔", date(2024, 2, 9), True),  # the lunar new year of 2024 was on 10 February
        ("蛇", date(2024, 2, 9), False),
        ("属龍", date(1988, 8, 8), True),
        ("Dragon", date(1988, 8, 8), True),
        ("恐龙蛋", date(1989, 8, 8), False),
        ("凤凰", date(1988, 8, 8), None),
        (None, date(1988, 8, 8), None),
        ("龙", None, None),
    ],
)
def test_animals(zodiac: str | None, born: date | None, fits: bool | None) -> None:
    frame = pl.DataFrame({"zodiac": [zodiac], "born": [born]}, schema={"zodiac": pl.String, "born": pl.Date})
    assert frame.select(is_animal_of(pl.col("zodiac"), pl.col("born"))).item() is fits


def test_no_code_belongs_to_two_provinces() -> None:
    for place in range(3):
        codes = [code for entry in PROVINCES.values() for code in entry[place].split()]
        assert len(codes) == len(set(codes))
    assert len(PROVINCES) == 34


def test_places() -> None:
    frame = pl.DataFrame(
        {
            "name": ["广东省深圳市", "内蒙古自治区", "中国香港", "东京"],
            "phone": ["0755-88886666", "+86 (0471) 8888666", "010-88886666", "0000-1"],
            "postcode": ["518000", "010010", "999077", "85"],
        }
    )
    found = frame.select(
        province_of(pl.col("name")),
        province_of_landline(pl.col("phone")),
        province_of_postcode(pl.col("postcode")),
    )
    assert found["name"].to_list() == ["广东", "内蒙古", "香港", None]
    assert found["phone"].to_list() == ["广东", "内蒙古", "北京", None]
    assert found["postcode"].to_list() == ["广东", "内蒙古", None, "西藏"]


# --- all rules -------------------------------------------------------------------------------------


def test_every_reason_of_rejection_is_counted_once() -> None:
    counted = [reason for _, reasons, *_ in REJECTIONS.values() for reason in reasons]
    assert sorted(counted) == sorted(set(REASONS) - set(BY_POLICY))


def test_rules_are_whole() -> None:
    assert len({(rule.id, rule.table) for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert (rule.violated is None) != (rule.counted is None), rule.id
        assert rule.dimension in DIMENSIONS
        assert rule.table in TABLES
        assert 0 <= rule.max_share < 1
        for text in (rule.title, rule.advice):
            assert re.search(r"[\u3400-\u9fff]", text.zh), rule.id
            assert not re.search(r"[\u3400-\u9fff，。；：（）]", text.en), rule.id
            assert not re.search(r"[\u3400-\u9fff][,;:?!]|[,;:?!][\u3400-\u9fff]", text.zh), rule.id
    assert {rule.dimension for rule in RULES} == set(DIMENSIONS)
    assert len(IDS) >= 60


def test_every_row_rule_of_customers_has_a_case() -> None:
    about_rows = {rule.id for rule in RULES if rule.table == "customers" and rule.violated}
    elsewhere = {rule for rule, table in OTHERS if table == "customers"}
    assert about_rows - set(CUSTOMERS) - elsewhere == {"company_placeholder", "zodiac_birth_date"}
