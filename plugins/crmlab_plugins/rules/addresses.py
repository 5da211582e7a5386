"""Find province and city of Chinese addresses, without regard to how they are written.

Each of a customer's fields is read by itself into the names of places that it begins with (Chinese) or
holds (English). Then the fields vote, each with the weight of :data:`WEIGHTS`: first for the province,
then for a city in it. What a name leaves open (there is a 朝阳区 in Beijing and in Changchun), other
fields decide or nobody does. Only distinct combinations of names are resolved, so that a million
addresses take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import polars as pl

from crmlab.data.quality.places import province_of_postcode
from crmlab.data.validators import is_postcode, plain
from crmlab_plugins.rules.gazetteer import ABROAD, TIERS, Place, city_tiers, gazetteer
from crmlab_plugins.sentiment.chinese import traditional

WEIGHTS: Mapping[str, int] = {
    "home_address": 3,
    "city": 3,
    "province": 2,
    "country": 2,
    "district": 1,
    "postcode": 1,
}
"""Field of the customers table → how much it counts; an address is written with the most care."""

_POSTCODE_SURENESS = 0.6
_HOMONYM_SURENESS = 0.7
_TORN_SURENESS = 0.5
_BETWEEN = "|"
_COUNTRY = r"^(?:中华人民共和国|中国)"
_NAMES_IN_A_FIELD = 3
_SEPARATORS = r"[\s,，、.。;；:：/\\|·\-—_()（）\[\]【】]+"
# What follows the bare name of a city where it names a street, an estate or a firm: 中山路, 北京东路.
_NO_CITY = (
    r"^[东西南北中上下前后新老一二三四五六七八九十]{0,2}"
    r"(?:路|街|大街|大道|大路|道|巷|弄|胡同|里|村|庄|镇|乡|城|苑|园|花园|家园|公园|公寓|小区|新村|广场|大厦|国际|明珠|商|大楼|山|河|江|湖"
    r"|门|桥|站|学|医院|酒店|饭店|宾馆|拉面|牛肉面|小面|火锅|烤鸭|啤酒)"
)
# What follows a name in English that is no city: Nanjing East Road, Chaoyang District.
_NO_CITY_EN = (
    r"(?: (?:east|west|north|south|middle|dong|xi|nan|bei|zhong))?(?: \d+)?"
    r" (?:rd|road|st|street|ave|avenue|lu|jie|lane|dist|district|qu|county|xian|town|zhen|subdistrict)\b"
)
# How registers write that a county belongs to no prefecture: 河南省省直辖县级行政区划济源市.
_NO_PREFECTURE = r"市辖区|(?:省|自治区)?直辖县级行政(?:区划|单位|区)"
_LABEL = r"^(?:收货|收件|家庭|公司|单位|联系|通讯|通信|详细|常住|现|居)?(?:地址|住址|住地|所在地)"


class Location(NamedTuple):
    """Where a customer is: ids of the gazetteer, how sure that is, and which fields say so or else.

    ``basis`` are fields that agree, or ``ambiguous`` or ``unknown`` where there is no province; None
    where no field holds anything.
    """

    province: str | None
    city: str | None
    confidence: float | None
    basis: str | None
    conflicts: str | None


class _Evidence(NamedTuple):
    field: str
    places: tuple[Place, ...]
    weight: int
    homonym: bool = False
    torn: bool = False


def locate(customers: pl.DataFrame) -> pl.DataFrame:
    """Return :class:`Location` of every customer, in row order, of whichever fields there are.

    ``customers`` may hold the text columns ``country``, ``province``, ``city``, ``district``,
    ``home_address`` and ``postcode``; columns that are missing count as empty.
    """
    fields = [name for name in WEIGHTS if name in customers.columns]
    read = pl.DataFrame(
        [_read(name, customers[name]) for name in fields], schema=dict.fromkeys(fields, pl.String)
    )
    distinct = read.unique(maintain_order=True)
    found = [resolve(dict(zip(fields, row, strict=True))) for row in distinct.iter_rows()]
    answers = distinct.hstack(pl.DataFrame(found, schema=_SCHEMA, orient="row"))
    if not fields:
        return pl.DataFrame(schema=_SCHEMA).clear(customers.height)
    joined = read.join(answers, on=fields, how="left", nulls_equal=True, maintain_order="left")
    return joined.select(_SCHEMA.keys())


_SCHEMA = {
    "home_province": pl.String,
    "home_city": pl.String,
    "location_confidence": pl.Float64,
    "location_basis": pl.String,
    "location_conflicts": pl.String,
}


def resolve(names: Mapping[str, str | None]) -> Location:
    """Let the fields vote; ``names`` maps each field to the names of places in it, joined by "|".

    A field that holds something in which no place was found has the empty text, an empty one None.
    """
    written = [field for field in WEIGHTS if names.get(field) is not None]
    evidence = [each for field in written if (each := _evidence(field, names[field] or "")).places]
    if not evidence:
        # A country, or a postcode that is none, tells nothing of a place in China.
        told = [field for field in written if field not in ("country", "postcode")]
        return Location(None, None, None, "unknown" if told else None, None)
    provinces = list(dict.fromkeys(place.province for each in evidence for place in each.places))
    homonym = False
    province = _elected([Place(name) for name in provinces], evidence)
    if province is None:
        best = _larger(place for each in evidence if each.homonym for place in each.places)
        if best is None:
            return Location(None, None, None, "ambiguous", None)
        province, homonym = Place(best.province), True
    cities = list(
        dict.fromkeys(
            place
            for each in evidence
            for place in each.places
            if place.city and place.province == province.province
        )
    )
    place = (_elected(cities, evidence) or province) if cities else province
    agree = [each for each in evidence if _supports(each, place)]
    against = [each.field for each in evidence if not _supports(each, place)]
    sure = sum(each.weight for each in agree) / sum(each.weight for each in evidence)
    if all(each.field == "postcode" for each in agree):
        sure *= _POSTCODE_SURENESS
    if homonym:
        sure *= _HOMONYM_SURENESS
    torn = [each.field for each in agree if each.torn]
    if torn:
        sure *= _TORN_SURENESS
    basis, conflicts = ",".join(each.field for each in agree), ",".join(against + torn)
    return Location(place.province, place.city, round(sure, 2), basis, conflicts or None)


def _elected(places: Sequence[Place], evidence: Sequence[_Evidence]) -> Place | None:
    """Return the place with most weight behind it, or None where several are named alike.

    Of places with the same weight the one wins that the more telling field names.
    """
    votes = []
    for place in places:
        said = [_supports(each, place) for each in evidence]  # in the order of WEIGHTS
        votes.append((sum(each.weight for each, yes in zip(evidence, said, strict=True) if yes), said))
    most = max(votes)
    return places[votes.index(most)] if votes.count(most) == 1 else None


def _supports(each: _Evidence, place: Place) -> bool:
    return any(found.joined(place) for found in each.places)


def _larger(places: Iterable[Place]) -> Place | None:
    """Return the one place whose city is of the highest tier: Suzhou is taken for 苏州, not for 宿州."""
    order = [tier.id for tier in TIERS]
    rank = {place: order.index(city_tiers().get(place.city or "", order[-1])) for place in places}
    best = [place for place, at in rank.items() if at == min(rank.values())]
    return best[0] if len(best) == 1 else None


@lru_cache(maxsize=100_000)
def _evidence(field: str, names: str) -> _Evidence:
    """Return the places that the names in one field can stand for together."""
    if field == "postcode":
        return _Evidence(field, (Place(names),) if names else (), WEIGHTS[field])
    known, homonym, torn = gazetteer(), False, False
    found: tuple[Place, ...] = ()
    for name in names.split(_BETWEEN) if names else ():
        places: tuple[Place, ...] = known.names.get(name) or known.latin.get(name) or ()
        both = dict.fromkeys(either for a in found for b in places if (either := a.joined(b)))
        apart, latin = bool(found and places and not both), name.isascii()
        # Of names that contradict each other the greater place counts: first in Chinese, last in English.
        torn |= apart and (latin or name in known.units)
        found = tuple(both) or (places if apart and latin else found or places)
        homonym = latin
    return _Evidence(field, found, WEIGHTS[field], homonym and len(found) > 1, torn)


def _read(field: str, values: pl.Series) -> pl.Series:
    """Return the names of places in each value, "" where there is none; null where nothing is written."""
    given = values.cast(pl.String).alias("given").to_frame()
    if field == "home_address":
        given = given.select(_beginning(pl.col("given")).alias("given"))
    distinct = given.unique(maintain_order=True).drop_nulls().with_columns(text=plain(pl.col("given")))
    letters = pl.col("text").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")
    said = (letters != "") & ~letters.is_in(sorted(gazetteer().unknown))
    distinct = distinct.filter(said)
    if field == "postcode":
        valid = pl.when(is_postcode(pl.col("text"))).then("text")
        shorts = {each.short: each.id for each in gazetteer().provinces.values()}
        read = province_of_postcode(valid).replace_strict(shorts, default="", return_dtype=pl.String)
        names = distinct.with_columns(names=read)
    else:
        simple = traditional() | {"臺": "台"}
        text = pl.col("text").str.to_lowercase().str.replace_many(list(simple), list(simple.values()))
        solid = pl.col("text").str.replace_all(_SEPARATORS, "").str.replace(_COUNTRY, "")
        spaced = (
            pl.col("text").str.replace_all("ü", "u").str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()
        )
        words = distinct.with_columns(text).with_columns(
            solid=solid.str.replace(_NO_PREFECTURE, "").str.replace(_LABEL, ""),
            spaced=pl.when(pl.col("text").str.contains("[a-z]{2}")).then(spaced),
        )
        names = _country(words) if field == "country" else _places(words, field)
    names = names.select("given", pl.col("names").fill_null("").alias(field))
    return given.join(names, on="given", how="left", maintain_order="left")[field]


def _beginning(address: pl.Expr) -> pl.Expr:
    """Return a Chinese address up to its first digit, from where it begins; any other text as it is.

    Up to there are far fewer different texts: 广东省深圳市南山区科技路. What stands before the
    address (a name, a telephone number, a postcode) is left out where a province or a city with its
    unit, or the bare name of a province with another place, shows where the address begins.
    """
    head = address.str.extract(r"^(\D*)")
    begun = pl.coalesce(address.str.extract(pattern) for pattern in _inside())
    late = ~head.str.contains(_starts()) & begun.is_not_null()
    return pl.when(late).then(begun).when(head.str.contains(r"\p{Han}")).then(head).otherwise(address)


def _country(words: pl.DataFrame) -> pl.DataFrame:
    """Return what a country says of the place: nothing if it is China, a province, or that it is abroad."""
    known = gazetteer()
    solid = pl.col("text").str.replace_all(r"[^\p{Han}a-z0-9]+", "")
    provinces = [name for each in known.provinces.values() for name in (each.short, each.zh)]
    english = _english(pl.col("spaced"))
    return words.with_columns(
        names=pl.when(solid.is_in(sorted(known.china)))
        .then(pl.lit(""))
        .when(pl.col("solid").is_in(provinces))
        .then("solid")
        .when(english != "")
        .then(english)
        .when(solid.str.contains(r"[\p{L}]{2}"))
        .then(pl.lit(ABROAD))
        .otherwise(pl.lit(""))
    )


def _places(words: pl.DataFrame, field: str) -> pl.DataFrame:
    """Take up to three names of places off the beginning; English ones wherever they stand."""
    known = gazetteer()
    alone = pl.col("solid").is_in(sorted(known.names))
    if field == "city":  # 吉林 there is the city, elsewhere the province
        words = words.with_columns(pl.col("solid").replace(_named_as_their_province()))
    bare = sorted(known.bare | known.towns)
    taken, frame = [], words.with_columns(rest="solid")
    for at in range(_NAMES_IN_A_FIELD):
        name = f"name{at}"
        frame = frame.with_columns(pl.col("rest").str.extract(_pattern(towns=at > 0)).alias(name))
        after = pl.col("rest").str.slice(pl.col(name).str.len_chars().fill_null(0))
        # 江苏镇江 and 深圳南山区 go on with a place, 南京东路 with what makes 南京 part of a street's name.
        place_follows = after.str.contains(_pattern()) | after.is_in(sorted(known.towns))
        street = pl.col(name).is_in(bare) & after.str.contains(_NO_CITY) & ~place_follows
        frame = frame.with_columns(pl.when(~street).then(name))
        frame = frame.with_columns(rest=pl.when(pl.col(name).is_not_null()).then(after).otherwise(pl.lit("")))
        taken.append(name)
    chinese = pl.concat_str(taken, separator=_BETWEEN, ignore_nulls=True)
    frame = frame.with_columns(names=pl.when(alone).then("solid").when(chinese != "").then(chinese))
    english = frame.filter(pl.col("names").is_null() & pl.col("spaced").is_not_null())
    english = english.select("given", english=_english(pl.col("spaced")))
    frame = frame.join(english, on="given", how="left", maintain_order="left")
    return frame.with_columns(names=pl.coalesce("names", "english"))


def _english(spaced: pl.Expr) -> pl.Expr:
    """Return the English names of places that stand in a text and name no street."""
    names = _latin_pattern()
    bare = spaced.str.replace_all(rf"\b(?:{names}){_NO_CITY_EN}", " ")
    return bare.str.extract_all(rf"\b(?:{names})\b").list.head(_NAMES_IN_A_FIELD).list.join(_BETWEEN)


@cache
def _named_as_their_province() -> dict[str, str]:
    known = gazetteer()
    return {
        city.short: city.zh
        for city in known.cities.values()
        if city.short == known.provinces[city.province].short
    }


@cache
def _pattern(*, towns: bool = False) -> str:
    """Match the longest name with which a text begins; bare names of counties only with ``towns``."""
    known = gazetteer()
    return f"^({_any_of(set(known.names) - (frozenset() if towns else known.towns))})"


@cache
def _starts() -> str:
    """Match the beginning of an address that needs no search."""
    return rf"^{_SEPARATORS[:-1]}*(?:中华人民共和国|中国)?(?:{_any_of(gazetteer().names)})"


@cache
def _inside() -> tuple[str, str]:
    """Match an address within a text, the surest sign first: 南京市…, then 四川成都…."""
    known = gazetteer()
    provinces = _any_of(each.short for each in known.provinces.values())
    return (
        rf"((?:{_any_of(known.units)})(?:[^\d场]\D*|\d|$))",
        rf"{_SEPARATORS[:-2]}\d]((?:{provinces})(?:{_any_of(set(known.names) - known.towns)})\D*)",
    )


@cache
def _latin_pattern() -> str:
    return _any_of(gazetteer().latin)


def _any_of(names: Iterable[str]) -> str:
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))
