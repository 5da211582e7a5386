"""What the customer master knows of each customer; nobody in it exists.

Identity numbers carry a right check character (GB 11643-1999) and a region code whose city is 00: no
such county was ever issued. E-mail addresses end in .example, which RFC 2606 reserves.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from crmlab.data.samples.clock import DAY, day_text, moment_text, time_of_day
from crmlab.data.samples.draws import Draws, Ints, pick, sometimes, weighted
from crmlab.data.samples.lives import Lives, of_segments
from crmlab.data.samples.parameters import BLOCK, DAYS, FIRST_DAY, HOUSEHOLDS, MOST_CUSTOMERS
from crmlab.data.samples.vocabulary import company

_PREFIXES = [
    str(prefix)
    for prefix in (
        *range(130, 138),
        139,
        *(150, 151, 152, 153, 155, 156, 157, 158, 159),
        *range(180, 190),
        *(166, 176, 177, 198),
    )
]
_MOBILES = len(_PREFIXES) * 10**8
_STRIDE = 1_978_093_147
"""Shares no factor with the number of mobile numbers, nor of names of firms: none is given twice."""
_IDENTITY_WEIGHTS = np.array([pow(2, 17 - place, 11) for place in range(17)])
_IDENTITY_CHECKS = list("10X98765432")
_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_UNSURE_ZODIAC = (21, 51)
"""Days of the year, 21 January to 20 February, on which the lunar year may begin; nobody is born then."""


def describe(lives: Lives, draws: Draws) -> pl.DataFrame:
    """Return one row per customer: canonical columns as text, helpers with a leading underscore."""
    rng = draws["people"]
    n = lives.size
    number = draws.block * BLOCK + np.arange(n)
    family = _families(n, rng)
    named = _names(lives, family, rng)
    born = _births(n, rng)
    located = _places(n, family, rng)
    mail = pick(rng, company()["mail_domains"], n)
    frame = pl.concat([named, born, located], how="horizontal")
    frame = frame.with_columns(
        _number=pl.Series(number),
        mobile=mobile_numbers(number, draws.seed),
        email=pl.concat_str("_latin", pl.Series(number).cast(pl.String), pl.lit("@"), mail),
        registered_on=day_text(lives.registered),
        customer_type=pl.Series(rng.random(n) < 0.03).replace_strict({True: "企业", False: "个人"}),
    )
    frame = frame.with_columns(identity_number=_identity_numbers(frame, draws.block))
    return _details(frame, lives, draws["details"])


def mobile_numbers(number: Ints, seed: int) -> pl.Series:
    """Return a mobile number for each number of a customer, all of them different."""
    value = (number * _STRIDE + (seed % 10**6) * 7919) % _MOBILES
    prefix = pl.Series(_PREFIXES).gather(value // 10**8)
    return prefix + pl.Series(value % 10**8).cast(pl.String).str.zfill(8)


def second_number(number: Ints) -> Ints:
    """Return the number under which a customer has a second, different mobile."""
    return number + MOST_CUSTOMERS


def credit_codes(number: Ints, region: pl.Series) -> pl.Series:
    """Return a unified social credit code with a right check character for each number (GB 32100-2015)."""
    body = pl.DataFrame({"region": region, "number": pl.Series(number).cast(pl.String).str.zfill(7)}).select(
        pl.concat_str(pl.lit("91"), "region", pl.lit("0000MA"), "number")
    )
    characters = np.array([list(text) for text in body.to_series()], dtype="U1").reshape(-1, 17)
    values = np.searchsorted(np.array(list(_CODE_CHARACTERS)), characters)
    check = (-(values @ _CODE_WEIGHTS)) % 31
    return body.to_series() + pl.Series(list(_CODE_CHARACTERS)).gather(check)


def _firm_names(number: Ints) -> pl.Series:
    """Return a name and a line of business for each number, all of them different."""
    characters, trades = list(company()["company_characters"]), company()["industries"]
    sizes = (len(trades), *[len(characters)] * 3)
    trade, *places = np.unravel_index(number * _STRIDE % np.prod(sizes), sizes)
    name = [pl.Series(characters).gather(place) for place in places]
    return name[0] + name[1] + name[2] + pl.Series(trades).gather(trade)


def zodiac_of(birth: pl.Expr) -> pl.Expr:
    """Return the animal of a birth date that is not between 21 January and 20 February."""
    year = birth.dt.year() - (birth.dt.ordinal_day() < _UNSURE_ZODIAC[0]).cast(pl.Int32)
    return ((year - 4) % 12).replace_strict(dict(enumerate(company()["zodiac"])), return_dtype=pl.String)


def _families(n: int, rng: np.random.Generator) -> Ints:
    """Say whose surname, address and landline each customer has: mostly their own."""
    members = np.arange(n)
    pairs = rng.permutation(n)[: 2 * round(n * HOUSEHOLDS / 2)].reshape(2, -1)
    members[pairs[0]] = pairs[1]
    return members


@cache
def _surnames() -> tuple[pl.DataFrame, list[float]]:
    rows = [
        (character, latin, 1 / (rank + 3) / len(characters))
        for rank, (latin, characters) in enumerate(company()["surnames"].items())
        for character in characters
    ]
    frame = pl.DataFrame(rows, orient="row", schema=["_surname", "_surname_latin", "weight"])
    return frame.drop("weight"), frame["weight"].to_list()


@cache
def _given(gender: str) -> pl.DataFrame:
    """Return each character of given names, how it sounds, and another that sounds so."""
    rows = [
        (character, latin, characters[(place + 1) % len(characters)])
        for latin, characters in company()["given"][gender].items()
        for place, character in enumerate(characters)
    ]
    return pl.DataFrame(rows, orient="row", schema=["character", "latin", "slip"])


def _names(lives: Lives, family: Ints, rng: np.random.Generator) -> pl.DataFrame:
    n = lives.size
    surnames, weights = _surnames()
    surname = surnames[weighted(rng, weights, n)[family]]
    woman = pl.Series(rng.random(n) < 0.55)
    english = pl.Series(lives.english)
    two = pl.Series(rng.random(n) < 0.8)
    frame = surname.with_columns(_woman=woman, _english=english)
    for place in ("1", "2"):
        drawn = {
            gender: _given(gender)[rng.integers(0, _given(gender).height, n)] for gender in ("female", "male")
        }
        for column in ("character", "latin", "slip"):
            chosen = drawn["female"][column].zip_with(woman, drawn["male"][column])
            frame = frame.with_columns(chosen.alias(f"_{column}{place}"))
    foreign_given = pick(rng, company()["english_given"]["female"], n).zip_with(
        woman, pick(rng, company()["english_given"]["male"], n)
    )
    foreign_name = pick(rng, company()["english_surnames"], n)
    second = pl.when(pl.lit(two))
    full = pl.concat_str("_surname", "_character1", second.then("_character2").otherwise(pl.lit("")))
    latin = pl.concat_str("_surname_latin", "_latin1", second.then("_latin2").otherwise(pl.lit("")))
    slip = pl.concat_str("_surname", "_slip1", second.then("_character2").otherwise(pl.lit("")))
    foreign = foreign_given + " " + foreign_name
    short = foreign_given.str.slice(0, 1) + ". " + foreign_name
    is_foreign = pl.when("_english")
    return frame.select(
        "_english",
        "_woman",
        name=is_foreign.then(pl.lit(foreign)).otherwise(full),
        _latin=is_foreign.then(pl.lit(foreign.str.to_lowercase().str.replace(" ", "."))).otherwise(latin),
        _slip=is_foreign.then(pl.lit(short)).otherwise(slip),
        gender=pl.when("_woman").then(pl.lit("女")).otherwise(pl.lit("男")),
    )


def _births(n: int, rng: np.random.Generator) -> pl.DataFrame:
    year = 2005 - np.floor(57 * rng.beta(1.6, 2.2, n)).astype(np.int64)
    first, last = _UNSURE_ZODIAC
    day = rng.integers(1, 366 - (last - first + 1), n)
    day = np.where(day < first, day, day + last - first + 1)
    drawn = pl.DataFrame({"year": year, "day": day - 1})
    birth = pl.date("year", 1, 1) + pl.duration(days="day")
    return drawn.select(_birth=birth).select(
        "_birth", birth_date=pl.col("_birth").dt.to_string("%Y-%m-%d"), zodiac=zodiac_of(pl.col("_birth"))
    )


@cache
def places() -> pl.DataFrame:
    """Return one row per district: province, city, area, postcode, region, district, weight."""
    rows = [
        (province, city, area, f"{post}{place:02d}", region, district, weight)
        for province, city, area, post, region, weight, districts in company()["places"]
        for place, district in enumerate(districts)
    ]
    schema = ["province", "city", "_area", "postcode", "_region", "district", "weight"]
    return pl.DataFrame(rows, orient="row", schema=schema)


def draw_addresses(n: int, rng: np.random.Generator, family: Ints | None = None) -> pl.DataFrame:
    """Draw place, street and landline for ``n`` customers; members of a family get the same."""
    lexicon = company()
    frame = places()[weighted(rng, places()["weight"].to_list(), n)].drop("weight")
    numbers = {name: pl.Series(rng.integers(1, top, n)).cast(pl.String) for name, top in _STREET.items()}
    street = pick(rng, lexicon["roads"], n) + numbers["house"] + "号" + pick(rng, lexicon["estates"], n)
    street = street + numbers["building"] + "栋" + numbers["floor"] + "0" + numbers["room"] + "室"
    inner = pl.when(pl.col("province").str.ends_with("市")).then(pl.lit("")).otherwise(pl.col("city") + "市")
    local = pl.Series(rng.integers(2_000_0000, 8_999_9999, n)).cast(pl.String)
    frame = frame.with_columns(
        home_address=pl.concat_str("province", inner, "district", street),
        phone=pl.concat_str("_area", local, separator="-"),
    )
    return frame if family is None else frame[family]


_STREET = {"house": 300, "building": 30, "floor": 26, "room": 7}


def _places(n: int, family: Ints, rng: np.random.Generator) -> pl.DataFrame:
    frame = draw_addresses(n, rng, family)
    landline = rng.random(n) < company()["landline_share"]
    shared = family != np.arange(n)
    landline[shared | np.isin(np.arange(n), family[shared])] = True
    return frame.with_columns(phone=pl.when(pl.Series(landline)).then("phone"))


def _identity_numbers(frame: pl.DataFrame, block: int) -> pl.Series:
    """Return identity numbers; the sequence counts those born on one day in one province."""
    born = frame["_birth"].dt.to_string("%Y%m%d")
    rank = pl.int_range(pl.len()).over("_region", "_birth", "_woman") * 2 + block // 100 * 100
    sequence = (rank + (~pl.col("_woman")).cast(pl.Int64)).cast(pl.String).str.zfill(3)
    region = pl.concat_str("_region", pl.lit(f"00{block % 100:02d}"))
    body = frame.select(pl.concat_str(region, born, sequence)).to_series()
    digits = np.frombuffer("".join(body).encode(), dtype=np.uint8).reshape(-1, 17).astype(np.int64) - ord("0")
    return body + pl.Series(_IDENTITY_CHECKS).gather(digits @ _IDENTITY_WEIGHTS % 11)


def _details(frame: pl.DataFrame, lives: Lives, rng: np.random.Generator) -> pl.DataFrame:
    """Add what is known of some customers only."""
    lexicon, n = company(), lives.size
    firm = frame["customer_type"] == "企业"
    yearly = lives.rate * 365 * of_segments("p")[lives.segment] / lives.spend_rate
    value = yearly * np.exp(0.4 * rng.standard_normal(n))
    grade = np.where(value > 1500, "高", np.where(value > 350, "中", "低"))
    founded = FIRST_DAY.year - rng.integers(1, 25, n)
    updated = np.minimum(lives.registered + np.floor(rng.exponential(200, n)), DAYS - 1).astype(np.int64)
    likes = pl.Series(lexicon["interests"])
    liked = rng.integers(0, len(likes), n)
    also = (liked + rng.integers(1, len(likes), n)) % len(likes)
    interest = likes.gather(liked) + "、" + likes.gather(also)
    of_firm = {
        "company": frame["city"] + _firm_names(frame["_number"].to_numpy()) + "有限公司",
        "credit_code": credit_codes(frame["_number"].to_numpy(), frame["_region"]),
        "company_founded_on": pl.Series(founded).cast(pl.String) + "-06-01",
        "company_address": frame["home_address"],
        "industry": pick(rng, lexicon["industries"], n),
    }
    yes_no = ("否", "是")
    return frame.with_columns(
        grade=pl.Series(grade),
        updated_at=moment_text(updated * DAY + time_of_day(rng, n, 9, 21)),
        source=pick(rng, lexicon["sources"], n),
        owner=sometimes(rng, pick(rng, lexicon["agents"], n), 0.5),
        native_place=sometimes(rng, places()["province"].gather(rng.integers(0, places().height, n)), 0.4),
        education=sometimes(rng, pick(rng, lexicon["education"], n), 0.6),
        identity_number=sometimes(rng, frame["identity_number"], 0.35),
        email=sometimes(rng, frame["email"], 0.75),
        wechat=sometimes(rng, "wx_" + frame["_latin"] + frame["_number"].cast(pl.String), 0.6),
        country=pl.lit("中国"),
        job_title=sometimes(rng, pick(rng, lexicon["job_titles"], n), 0.5),
        interests=sometimes(rng, interest, 0.4),
        favourite_sport=sometimes(rng, pick(rng, lexicon["sports"], n), 0.3),
        smokes=sometimes(rng, pick(rng, dict(zip(yes_no, (75, 25), strict=True)), n), 0.3),
        drinks=sometimes(rng, pick(rng, dict(zip(yes_no, (55, 45), strict=True)), n), 0.3),
        marketing_consent=pick(rng, dict(zip(yes_no, (15, 85), strict=True)), n),
        remark=sometimes(rng, pick(rng, lexicon["remarks"], n), 0.05),
        **{name: pl.when(firm).then(values) for name, values in of_firm.items()},
    )
