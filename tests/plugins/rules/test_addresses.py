"""Addresses to province and city: ways to write them, names that places share, fields that differ."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab_plugins.rules.addresses import WEIGHTS, locate, resolve
from crmlab_plugins.rules.gazetteer import gazetteer


def _located(**fields: str | None) -> tuple[Any, ...]:
    return locate(pl.DataFrame({name: [value] for name, value in fields.items()})).row(0)


def _place(address: str | None) -> tuple[str | None, str | None]:
    found = _located(home_address=address)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("address", "province", "city"),
    [
        ("北京市朝阳区建国路88号", "beijing", "beijing"),
        ("中国北京市市辖区海淀区中关村", "beijing", "beijing"),
        ("四川省 成都市 武侯区 人民南路1号", "sichuan", "chengdu"),
        ("广东深圳南山区科技园", "guangdong", "shenzhen"),
        ("广東省廣州市天河區", "guangdong", "guangzhou"),
        ("臺北市大安區", "taiwan", "taipei"),
        ("香港九龙城区", "hong_kong", "hongkong"),
        ("恩施州恩施市", "hubei", "enshi"),
        ("新疆维吾尔自治区伊犁哈萨克自治州伊宁市", "xinjiang", "ili"),
        ("湖北省仙桃市", "hubei", "xiantao"),
        ("昆山市花桥镇", "jiangsu", "suzhou_jiangsu"),
        ("江苏昆山市花桥镇", "jiangsu", "suzhou_jiangsu"),
        ("重庆市云阳县", "chongqing", "chongqing"),
        ("浦东新区张江路1号", "shanghai", "shanghai"),
        ("通化县快大茂镇", "jilin", "tonghua"),
        ("美国加利福尼亚州", "abroad", None),
        ("5th Avenue, New York, United States", "abroad", None),
        ("No. 5 Nanjing Rd, Shanghai", "shanghai", "shanghai"),
        ("12 Jiefang Lu, Xi'an, Shaanxi", "shaanxi", "xian"),
        ("1 Queen's Road, Central, Hong Kong", "hong_kong", "hongkong"),
        ("Beijing 海淀区", "beijing", "beijing"),
        ("Chaoyang District, Beijing 100020", "beijing", "beijing"),  # Chaoyang is a city of Liaoning too
        ("Gulou Qu, Nanjing", "jiangsu", "nanjing"),
        ("河南省省直辖县级行政区划济源市沁园路", "henan", "jiyuan"),
        ("新疆维吾尔自治区自治区直辖县级行政区划石河子市", "xinjiang", "shihezi"),
        ("江苏吴江盛泽镇", "jiangsu", "suzhou_jiangsu"),
        ("深圳南山", "guangdong", "shenzhen"),
        ("浙江义乌", "zhejiang", "jinhua"),
        ("顺德", "guangdong", "foshan"),
        ("山东省章丘市", "shandong", "jinan"),  # a district since 2016
        ("四川双流县", "sichuan", "chengdu"),
        ("上海闸北区", "shanghai", "shanghai"),
        ("塘沽区", "tianjin", "tianjin"),
        ("湖北襄樊市", "hubei", "xiangyang"),
        ("湖北长阳县", "hubei", "yichang"),
        ("台灣省花蓮縣", "taiwan", None),
        ("四川省重庆市渝中区", "chongqing", "chongqing"),
    ],
)
def test_ways_to_write_an_address(address: str, province: str, city: str | None) -> None:
    assert _place(address) == (province, city)


@pytest.mark.parametrize(
    "before",
    [
        "张三 13800138000 ",
        "收货人：李四，电话：13900139000，地址：",
        "(310000)",
        "310000",
        "地址：",
        "家庭住址:",
        "【公司】",
    ],
)
def test_what_stands_before_an_address(before: str) -> None:
    assert _place(f"{before}浙江省杭州市上城区1号") == ("zhejiang", "hangzhou")
    assert _place(f"{before}四川成都锦江区1号") == ("sichuan", "chengdu")


@pytest.mark.parametrize(
    ("address", "province", "city"),
    [
        ("朝阳区建国路88号", None, None),  # in Beijing and in Changchun
        ("长春市朝阳区", "jilin", "changchun"),
        ("朝阳市双塔区", "liaoning", "chaoyang"),
        ("辽宁朝阳双塔区", "liaoning", "chaoyang"),
        ("鼓楼区中山北路", None, None),
        ("福建省鼓楼区", "fujian", "fuzhou_fujian"),
        ("南京市鼓楼区", "jiangsu", "nanjing"),
        ("江苏省鼓楼区", "jiangsu", None),  # in Nanjing and in Xuzhou
        ("吉林省吉林市昌邑区", "jilin", "jilin"),
        ("吉林市船营区", "jilin", "jilin"),
        ("吉林昌邑区", "jilin", "jilin"),
        ("吉林省长春市", "jilin", "changchun"),
        ("海南省海口市", "hainan", "haikou"),
        ("海南州共和县", "qinghai", "hainan"),
        ("青海省海南藏族自治州", "qinghai", "hainan"),
        ("海南区拉僧庙镇", "inner_mongolia", "wuhai"),
        ("西安区", None, None),  # of Mudanjiang and of Liaoyuan, not the city
        ("西安市雁塔区", "shaanxi", "xian"),
        ("宝鸡市金台区", "shaanxi", "baoji"),
        ("江北区", None, None),
        ("宁波江北区", "zhejiang", "ningbo"),
        ("中山市石岐街道", "guangdong", "zhongshan"),
    ],
)
def test_names_that_places_share(address: str, province: str | None, city: str | None) -> None:
    assert _place(address) == (province, city)


@pytest.mark.parametrize(
    "address",
    [
        "中山路5号",
        "北京西路100号",
        "南京东路3号",
        "四川北路",
        "海南大厦3层",
        "东方明珠花园3栋",
        "某某街道5号",
        "Unknown St 5",
        "Nanjing Road 5",
        "吉林大路1号",
        "兰州拉面馆",
        "建国路5号大连市场",
        "建国路5号 西安饭店",
    ],
)
def test_streets_are_no_cities(address: str) -> None:
    assert _located(home_address=address) == (None, None, None, "unknown", None)


@pytest.mark.parametrize("address", [None, "", "  ", "未知", "N/A", "无"])
def test_nothing_written_is_nothing(address: str | None) -> None:
    assert _located(home_address=address, city=None) == (None,) * 5


def test_fields_that_agree() -> None:
    fields = {"province": "广东省", "city": "深圳市", "district": "南山区", "postcode": "518000"}
    assert _located(**fields) == ("guangdong", "shenzhen", 1.0, "city,province,district,postcode", None)
    assert _located(province="Guangdong", city="Shenzhen", country="CN")[:3] == ("guangdong", "shenzhen", 1.0)
    assert _located(province="吉林", city="吉林")[:2] == ("jilin", "jilin")
    assert _located(city="昆山")[:2] == ("jiangsu", "suzhou_jiangsu")


def test_fields_that_differ_lower_the_confidence() -> None:
    found = _located(province="广东省", home_address="成都市武侯区1号")
    assert found == ("sichuan", "chengdu", 0.6, "home_address", "province")
    found = _located(province="广东省", city="成都", home_address="成都市武侯区", postcode="610000")
    assert found == ("sichuan", "chengdu", 0.78, "home_address,city,postcode", "province")
    found = _located(province="广东", city="深圳", home_address="广东省广州市天河区")
    assert found == ("guangdong", "guangzhou", 0.62, "home_address,province", "city")
    assert _located(home_address="广东省成都市") == ("guangdong", None, 0.5, "home_address", "home_address")


def test_english_names_that_contradict_each_other() -> None:
    """The greater place stands last; that it is torn costs confidence."""
    assert _located(home_address="Wuxi, Shanghai") == (
        "shanghai",
        "shanghai",
        0.5,
        "home_address",
        "home_address",
    )


def test_other_fields_decide_between_places_of_one_name() -> None:
    assert _located(home_address="朝阳区1号", postcode="100020")[:2] == ("beijing", "beijing")
    assert _located(home_address="朝阳区1号", province="吉林省")[:2] == ("jilin", "changchun")
    assert _located(city="Suzhou", province="Anhui")[:3] == ("anhui", "suzhou_anhui", 1.0)


def test_an_english_name_of_several_cities_is_the_larger_one() -> None:
    assert _located(city="Suzhou")[:3] == ("jiangsu", "suzhou_jiangsu", 0.7)
    assert _located(city="Fuzhou")[:3] == ("fujian", "fuzhou_fujian", 0.7)
    assert _located(city="Yulin")[3] == "ambiguous"  # neither is of a higher tier


def test_a_postcode_alone_gives_the_province() -> None:
    assert _located(postcode="610041") == ("sichuan", None, 0.6, "postcode", None)
    assert _located(postcode="００")[:4] == (None,) * 4


@pytest.mark.parametrize("country", ["中国", "China", "CN", "P.R.C.", "中国大陆", "86"])
def test_china_tells_nothing(country: str) -> None:
    assert _located(country=country) == (None,) * 5
    assert _located(country=country, city="成都")[:3] == ("sichuan", "chengdu", 1.0)


def test_abroad_and_the_special_regions() -> None:
    assert _located(country="United States", city="Fremont")[:3] == ("abroad", None, 1.0)
    assert _located(country="日本")[0] == "abroad"
    assert _located(country="Hong Kong")[:2] == ("hong_kong", "hongkong")
    assert _located(country="台湾")[0] == "taiwan"
    for written in ("HK", "Hong Kong SAR, China", "中国香港", "香港特别行政区"):
        assert _located(country=written)[0] == "hong_kong"
    assert _located(country="US")[0] == _located(country="Georgia")[0] == "abroad"
    assert _located(country="United States", province="广东")[2:] == (0.5, "province", "country")


def test_every_city_is_found_by_its_own_names() -> None:
    known = gazetteer()
    rows = [
        (city.id, province.zh + city.zh, province.short + city.short)
        for city in known.cities.values()
        for province in [known.provinces[city.province]]
    ]
    table = pl.DataFrame(rows, schema=["id", "full", "short"], orient="row")
    for column in ("full", "short"):
        found = locate(table.select(home_address=column))["home_city"]
        # 吉林吉林 and 青海海南 in short could be the province twice.
        wrong = table.filter(found.ne_missing(table["id"]))["id"].to_list()
        assert wrong == ([] if column == "full" else ["jilin", "hainan"]), column


def test_every_county_is_found_in_its_city() -> None:
    rows = [(city.id, city.zh + county) for city in gazetteer().cities.values() for county in city.counties]
    table = pl.DataFrame(rows, schema=["id", "home_address"], orient="row")
    found = locate(table)
    assert found["home_city"].equals(table["id"].alias("home_city"))
    assert found["location_confidence"].unique().to_list() == [1.0]


@given(
    st.sampled_from(["广东省", "广东", "Guangdong", "四川", None]),
    st.sampled_from(["深圳市", "成都", "Chengdu", "鼓楼区", "?", None]),
    st.sampled_from(["广东省深圳市南山区1号", "武侯区2号", "中山路3号", None]),
    st.sampled_from(["518000", "610000", "1", None]),
)
@settings(max_examples=60, deadline=None)
def test_what_it_answers_holds_together(
    province: str | None, city: str | None, address: str | None, postcode: str | None
) -> None:
    fields = {"province": province, "city": city, "home_address": address, "postcode": postcode}
    found_province, found_city, sure, basis, conflicts = _located(**fields)
    if found_city is not None:
        assert gazetteer().cities[found_city].province == found_province
    assert (sure is None) == (found_province is None)
    if sure is not None:
        assert 0 < sure <= 1
        assert conflicts is None or sure < 1
        assert set(basis.split(",")) <= {name for name, value in fields.items() if value is not None}


def test_fields_vote_in_the_order_of_their_weights() -> None:
    assert list(WEIGHTS.values()) == sorted(WEIGHTS.values(), reverse=True)
    assert resolve({"home_address": "成都市", "city": "广州"}).city == "chengdu"
