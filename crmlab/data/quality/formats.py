"""Normativity: numbers that keep to their standard, values that stand in their code list."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import Rule
from crmlab.data.validators import (
    is_email,
    is_landline,
    is_mobile,
    is_postcode,
    plain,
)
from crmlab.labels import Text

_IDENTITY = r"^(?i)\d{17}[\dX]$"
_CREDIT_CODE = r"^(?i)[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$"

_CODES: dict[str, tuple[str, ...]] = {
    "gender_code": (
        *("男", "女", "男性", "女性", "男士", "女士", "先生", "小姐", "未知", "未说明"),
        *("m", "f", "male", "female", "unknown", "0", "1", "2", "9"),  # digits: GB/T 2261.1
    ),
    "grade_code": (
        *("高", "中", "低", "高级", "中级", "低级", "普通", "重要", "一般", "核心", "战略"),
        *("vip", "svip", "普通会员", "金卡", "银卡", "白金", "铂金", "钻石", "黄金", "白银", "青铜", "黑卡"),
        *("a", "b", "c", "d", "e", "s", "1", "2", "3", "4", "5", "hot", "warm", "cold"),
        *("high", "medium", "low", "gold", "silver", "bronze", "platinum", "diamond", "standard"),
    ),
    "status_code": (
        *("活跃", "休眠", "流失", "潜在", "新客户", "老客户", "沉睡", "正常", "停用", "冻结", "注销"),
        *("未成交", "已成交", "多次成交", "跟进中", "无效", "有效", "意向", "成交"),
        *("active", "dormant", "inactive", "lost", "churned", "prospect", "new", "lead", "customer"),
    ),
    "education_code": (
        *("小学", "初中", "高中", "中专", "技校", "职高", "大专", "专科", "本科", "大学", "本科及以上"),
        *("硕士", "研究生", "博士", "硕士及以上", "博士后", "大学本科", "大学专科", "文盲", "其他", "未知"),
        *("primary school", "middle school", "high school", "college", "bachelor", "master", "doctor", "phd"),
    ),
}


def _solid(column: str) -> pl.Expr:
    return plain(pl.col(column)).str.replace_all(r"[ -]", "")


def _phone(_: Facts) -> pl.Expr:
    column = pl.col("phone")
    return ~(is_landline(column) | is_mobile(column))


def _outside(rule: str, column: str) -> pl.Expr:
    """Say whether a value is in none of the lists that come with crmlab."""
    return ~plain(pl.col(column)).str.to_lowercase().is_in(_CODES[rule])


def _listed(rule: str, column: str, zh: str, en: str) -> Rule:
    def violated(facts: Facts) -> pl.Expr:
        codes = facts.setting(rule).codes
        return ~plain(pl.col(column)).is_in(codes) if codes else _outside(rule, column)

    return Rule(
        id=rule,
        table="customers",
        dimension="normativity",
        title=Text(f"{zh}不在代码表内", f"{en.capitalize()} outside its code list"),
        advice=Text(
            f"统一{zh}的写法并在录入处改为下拉选择；"
            f"若企业有自己的代码表，用 quality.rules.{rule}.codes 给出。",
            f"Agree on one spelling and offer a list where it is entered; give your own list in "
            f"quality.rules.{rule}.codes.",
        ),
        needs=(column,),
        violated=violated,
        shows=(column,),
        max_share=0.02,
        takes=("codes",),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        id="mobile_format",
        table="customers",
        dimension="normativity",
        title=Text("手机号格式不对", "Mobile number malformed"),
        advice=Text(
            "录入时按 11 位、1 开头校验；存量号码向客户核实，座机移到“电话”字段。",
            "Check 11 digits beginning with 1 on entry; ask customers for the right number, and move "
            "landlines to the phone column.",
        ),
        needs=("mobile",),
        violated=lambda _: ~is_mobile(pl.col("mobile")),
        shows=("mobile",),
        severity="error",
        max_share=0.02,
    ),
    Rule(
        id="phone_format",
        table="customers",
        dimension="normativity",
        title=Text("电话格式不对", "Telephone number malformed"),
        advice=Text(
            "座机写成“区号-号码”，400/800 号码写全 10 位；多个号码分开存放。",
            "Write area code and number, or all ten digits of a 400 or 800 number; one number per cell.",
        ),
        needs=("phone",),
        violated=_phone,
        shows=("phone",),
        max_share=0.05,
    ),
    Rule(
        id="email_format",
        table="customers",
        dimension="normativity",
        title=Text("邮箱格式不对", "E-mail address malformed"),
        advice=Text(
            "录入时校验，并发确认邮件；退信的地址清空后请客户更新。",
            "Check on entry and send a confirmation; empty addresses that bounce and ask for new ones.",
        ),
        needs=("email",),
        violated=lambda _: ~is_email(pl.col("email")),
        shows=("email",),
        max_share=0.02,
    ),
    Rule(
        id="postcode_format",
        table="customers",
        dimension="normativity",
        title=Text("邮编不是有效的 6 位数字", "Postcode is not six digits of a region"),
        advice=Text(
            "按地址补全；注意 Excel 会丢掉开头的 0，导出时把该列设为文本。",
            "Fill it in from the address; Excel drops a leading 0, so export the column as text.",
        ),
        needs=("postcode",),
        violated=lambda _: ~is_postcode(pl.col("postcode")),
        shows=("postcode",),
        max_share=0.05,
    ),
    Rule(
        id="identity_number_format",
        table="customers",
        dimension="normativity",
        title=Text("身份证号不是 18 位", "Identity number without 18 characters"),
        advice=Text(
            "15 位旧号请换成 18 位；被 Excel 改成科学计数法的，从源系统以文本重新导出。",
            "Replace old numbers of 15 digits; export again as text what Excel turned into 4.4E+17.",
        ),
        needs=("identity_number",),
        violated=lambda _: ~_solid("identity_number").str.contains(_IDENTITY),
        shows=("identity_number",),
        severity="error",
    ),
    Rule(
        id="credit_code_format",
        table="customers",
        dimension="normativity",
        title=Text("统一社会信用代码不是 18 位规定字符", "Unified social credit code malformed"),
        advice=Text(
            "按营业执照核对；代码中没有 I、O、S、V、Z。旧的 15 位注册号请换成新代码。",
            "Check against the business licence; the letters I, O, S, V and Z do not occur. Replace old "
            "registration numbers of 15 digits.",
        ),
        needs=("credit_code",),
        violated=lambda _: ~_solid("credit_code").str.contains(_CREDIT_CODE),
        shows=("credit_code",),
    ),
    _listed("gender_code", "gender", "性别", "gender"),
    _listed("grade_code", "grade", "客户等级", "grade"),
    _listed("status_code", "status", "客户状态", "status"),
    _listed("education_code", "education", "教育程度", "education"),
)
