"""The six dimensions in which GB/T 36344-2018 judges data."""

from __future__ import annotations

from typing import Literal, NamedTuple

from crmlab.labels import Text

DimensionId = Literal["normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility"]


class Dimension(NamedTuple):
    """What a dimension is called and what it asks."""

    text: Text
    meaning: Text


DIMENSIONS: dict[DimensionId, Dimension] = {
    "normativity": Dimension(
        Text("规范性", "Normativity"),
        Text(
            "是否符合数据标准、编码规则和代码表", "Does it keep to standards, number formats and code lists?"
        ),
    ),
    "completeness": Dimension(
        Text("完整性", "Completeness"),
        Text("该有的记录和字段是否都有值", "Is everything there that should be?"),
    ),
    "accuracy": Dimension(
        Text("准确性", "Accuracy"),
        Text("是否真实、唯一，有无测试与占位数据", "Is it true, unique, and free of test records?"),
    ),
    "consistency": Dimension(
        Text("一致性", "Consistency"),
        Text("字段之间、数据表之间是否互相矛盾", "Do columns and tables agree with each other?"),
    ),
    "timeliness": Dimension(
        Text("时效性", "Timeliness"),
        Text("是否及时更新，时间先后是否合理", "Is it up to date, and in a possible order of time?"),
    ),
    "accessibility": Dimension(
        Text("可访问性", "Accessibility"),
        Text("能否读取、识别、使用", "Can it be read, understood and used?"),
    ),
}
"""Dimension → its names, in the order of the standard."""
