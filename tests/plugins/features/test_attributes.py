"""Features from the customers table: place, person, source; dirt and columns that are missing."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from crmlab.data.samples.company import company_blocks
from crmlab.data.tables import TableStore
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.attributes import Acquisition, Person, Whereabouts, band_labels
from crmlab_plugins.rules.gazetteer import gazetteer
from crmlab_plugins.sources.sample_company import SampleCompany

AS_OF = date(2024, 12, 31)


@parametrize_with_checks([Whereabouts(), Person(), Person(bands=(30, 60)), Acquisition()])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def _built(feature: Feature, customers: pl.DataFrame, as_of: date = AS_OF) -> pl.DataFrame:
    frame: pl.DataFrame = (
        feature.build({"customers": nw.from_native(customers.lazy())}, as_of).to_native().collect()
    )
    return frame.sort("customer_id")


def _person(born: date | None, zodiac: str | None = None, as_of: date = AS_OF) -> tuple[Any, ...]:
    schema = {"customer_id": pl.String, "birth_date": pl.Date, "zodiac": pl.String}
    customers = pl.DataFrame([("a", born, zodiac)], schema=schema, orient="row")
    return _built(Person(), customers, as_of).row(0)[1:6]


@cache
def _company() -> tuple[pl.DataFrame, pl.DataFrame]:
    store = TableStore([SampleCompany(customers=600, seed=11)], AS_OF, "Asia/Shanghai")
    (company,) = company_blocks(600, 11)
    dirt: pl.DataFrame = company.truth["dirt"].filter(table="customers")
    return store["customers"], dirt


def test_age_is_of_the_day() -> None:
    assert _person(date(2000, 12, 31))[:2] == (24, "age_18_24")
    assert _person(date(2000, 12, 31), as_of=date(2024, 12, 30))[:2] == (23, "age_18_24")
    assert _person(date(1999, 12, 31))[:2] == (25, "age_25_34")
    assert _person(date(2004, 2, 29), as_of=date(2022, 2, 28))[:2] == (17, "age_below_18")


@pytest.mark.parametrize(
    ("born", "doubt"),
    [
        (date(2036, 5, 1), "future"),
        (date(1900, 1, 1), "default"),
        (date(1970, 1, 1), "default"),
        (date(1899, 5, 5), "too_old"),
    ],
)
def test_dates_of_birth_that_are_not_believed(born: date, doubt: str) -> None:
    assert _person(born, "虎") == (None, None, None, "tiger", doubt)


def test_zodiac_by_date_and_as_stated() -> None:
    assert _person(date(2000, 2, 5), "属龙")[2:] == ("dragon", "dragon", None)
    assert _person(date(2000, 2, 4), "Dragon")[2:] == ("rabbit", "dragon", None)
    assert _person(None, "龍") == (None, None, None, "dragon", None)


def test_a_customers_table_without_a_column_has_none_of_it() -> None:
    customers = pl.DataFrame({"customer_id": ["a"], "industry": ["餐饮"]})
    person = _built(Person(), customers).row(0, named=True)
    assert (person["gender"], person["education"], person["industry"]) == (None, None, "餐饮")
    assert _built(Acquisition(), customers)["deal_stage"].to_list() == [None]


def test_bands() -> None:
    assert [label.id for label in band_labels((18, 19, 40))] == [
        "age_below_18",
        "age_18",
        "age_19_39",
        "age_from_40",
    ]
    for bands in ((), (30, 20), (0, 20), (20, 200)):
        with pytest.raises(ParamsError, match="rising ages"):
            Person.from_params({"bands": bands})


def test_referrers_and_tagged_links() -> None:
    customers = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "source": ["官网", None, None, None],
            "referrer_id": [None, "a", "c", None],
            "utm_medium": [None, None, "cpc", None],
        }
    )
    built = _built(Acquisition(), customers)
    assert built["stated_source"].to_list() == ["官网", None, "utm_medium=cpc", None]
    assert built["is_referred"].to_list() == [False, True, False, False]  # nobody refers himself


@pytest.mark.parametrize("feature", [Whereabouts(), Person(), Acquisition()])
def test_columns_that_are_missing_are_unknown(feature: Feature) -> None:
    built = _built(feature, pl.DataFrame({"customer_id": ["b", "a"]}))
    assert built["customer_id"].to_list() == ["a", "b"]
    assert built.drop(
        "customer_id", "is_referred", strict=False
    ).null_count().sum_horizontal().item() == 2 * (len(built.columns) - 1 - ("is_referred" in built.columns))


def test_customers_of_later_are_left_out() -> None:
    customers = pl.DataFrame(
        {"customer_id": ["a", "b", "c"], "day": [20_000, None, 20_090], "city": ["成都"] * 3}
    )
    assert _built(Whereabouts(), customers)["customer_id"].to_list() == ["a", "b"]


def test_a_company_is_where_its_address_is() -> None:
    customers = pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "home_address": ["成都市", None],
            "company_address": ["深圳市", "深圳市南山区"],
        }
    )
    assert _built(Whereabouts(), customers)["home_city"].to_list() == ["chengdu", "shenzhen"]


def test_the_generated_company_is_placed() -> None:
    customers, dirt = _company()
    placed = _built(Whereabouts(), customers).join(customers, on="customer_id")
    cities = {city.id: city.short for city in gazetteer().cities.values()}
    lived = placed.filter(pl.col("city").is_not_null())
    assert lived.height >= 590
    assert lived.select((pl.col("home_city").replace_strict(cities) == pl.col("city")).all()).item()
    wrong = dirt.filter(kind="province_mismatch").height
    differing = placed.filter(pl.col("location_conflicts").is_not_null())
    assert differing["location_conflicts"].unique().to_list() == ["province"]
    assert differing.height == wrong > 0
    assert (differing["location_confidence"] < 1).all()
    assert (placed.filter(pl.col("home_city").is_null())["location_basis"].is_null()).all()


def test_the_generated_company_has_its_ages_and_animals() -> None:
    customers, dirt = _company()
    people = _built(Person(), customers)
    kinds = dict(dirt.filter(column="birth_date").group_by("kind").len().iter_rows())
    assert people.filter(birth_doubt="future").height == kinds.get("future_date", 0)
    assert people.filter(birth_doubt="default").height == kinds["placeholder_date"]
    differing = people.filter(pl.col("birth_zodiac") != pl.col("stated_zodiac"))
    assert differing.height == dirt.filter(kind="wrong_zodiac").height > 0
    believed = people.drop_nulls("age_years")
    assert believed["age_years"].is_between(15, 80).all()
    assert believed.height > 0.97 * customers.height
