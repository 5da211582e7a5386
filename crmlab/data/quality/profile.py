"""Completeness: what every record should have, and how complete a customer's profile is."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import Rule, Severity
from crmlab.labels import Text

PROFILE: dict[str, tuple[Text, tuple[str, ...]]] = {
    "name": (Text("姓名", "Name"), ("name",)),
    "contact": (Text("联系方式", "Contact"), ("mobile", "phone", "email", "wechat")),
    "person": (Text("性别或出生日期", "Gender or birth date"), ("gender", "birth_date", "identity_number")),
    "place": (Text("所在地", "Place"), ("province", "city", "home_address")),
    "class": (Text("等级或状态", "Grade or status"), ("grade", "status", "customer_type")),
    "origin": (Text("来源或登记日期", "Source or registration"), ("source", "registered_on")),
}
"""The parts of a customer's profile: each is there when one of its columns is filled."""

THIN = 0.6
"""A profile with a smaller share of its parts is thin."""

_FEWEST_PARTS = 3
"""With fewer parts in the table a share of them says nothing."""

_CONTACTS = PROFILE["contact"][1]


def filled(column: str, dtype: pl.DataType) -> pl.Expr:
    """Say whether a cell holds something; blanks are nothing."""
    there = pl.col(column).is_not_null()
    if dtype == pl.String:
        return there & (pl.col(column).str.strip_chars().str.len_chars() > 0)
    return there


def profile_score(customers: pl.DataFrame) -> pl.Expr | None:
    """Return the share of profile parts that a customer has (客户资料完善度), 0 to 1.

    Only parts that the table has a column for count; None where it has fewer than three.
    """
    schema = customers.schema
    parts = [
        pl.any_horizontal(filled(column, schema[column]) for column in columns if column in schema)
        for _, columns in PROFILE.values()
        if any(column in schema for column in columns)
    ]
    return (
        pl.mean_horizontal(part.cast(pl.Float64) for part in parts) if len(parts) >= _FEWEST_PARTS else None
    )


def _missing(
    rule: str,
    table: str,
    columns: tuple[str, ...],
    title: Text,
    advice: Text,
    severity: Severity,
    most: float,
) -> Rule:
    def violated(facts: Facts) -> pl.Expr:
        schema = facts.table(table).schema
        return ~pl.any_horizontal(filled(column, schema[column]) for column in columns if column in schema)

    return Rule(
        id=rule,
        table=table,
        dimension="completeness",
        title=title,
        advice=advice,
        any_of=columns,
        violated=violated,
        severity=severity,
        max_share=most,
    )


def _thin(facts: Facts) -> pl.Expr:
    score = profile_score(facts.table("customers"))
    return pl.lit(None, pl.Boolean) if score is None else score < THIN


def _unsolved(_: Facts) -> pl.Expr:
    solved = pl.col("stage").is_in(["resolved", "closed"])
    return pl.when(solved).then(pl.col("resolved_at").is_null())


RULES: tuple[Rule, ...] = (
    _missing(
        "name_missing",
        "customers",
        ("name", "company"),
        Text("没有姓名或公司名称", "Neither name nor company"),
        Text("下次联系时补录。", "Ask at the next contact."),
        "warning",
        0.05,
    ),
    _missing(
        "contact_missing",
        "customers",
        _CONTACTS,
        Text("没有任何联系方式", "No way to reach them"),
        Text(
            "手机、电话、邮箱、微信至少留一项：在收银、开票、售后环节索取，并说明用途、征得同意。",
            "Get one of mobile, telephone, e-mail or WeChat at the till, on invoices, in service; say what "
            "for and ask for consent.",
        ),
        "error",
        0.05,
    ),
    Rule(
        id="profile_thin",
        table="customers",
        dimension="completeness",
        title=Text(f"资料完善度低于 {THIN:.0%}", f"Profile less than {THIN:.0%} complete"),
        advice=Text(
            "按价值从高到低补录；给客户自助更新的入口。",
            "Fill in the most valuable first; let customers update it themselves.",
        ),
        any_of=tuple(column for _, columns in PROFILE.values() for column in columns),
        violated=_thin,
        max_share=0.3,
    ),
    _missing(
        "feedback_anonymous",
        "feedback",
        ("customer_id",),
        Text("反馈不知是谁给的", "Feedback of nobody known"),
        Text(
            "问卷链接带上客户编号，反馈才能与消费对应。",
            "Put the customer id into the survey's link, so that feedback can be set against spending.",
        ),
        "notice",
        0.5,
    ),
    _missing(
        "feedback_undated",
        "feedback",
        ("given_on",),
        Text("反馈没有日期", "Feedback without a date"),
        Text(
            "导出时带上提交时间，否则看不出趋势。", "Export the time of submission, or no trend can be told."
        ),
        "warning",
        0.05,
    ),
    _missing(
        "complaint_anonymous",
        "complaints",
        ("customer_id",),
        Text("投诉不知是谁提的", "Complaint of nobody known"),
        Text("受理时登记客户编号。", "Take down the customer id on receipt."),
        "warning",
        0.1,
    ),
    _missing(
        "category_missing",
        "order_lines",
        ("category",),
        Text("明细没有品类", "Order line without a category"),
        Text("用商品主数据按商品编号补齐。", "Fill it in from the product list by product id."),
        "warning",
        0.1,
    ),
    Rule(
        id="resolution_undated",
        table="complaints",
        dimension="completeness",
        title=Text("已解决的投诉没有解决时间", "Resolved complaint without its time"),
        advice=Text("没有解决时间就算不出处理时长。", "Without it the time to resolve is unknown."),
        needs=("stage", "resolved_at"),
        violated=_unsolved,
        max_share=0.05,
    ),
)
