"""Accuracy and consistency of what is known of a person: numbers, dates, places that must agree.

The identity number of GB 11643-1999 carries the date of birth (characters 7 to 14), the gender
(character 17: odd for men) and the region of first registration (characters 1 to 6, GB/T 2260). The
credit code's check character is that of GB 32100-2015.
"""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.formats import landline, solid
from crmlab.data.quality.places import province_of_identity, province_of_landline, province_of_postcode
from crmlab.data.quality.rule import Rule
from crmlab.data.quality.zodiac import is_animal_of
from crmlab.data.validators import is_credit_code, is_postcode, plain
from crmlab.labels import Text

OLDEST = 120
"""Years; the longest documented human life was 122 (Jeanne Calment, 1875 to 1997)."""

_WITH_DEGREE = r"大专|专科|本科|大学|硕士|研究生|博士|(?i:college|bachelor|master|doctor|phd)"
_YOUNGEST_WITH_DEGREE = 16
DEFAULT_BIRTHS = ("1899-12-30", "1899-12-31", "1900-01-01", "1900-01-02", "1970-01-01")
"""What programs store for a date that nobody entered."""
_BIRTHDAY = "birth_date"


def _age(facts: Facts) -> pl.Expr:
    """Return full years on the as-of day."""
    born, day = pl.col(_BIRTHDAY), facts.as_of
    birthday = born.dt.month().cast(pl.Int32) * 100 + born.dt.day()
    had = birthday <= day.month * 100 + day.day
    return day.year - born.dt.year() - (~had).cast(pl.Int32)


def _believable(facts: Facts) -> pl.Expr:
    """Return the date of birth where no other rule doubts it: a fault is told once."""
    sound = _age(facts).is_between(0, OLDEST) & ~_default_birth(facts)
    return pl.when(sound).then(pl.col(_BIRTHDAY))


def _check(column: str, valid: pl.Expr) -> pl.Expr:
    """Look at the check character only where there are 18 characters: the rest is the format's fault."""
    return pl.when(solid(column).str.len_chars() == 18).then(~valid)


def _default_birth(_: Facts) -> pl.Expr:
    return pl.col(_BIRTHDAY).dt.to_string("%Y-%m-%d").is_in(DEFAULT_BIRTHS)


def _educated_child(facts: Facts) -> pl.Expr:
    degree = pl.col("education").str.contains(_WITH_DEGREE)
    return pl.when(_believable(facts).is_not_null()).then(degree & (_age(facts) < _YOUNGEST_WITH_DEGREE))


def _birth_differs(facts: Facts) -> pl.Expr:
    stated = pl.col("plain_identity").str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    return stated != _believable(facts)


def _gender_differs(_: Facts) -> pl.Expr:
    odd = pl.col("plain_identity").str.slice(16, 1).is_in(list("13579"))
    return odd != (pl.col("plain_gender") == "m")


def _region_differs(_: Facts) -> pl.Expr:
    region = province_of_identity(pl.col("plain_identity"))
    # Chongqing was part of Sichuan until 1997: older numbers of its people begin with 51.
    split = (region == "四川") & (pl.col("plain_province") == "重庆")
    return (region != pl.col("plain_province")) & ~split


def _area_differs(_: Facts) -> pl.Expr:
    return province_of_landline(landline("phone")) != pl.col("plain_province")


def _postcode_differs(_: Facts) -> pl.Expr:
    valid = pl.when(is_postcode(pl.col("postcode"))).then(plain(pl.col("postcode")))
    return province_of_postcode(valid) != pl.col("plain_province")


RULES: tuple[Rule, ...] = (
    Rule(
        id="identity_number_check",
        table="customers",
        dimension="accuracy",
        title=Text("身份证号校验码或出生日期不成立", "Identity number fails its check"),
        advice=Text(
            "多为抄写错误，请按证件核对；办理业务时读卡而不手录。",
            "Mostly slips in copying: compare with the card, and read cards instead of typing.",
        ),
        needs=("identity_number",),
        violated=lambda _: _check("identity_number", pl.col("plain_identity").is_not_null()),
        shows=("identity_number",),
        severity="error",
    ),
    Rule(
        id="credit_code_check",
        table="customers",
        dimension="accuracy",
        title=Text("统一社会信用代码校验码不成立", "Unified social credit code fails its check"),
        advice=Text(
            "按国家企业信用信息公示系统核对。", "Compare with the national enterprise credit register."
        ),
        needs=("credit_code",),
        violated=lambda _: _check("credit_code", is_credit_code(pl.col("credit_code"))),
        shows=("credit_code",),
    ),
    Rule(
        id="age_plausible",
        table="customers",
        dimension="accuracy",
        title=Text(f"年龄不在 0–{OLDEST} 岁", f"Age outside 0 to {OLDEST}"),
        advice=Text(
            "核对出生日期，留意年份写反、世纪写错与默认值。",
            "Check the date of birth; look for swapped digits, the wrong century and default values.",
        ),
        needs=(_BIRTHDAY,),
        violated=lambda facts: ~_age(facts).is_between(0, OLDEST),
        shows=(_BIRTHDAY,),
    ),
    Rule(
        id="birth_date_default",
        table="customers",
        dimension="accuracy",
        title=Text("出生日期是系统默认值", "Date of birth is a default"),
        advice=Text(
            "1900-01-01、1970-01-01 等多为系统默认，应清空后补录。",
            "1900-01-01, 1970-01-01 and the like are mostly defaults of systems: empty them and ask.",
        ),
        needs=(_BIRTHDAY,),
        violated=_default_birth,
        shows=(_BIRTHDAY,),
    ),
    Rule(
        id="birth_date_identity",
        table="customers",
        dimension="consistency",
        title=Text("出生日期与身份证号不一致", "Date of birth differs from the identity number"),
        advice=Text(
            "以身份证号为准更正；习惯登记农历生日的，另设字段存放。",
            "Take the identity number's; keep lunar birthdays in a column of their own.",
        ),
        needs=("identity_number", _BIRTHDAY),
        violated=_birth_differs,
        shows=("identity_number", _BIRTHDAY),
    ),
    Rule(
        id="gender_identity",
        table="customers",
        dimension="consistency",
        title=Text("性别与身份证号不一致", "Gender differs from the identity number"),
        advice=Text("以身份证号第 17 位（奇男偶女）为准更正。", "Take the identity number's 17th digit."),
        needs=("identity_number", "gender"),
        violated=_gender_differs,
        shows=("identity_number", "gender"),
    ),
    Rule(
        id="province_identity",
        table="customers",
        dimension="consistency",
        title=Text("省份与身份证首次登记地不同", "Province differs from the identity number's"),
        advice=Text(
            "人会迁居，此项仅供参考；比例异常高时，检查省份是否整列错位。",
            "People move, so this is a hint; if the share is very high, look for a shifted column.",
        ),
        needs=("identity_number", "province"),
        violated=_region_differs,
        shows=("identity_number", "province"),
        severity="notice",
        max_share=0.5,
    ),
    Rule(
        id="province_area_code",
        table="customers",
        dimension="consistency",
        title=Text("省份与电话区号不一致", "Province differs from the telephone's area code"),
        advice=Text(
            "核对地址与电话哪个已过时；集团客户可能登记了总部电话。",
            "See whether address or telephone is out of date; companies may give their head office's number.",
        ),
        needs=("phone", "province"),
        violated=_area_differs,
        shows=("province", "phone"),
        max_share=0.05,
    ),
    Rule(
        id="province_postcode",
        table="customers",
        dimension="consistency",
        title=Text("省份与邮编不一致", "Province differs from the postcode"),
        advice=Text("按地址更正邮编或省份。", "Correct one of them from the address."),
        needs=("postcode", "province"),
        violated=_postcode_differs,
        shows=("province", "postcode"),
        max_share=0.05,
    ),
    Rule(
        id="zodiac_birth_date",
        table="customers",
        dimension="consistency",
        title=Text("属相与出生日期不一致", "Zodiac animal differs from the date of birth"),
        advice=Text(
            "属相可由出生日期推算，不必另录；两者矛盾时请核对出生年份。",
            "The animal follows from the date and need not be entered; where they differ, check the year.",
        ),
        needs=("zodiac", _BIRTHDAY),
        violated=lambda facts: ~is_animal_of(pl.col("zodiac"), _believable(facts)),
        shows=("zodiac", _BIRTHDAY),
        max_share=0.05,
    ),
    Rule(
        id="education_age",
        table="customers",
        dimension="consistency",
        title=Text(
            f"不满 {_YOUNGEST_WITH_DEGREE} 岁却有大专以上学历",
            f"A college degree before the age of {_YOUNGEST_WITH_DEGREE}",
        ),
        advice=Text("核对出生日期与教育程度。", "Check the date of birth and the education."),
        needs=("education", _BIRTHDAY),
        violated=_educated_child,
        shows=("education", _BIRTHDAY),
    ),
)
