"""The data dictionary: what the canonical tables are made of, in words, generated from their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crmlab.data.canonical.columns import SENSITIVITIES
from crmlab.data.schemas import ARRIVALS, IDS, REASONS, TABLE_NAMES, TABLES, CanonicalColumn, columns
from crmlab.labels import Language, Text

ROWS: dict[str, Text] = {
    "customers": Text(
        "每位客户一行；来源中的其他列原样保留，作为客户属性。",
        "One row per customer; further columns of the source are kept as attributes.",
    ),
    "orders": Text("每笔订单、退款或取消一行。", "One row per order, refund or cancellation."),
    "order_lines": Text("订单中的每个商品一行。", "One row per line of an order."),
    "interactions": Text(
        "客户与企业的每次接触一行，不论由谁发起。",
        "One row per contact between a customer and the company, whoever began it.",
    ),
    "feedback": Text(
        "每条反馈一行：文字、评分或问卷的一个回答。",
        "One row per piece of feedback: a text, a score, or one answer of a survey.",
    ),
    "complaints": Text(
        "每件投诉一行，带各处理阶段的时间。", "One row per complaint, with the times of its stages."
    ),
    "campaigns": Text("每次营销活动一行。", "One row per campaign."),
    "contacts": Text(
        "活动中的每位客户一行，包括未触达的对照组。",
        "One row per customer in a campaign, those held out as control included.",
    ),
    "improvements": Text(
        "每项改进措施一行：改了什么、何时起、在哪里实施、要改善哪个指标。",
        "One row per measure: what was changed, since when, where, and which figure it was to move.",
    ),
    "identities": Text(
        "每条已归属到某位客户的来源记录一行。",
        "One row per record of a source that is known to be a customer's.",
    ),
}
"""What a row of each table is."""

_TITLE = Text("标准表数据字典", "Canonical tables: data dictionary")
_INTRO = Text(
    "所有来源的数据都先整理成以下十张标准表。“必填”列为空的行、不符合规则的行和无法识别的值会被拒收，连同原因保留在隔离表中并计数。"
    "非必填列只在来源提供时出现。可识别的表头不区分大小写、空格和下划线。",
    "Whatever the source, data becomes one of these ten tables first. Rows that lack a required value, "
    "break a rule or hold a value that cannot be read are rejected, counted, and kept in a quarantine table "
    "with the reason. A column that is not required is there where a source delivers it. Recognised headers "
    "are matched without regard to case, spaces and underscores.",
)
_TYPES: dict[str, Text] = {
    "String": Text("文本", "text"),
    "Date": Text("日期", "date"),
    "Datetime": Text("时间（UTC）", "time (UTC)"),
    "Int64": Text("整数", "whole number"),
    "Float64": Text("数值", "number"),
    "Boolean": Text("是/否", "yes or no"),
}
_HEADINGS = (
    Text("列", "Column"),
    Text("名称", "Title"),
    Text("类型", "Type"),
    Text("单位", "Unit"),
    Text("必填", "Required"),
    Text("规则（违反则拒收）", "Rejected for"),
    Text("敏感级别", "Sensitivity"),
    Text("可识别的表头", "Recognised headers"),
)
_YES = Text("是", "yes")
_NUMBERED = Text("是（缺失时按行编号）", "yes (numbered by row where absent)")
_AS_SOURCE = Text("来源中称为 `{}`", "`{}` in a source")


def document() -> str:
    """Return the whole dictionary as Markdown, Chinese first."""
    return f"[中文](#{_TITLE.zh}) · [English](#canonical-tables-data-dictionary)\n\n" + "\n".join(
        dictionary(language) for language in ("zh", "en")
    )


def dictionary(language: Language) -> str:
    """Return the dictionary in one language as Markdown: a section per table."""
    return "\n".join([f"# {_TITLE.to(language)}", "", _INTRO.to(language), *_sections(language)]) + "\n"


def _sections(language: Language) -> Iterator[str]:
    for table, name in TABLE_NAMES.items():
        yield from (
            "",
            f"## {name.to(language)} `{table}`",
            "",
            ROWS[table].to(language),
            *_of(table, language),
        )


def _of(table: str, language: Language) -> Iterator[str]:
    arrival = ARRIVALS[table]
    yield Text(
        f"晚于分析日的行（按 `{arrival}`）不参与分析。",
        f"Rows later than the as-of day (by `{arrival}`) are not seen.",
    ).to(language)
    yield ""
    yield _line(heading.to(language) for heading in _HEADINGS)
    yield _line("---" for _ in _HEADINGS)
    rules = _rules(table)
    for column in columns(table):
        yield _line(_cells(table, column, rules.get(column.column, []), language))
    coded = [column for column in columns(table) if column.codes]
    for column in coded:
        title = Text(f"`{column.column}` 的代码表：", f"Code list of `{column.column}`:")
        yield from ("", title.to(language), "")
        for code, words in column.codes.items():
            joint, colon = ("、", "：") if language == "zh" else (", ", ": ")
            yield f"- `{code}`{colon}{joint.join(words)}"


def _cells(table: str, column: CanonicalColumn, rules: list[str], language: Language) -> Iterator[str]:
    joint = "；" if language == "zh" else "; "
    reasons = [*rules, *(["unknown_code"] if column.codes else [])]
    source = f"<br>{_AS_SOURCE.to(language).format(column.name)}" if column.name != column.column else ""
    numbered = column.column == IDS.get(table) and table not in ("customers", "campaigns")
    duty = "" if column.nullable else (_NUMBERED if numbered else _YES).to(language)
    yield f"`{column.column}`{source}"
    yield column.text.to(language)
    yield _TYPES[type(column.dtype).__name__].to(language)
    yield column.unit.to(language) if column.unit else ""
    yield duty
    yield joint.join(REASONS[reason].to(language) for reason in reasons)
    yield SENSITIVITIES[column.sensitivity].to(language)  # type: ignore[index]
    yield ("、" if language == "zh" else ", ").join(dict.fromkeys(column.aliases))


def _rules(table: str) -> dict[str, list[str]]:
    """Return column → the rules of its table that look at it."""
    schema: Any = TABLES[table]
    names = [name for name in REASONS if hasattr(getattr(schema, name, None), "validation_fn")]
    found: dict[str, list[str]] = {}
    for name in names:
        for column in getattr(schema, name).validation_fn(schema).meta.root_names():
            if name not in found.setdefault(column, []):
                found[column].append(name)
    return found


def _line(cells: Iterator[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
