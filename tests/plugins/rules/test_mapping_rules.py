"""Classes by words: what lies outside the table is counted, named where it tells of nobody."""

from __future__ import annotations

from typing import Any

import polars as pl

from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.buying_stage import BuyingStage
from crmlab_plugins.schemes.industry import Industry


def _table(**columns: list[str | None]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    return pl.DataFrame({"customer_id": [f"c{at:03}" for at in range(count)], **columns})


@parametrize_with_checks([Industry(), Industry(entries={"养蜂": "agriculture"}), BuyingStage()])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def test_industries_by_section() -> None:
    stated: dict[str, str] = {
        "餐饮管理": "hospitality",
        "教育咨询": "education",
        "文化传播": "culture",
        "建材": "manufacturing",
        "物流": "transport",
        "贸易": "trade",
        "IT": "information",
        "Food & Beverage": "manufacturing",
        "Banking": "finance",
        "Not For Profit": "government",
        "医疗器械": "manufacturing",
        "医疗服务": "health",
        "Zorbing": "other",
    }
    table = _table(industry=list(stated))
    labels = Industry().fit(table).predict(table).to_list()
    assert dict(zip(stated, labels, strict=True)) == stated
    assert len(Industry().scheme.labels) == 21


def test_stages_of_well_known_systems() -> None:
    stated: dict[str, str] = {
        "Prospecting": "lead",
        "Qualification": "interest",
        "Needs Analysis": "needs",
        "Value Proposition": "proposal",
        "Id. Decision Makers": "needs",
        "Perception Analysis": "negotiation",
        "Proposal/Price Quote": "proposal",
        "Negotiation/Review": "negotiation",
        "Closed Won": "won",
        "Closed Lost": "lost",
        "Closed-Lost to Competition": "lost",
        "线索": "lead",
        "初步接洽": "interest",
        "需求确认": "needs",
        "方案/报价": "proposal",
        "谈判审核": "negotiation",
        "赢单": "won",
        "输单": "lost",
        "未成交": "lost",
        "无意向": "lost",
        "月亮": "other",
    }
    table = _table(deal_stage=list(stated))
    labels = BuyingStage().fit(table).predict(table).to_list()
    assert dict(zip(stated, labels, strict=True)) == stated
    assert BuyingStage().scheme.ids == (
        "lead",
        "interest",
        "needs",
        "proposal",
        "negotiation",
        "won",
        "lost",
        "other",
    )


def test_values_outside_the_table_are_counted_and_named_where_they_are_frequent() -> None:
    stages = ["月亮"] * 6 + ["找张三 13812345678"] * 5 + ["王小明想再看看"] * 4 + ["赢单", None]
    table = _table(deal_stage=stages)
    fitted = BuyingStage().fit(table)
    assert fitted.unmapped_customers_ == 15
    definition = fitted.definition()
    assert "15 位客户的取值不在表中，归入“其他阶段”：“月亮”（6 人）" in definition.zh
    assert "另有 1 种取值" in definition.zh
    assert "15 customers have values outside the table" in definition.en
    reasons = fitted.explain(table)
    assert reasons["zh"][0] == "购买阶段“月亮”不在映射表中，归入其他阶段"
    assert reasons["zh"][12] == "购买阶段的取值不在映射表中，归入其他阶段"
    assert reasons["en"][15] == "the deal stage has “赢单”: Won"
    assert reasons["zh"][16] == "缺少购买阶段或销售阶段"
    told = " ".join([definition.zh, definition.en, *reasons["zh"], *reasons["en"]])
    assert "13812345678" not in told
    assert "王小明" not in told
    assert fitted.confidence(table).to_list() == [0.0] * 15 + [1.0, None]


def test_definition_before_and_after() -> None:
    assert "不在表中的取值归入“其他行业”。" in Industry().definition().zh
    table = _table(industry=["物流"])
    assert Industry().fit(table).definition().en.endswith("Every value is in the table.")
