"""The gazetteer: every unit of province level, cities, counties, spellings, tiers."""

from __future__ import annotations

from collections import Counter

import pytest

from crmlab.data.quality.places import PROVINCES
from crmlab.errors import ParamsError
from crmlab_plugins.rules.gazetteer import (
    REGIONS,
    TIERS,
    Place,
    city_tiers,
    gazetteer,
    tiers_of,
    tiers_source,
)


def test_all_units_of_province_level_are_there() -> None:
    provinces = gazetteer().provinces
    assert len(provinces) == 34
    assert {each.short for each in provinces.values()} == set(PROVINCES)
    assert {each.region for each in provinces.values()} == {region.id for region in REGIONS}


def test_cities_and_counties() -> None:
    cities = gazetteer().cities
    mainland = [city for city in cities.values() if city.province not in ("taiwan", "hong_kong", "macao")]
    # 333 of prefecture level, 4 municipalities, 31 that their province governs itself.
    assert len(mainland) == 368
    assert sum(city.zh.endswith("自治州") for city in mainland) == 30
    assert sum(city.zh.endswith("盟") for city in mainland) == 3
    assert sum(city.zh.endswith("地区") for city in mainland) == 7
    assert len(cities["chongqing"].counties) == 38
    assert len(cities["shanghai"].counties) == len(cities["beijing"].counties) == 16
    assert sum(len(city.counties) for city in mainland) > 2_800
    assert all(len(set(city.counties)) == len(city.counties) for city in mainland)


def test_ids_and_english_names() -> None:
    cities = gazetteer().cities
    assert cities["suzhou_jiangsu"].short == "苏州"
    assert cities["suzhou_anhui"].short == "宿州"
    assert cities["hohhot"].zh == "呼和浩特市"
    assert cities["enshi"].short == "恩施"
    assert all(
        city.en.replace(" ", "").replace("'", "").replace("ü", "u").isascii() for city in cities.values()
    )
    assert max(Counter(city.zh for city in cities.values()).values()) == 1


@pytest.mark.parametrize(
    ("spelling", "place"),
    [
        ("广东", Place("guangdong")),
        ("广东省", Place("guangdong")),
        ("内蒙", Place("inner_mongolia")),
        ("新疆自治区", Place("xinjiang")),
        ("北京", Place("beijing", "beijing")),
        ("香港", Place("hong_kong", "hongkong")),
        ("恩施州", Place("hubei", "enshi")),
        ("吉林", Place("jilin")),
        ("吉林市", Place("jilin", "jilin")),
        ("海南", Place("hainan")),
        ("海南州", Place("qinghai", "hainan")),
        ("朝阳市", Place("liaoning", "chaoyang")),
        ("昆山", Place("jiangsu", "suzhou_jiangsu")),
        ("美国", Place("abroad")),
    ],
)
def test_spellings(spelling: str, place: Place) -> None:
    assert gazetteer().names[spelling] == (place,)


def test_names_that_places_share() -> None:
    assert {place.city for place in gazetteer().names["朝阳区"]} == {"beijing", "changchun"}
    assert len(gazetteer().names["鼓楼区"]) == 4
    assert {place.province for place in gazetteer().latin["suzhou"]} == {"jiangsu", "anhui"}


def test_tiers() -> None:
    sizes = Counter(city_tiers().values())
    assert sizes == {"first": 4, "new_first": 15, "second": 30}
    assert city_tiers()["suzhou_jiangsu"] == "new_first"
    assert "2025" in tiers_source().zh
    assert dict(tiers_of([("洛阳", "first"), ("Xi'an", "三线及以下"), ("昆明市", "新一线")])) == {
        "luoyang": "first",
        "xian": TIERS[-1].id,
        "kunming": "new_first",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("洛杨", "first"), "Did you mean '洛阳'"),
        (("洛阳", "frist"), "Did you mean 'first'"),
        (("Suzhou", "first"), "several cities"),
    ],
)
def test_wrong_tiers_are_refused(given: tuple[str, str], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        dict(tiers_of([given]))
