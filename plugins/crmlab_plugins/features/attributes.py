"""Features from what the customers table says of a customer: place, person, source.

All of them describe the customers listed by the as-of day as the table knows them: what changed since
(a move, a corrected birth date) cannot be replayed. A column that the table lacks is null for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.data.quality.persons import DEFAULT_BIRTHS, OLDEST
from crmlab.engines import by_batches
from crmlab.errors import ParamsError
from crmlab.estimators import KEY, Feature
from crmlab.labels import Label, Measure, Text
from crmlab_plugins.features.rows import optional

if TYPE_CHECKING:
    import narwhals as nw

BANDS = (18, 25, 35, 45, 55, 65)
"""Ages at which the next band begins; the first keeps minors apart, whom the law protects most."""


_STATED = ("gender", "education", "industry")


class Whereabouts(Feature):
    """Province, city and city tier of a customer's address, with what they rest on.

    See :mod:`crmlab_plugins.rules.addresses`. A company's address counts where there is no home address. The
    values are ids of the gazetteer, which is also where their
    names are.
    """

    title: ClassVar[Text] = Text("所在地", "Whereabouts")
    tables: ClassVar[tuple[str, ...]] = ("customers",)
    produces: ClassVar[tuple[str, ...]] = (
        "home_province",
        "home_city",
        "home_region",
        "city_tier",
        "location_confidence",
        "location_basis",
        "location_conflicts",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "home_province": Measure("所在省份", "province", "text"),
        "home_city": Measure("所在城市", "city", "text"),
        "home_region": Measure("所在大区", "region", "text"),
        "city_tier": Measure("城市等级", "city tier", "text"),
        "location_confidence": Measure("所在地的置信度", "confidence of the whereabouts", "share"),
        "location_basis": Measure("所在地的依据", "fields that give the whereabouts", "text"),
        "location_conflicts": Measure("与所在地矛盾的字段", "fields that contradict the whereabouts", "text"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per listed customer."""
        from crmlab_plugins.rules.addresses import WEIGHTS

        customers = _listed(tables["customers"], as_of, *WEIGHTS, "company_address")
        schema = dict.fromkeys((KEY, *self.produces), pl.String) | {"location_confidence": pl.Float64}
        return by_batches(customers, _located, schema)


class Person(Feature):
    """Age as of a day, age band and animal of the birth year; gender, education and industry as stated.

    Ages outside 0 to 120 and the dates that programs store for none count as unknown. ``age_band`` is
    the id of a band that begins at one of ``bands``, such as ``age_25_34``.
    """

    title: ClassVar[Text] = Text("个人与行业属性", "Person and industry")
    tables: ClassVar[tuple[str, ...]] = ("customers",)
    produces: ClassVar[tuple[str, ...]] = (
        "age_years",
        "age_band",
        "birth_zodiac",
        "stated_zodiac",
        "birth_doubt",
        *_STATED,
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "age_years": Measure("年龄（岁）", "age in years", "count"),
        "age_band": Measure("年龄段", "age band", "text"),
        "birth_zodiac": Measure("由出生日期推算的属相", "zodiac animal by the date of birth", "text"),
        "stated_zodiac": Measure("登记的属相", "stated zodiac animal", "text"),
        "birth_doubt": Measure("出生日期不可信的原因", "why the date of birth is not believed", "text"),
        "gender": Measure("性别", "gender", "text"),
        "education": Measure("教育程度", "education", "text"),
        "industry": Measure("行业", "industry", "text"),
    }
    bands: tuple[int, ...] = BANDS

    def _check_params(self) -> None:
        check_bands(self.bands)

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per listed customer."""
        customers = _listed(tables["customers"], as_of, "birth_date", "zodiac", *_STATED)
        schema = dict.fromkeys((KEY, *self.produces), pl.String) | {"age_years": pl.Int64}
        return by_batches(customers, partial(self._described, as_of), schema)

    def _described(self, as_of: date, customers: pl.DataFrame) -> pl.DataFrame:
        from crmlab_plugins.rules.lunar_zodiac import animal_of
        from crmlab_plugins.rules.word_tables import word_table

        born = pl.col("birth_date").cast(pl.Date, strict=False)
        birthday = born.dt.month().cast(pl.Int32) * 100 + born.dt.day()
        before = (birthday > as_of.month * 100 + as_of.day).cast(pl.Int64)
        age = as_of.year - born.dt.year().cast(pl.Int64) - before
        doubt = (
            pl.when(born.dt.to_string("%Y-%m-%d").is_in(DEFAULT_BIRTHS))
            .then(pl.lit("default"))
            .when(age < 0)
            .then(pl.lit("future"))
            .when(age > OLDEST)
            .then(pl.lit("too_old"))
        )
        animal = word_table("person_words", "zodiac").look_up(customers["zodiac"])["label"]
        answer = customers.select(
            KEY,
            age_years=pl.when(doubt.is_null()).then(age),
            birth_zodiac=pl.when(doubt.is_null()).then(animal_of(born)),
            stated_zodiac=animal,
            birth_doubt=doubt,
            **{name: pl.col(name).cast(pl.String) for name in _STATED},
        )
        return answer.with_columns(age_band=band_of(pl.col("age_years"), self.bands))


class Acquisition(Feature):
    """How a customer came, as stated, whether another one is named as referrer, and how far the sale is.

    Columns ``utm_source``, ``utm_medium`` and ``utm_campaign`` of the customers table count where
    nothing is stated, and are written as in a link.
    """

    title: ClassVar[Text] = Text("来源登记", "Stated source")
    tables: ClassVar[tuple[str, ...]] = ("customers",)
    produces: ClassVar[tuple[str, ...]] = ("stated_source", "is_referred", "deal_stage")
    measures: ClassVar[Mapping[str, Measure]] = {
        "stated_source": Measure("登记的来源", "stated source", "text"),
        "is_referred": Measure("有推荐人", "has a referrer", "boolean"),
        "deal_stage": Measure("购买阶段", "deal stage", "text"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per listed customer."""
        customers = _listed(tables["customers"], as_of, "source", "referrer_id", "deal_stage", *_UTM)
        schema = dict.fromkeys((KEY, *self.produces), pl.String) | {"is_referred": pl.Boolean}
        return by_batches(customers, _acquired, schema)


_UTM = ("utm_source", "utm_medium", "utm_campaign")


def check_bands(bands: tuple[int, ...]) -> None:
    """Raise ParamsError unless the ages rise and can be those of people."""
    rising = all(low < high for low, high in pairwise(bands))
    if not bands or not rising or bands[0] < 1 or bands[-1] > OLDEST:
        raise ParamsError(
            f"bands is {bands}; it must hold rising ages from 1 to {OLDEST} at which the next band begins, "
            "for example (18, 25, 35, 45, 55, 65)."
        )


def band_of(age: pl.Expr, bands: tuple[int, ...]) -> pl.Expr:
    """Return the id of the band that ages in years lie in; null for null."""
    *others, last = band_labels(bands)
    band = pl.when(age.is_not_null()).then(pl.lit(last.id)).otherwise(None)
    for edge, label in reversed([*zip(bands, others, strict=True)]):
        band = pl.when(age < edge).then(pl.lit(label.id)).otherwise(band)
    return band


def band_labels(bands: tuple[int, ...]) -> tuple[Label, ...]:
    """Return the labels of age bands, the youngest first."""
    first, last = bands[0], bands[-1]
    between = [
        Label(f"age_{low}_{high - 1}", f"{low}–{high - 1} 岁", f"{low}–{high - 1}")
        if high - low > 1
        else Label(f"age_{low}", f"{low} 岁", f"{low}")
        for low, high in pairwise(bands)
    ]
    young = Label(f"age_below_{first}", f"未满 {first} 岁", f"Below {first}")
    return (young, *between, Label(f"age_from_{last}", f"{last} 岁及以上", f"{last} and above"))


def _listed(customers: nw.LazyFrame[Any], as_of: date, *columns: str) -> nw.LazyFrame[Any]:
    """Return the key and ``columns`` of customers listed by ``as_of``, null where the table lacks them."""
    import narwhals as nw

    from crmlab.summary import day_number

    if "day" in customers.collect_schema().names():
        customers = customers.filter(nw.col("day").is_null() | (nw.col("day") <= day_number(as_of)))
    return optional(customers, *columns).select(KEY, *columns)


def _located(customers: pl.DataFrame) -> pl.DataFrame:
    """Return the whereabouts of each row, by its address and its names of places."""
    from crmlab_plugins.rules.addresses import WEIGHTS, locate
    from crmlab_plugins.rules.gazetteer import ABROAD, OUTSIDE, TIERS, city_tiers, gazetteer

    address = pl.coalesce(pl.col("home_address", "company_address").cast(pl.String))
    place = locate(customers.with_columns(home_address=address).select(*WEIGHTS))
    regions = {each.id: each.region for each in gazetteer().provinces.values()} | {ABROAD: ABROAD}
    region = pl.col("home_province").replace_strict(regions, default=None, return_dtype=pl.String)
    listed = pl.col("home_city").replace_strict(city_tiers(), default=TIERS[-1].id, return_dtype=pl.String)
    beyond = pl.when(region.is_in([OUTSIDE, ABROAD])).then(region)
    tier = beyond.when(pl.col("home_city").is_not_null()).then(listed)
    located = customers.select(KEY).hstack(place).with_columns(home_region=region, city_tier=tier)
    return located.select(KEY, *Whereabouts.produces)


def _acquired(customers: pl.DataFrame) -> pl.DataFrame:
    """Return how each row says that the customer came."""
    tagged = [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String)) for name in _UTM]
    link = pl.concat_str(tagged, separator="&", ignore_nulls=True).replace("", None)
    return customers.select(
        KEY,
        stated_source=pl.coalesce(pl.col("source").cast(pl.String), link),
        is_referred=pl.col("referrer_id").is_not_null() & (pl.col("referrer_id") != pl.col(KEY)),
        deal_stage=pl.col("deal_stage").cast(pl.String),
    )
