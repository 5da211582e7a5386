"""The first study on imported data: a YAML file with comments that say what may be changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from crmlab.data.cleaning import Cleaned
from crmlab.data.schemas import REASONS, TABLE_NAMES

if TYPE_CHECKING:
    from crmlab.data.intake.importing import ImportedTable


def study_text(
    name: str,
    folder: str,
    tables: Sequence[ImportedTable],
    cleaned: Mapping[str, Cleaned],
    as_of: date,
    time_zone: str,
    reports: Sequence[str],
    *,
    given: bool,
) -> str:
    """Return the text of the study; ``given`` says that the user chose the day."""
    lines = [
        "# 由 crmlab import 生成，可随意修改；各项说明见 `crmlab schema`。",
        "# Made by crmlab import, to be edited freely; `crmlab schema` describes every setting.",
        "title:",
        f"  zh: {_quoted(name)}",
        f"  en: {_quoted(name)}",
        "",
        "data:",
        "  - source: files",
        "    files: # 已导入的标准表；列名已是标准列名 imported tables with canonical columns",
    ]
    names = {table.name for table in tables}
    for table in tables:
        lines += [f"      # {line}" for line in _counts(table)]
        lines.append(f"      {table.name}: {{path: {_quoted(f'{folder}/{table.file}')}, preset: none}}")
        if table.from_lines and "orders" not in names:
            lines.append(
                "      orders: {from: order_lines} # 订单由明细汇总 an order is the sum of its lines"
            )
    why = "数据中最晚的一天；之后的数据一律不用 the latest day in the data; nothing later is used"
    if given:
        why = "指定的观察日；之后的数据一律不用 the day that was given; nothing later is used"
    lines += [
        "",
        f"as_of: {as_of} # {why}",
        f"timezone: {time_zone} # 时间按此时区理解 local times are of this time zone",
        f"currency: {_currency(cleaned)} # 币种（ISO 4217） ISO 4217 code of all amounts",
        "language: zh # 报告语言：zh 或 en language of the reports: zh or en",
    ]
    if names & {"orders", "order_lines"}:
        lines += [
            "",
            "policy: # 订单口径：keep 计入，exclude 不计 what counts as a sale",
            "  cancellations: exclude # 已取消 cancelled orders",
            "  pending: exclude # 未成交 orders not yet completed",
            "  refunds: net # 退款冲减消费额 refunds reduce what was spent",
        ]
    lines += ["", "reports: # 现有数据能支持的报告 what the tables allow"]
    lines += [f"  {report}:" for report in reports] or ["  data-quality:"]
    return "\n".join(lines) + "\n"


def _counts(table: ImportedTable) -> list[str]:
    name = TABLE_NAMES[table.name]
    lines = [f"{name.zh} {table.accepted:,} 行 {table.accepted:,} rows of {name.en.lower()}"]
    if table.rejected:
        zh = "、".join(f"{REASONS[reason].zh} {count:,}" for reason, count in table.counts.items())
        en = ", ".join(f"{REASONS[reason].en} {count:,}" for reason, count in table.counts.items())
        lines.append(f"拒收 {table.rejected:,} 行：{zh}")
        lines.append(f"{table.rejected:,} rows rejected: {en}")
    return lines


def _currency(cleaned: Mapping[str, Cleaned]) -> str:
    """Return the most frequent currency of the orders that is an ISO 4217 code, or CNY."""
    for name in ("orders", "order_lines"):
        if name in cleaned and "currency" in cleaned[name].table.columns:
            codes = cleaned[name].table["currency"].str.to_uppercase()
            codes = codes.filter(codes.str.contains(r"^[A-Z]{3}$").fill_null(value=False))
            counts = codes.value_counts().sort("count", "currency", descending=[True, False])
            if counts.height:
                return str(counts["currency"][0])
    return "CNY"


def _quoted(text: str) -> str:
    """Write a text so that YAML reads it back as it is."""
    if re.fullmatch(r"[A-Za-z\u3400-\u9fff][\w\u3400-\u9fff./-]*", text) and text.lower() not in _WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
