"""Demographics: bands, words for gender and education, the animal and where it contradicts the date."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.demographics import ATTRIBUTES, Demographics

BORN = pl.DataFrame(
    [
        ("a", 17, "rat", "rat", None),
        ("b", 18, "ox", None, None),
        ("c", 65, "tiger", "ox", None),
        ("d", None, None, "pig", "default"),
        ("e", None, None, None, "future"),
        ("f", None, None, None, None),
    ],
    schema={
        "customer_id": pl.String,
        "age_years": pl.Int64,
        "birth_zodiac": pl.String,
        "stated_zodiac": pl.String,
        "birth_doubt": pl.String,
    },
    orient="row",
)


def _stated(column: str, *values: str | None) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": [f"c{at:02}" for at in range(len(values))], column: values})


@parametrize_with_checks(
    [
        *(Demographics(by=by) for by in ATTRIBUTES),
        Demographics(bands=(30, 60)),
        Demographics(by="education", entries={"中学": "upper_secondary"}),
    ]
)
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def test_age_bands_and_doubts() -> None:
    ages = Demographics().fit(BORN)
    assert ages.predict(BORN).to_list() == ["age_below_18", "age_18_24", "age_from_65", *["unclassified"] * 3]
    assert ages.confidence(BORN).to_list() == [1.0, 1.0, 0.5, None, None, None]
    assert ages.explain(BORN)["zh"].to_list() == [
        "分析日当天 17 岁（未满 18 岁）",
        "分析日当天 18 岁（18–24 岁）",
        "分析日当天 65 岁（65 岁及以上）；与登记的属相不一致，出生日期可能有误",
        "出生日期是系统默认值",
        "出生日期在分析日之后",
        "缺少出生日期",
    ]
    assert ages.explain(BORN)["en"][5] == "missing: the date of birth"
    assert Demographics(bands=(18,)).fit(BORN).predict(BORN)[1] == "age_from_18"


def test_zodiac_goes_by_the_date_first() -> None:
    animals = Demographics(by="zodiac").fit(BORN)
    assert animals.predict(BORN).to_list() == ["rat", "ox", "tiger", "pig", "unclassified", "unclassified"]
    assert animals.confidence(BORN).to_list() == [1.0, 1.0, 0.5, 0.8, None, None]
    reasons = animals.explain(BORN)
    assert reasons["zh"][2] == "按出生日期推算属虎；与登记的属相不一致，出生日期可能有误"
    assert reasons["en"][3] == "stated animal: Pig"


def test_words_for_gender() -> None:
    table = _stated("gender", "女", "男", "F", "Male", "先生", "女士", "ｍ", "2", "保密", None)
    labels = Demographics(by="gender").fit(table).predict(table).to_list()
    none = "unclassified"
    assert labels == ["female", "male", "female", "male", "male", "female", "male", "female", none, none]
    assert Demographics(by="gender").fit(table).explain(table)["zh"].to_list()[-3:] == [
        "登记的性别为女",
        "登记的性别不在映射表中",
        "缺少性别",
    ]


@pytest.mark.parametrize(
    ("stated", "label"),
    [
        ("博士研究生", "doctorate"),
        ("硕士研究生", "master"),
        ("MBA", "master"),
        ("本科及以上", "bachelor"),
        ("大学本科", "bachelor"),
        ("大学专科", "college"),
        ("大专", "college"),
        ("高中", "upper_secondary"),
        ("中专/技校", "upper_secondary"),
        ("High School", "upper_secondary"),
        ("初中", "lower_secondary"),
        ("小学", "primary"),
        ("Bachelor's degree", "bachelor"),
        ("PhD", "doctorate"),
        ("秘密", "unclassified"),
    ],
)
def test_words_for_education(stated: str, label: str) -> None:
    table = _stated("education", stated)
    assert Demographics(by="education").fit(table).predict(table).to_list() == [label]


def test_a_range_of_education_is_the_level_it_names_and_less_sure() -> None:
    table = _stated("education", "本科及以上", "大专及以下", "Bachelor or above", "本科", "统招本科")
    education = Demographics(by="education").fit(table)
    assert education.predict(table).to_list() == ["bachelor", "college", *["bachelor"] * 3]
    assert education.confidence(table).to_list() == [0.6, 0.6, 0.6, 1.0, 0.9]
    assert "“本科及以上”这样的范围归入所写的学历" in education.definition().zh


def test_words_of_a_study() -> None:
    table = _stated("education", "秘密", "中学")
    own = Demographics(by="education", entries={"中学": "高中及中专"}).fit(table)
    assert own.predict(table).to_list() == ["unclassified", "upper_secondary"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"bands": [30, 20]}, "rising ages"),
        ({"by": "age", "entries": {"x": "y"}}, "gender or education"),
        ({"by": "gender", "entries": {"x": "femal"}}, "Did you mean 'Female'"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Demographics.from_params(params)


@pytest.mark.parametrize("by", ATTRIBUTES)
def test_each_attribute_is_defined(by: Any) -> None:
    definition = Demographics(by=by).definition()
    assert definition.zh.endswith("。")
    assert definition.en.endswith(".")
