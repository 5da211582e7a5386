"""The forms ask what the mission's tables ask, under the headers that canonical columns recognise."""

from __future__ import annotations

import pytest

from crmlab.data.canonical.columns import SENSITIVITIES
from crmlab.data.schemas import columns
from crmlab.data.templates.definitions import plain
from crmlab.data.templates.examples import example_rows
from crmlab.data.templates.forms import code_lists, forms, named_forms, sheets
from crmlab.errors import ParamsError

PROFILE = [
    *("登记日期", "客户等级", "编号", "姓名", "性别", "出生年月日", "属相", "籍贯", "教育程度", "住址"),
    *("公司名称", "成立日期", "职务", "公司地址", "邮编", "电话", "传真", "手机", "网址", "电子邮件"),
    *("兴趣爱好", "最喜欢的运动", "最崇拜的名人", "最喜欢做的事", "最喜欢读的书"),
    *("是否有吸烟", "是否有饮酒", "宗教信仰", "座右铭", "其他"),
]


def headers(sheet_id: str) -> list[str]:
    return [field.text.zh for sheet in sheets() if sheet.id == sheet_id for field in sheet.fields]


def test_the_profile_has_its_thirty_fields_in_order() -> None:
    assert len(PROFILE) == 30
    assert headers("profile") == PROFILE


def test_the_other_forms_have_theirs_and_the_keys_that_they_lack() -> None:
    assert headers("journey") == [
        *("编号", "人生目标（短期）", "人生目标（长期）", "最得意的成就", "最关切的问题"),
        *("急需解决的问题", "其他"),
    ]
    assert headers("purchases") == [
        "编号", "订单号", "购买时间", "购买商品或服务", "消费金额", "支付方式", "备注",
    ]  # fmt: skip
    assert headers("overview")[:10] == [
        *("编号", "客户姓名", "电话", "电子邮件", "社交媒体账户", "居住地址", "公司地址"),
        *("偏好和兴趣", "客户分类", "客户状态"),
    ]
    assert headers("history")[2:] == ["产品名称", "购买日期", "购买金额"]
    assert headers("contact_log")[1:] == ["沟通时间", "沟通内容", "沟通渠道"]
    assert [form.text.zh for form in forms()] == [
        "客户基本资料表", "客户人生旅途表", "客户消费记录表", "客户情况管理表", "改进登记表",
    ]  # fmt: skip


def test_lists_offer_what_the_forms_name() -> None:
    values = {code: [value.zh for value in codes.values] for code, codes in code_lists().items()}
    assert values["grade"] == ["高", "中", "低"]
    assert values["gender"] == ["男", "女"]
    assert values["education"] == ["小学", "初中", "高中", "大专", "本科及以上"]
    assert values["yes_no"] == ["是", "否"]
    assert len(values["zodiac"]) == 12
    assert {"现金", "刷卡", "在线支付"} <= set(values["payment_method"])
    assert values["customer_type"] == ["VIP", "潜在", "新"]
    assert values["status"] == ["活跃", "休眠", "流失"]


def test_every_input_is_a_canonical_column_that_recognises_its_headers() -> None:
    for sheet in sheets():
        canonical = {column.name: column for column in columns(sheet.table)}
        for field in sheet.inputs:
            if (sheet.id, field.column) in {("cases", "case"), ("journey", "life_remark")}:
                continue  # told apart by their sheet: one splits into two tables, one shares its header
            known = {plain(alias) for alias in canonical[field.column].aliases}
            assert {plain(header) for header in field.text} <= known, (sheet.id, field.column)


def test_sensitive_fields_are_those_of_the_schema() -> None:
    fields = [field for sheet in sheets() for field in sheet.fields]
    sensitive = {field.text.zh for field in fields if field.sensitivity == "sensitive"}
    assert sensitive == {"籍贯", "是否有吸烟", "是否有饮酒", "宗教信仰"}
    assert all(field.sensitivity in SENSITIVITIES for field in fields)


def test_everything_has_both_languages_and_no_header_twice() -> None:
    for sheet in sheets():
        for language in (0, 1):
            titles = [field.text[language] for field in sheet.fields]
            assert all(titles)
            assert len({plain(title) for title in titles}) == len(titles), sheet.id
        assert all(bool(field.note.zh) == bool(field.note.en) for field in sheet.fields)
    names = [plain(name) for sheet in sheets() for name in sheet.text]
    assert len(set(names)) == len(names)


def test_the_stages_are_words_that_the_complaints_table_knows() -> None:
    stage = next(column for column in columns("complaints") if column.name == "stage")
    known = {word.casefold() for words in stage.codes.values() for word in words}
    assert {word.casefold() for word in code_lists()["stage"].words} <= known


def test_the_register_offers_words_that_the_improvements_table_knows() -> None:
    known = {column.name: column.codes for column in columns("improvements")}
    for code, column in (("target_metric", "target_metric"), ("measure_status", "status")):
        offered = [value.zh for value in code_lists()[code].values]
        words = {word.casefold() for words in known[column].values() for word in words}
        assert {word.casefold() for word in code_lists()[code].words} <= words
        assert len(offered) == len(known[column])


def test_forms_are_found_by_id_and_title() -> None:
    assert [form.id for form in named_forms(("客户消费记录表", "profile", "PROFILE"))] == [
        "profile",
        "purchases",
    ]
    assert [form.id for form in named_forms(("Life journey",))] == ["journey"]
    assert named_forms(()) == forms()
    with pytest.raises(ParamsError, match=r"'profil'.*Did you mean 'profile'"):
        named_forms(("profil",))


def test_figures_of_the_example_follow_from_its_sheets() -> None:
    rows = {row["customer_id"]: row for row in example_rows("zh")["overview"]}
    # Bought twice (one order stands in two sheets): 1280.50 + 96.00.
    assert (rows["K0001"]["order_count"], rows["K0001"]["total_spend"]) == (2, 1376.5)
    assert str(rows["K0001"]["last_order_on"]) == "2024-04-18"
    # One order of 360, 60 of it refunded; the refund is no order and no last one.
    assert (rows["K0002"]["order_count"], rows["K0002"]["total_spend"]) == (1, 300.0)
    assert str(rows["K0002"]["last_order_on"]) == "2024-05-02"
    assert [rows[key]["complaint_count"] for key in rows] == [1, 0, 0, 0]
    assert [rows[key]["contact_count"] for key in rows] == [2, 0, 1, 0]
    assert rows["K0004"]["last_order_on"] is None


def test_every_field_has_an_example_but_what_is_best_left_empty() -> None:
    for sheet in sheets():
        for field in sheet.fields:
            if field.column == "religion":
                continue
            for language in ("zh", "en"):
                shown = [row.get(field.column) for row in example_rows(language)[sheet.id]]
                assert any(value is not None for value in shown), (sheet.id, field.column)
