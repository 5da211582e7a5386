"""The canonical tables: what they are called, when a row comes about, why a row is rejected.

Their columns, types and rules are in :mod:`crmlab.data.canonical`; ``docs/tables.md`` lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.data.canonical.customers import Customers, Identities
from crmlab.data.canonical.improvements import Improvements
from crmlab.data.canonical.marketing import Campaigns, Contacts
from crmlab.data.canonical.sales import OrderLines, Orders
from crmlab.data.canonical.service import Complaints, Feedback, Interactions
from crmlab.errors import did_you_mean
from crmlab.labels import Text

if TYPE_CHECKING:
    import dataframely as dy

TABLES: dict[str, type[dy.Schema]] = {
    "customers": Customers,
    "orders": Orders,
    "order_lines": OrderLines,
    "interactions": Interactions,
    "feedback": Feedback,
    "complaints": Complaints,
    "campaigns": Campaigns,
    "contacts": Contacts,
    "improvements": Improvements,
    "identities": Identities,
}

TABLE_NAMES: dict[str, Text] = {
    "customers": Text("客户", "Customers"),
    "orders": Text("订单", "Orders"),
    "order_lines": Text("订单明细", "Order lines"),
    "interactions": Text("互动记录", "Interactions"),
    "feedback": Text("客户反馈", "Feedback"),
    "complaints": Text("投诉", "Complaints"),
    "campaigns": Text("营销活动", "Campaigns"),
    "contacts": Text("活动触达", "Campaign contacts"),
    "improvements": Text("改进措施", "Improvements"),
    "identities": Text("客户标识", "Identities"),
}

ARRIVALS: dict[str, str] = {
    "customers": "registered_on",
    "orders": "ordered_at",
    "order_lines": "ordered_at",
    "interactions": "happened_at",
    "feedback": "given_on",
    "complaints": "opened_at",
    "campaigns": "started_on",
    "contacts": "contacted_at",
    "improvements": "started_on",
    "identities": "since",
}
"""The column that says when a row came about; a row later than the as-of day is not seen."""

IDS: dict[str, str] = {
    "customers": "customer_id",
    "orders": "order_id",
    "interactions": "interaction_id",
    "feedback": "feedback_id",
    "complaints": "complaint_id",
    "campaigns": "campaign_id",
    "contacts": "contact_id",
    "improvements": "improvement_id",
}
"""The column that names a row; without it equal rows may be different things."""

NO_DATA = "no_data"
"""The reason of rows of a file that are no data: titles, totals, remarks."""

REASONS: dict[str, Text] = {
    "unreadable": Text("无法识别的值", "unreadable value"),
    "unknown_code": Text("取值不在代码表内", "value that is in no code list"),
    "destroyed_id": Text("编号已被 Excel 改成科学计数法", "id turned into scientific notation by Excel"),
    "nullability": Text("必填项为空", "required value is missing"),
    "exact_duplicate": Text("完全重复的行", "exact duplicate row"),
    "unique_id": Text("编号重复但内容不同", "same id, different content"),
    "plausible_date": Text("日期早于 1990 年或晚于 2098 年", "date before 1990 or after 2098"),
    "known_scale": Text("评分超出量表或量表未知", "score off its scale, or scale unknown"),
    "says_something": Text("既无文字也无评分", "neither text nor score"),
    "ordered_stages": Text("处理时间早于投诉时间", "handled before it was opened"),
    "none_below_zero": Text("次数或时长小于零", "a count or duration below zero"),
    "begins_first": Text("结束早于开始", "ends before it begins"),
    "share": Text("得分不在 0 到 1 之间", "score outside 0 to 1"),
    "contradiction": Text("同一订单的各行互相矛盾", "lines of one order contradict each other"),
    NO_DATA: Text("标题、合计或说明行（不是数据）", "title, total or remark (no data)"),
    "unknown_customer": Text("编号不在客户表中", "customer that is in no customer table"),
    "unknown_kind": Text("既不是投诉也不是意见", "neither a complaint nor feedback"),
    "repeated": Text("同一客户的第二行", "second row of one customer"),
    "other_currency": Text("币种与研究设定不同", "another currency than the study's"),
    "cancelled": Text("已取消（按口径不计）", "cancelled (left out by policy)"),
    "pending": Text("未成交（按口径不计）", "not yet completed (left out by policy)"),
    "refund": Text("退款（按口径不计）", "refund (left out by policy)"),
    "zero_amount": Text("零金额（按口径不计）", "zero amount (left out by policy)"),
    "repeated_line": Text("重复明细行（按口径不计）", "repeated line (left out by policy)"),
}

BY_SOURCE = ("unknown_customer", "unknown_kind", "repeated")
"""Reasons for which a source itself refuses a row."""

BY_POLICY = (NO_DATA, "cancelled", "pending", "refund", "zero_amount", "repeated_line")
"""Reasons that are no fault of the data; they do not count towards the quality gate."""

DAMAGED_ID = r"^[-+]?\d(?:\.\d+)?[eE]\+\d\d$"
"""What Excel makes of a long id; its digits beyond the fifteenth are lost."""


class CanonicalColumn(NamedTuple):
    """One column as a source delivers it and as the table holds it."""

    name: str
    """What a source calls it: ``amount`` for ``amount_hundredths``."""
    column: str
    """What the canonical table calls it."""
    dtype: pl.DataType
    nullable: bool
    text: Text
    aliases: tuple[str, ...]
    unit: Text | None
    sensitivity: str
    codes: Mapping[str, tuple[str, ...]]
    always: bool


def columns(table: str) -> tuple[CanonicalColumn, ...]:
    """Return the columns of a canonical table that a source may deliver, in order."""
    return tuple(
        _described(name, rule) for name, rule in TABLES[table].columns().items() if name not in ("row", "day")
    )


def table_problem(name: str) -> str | None:
    """Say that there is no canonical table of that name; None where there is one."""
    if name in TABLES:
        return None
    return f"No canonical table is named {name!r}.{did_you_mean(name, TABLES)} Allowed: {', '.join(TABLES)}."


def column_problem(table: str, column: str) -> str | None:
    """Say that a source can deliver no such column of a table; None where it can."""
    allowed = [known.name for known in columns(table)]
    if column in allowed:
        return None
    return (
        f"The table {table!r} has no column {column!r}.{did_you_mean(column, allowed)} "
        f"Allowed: {', '.join(allowed)}."
    )


def sensitivity_of(table: str, column: str) -> str:
    """Return how a column may leave the machine; one that is not canonical may hold anything."""
    return _sensitivities(table).get(column, "free_text")


def _sensitivities(table: str) -> dict[str, str]:
    return {"day": "ordinary"} | {column.column: column.sensitivity for column in columns(table)}


def _described(name: str, rule: dy.Column) -> CanonicalColumn:
    given: Mapping[str, Any] = rule.metadata or {}
    return CanonicalColumn(
        name=name.removesuffix("_hundredths"),
        column=name,
        dtype=rule.dtype,
        nullable=rule.nullable,
        text=given["text"],
        aliases=given["aliases"],
        unit=given["unit"],
        sensitivity=given["sensitivity"],
        codes=given["codes"],
        always=given["always"],
    )
