"""Check mobile numbers, identity numbers, credit codes and the like, and write them in one plain form.

Each ``is_…`` takes an expression over text and gives true or false, each ``…_of`` gives the value in
its plain form, or null where the text is none. Empty and null text gives null everywhere, so that
missing and wrong stay apart. Width, spaces and the usual separators do not matter. All of them are
expressions that the caller names: a million rows are checked in one pass.

Sources: GB 11643-1999 (identity number, its check character by ISO 7064 MOD 11-2), GB 32100-2015
(unified social credit code, check character modulo 31), and the ministry's numbering plan for telephones
(mobile numbers 13 to 19 with eleven digits, area codes 010, 02x and 03xx to 09xx).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import polars as pl

_INVISIBLE = r"[\u200b-\u200f\u2060\ufeff\u00ad]"
_DASHES = r"[‐‑‒–—―−·•]"
_EDGE = r"(?-u:\b)"  # between a digit and a character that is neither digit nor letter

_MOBILE = r"1[3-9]\d[ .-]?\d{4}[ .-]?\d{4}"
_ONE_MOBILE = rf"^\(?(?:(?:\+ ?|00)?86\)?[ .-]*|0)?{_MOBILE}$"
_IN_TEXT = rf"{_EDGE}(?:(?:00)?86[ .-]*|0)?{_MOBILE}{_EDGE}"

_AREA = r"010|02\d|0[3-9]\d{2}"
_LANDLINE = (
    rf"^(?:\(?(?:\+|00)?86\)?[ .-]*)?(?:\(?(?P<area>{_AREA})\)?[ .-]*(?P<local>[1-9]\d{{6,7}})"
    r"|(?P<service>[48]00)[ .-]*(?P<number>\d{3}[ .-]?\d{4}|\d{4}[ .-]?\d{3}))"
    r"(?:[ .-]*(?:转|ext\.?|x|分机|#|-)[ .:]*(?P<extension>\d{1,6}))?$"
)

_PROVINCES = r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9\d"  # 9 stands for foreign residents
_IDENTITY = rf"^(?:{_PROVINCES})\d{{4}}(?:18|19|20)\d{{9}}[\dX]$"
_OLD_IDENTITY = rf"^(?:{_PROVINCES})\d{{13}}$"
_IDENTITY_WEIGHTS = [pow(2, 17 - place, 11) for place in range(17)]
_IDENTITY_CHECKS = dict(enumerate("10X98765432"))

_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z: too like digits and each other
_CREDIT_CODE = rf"^[{_CODE_CHARACTERS}]{{2}}\d{{6}}[{_CODE_CHARACTERS}]{{10}}$"
_CODE_WEIGHTS = [pow(3, place, 31) for place in range(17)]

_POSTCODE = r"^(?:(?:0[1-7]|[1-7]\d|8[0-6])\d{4}|99907[789])$"  # 999077 to 9: Hong Kong, Macao, Taiwan
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z]{{2,24}}$"


def plain(text: pl.Expr) -> pl.Expr:
    """Write full-width characters as plain ones (NFKC), one kind of dash, no invisible ones, trimmed."""
    level = text.cast(pl.String).str.normalize("NFKC").str.replace_all(_INVISIBLE, "")
    level = level.str.replace_all(_DASHES, "-").str.replace_all(r"\s+", " ").str.strip_chars()
    return level.replace("", None)


def once(value: pl.Expr, use: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Return ``use(value)``, with ``value`` computed one time however often ``use`` refers to it."""
    both = pl.struct(value.alias("value")).struct.with_fields(used=use(pl.field("value")))
    return both.struct.field("used").alias("valid")


def is_mobile(text: pl.Expr) -> pl.Expr:
    """Say whether it is one mobile number of mainland China, with or without 86 in front."""
    return plain(text).str.contains(_ONE_MOBILE)


def mobiles_of(text: pl.Expr) -> pl.Expr:
    """List the mobile numbers in the text as eleven digits each, as they come; empty where none is."""
    kept = plain(text).str.replace_all(r"\(?\+ ?86\)?[ .-]*", "|").str.replace_all(r"\+\d+", "|")
    kept = kept.str.replace_all(r"[^0-9 .-]+", "|")
    found = kept.str.extract_all(_IN_TEXT)
    return found.list.eval(pl.element().str.replace_all(r"\D", "").str.tail(11)).list.unique(
        maintain_order=True
    )


def mobile_of(text: pl.Expr) -> pl.Expr:
    """Give the first mobile number in the text as eleven digits."""
    return mobiles_of(text).list.first()


def is_landline(text: pl.Expr) -> pl.Expr:
    """Say whether it is a fixed line with its area code or a 400 or 800 number; an extension may follow."""
    return plain(text).str.contains(f"(?i){_LANDLINE}")


def landline_of(text: pl.Expr) -> pl.Expr:
    """Give a fixed line as area-number, a service number as its ten digits, -extension behind if any."""
    groups = plain(text).str.extract_groups(f"(?i){_LANDLINE}")
    part = groups.struct.field
    service = part("service") + part("number").str.replace_all(r"\D", "")
    number = pl.coalesce(part("area") + "-" + part("local"), service)
    return number + pl.coalesce("-" + part("extension"), pl.lit(""))


def is_identity_number(text: pl.Expr) -> pl.Expr:
    """Say whether it is an identity number: 18 characters, an existing date of birth, its check character."""
    return once(_solid(text), lambda given: _verdict(given, _checked_identity(given)))


def identity_number_of(text: pl.Expr) -> pl.Expr:
    """Give a valid identity number with 18 characters; the old form with 15 digits is converted."""
    return once(once(_solid(text), _modern), _checked_identity)


def birth_date_of(text: pl.Expr) -> pl.Expr:
    """Give the date of birth that a valid identity number states."""
    return identity_number_of(text).str.slice(6, 8).str.to_date("%Y%m%d", strict=False)


def is_credit_code(text: pl.Expr) -> pl.Expr:
    """Say whether it is a unified social credit code with its check character."""
    return once(_solid(text), lambda given: _verdict(given, _checked_code(given)))


def credit_code_of(text: pl.Expr) -> pl.Expr:
    """Give a valid unified social credit code in capitals."""
    return once(_solid(text), _checked_code)


def is_postcode(text: pl.Expr) -> pl.Expr:
    """Say whether it is a postcode of six digits that a region of China has."""
    return plain(text).str.contains(_POSTCODE)


def is_email(text: pl.Expr) -> pl.Expr:
    """Say whether it is one e-mail address whose domain has a dot."""
    return once(plain(text), lambda given: _verdict(given, _checked_email(given)))


def email_of(text: pl.Expr) -> pl.Expr:
    """Give a valid e-mail address in small letters."""
    return once(plain(text), _checked_email)


def _solid(text: pl.Expr) -> pl.Expr:
    """Write in capitals without separators."""
    return plain(text).str.to_uppercase().str.replace_all(r"[ .'-]", "")


def _verdict(given: pl.Expr, valid: pl.Expr) -> pl.Expr:
    """Say whether something valid was found; null where nothing was given."""
    return pl.when(given.is_not_null()).then(valid.is_not_null())


def _modern(given: pl.Expr) -> pl.Expr:
    """Write an identity number of 15 digits with the century and the check character."""
    old = pl.when(given.str.contains(_OLD_IDENTITY)).then(given)
    body = old.str.slice(0, 6) + "19" + old.str.slice(6, 9)
    return pl.coalesce(body + _identity_check(body), given)


def _checked_email(given: pl.Expr) -> pl.Expr:
    address = given.str.to_lowercase()
    return pl.when(address.str.contains(_EMAIL) & (address.str.len_chars() <= 254)).then(address)


def _checked_identity(given: pl.Expr) -> pl.Expr:
    number = pl.when(given.str.contains(_IDENTITY)).then(given)
    born = number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    right = _identity_check(number) == number.str.slice(17, 1)
    return pl.when(right & born.is_not_null()).then(number)


def _identity_check(body: pl.Expr) -> pl.Expr:
    digits = {str(digit): digit for digit in range(10)}
    total = _weighted(body, _IDENTITY_WEIGHTS, digits)
    return (total % 11).replace_strict(_IDENTITY_CHECKS, return_dtype=pl.String)


def _checked_code(given: pl.Expr) -> pl.Expr:
    code = pl.when(given.str.contains(_CREDIT_CODE)).then(given)
    values = {character: value for value, character in enumerate(_CODE_CHARACTERS)}
    total = _weighted(code, [*_CODE_WEIGHTS, 1], values)
    return pl.when(total % 31 == 0).then(code)


def _weighted(text: pl.Expr, weights: Iterable[int], values: Mapping[str, int]) -> pl.Expr:
    """Sum the values of the characters times their weights."""
    characters = [text.str.slice(place, 1) for place, _ in enumerate(weights)]
    return pl.sum_horizontal(
        character.replace_strict(values, return_dtype=pl.Int64) * weight
        for character, weight in zip(characters, weights, strict=True)
    )
