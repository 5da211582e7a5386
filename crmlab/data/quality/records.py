"""Accuracy of records: placeholders and tests, the same thing entered twice, amounts out of line."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import Rule, Severity
from crmlab.data.validators import plain
from crmlab.labels import Text

MINUTES = 5
"""Two equal orders of one customer within so many minutes are probably one, sent twice."""

ROBUST_Z = 3.5
"""Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers: beyond it a value is labelled an outlier."""

_MAD_TO_SD = 1.4826
_FILLED_MOBILE = (
    r"^(?:\+?86)?(?:13800138000|1[3-9]\d(?:0{8}|12345678)|12345678901|12345678910|0{6,}|1{6,}|8{6,}|9{6,})$"
)
_NOTHING = r"无|没有|暂无|不详|未知|未填|空|匿名|n/?a|null|none|nil|unknown|-+|\.+|/+|0+"
_OF_TESTS = r"账号|帐号|用户|客户|会员|公司|数据|记录|订单|专用|人员|姓名|内容|评论|反馈|[\da-z]"
_TEST = (
    rf"(?:系统|内部|联调|上线|压力|这是|我是)?(?:测试|试用|示例|样例)(?:{_OF_TESTS})*"
    r"|(?:test|demo|sample)(?:[ _-]?(?:user|customer|account|name|data|record|company|order|\d))*\d*"
    r"|(?:this is )?(?:just )?(?:a )?test(?:ing)?|[a-z]{1,12}[ _-]test|test[ _-][a-z]{1,12}"
    r"|asdf\w*|qwer\w*|admin"
)
"""Whole cells only: "测试了三天，很满意" is an opinion, and Testa a family name."""
_FILLED_NAME = rf"(?i)^(?:{_NOTHING}|{_TEST}|x+|a{{2,}}|\d+)$"
_FILLED_EMAIL = (
    r"(?i)^(?:[\w.]@[\w.]{1,3}|(?:test|demo|none|no|null|xxx+|aaa+|noreply|no-reply)@.*"
    r"|123(?:4(?:5(?:6(?:7(?:8(?:90?)?)?)?)?)?)?@.*|.*@(?:example|test|x{2,}|a{3,}|localhost)\.\w+)$"
)
_DEFAULT_TEXT = r"默认好评|系统默认(?:好评|评价)?|(?:此|该)用户(?:没有|未)(?:填写|发表|及时)?.*"
_FILLED_TEXT = rf"(?i)^(?:{_NOTHING}|{_TEST}|{_DEFAULT_TEXT}|\d+|[?？!！。，,\s]+)[。.!！]*$"


def _placeholder(column: str, pattern: str) -> pl.Expr:
    return plain(pl.col(column)).str.contains(pattern)


def _filled_mobile(_: Facts) -> pl.Expr:
    return plain(pl.col("mobile")).str.replace_all(r"[ .-]", "").str.contains(_FILLED_MOBILE)


def _shared(column: str) -> pl.Expr:
    """Say whether another row has the same value; nothing to say where there is none."""
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).is_duplicated())


def _shared_mobile(_: Facts) -> pl.Expr:
    real = pl.col("plain_mobile").is_not_null() & ~pl.col("plain_mobile").str.contains(_FILLED_MOBILE)
    return pl.when(real).then(pl.col("plain_mobile").is_duplicated())


def _sent_twice(facts: Facts, table: str, when: str, same: tuple[str, ...], seconds: int) -> pl.Expr:
    """Say whether a row that is equal in ``same`` came at most so many seconds earlier."""
    given = facts.table(table).lazy().select("row", when, *same).filter(pl.struct(same).is_duplicated())
    equal = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in same)
    soon = (pl.col(when) - pl.col(when).shift()).dt.total_seconds() <= seconds
    again = given.sort(*same, when, "row").filter(equal & soon).select("row").collect()["row"]
    return pl.col("row").is_in(again.implode())


def _order_again(facts: Facts) -> pl.Expr:
    same = ("customer_id", "amount_hundredths")
    again = _sent_twice(facts, "orders", "ordered_at", same, MINUTES * 60)
    return pl.when(pl.col("amount_hundredths") > 0).then(again)


def _interaction_again(facts: Facts) -> pl.Expr:
    same = [name for name in ("customer_id", "channel", "text") if facts.has("interactions", name)]
    return _sent_twice(facts, "interactions", "happened_at", tuple(same), 60)


def _feedback_again(_: Facts) -> pl.Expr:
    same = pl.struct("customer_id", "given_on", "text")
    there = pl.all_horizontal(pl.col("customer_id", "text").is_not_null())
    return pl.when(there).then(~same.is_first_distinct())


def _far_off(_: Facts) -> pl.Expr:
    """Compare the logarithm with the median in units of the median absolute deviation."""
    amount = pl.when(pl.col("amount_hundredths") > 0).then(pl.col("amount_hundredths")).log(10)
    distance = (amount - amount.median()).abs()
    spread = _MAD_TO_SD * distance.median()
    return pl.when(spread > 0).then(distance > ROBUST_Z * spread)


def _line_differs(_: Facts) -> pl.Expr:
    computed = pl.col("quantity") * pl.col("unit_price") * 100
    return (computed - pl.col("amount_hundredths")).abs() > 1


def _amount(rule: str, title: Text, advice: Text, violated: pl.Expr) -> Rule:
    return Rule(
        id=rule,
        table="orders",
        dimension="accuracy",
        title=title,
        advice=advice,
        needs=("amount_hundredths",),
        violated=lambda _: violated,
        shows=("amount_hundredths",),
        severity="notice",
        max_share=0.1,
    )


def _filled(
    rule: str, table: str, column: str, pattern: str, zh: str, en: str, severity: Severity = "warning"
) -> Rule:
    return Rule(
        id=rule,
        table=table,
        dimension="accuracy",
        title=Text(f"{zh}是占位或测试内容", f"{en.capitalize()} is a placeholder or a test"),
        advice=Text(
            "删除测试记录；占位内容清空，让它如实显示为缺失，再补录。",
            "Delete test records; empty placeholders, so that what is missing shows as missing, then ask.",
        ),
        needs=(column,),
        violated=lambda _: _placeholder(column, pattern),
        shows=(column,),
        severity=severity,
        max_share=0.005,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        id="mobile_placeholder",
        table="customers",
        dimension="accuracy",
        title=Text("手机号是占位号码", "Mobile number is a placeholder"),
        advice=Text(
            "全零、顺号之类的占位号请清空后向客户补录；取消手机号的强制必填，占位号就会减少。",
            "Empty numbers of zeros or in sequence and ask; fewer come in where the field is not forced.",
        ),
        needs=("mobile",),
        violated=_filled_mobile,
        shows=("mobile",),
        severity="error",
        max_share=0.005,
    ),
    _filled("name_placeholder", "customers", "name", _FILLED_NAME, "姓名", "name", "error"),
    _filled("email_placeholder", "customers", "email", _FILLED_EMAIL, "邮箱", "e-mail address"),
    _filled("company_placeholder", "customers", "company", _FILLED_NAME, "公司名称", "company"),
    _filled("text_placeholder", "feedback", "text", _FILLED_TEXT, "反馈内容", "feedback text"),
    Rule(
        id="mobile_shared",
        table="customers",
        dimension="accuracy",
        title=Text("多个客户用同一手机号", "One mobile number on several customers"),
        advice=Text(
            "多为同一人建了多份档案：用客户合并功能核对后合并，勿自动合并（家人可能共用号码）。",
            "Mostly one person entered several times: compare and merge; never without looking, since "
            "families share numbers.",
        ),
        needs=("mobile",),
        violated=_shared_mobile,
        shows=("mobile",),
        severity="error",
        max_share=0.02,
    ),
    Rule(
        id="identity_number_shared",
        table="customers",
        dimension="accuracy",
        title=Text("多个客户用同一身份证号", "One identity number on several customers"),
        advice=Text("身份证号一人一号：核对后合并。", "A number belongs to one person: compare and merge."),
        needs=("identity_number",),
        violated=lambda _: _shared("plain_identity"),
        shows=("identity_number",),
        severity="error",
        max_share=0.0,
    ),
    Rule(
        id="order_repeated",
        table="orders",
        dimension="accuracy",
        title=Text(
            f"同一客户 {MINUTES} 分钟内出现同额订单",
            f"Same customer, same amount within {MINUTES} minutes",
        ),
        advice=Text(
            "多为重复提交：与收款记录核对后作废其一，并在下单处防止重复提交。",
            "Mostly sent twice: compare with payments, cancel one, and keep the form from sending again.",
        ),
        needs=("customer_id", "ordered_at", "amount_hundredths"),
        violated=_order_again,
        shows=("amount_hundredths",),
    ),
    Rule(
        id="interaction_repeated",
        table="interactions",
        dimension="accuracy",
        title=Text("同一客户一分钟内的重复互动", "Same interaction within a minute"),
        advice=Text("检查接口是否重复推送。", "See whether an interface delivers twice."),
        needs=("customer_id", "happened_at"),
        violated=_interaction_again,
        max_share=0.02,
    ),
    Rule(
        id="feedback_repeated",
        table="feedback",
        dimension="accuracy",
        title=Text("同一客户同日的相同反馈", "Same customer, same day, same text"),
        advice=Text("重复提交只留一条，否则会放大其声音。", "Keep one: repeats count a voice twice."),
        needs=("customer_id", "given_on", "text"),
        violated=_feedback_again,
    ),
    _amount(
        "amount_negative",
        Text("负金额（退款）", "Negative amount (refund)"),
        Text(
            "确认负数确为退款，且能对应到原订单。",
            "Make sure that they are refunds and belong to an order.",
        ),
        pl.col("amount_hundredths") < 0,
    ),
    _amount(
        "amount_zero",
        Text("零金额", "Amount of zero"),
        Text(
            "确认是赠品、换货，还是漏填金额。",
            "Find out whether these are gifts, exchanges, or forgotten amounts.",
        ),
        pl.col("amount_hundredths") == 0,
    ),
    Rule(
        id="amount_outlier",
        table="orders",
        dimension="accuracy",
        title=Text("金额明显偏离多数订单", "Amount far from most orders"),
        advice=Text(
            "逐单核对单位（元、分、万元）与小数点；真实的大单保留。",
            "Check unit and decimal point one by one; keep large orders that are real.",
        ),
        needs=("amount_hundredths",),
        violated=_far_off,
        shows=("amount_hundredths",),
        severity="notice",
    ),
    Rule(
        id="line_amount",
        table="order_lines",
        dimension="consistency",
        title=Text("明细金额不等于数量乘单价", "Line amount is not quantity times price"),
        advice=Text(
            "有折扣属正常；没有折扣时检查导出的列是否错位。",
            "Discounts explain it; without them look for a shifted column.",
        ),
        needs=("quantity", "unit_price", "amount_hundredths"),
        violated=_line_differs,
        shows=("amount_hundredths",),
        severity="notice",
        max_share=0.2,
    ),
)
