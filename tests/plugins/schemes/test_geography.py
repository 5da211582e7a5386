"""Geography: levels, tiers of a study's own, reasons that quote no address."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.testing import AS_OF, parametrize_with_checks, sample_features
from crmlab_plugins.features.attributes import Whereabouts
from crmlab_plugins.schemes.geography import LEVELS, Geography

ROWS = [
    ("广东省", "广州市", "天河区某某路 12 号 3 栋"),
    ("江苏省", None, "苏州市姑苏区观前街 8 号"),
    ("四川省", None, "成都市武侯区人民路 2 号"),
    ("广东省", None, "成都市锦江区春熙路 5 号"),
    ("河南省", "洛阳", None),
    ("河南省", "信阳", None),
    ("河南省", None, None),
    ("香港", None, None),
    (None, None, "美国加利福尼亚州"),
    (None, None, "朝阳区建国路 1 号"),
    (None, None, "不知名街道 9 号"),
    (None, None, None),
]


def _features() -> pl.DataFrame:
    customers = pl.DataFrame(ROWS, schema=["province", "city", "home_address"], orient="row")
    customers = customers.with_columns(
        customer_id=pl.format("c{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(2))
    )
    built: pl.DataFrame = (
        Whereabouts().build({"customers": nw.from_native(customers.lazy())}, AS_OF).to_native().collect()
    )
    return built


FEATURES = _features()


def _labels(**params: Any) -> list[str]:
    return Geography.from_params(params).fit(FEATURES).predict(FEATURES).to_list()


@parametrize_with_checks(
    [
        *(Geography(level=level) for level in LEVELS),
        Geography(level="city", most_cities=2),
        Geography(city_tiers={"洛阳": "first"}),
    ]
)
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def test_levels() -> None:
    none = "unclassified"
    tiers = [
        "first",
        "new_first",
        "new_first",
        "new_first",
        "second",
        "third_or_below",
        none,
        "outside",
        "abroad",
    ]
    assert _labels() == [*tiers, none, none, none]
    regions = [
        "south",
        "east",
        "southwest",
        "southwest",
        "central",
        "central",
        "central",
        "outside",
        "abroad",
    ]
    assert _labels(level="region") == [*regions, none, none, none]
    provinces = ["guangdong", "jiangsu", "sichuan", "sichuan", *["henan"] * 3, "hong_kong", "abroad"]
    assert _labels(level="province") == [*provinces, none, none, none]
    other = "other_cities"
    cities = [other, "suzhou_jiangsu", "chengdu", "chengdu", other, other, none, other, "abroad"]
    assert _labels(level="city", most_cities=2) == [*cities, none, none, none]


def test_every_level_has_its_scheme() -> None:
    assert [label.zh for label in Geography().scheme.labels] == [
        *("一线城市", "新一线城市", "二线城市", "三线及以下城市", "港澳台", "境外")
    ]
    assert len(Geography(level="region").scheme.labels) == 9
    assert len(Geography(level="province").scheme.labels) == 35
    cities = Geography(level="city", most_cities=3).fit(FEATURES).scheme
    assert [label.en for label in cities.labels] == [
        "Chengdu",
        "Suzhou (Jiangsu)",
        "Luoyang",
        "Other cities",
        "Abroad",
    ]


def test_a_study_has_tiers_of_its_own() -> None:
    labels = _labels(city_tiers={"洛阳": "新一线", "Chengdu": "first"})
    assert labels[2:5] == ["first", "first", "new_first"]
    definition = Geography(city_tiers={"洛阳": "first"}).definition()
    assert "另有 1 城按本项目设定" in definition.zh
    assert "2025" in definition.en


def test_reasons_name_the_place_and_quote_no_address() -> None:
    reasons = Geography().fit(FEATURES).explain(FEATURES)
    zh, en = reasons["zh"].to_list(), reasons["en"].to_list()
    assert zh[0] == "位于广东广州（一线城市），依据地址、城市、省份"
    assert en[0] == "in Guangzhou, Guangdong (First tier), by address, city, province"
    assert zh[3] == "位于四川成都（新一线城市），依据地址；与省份不一致"
    assert en[3] == "in Chengdu, Sichuan (New first tier), by address; contradicted by province"
    assert zh[6] == "位于河南，依据省份；只知道省份，不知城市"
    assert zh[7] == "位于香港，依据省份"
    assert zh[8] == "位于境外，依据地址"
    assert zh[9] == "地名有歧义，缺少省份或城市"
    assert zh[10] == "地址中没有认识的省市名称"
    assert zh[11] == "缺少地址、省市或邮编"
    assert en[11] == "missing: an address, province, city or postcode"
    for street in ("某某路", "观前街", "人民路", "春熙路", "建国路", "不知名", "加利福尼亚"):
        assert not any(street in reason for reason in zh + en)


def test_confidence_is_lower_where_fields_differ() -> None:
    sure = Geography().fit(FEATURES).confidence(FEATURES).to_list()
    assert sure == [1.0, 1.0, 1.0, 0.6, 1.0, 1.0, None, 1.0, 1.0, None, None, None]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"level": "city", "most_cities": 0}, "most_cities"),
        ({"city_tiers": {"洛阳": "best"}}, "Allowed: first"),
        ({"city_tiers": {"Atlantis": "first"}}, "no city of the gazetteer"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Geography.from_params(params)


@pytest.mark.parametrize(("level", "learns"), [("tier", False), ("province", False), ("city", True)])
def test_only_the_list_of_cities_is_learned(level: str, learns: bool) -> None:
    fitted = Geography.from_params({"level": level}).fit(sample_features(*Geography().requires))
    assert (fitted.learned["cities_"] is not None) == learns
