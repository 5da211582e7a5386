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
_OTHER_DOCUMENT = r"^(?i)[A-Z]{1,2}\d{6,10}(?:\([\dA]\)|[\dA])?$"
"""A passport, or the identity card of Hong Kong, Macao or Taiwan: a letter or two before the digits."""
_FOREIGN_NUMBER = r"^(?:\+|00) ?\(?(?:[1-79]|8[0-57-9])[\d .()-]{5,20}$"
"""An international number of a country other than China (ITU-T E.164: at most 15 digits)."""
_CREDIT_CODE = r"^(?i)[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$"
_SHORT_NUMBER = r"^(?:95\d{3,4}|96\d{3,6}|1[0-2]\d{3})$"
"""A hotline of a bank, an airline, an authority."""
_FROM_ABROAD = r"^(?:(?:\+|00)86[ .-]*|86[ .-]+)\(?0?(10|2\d|[3-9]\d{2})\)?[ .-]*"
_IN_TWO_PARTS = r"(^|\D)(\d{3,4})[ .-](\d{4})$"

_CODES: dict[str, tuple[str, ...]] = {
    "gender_code": (
        *("男", "女", "男性", "女性", "男士", "女士", "先生", "小姐", "未知", "未说明"),
        *("男生", "女生", "保密", "其他", "未填写", "mr", "ms", "mrs", "miss", "other", "u", "x"),
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

_OF_A_STANDARD = ("gender_code",)
_OWN_CODE_ROWS, _OWN_CODE_SHARE = 5, 0.05
"""Companies have grades of their own: a value in so many rows is a code, a rarer one a slip."""


def solid(column: str) -> pl.Expr:
    """Write a number without what people put between its characters."""
    return plain(pl.col(column)).str.replace_all(r"[ .'-]", "")


def at_home(violated: pl.Expr) -> pl.Expr:
    """Say nothing where the mainland's standard does not hold."""
    return pl.when(~pl.col("abroad")).then(violated)


def _mobile(_: Facts) -> pl.Expr:
    column = pl.col("mobile")
    return at_home(~(is_mobile(column) | plain(column).str.contains(_FOREIGN_NUMBER)))


def landline(column: str) -> pl.Expr:
    """Write a fixed line as at home: 021-61234567 for +86 21 6123 4567; null where it is none."""
    number = (
        plain(pl.col(column)).str.replace(_FROM_ABROAD, "0${1}-").str.replace(_IN_TWO_PARTS, "${1}${2}${3}")
    )
    return pl.when(is_landline(number)).then(number)


def _phone(_: Facts) -> pl.Expr:
    column = pl.col("phone")
    other = plain(column).str.contains(f"{_FOREIGN_NUMBER}|{_SHORT_NUMBER}")
    return at_home(~(landline("phone").is_not_null() | is_mobile(column) | other))


def _postcode(_: Facts) -> pl.Expr:
    given = plain(pl.col("postcode"))
    foreign = given.str.contains("[A-Za-z]") & given.str.contains(r"\d")
    return pl.when(~foreign & ~pl.col("abroad")).then(~is_postcode(pl.col("postcode")))


def _identity(_: Facts) -> pl.Expr:
    given = solid("identity_number")
    other = given.str.contains(_OTHER_DOCUMENT)
    return pl.when(~other & ~pl.col("abroad")).then(~given.str.contains(_IDENTITY))


def _outside(facts: Facts, rule: str, column: str) -> pl.Expr:
    """Say whether a value is in no code list: the study's, or the one that comes with crmlab.

    Without a list of the study's, a value in many rows is taken for a code of the company's own. Columns
    of codes hold few values in many rows, so values are judged and not rows.
    """
    of_study = facts.setting(rule).codes
    codes = pl.Series(of_study or _CODES[rule], dtype=pl.String).to_frame("code").select(_level("code"))
    values = facts.table("customers")[column].drop_nulls().value_counts(name="rows")
    values = values.with_columns(code=_level(column)).drop_nulls()
    rows, all_rows = pl.col("rows").sum().over("code"), pl.col("rows").sum()
    own = (rows >= _OWN_CODE_ROWS) & (rows >= _OWN_CODE_SHARE * all_rows)
    listed = pl.col("code").is_in(codes["code"].implode())
    if not of_study and rule not in _OF_A_STANDARD:
        listed |= own
    outside = values.filter(~listed)[column].implode()
    return pl.when(pl.col(column).is_in(values[column].implode())).then(pl.col(column).is_in(outside))


def _level(column: str) -> pl.Expr:
    return plain(pl.col(column)).str.to_lowercase()


def _listed(rule: str, column: str, zh: str, en: str) -> Rule:
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
        violated=lambda facts: _outside(facts, rule, column),
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
        violated=_mobile,
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
        violated=_postcode,
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
        violated=_identity,
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
        violated=lambda _: at_home(~solid("credit_code").str.contains(_CREDIT_CODE)),
        shows=("credit_code",),
    ),
    _listed("gender_code", "gender", "性别", "gender"),
    _listed("grade_code", "grade", "客户等级", "grade"),
    _listed("status_code", "status", "客户状态", "status"),
    _listed("education_code", "education", "教育程度", "education"),
)
