"""Source: stated sources, tagged links, referrers, and the order among several."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.data.samples.vocabulary import company
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.source_channel import Source


def _table(*values: str | None, referred: bool = False) -> pl.DataFrame:
    return pl.DataFrame(
        {"customer_id": [f"c{at:03}" for at in range(len(values))], "stated_source": values},
        schema={"customer_id": pl.String, "stated_source": pl.String},
    ).with_columns(is_referred=pl.lit(referred))


def _label(value: str | None, **params: Any) -> str:
    table = _table(value)
    return str(Source.from_params(params).fit(table).predict(table)[0])


@parametrize_with_checks([Source(), Source(entries={"直播": "ad"})])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    ("label", "values"),
    [
        (
            "online",
            "官网 社交媒体 电商平台 微信小程序 Web Online_Store organic_search X_(Twitter) Email_Marketing",
        ),
        (
            "offline",
            "实体店 门店 活动 展会 线下活动 Trade_Show Cold_Call Internal_Seminar OFFLINE Seminar_Partner",
        ),
        (
            "referral",
            "朋友推荐 老客户介绍 转介绍 Partner_Referral Employee_Referral External_Referral Word_of_mouth",
        ),
        ("ad", "广告 广告投放 百度推广 Advertisement Paid_Search PAID_SOCIAL Google_AdWords"),
        ("unmapped", "其他 Other ?? 甲乙丙"),
    ],
)
def test_stated_sources(label: str, values: str) -> None:
    assert {value: _label(value.replace("_", " ")) for value in values.split()} == dict.fromkeys(
        values.split(), label
    )


def test_of_several_the_first_in_order_counts() -> None:
    assert _label("朋友推荐的线下广告") == "referral"
    assert _label("线下门店广告") == "ad"
    assert _label("门店扫码进小程序") == "offline"


@pytest.mark.parametrize(
    ("link", "label"),
    [
        ("utm_source=baidu&utm_medium=cpc", "ad"),
        ("https://shop.example/?utm_source=weibo&utm_medium=social&utm_campaign=x", "online"),
        ("utm_medium=email", "online"),
        ("utm_medium=referral", "online"),
        ("utm_medium=refer_a_friend", "referral"),
        ("UTM_MEDIUM=QR", "offline"),
        ("utm_source=xiaohongshu&utm_medium=zzz", "online"),
        ("utm_source=zzz", "online"),
        ("https://www.example.com/", "online"),
        ("www.example.com", "online"),
    ],
)
def test_tagged_links(link: str, label: str) -> None:
    assert _label(link) == label


def test_a_referrer_makes_a_referral() -> None:
    table = _table("门店", None, referred=True)
    fitted = Source().fit(table)
    assert fitted.predict(table).to_list() == ["referral", "referral"]
    assert fitted.explain(table)["zh"].to_list() == ["有推荐人，归入推荐客户"] * 2
    assert fitted.confidence(table).to_list() == [1.0, 1.0]


def test_own_entries() -> None:
    assert _label("直播") == "online"
    assert _label("直播", entries={"直播": "ad"}) == "ad"


def test_confidence_and_reasons() -> None:
    table = _table("门店", "南京路门店", "线下广告", "utm_source=zzz", "??", None, "utm_medium=cpc")
    fitted = Source().fit(table)
    assert fitted.confidence(table).to_list() == [1.0, 0.9, 0.6, 0.7, 0.0, None, 1.0]
    reasons = fitted.explain(table)
    assert reasons["zh"][1] == "客户来源含“门店”，归入线下客户"
    assert reasons["en"][4] == "the source has a value that is not in the table: Unmapped source"
    assert reasons["zh"][5] == "缺少客户来源或推荐人"
    assert reasons["zh"][6] == "客户来源含“utm_medium=cpc”，归入广告客户"


def test_unmapped_sources_are_named() -> None:
    table = _table(*["神秘渠道"] * 7, "门店")
    definition = Source().fit(table).definition()
    assert "7 位客户的取值不在表中，归入“未归类来源”：“神秘渠道”（7 人）。" in definition.zh
    assert "“神秘渠道” (7)" in definition.en


def test_where_every_source_is_known_nothing_is_learned() -> None:
    table = _table("门店", "官网")
    fitted = Source().fit(table)
    assert {name for name, value in fitted.learned.items() if value is not None} == {"fitted_"}
    assert "所有取值都在表中。" in fitted.definition().zh


def test_the_generated_company_has_no_unmapped_source() -> None:
    source = {"source": "sample", "customers": 500, "seed": 3}
    lab = crmlab.open("segmentation", data=[source], as_of="2024-12-31")
    classes = {
        "门店": "offline",
        "线下活动": "offline",
        "微信小程序": "online",
        "电商平台": "online",
        "朋友推荐": "referral",
        "广告投放": "ad",
    }
    assert set(classes) == set(company()["sources"])
    labelled = lab.classify("source").labels.join(
        lab.tables["customers"].select("customer_id", "source"), on="customer_id", how="left"
    )
    stated = labelled.drop_nulls("source")
    assert stated.height > 480
    assert stated.select((pl.col("label") == pl.col("source").replace_strict(classes)).all()).item()
    assert labelled.filter(pl.col("source").is_null())["label"].unique().to_list() == ["unclassified"]
