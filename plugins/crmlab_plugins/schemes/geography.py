"""Geography: where a customer lives, by tier of city, region, province or city."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.estimators import Classifier
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab_plugins.rules import wording
from crmlab_plugins.rules.gazetteer import (
    ABROAD,
    OUTSIDE,
    REGIONS,
    TIERS,
    City,
    city_tiers,
    gazetteer,
    tiers_of,
    tiers_source,
)

Level = Literal["tier", "region", "province", "city"]
LEVELS: Mapping[Level, Text] = {
    "tier": Text("城市等级", "city tier"),
    "region": Text("大区", "region"),
    "province": Text("省份", "province"),
    "city": Text("城市", "city"),
}
FIELDS = {
    "home_address": Text("地址", "address"),
    "city": Text("城市", "city"),
    "province": Text("省份", "province"),
    "country": Text("国家", "country"),
    "district": Text("区县", "district"),
    "postcode": Text("邮编", "postcode"),
}
_ABROAD = Label(ABROAD, "境外", "Abroad")
_OTHER = Label("other_cities", "其他城市", "Other cities")
_OUTSIDE = next(region for region in REGIONS if region.id == OUTSIDE)


class Geography(Classifier):
    """Classes customers by the place that address, city, province, district, postcode and country name.

    The fields vote: address and city with weight 3, province and country 2, district and postcode 1.
    ``level`` says which classes: tiers of cities, the seven regions, provinces, or the ``most_cities``
    cities with most customers. ``city_tiers`` puts cities into other tiers than the packaged list:
    name → first, new_first, second or third_or_below.
    """

    title: ClassVar[Text] = Text("地理位置", "Geography")
    needs: ClassVar[Text] = Text("地址、省市或邮编", "an address, province, city or postcode")
    sureness: ClassVar[Text] = Text(
        "一致字段的权重占比；只有邮编时乘 0.6，英文地名重名时乘 0.7，地址自相矛盾时乘 0.5；不是概率",
        "weight of the fields that agree; times 0.6 for a postcode alone, 0.7 for an English name that "
        "cities share, 0.5 for an address that contradicts itself; no probability",
    )
    accepts_nulls: ClassVar[bool] = True

    level: Level = "tier"
    most_cities: int = 20
    city_tiers: Mapping[str, str] | None = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The columns of the feature ``whereabouts``."""
        return (
            *("home_province", "home_city", "home_region", "city_tier"),
            *("location_confidence", "location_basis", "location_conflicts"),
        )

    @property
    def scheme(self) -> Scheme:
        """The classes of the level; cities are known after ``fit``."""
        labels: tuple[Label, ...] = (*REGIONS, _ABROAD)
        if self.level == "tier":
            labels = (*TIERS, _OUTSIDE, _ABROAD)
        elif self.level == "province":
            labels = (*(Label(p.id, p.short, p.en) for p in gazetteer().provinces.values()), _ABROAD)
        elif self.level == "city":
            cities = gazetteer().cities
            shown = [Label(name, *_city_name(cities[name])) for name in getattr(self, "cities_", None) or []]
            labels = (*shown, _OTHER, _ABROAD)
        by = LEVELS[self.level]
        return Scheme(f"geography_{self.level}", f"地理位置（{by.zh}）", f"Geography by {by.en}", labels)

    def definition(self) -> Text:
        """Return how a place is found, and what the classes are."""
        rule = Text(
            "由地址、城市（权重各 3）、省份、国家（各 2）、区县、邮编（各 1）共同确定所在省市，"
            "字段之间不一致时以权重大者为准；",
            "Address and city (weight 3 each), province and country (2), district and postcode (1) decide "
            "together on province and city; where they differ, the greater weight counts. ",
        )
        by = self._classes()
        return Text(rule.zh + by.zh, rule.en + by.en)

    def _classes(self) -> Text:
        if self.level == "tier":
            source, count = tiers_source(), len(city_tiers())
            changed = len(self.city_tiers or {})
            return Text(
                f"城市等级取{source.zh}（{count} 城），未上榜的内地城市归入三线及以下"
                f"{f'，另有 {changed} 城按本项目设定' if changed else ''}；该榜单每年变化，并非官方分级。",
                f"Tiers are those of {source.en} ({count} cities); other mainland cities are third tier and "
                f"below{f'; {changed} are set by this study' if changed else ''}. "
                "The list changes every year and is not official.",
            )
        if self.level == "city":
            return Text(
                f"列出客户最多的 {self.most_cities} 个城市，其余归入其他城市。",
                f"The {self.most_cities} cities with most customers, the others together.",
            )
        if self.level == "region":
            return Text(
                "按七大地理区与港澳台划分。", "The seven customary regions beside Hong Kong, Macao, Taiwan."
            )
        return Text("按省级行政区划分。", "By units of province level.")

    def _check_params(self) -> None:
        if self.level not in LEVELS:
            hint = f"{did_you_mean(self.level, LEVELS)} Allowed: {', '.join(LEVELS)}."
            raise ParamsError(f"level is {self.level!r}.{hint}")
        if self.most_cities < 1:
            raise ParamsError(f"most_cities is {self.most_cities}; it must be 1 or more.")
        self._own_tiers()

    def _own_tiers(self) -> dict[str, str]:
        return dict(tiers_of((self.city_tiers or {}).items()))

    def _known(self, features: pl.DataFrame) -> pl.Series:
        return features["location_basis"].is_not_null()

    def _fit(self, features: pl.DataFrame) -> None:
        self.cities_ = self._largest(features) if self.level == "city" else None

    def _largest(self, features: pl.DataFrame) -> list[str]:
        order = {name: at for at, name in enumerate(gazetteer().cities)}
        counts = features.drop_nulls("home_city").group_by("home_city").len("customers")
        counts = counts.with_columns(
            at=pl.col("home_city").replace_strict(order, default=None, return_dtype=pl.Int64)
        )
        most = counts.sort("customers", "at", descending=[True, False]).head(self.most_cities)
        return most["home_city"].to_list()

    def _tier(self) -> pl.Expr:
        own = pl.col("home_city").replace_strict(self._own_tiers(), default=None, return_dtype=pl.String)
        return pl.coalesce(own, "city_tier")

    def _label(self) -> pl.Expr:
        if self.level == "tier":
            return self._tier()
        if self.level == "region":
            return pl.col("home_region")
        if self.level == "province":
            return pl.col("home_province")
        city, abroad = pl.col("home_city"), pl.col("home_province") == ABROAD
        named = (
            pl.when(city.is_in(self.cities_ or []))
            .then(city)
            .when(city.is_not_null())
            .then(pl.lit(_OTHER.id))
        )
        return named.when(abroad).then(pl.lit(ABROAD))

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        label = self._label().fill_null(UNCLASSIFIED.id).cast(pl.String).alias("label")
        return features.select(label).to_series()

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        sure = pl.when(self._label().is_not_null()).then(pl.col("location_confidence").cast(pl.Float64))
        return features.select(confidence=sure).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        known = gazetteer()
        tiers = {label.id: label.text for label in TIERS}
        provinces = {p.id: Text(p.short, p.en) for p in known.provinces.values()} | {ABROAD: _ABROAD.text}
        # A municipality is said once.
        apart = [city for city in known.cities.values() if city.zh != known.provinces[city.province].zh]
        cities = {city.id: _city_name(city) for city in apart}
        rows = features.with_columns(tier=self._tier())
        written = {}
        for language in ("zh", "en"):
            zh = language == "zh"
            province = _named("home_province", provinces, zh)
            city = _named("home_city", cities, zh)
            place = pl.concat_str(province, city, ignore_nulls=True) if zh else _joined(city, province)
            tier = pl.format("（{}）" if zh else " ({})", _named("tier", tiers, zh)).fill_null("")
            basis = _fields(rows, "location_basis", zh)
            against = _fields(rows, "location_conflicts", zh)
            found = pl.format("位于{}{}，依据{}" if zh else "in {}{}, by {}", place, tier, basis)
            doubt = pl.format("；与{}不一致" if zh else "; contradicted by {}", against).fill_null("")
            no_city = "；只知道省份，不知城市" if zh else "; the city is not known"
            city_needed = self._label().is_null() & pl.col("home_province").is_not_null()
            more = pl.when(city_needed).then(pl.lit(no_city)).otherwise(pl.lit(""))
            vague = "地名有歧义，缺少省份或城市" if zh else "the place name is shared by several cities"
            strange = "地址中没有认识的省市名称" if zh else "no known province or city in the address"
            written[language] = (
                pl.when(pl.col("home_province").is_not_null())
                .then(found + more + doubt)
                .when(pl.col("location_basis") == "ambiguous")
                .then(pl.lit(vague))
                .otherwise(pl.lit(strange))
            )
        return wording.reasons(rows, written["zh"], written["en"])


def _city_name(city: City) -> Text:
    """Return the short name, with the province where two cities share the English one."""
    shared = city.id.endswith(f"_{city.province}")
    province = gazetteer().provinces[city.province]
    return Text(city.short, f"{city.en} ({province.en})" if shared else city.en)


def _named(column: str, names: Mapping[str, Text], zh: bool) -> pl.Expr:
    words = {name: text.zh if zh else text.en for name, text in names.items()}
    return pl.col(column).replace_strict(words, default=None, return_dtype=pl.String)


def _joined(city: pl.Expr, province: pl.Expr) -> pl.Expr:
    return pl.concat_str(city, province, separator=", ", ignore_nulls=True)


def _fields(rows: pl.DataFrame, column: str, zh: bool) -> pl.Expr:
    """Name the fields that are listed in a column; the same few lists come again and again."""
    listed = rows[column].drop_nulls().unique().to_list()
    words = {
        names: ("、" if zh else ", ").join(
            (FIELDS[name].zh if zh else FIELDS[name].en) for name in names.split(",") if name in FIELDS
        )
        for names in listed
    }
    return pl.col(column).cast(pl.String).replace_strict(words, default=None, return_dtype=pl.String)
