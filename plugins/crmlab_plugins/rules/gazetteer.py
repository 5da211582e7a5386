"""The gazetteer: provinces, cities and counties of China by every usual spelling, and tiers of cities.

The names are data, in ``data/gazetteer.yaml`` (Ministry of Civil Affairs, codes of administrative
divisions), the tiers in ``data/city_tiers.yaml``; both files say of when they are and may be edited.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import Label, Text

_DATA = Path(__file__).parents[1] / "data"
ABROAD = "abroad"
"""Stands for the province of a place outside China."""
OUTSIDE = "outside"
"""The region of Hong Kong, Macao and Taiwan, which no list of tiers covers."""

REGIONS = (
    Label("north", "华北", "North China"),
    Label("northeast", "东北", "Northeast China"),
    Label("east", "华东", "East China"),
    Label("central", "华中", "Central China"),
    Label("south", "华南", "South China"),
    Label("southwest", "西南", "Southwest China"),
    Label("northwest", "西北", "Northwest China"),
    Label(OUTSIDE, "港澳台", "Hong Kong, Macao, Taiwan"),
)
TIERS = (
    Label("first", "一线城市", "First tier"),
    Label("new_first", "新一线城市", "New first tier"),
    Label("second", "二线城市", "Second tier"),
    Label("third_or_below", "三线及以下城市", "Third tier and below"),
)

_UNIT_OF_PROVINCE = r"(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)$"
_PEOPLES = (
    "壮族|满族|回族|苗族|土家族|彝族|蒙古族|蒙古|藏族|布依族|侗族|朝鲜族|白族|哈尼族|哈萨克族|哈萨克|傣族|黎族|傈僳族"
    "|景颇族|柯尔克孜|羌族|瑶族|畲族|仡佬族|水族|毛南族|仫佬族|拉祜族|佤族|布朗族|纳西族|普米族|怒族|独龙族|东乡族"
    "|保安族|撒拉族|裕固族|土族|达斡尔族|锡伯|塔吉克|各族"
)
_UNIT_OF_CITY = rf"(?:市|(?:{_PEOPLES})*自治州|(?:{_PEOPLES})*自治县|地区|盟|林区|特别行政区)$"


class Place(NamedTuple):
    """A province and, where it is known, one of its cities, by their ids."""

    province: str
    city: str | None = None

    def joined(self, other: Place) -> Place | None:
        """Return what both say together, or None where they contradict each other."""
        if self.province != other.province or (self.city and other.city and self.city != other.city):
            return None
        return Place(self.province, self.city or other.city)


@dataclass(frozen=True, slots=True)
class Province:
    """A province, municipality, autonomous or special administrative region; ``short`` as 广东."""

    id: str
    zh: str
    short: str
    en: str
    region: str


@dataclass(frozen=True, slots=True)
class City:
    """A unit of prefecture level, or a county that its province governs itself."""

    id: str
    zh: str
    short: str
    en: str
    province: str
    counties: tuple[str, ...]


class Gazetteer(NamedTuple):
    """Places by id, and the places that a spelling can stand for.

    ``names`` are Chinese spellings, ``latin`` English ones in small letters with single spaces.
    ``bare`` are names of provinces and cities without their unit, which may begin a street's name too;
    ``towns`` bare names of counties and districts, taken for them only alone or after a greater place;
    ``units`` names of provinces and cities with their unit, which stand for nothing else.
    """

    provinces: Mapping[str, Province]
    cities: Mapping[str, City]
    names: Mapping[str, tuple[Place, ...]]
    latin: Mapping[str, tuple[Place, ...]]
    bare: frozenset[str]
    towns: frozenset[str]
    units: frozenset[str]
    china: frozenset[str]
    unknown: frozenset[str]

    def city_named(self, name: str) -> str:
        """Return the id of a city by its Chinese or English name; raise ParamsError for no or several."""
        places = (*self.names.get(name, ()), *self.latin.get(level(name), ()))
        found = {place.city for place in places if place.city}
        if len(found) == 1:
            return found.pop() or ""
        known = [city.short for city in self.cities.values()]
        problem = "is the name of several cities" if found else "is no city of the gazetteer"
        hint = "Give its full Chinese name, for example 无锡市."
        raise ParamsError(f"{name!r} {problem}.{did_you_mean(name, known)} {hint}")


def level(text: str) -> str:
    """Write English in small letters with single spaces: "Xi'an" → "xi an"."""
    return re.sub(r"[^a-z]+", " ", text.lower().replace("ü", "u")).strip()


@cache
def gazetteer() -> Gazetteer:
    """Read the gazetteer, once."""
    provinces, cities = _places(_read("gazetteer"))
    words = _read("place_words")
    municipal = {city.province: city.id for city in cities.values() if city.zh == provinces[city.province].zh}
    names: dict[str, set[Place]] = defaultdict(set)
    latin: dict[str, set[Place]] = defaultdict(set)
    for province in provinces.values():
        place = Place(province.id, municipal.get(province.id))
        units = ("", "省", "自治区") if province.id not in municipal else ("", "市")
        for name in (province.zh, *(province.short + unit for unit in units)):
            names[name].add(place)
        latin[level(province.en)].add(place)
    of_provinces, of_provinces_en = set(names), set(latin)
    bare = {province.short for province in provinces.values()}
    for city in cities.values():
        place = Place(city.province, city.id)
        for name in {city.zh, city.short, *_with_unit(city)} - of_provinces:
            names[name].add(place)
        bare |= {city.short} - of_provinces
        english = level(city.en)
        spelt = {english, english.replace(" ", "")} - of_provinces_en
        for name in (*spelt, f"{english} city"):
            latin[name].add(place)
    whole = set(names)
    counties = {county for city in cities.values() for county in city.counties}
    towns: set[str] = set()
    for city in cities.values():
        for county in city.counties:
            short, others = _spellings(county)
            for name in {county, *short, *(others - counties)} - whole:
                names[name].add(Place(city.province, city.id))
            towns |= short - counties - whole
    for alias, name in words["aliases"].items():
        (latin if alias.isascii() else names)[alias] |= names[name]
    for name in (ABROAD, *words["abroad"].split()):
        names[name].add(Place(ABROAD))
    for name in words["abroad_en"].split():
        latin[name.replace("_", " ")].add(Place(ABROAD))
    return Gazetteer(
        provinces=provinces,
        cities=cities,
        names={name: tuple(sorted(places, key=str)) for name, places in names.items()},
        latin={name: tuple(sorted(places, key=str)) for name, places in latin.items()},
        bare=frozenset(bare),
        towns=frozenset(towns),
        units=frozenset(whole - bare),
        china=frozenset(words["china"].split()),
        unknown=frozenset(words["unknown"].split()),
    )


@cache
def city_tiers() -> Mapping[str, str]:
    """Return the id of each listed city → id of its tier."""
    listed = _read("city_tiers")
    return dict(tiers_of((name, tier.id) for tier in TIERS[:-1] for name in listed[tier.id].split()))


def tiers_of(given: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Go through names of cities and tiers and yield ids of both; raise ParamsError for unknown ones."""
    known = {word: tier.id for tier in TIERS for word in (tier.id, tier.zh, tier.zh.removesuffix("城市"))}
    for name, tier in given:
        if tier not in known:
            hint = f"{did_you_mean(tier, known)} Allowed: {', '.join(label.id for label in TIERS)}."
            raise ParamsError(f"The tier of {name} is {tier!r}.{hint}")
        yield gazetteer().city_named(name), known[tier]


def tiers_source() -> Text:
    """Return whose list of tiers it is, and of which year."""
    source = _read("city_tiers")["source"]
    return Text(source["zh"], source["en"])


def _places(document: Mapping[str, Any]) -> tuple[dict[str, Province], dict[str, City]]:
    provinces, found = {}, []
    for zh, entry in document.items():
        short, id_ = re.sub(_UNIT_OF_PROVINCE, "", zh), level(entry["en"]).replace(" ", "_")
        provinces[id_] = Province(id_, zh, short, entry["en"], entry["region"])
        for name, line in entry["cities"].items():
            english, *counties = line.split(" ")
            found.append((name, english.replace("_", " "), id_, tuple(counties)))
    many = Counter(english for _, english, _, _ in found)
    cities = {}
    for zh, english, province, counties in found:
        id_ = level(english).replace(" ", "")
        id_ = f"{id_}_{province}" if many[english] > 1 else id_
        short = re.sub(_UNIT_OF_CITY, "", zh)
        cities[id_] = City(id_, zh, short, english, province, counties)
    return provinces, cities


def _spellings(county: str) -> tuple[set[str], set[str]]:
    """Return the bare name of a county or district, and names with the unit that it has or once had.

    章丘区 was 章丘市 and 双流区 was 双流县, and addresses are written so for many years after.
    """
    autonomous = county.endswith("自治县")
    short = re.sub(_UNIT_OF_CITY if autonomous else r"(?:新区|[市县区])$", "", county)
    if len(short) < 2 or short == county:
        return set(), set()
    units = "县" if autonomous else "市县" if county.endswith("区") else ""
    return {short}, {short + unit for unit in units}


def _with_unit(city: City) -> set[str]:
    """Return the ways to shorten the name of an autonomous prefecture or county: 恩施州, 乐东县."""
    if city.zh.endswith("自治州"):
        return {city.short + "州", city.short + "自治州"}
    return {city.short + "县"} if city.zh.endswith("自治县") else set()


def _read(name: str) -> dict[str, Any]:
    import yaml

    document: dict[str, Any] = yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return document
