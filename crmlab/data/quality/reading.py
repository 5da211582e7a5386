"""Whether data can be read at all, what was rejected and why, and text that an export garbled."""

from __future__ import annotations

import polars as pl

from crmlab.data.cleaning import ORIGIN
from crmlab.data.quality.dimensions import DimensionId
from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import COLUMNS, TABLES, Count, Rule, Severity
from crmlab.data.schemas import BY_POLICY, columns
from crmlab.data.schemas import TABLES as CANONICAL
from crmlab.labels import Text

REJECTIONS: dict[str, tuple[DimensionId, tuple[str, ...], Severity, Text, Text]] = {
    "rejected_unreadable": (
        "accessibility",
        ("unreadable", "destroyed_id"),
        "error",
        Text("拒收：值无法识别", "Rejected: value cannot be read"),
        Text(
            "看拒收明细中的列，统一日期与数字写法；编号列导出为文本。",
            "See the column among the rejected rows; write dates and numbers alike, export ids as text.",
        ),
    ),
    "rejected_code": (
        "normativity",
        ("unknown_code", "unknown_kind"),
        "warning",
        Text("拒收：取值不在代码表内", "Rejected: value outside its code list"),
        Text("统一取值，或请我们补充该说法。", "Use the listed values, or have this word added."),
    ),
    "rejected_incomplete": (
        "completeness",
        ("nullability", "says_something"),
        "error",
        Text("拒收：必填项为空", "Rejected: a required value is missing"),
        Text("编号、时间、金额缺一不可，从源系统补齐。", "Ids, times and amounts are needed: complete them."),
    ),
    "rejected_duplicate": (
        "accuracy",
        ("exact_duplicate", "unique_id", "repeated"),
        "warning",
        Text("拒收：重复的行或编号", "Rejected: repeated row or id"),
        Text(
            "完全重复的只留一行；同号不同内容的，先判定哪条为准。",
            "Of equal rows one is kept; of one id with different content decide which is right.",
        ),
    ),
    "rejected_implausible": (
        "accuracy",
        ("plausible_date", "known_scale", "share", "none_below_zero"),
        "warning",
        Text("拒收：日期或得分不可能", "Rejected: impossible date or score"),
        Text("改正年份；评分注明量表。", "Correct the year; state the scale of scores."),
    ),
    "rejected_contradiction": (
        "consistency",
        ("contradiction", "ordered_stages", "begins_first", "other_currency", "unknown_customer"),
        "warning",
        Text("拒收：自相矛盾", "Rejected: contradicts itself"),
        Text(
            "核对同一订单的各行、各阶段的时间与币种。",
            "Compare the lines of an order, the times of its stages, and currencies.",
        ),
    ),
}
"""Rule → dimension, reasons of rejection, severity, title, advice."""

_GARBLED = ("\ufffd", "锟斤", "烫烫烫", "屯屯屯", "Ã©", "Ã¤", "â€", "ï¼Œ", "ã€‚", "ä¸", "å¸", "鈥", "銆")
"""What is left of Chinese text that was decoded with a wrong character set, once or twice."""


def _rejected(rule: str, table: str) -> Rule:
    dimension, reasons, severity, title, advice = REJECTIONS[rule]

    def counted(facts: Facts) -> Count | None:
        cleaned = facts.cleaned(table)
        assert cleaned is not None
        by_policy = sum(cleaned.counts.get(reason, 0) for reason in BY_POLICY)
        return Count(cleaned.rows_read - by_policy, sum(cleaned.counts.get(reason, 0) for reason in reasons))

    return Rule(
        id=rule,
        table=table,
        dimension=dimension,
        title=title,
        advice=advice,
        counted=counted,
        severity=severity,
    )


def _readable(table: str) -> Rule:
    def counted(facts: Facts) -> Count | None:
        if table not in facts.store:
            return None
        return Count(1, int(facts.cleaned(table) is None), (), TABLES)

    return Rule(
        id="table_unreadable",
        table=table,
        dimension="accessibility",
        title=Text("数据表读不出来", "Table cannot be read"),
        advice=Text("见下文的错误说明。", "See the message below."),
        counted=counted,
        severity="error",
        max_share=0.0,
    )


def _unmapped(table: str) -> Rule:
    def counted(facts: Facts) -> Count | None:
        cleaned = facts.cleaned(table)
        assert cleaned is not None
        if "reason" not in cleaned.rejected.columns:  # put together from another table
            return None
        ours = {"row", "reason", "rejected_column", *ORIGIN}
        given = [column for column in cleaned.rejected.columns if column not in ours]
        known = {column.name for column in columns(table)}
        unknown = [column for column in given if column not in known]
        return Count(len(given), len(unknown), tuple(unknown[:3]), COLUMNS) if given else None

    return Rule(
        id="columns_unmapped",
        table=table,
        dimension="accessibility",
        title=Text("没有对应到标准字段的列", "Columns not understood"),
        advice=Text(
            "用 crmlab inspect 看映射，在 columns 中指定；用不到的列不必导出。",
            "See the mapping with crmlab inspect and set it under columns; leave out what nobody needs.",
        ),
        counted=counted,
        severity="notice",
        max_share=0.5,
    )


def _garbled(table: str) -> Rule:
    def violated(facts: Facts) -> pl.Expr:
        texts = [
            name
            for name, dtype in facts.table(table).schema.items()
            if dtype == pl.String and not name.startswith("plain_")
        ]
        return pl.any_horizontal(
            pl.col(name).str.contains_any(list(_GARBLED)).fill_null(value=False) for name in texts
        )

    return Rule(
        id="text_garbled",
        table=table,
        dimension="accessibility",
        title=Text("含乱码的文字", "Garbled text"),
        advice=Text(
            "导出时选 UTF-8（或 GB18030），不要用 Excel 打开后另存。",
            "Export as UTF-8 (or GB18030); do not open and save in Excel between.",
        ),
        violated=violated,
        max_share=0.001,
    )


RULES: tuple[Rule, ...] = (
    *(_readable(table) for table in CANONICAL),
    *(_rejected(rule, table) for rule in REJECTIONS for table in CANONICAL),
    *(_unmapped(table) for table in CANONICAL),
    *(_garbled(table) for table in CANONICAL),
)
