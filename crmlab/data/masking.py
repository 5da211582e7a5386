"""Show a value without showing the person: every column by its sensitivity, as it may leave the machine.

====================  ==========================================================================
``ordinary``          as it is; texts are scanned all the same, as anything may be typed anywhere
``code``              a keyed code (:func:`crmlab.data.privacy.mask_ids`), or its shape without a key
``personal``          by kind: 张**, 138****8000, a***@…, 广东省深圳市***, the year of a birth date
``sensitive``         ``***``
``free_text``         contacts and numbers of persons masked (:func:`crmlab.data.privacy.mask_text`)
====================  ==========================================================================

A column that is not canonical may hold anything and counts as free text. Names in texts are not
found by any pattern; see ``docs/privacy.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.privacy import mask_ids, mask_text
from crmlab.data.schemas import sensitivity_of

if TYPE_CHECKING:
    from crmlab.params import PrivacyParams

Kind = Literal["name", "phone", "email", "address", "date", "messenger"]

HIDDEN = "***"
"""What stands for a value of which nothing is shown."""

KINDS: dict[str, Kind] = {
    "name": "name",
    "owner": "name",
    "agent": "name",
    "mobile": "phone",
    "phone": "phone",
    "fax": "phone",
    "email": "email",
    "home_address": "address",
    "company_address": "address",
    "birth_date": "date",
    "wechat": "messenger",
}
"""Canonical column → the kind of its values; another personal column is masked by what a value looks like."""

_TEXTS = (pl.String, pl.Categorical, pl.Enum)

_MOBILE = r"^(?:(?:\+|00)?86[ -]?)?(1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})$"
_LANDLINE = r"^(?:(?:\+|00)?86[ -]?)?\(?(0\d{2,3})\)?[ -]?\d{3,4}[ -]?(\d{4})(?:\D.*)?$"
_EMAIL = r"^([^@\s])[^@\s]*@[^@\s]+$"
_YEAR = r"^((?:18|19|20)\d\d)\b"
_CITY = (
    r"^((?:北京|天津|上海|重庆)市?|"
    r"(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾)省?"
    r"(?:\p{Han}{2,7}?(?:市|自治州|地区|盟))?|"
    r"(?:内蒙古|广西|西藏|宁夏|新疆)(?:\p{Han}{0,3}自治区)?(?:\p{Han}{2,7}?(?:市|自治州|地区|盟))?|"
    r"(?:香港|澳门)(?:特别行政区)?)"
)


def mask_values(
    values: pl.Series, sensitivity: str, kind: Kind | None = None, key: bytes | None = None
) -> pl.Series:
    """Return the values as text that may be shown; null stays null, the name is kept.

    ``kind`` says what personal values are (``KINDS`` knows it by column); without one each value is
    masked by what it looks like. A ``code`` becomes a keyed code with the study's ``key``; without
    one its first characters are shown, so that a reader sees its form. ``ordinary`` values that are
    no text come back unchanged. A ``sensitivity`` that is not known hides everything.
    """
    if sensitivity in ("ordinary", "free_text"):
        return _scanned(values, numbers=sensitivity == "free_text")
    if sensitivity == "code":
        return mask_ids(values, key) if key else _formed(values)
    if sensitivity == "personal":
        return _personal(values, kind)
    return values.to_frame("value").select(_hidden(pl.col("value"))).to_series().alias(values.name)


def masked(table: str, frame: pl.DataFrame, privacy: PrivacyParams, key: bytes) -> pl.DataFrame:
    """Return rows of a canonical table, or of one derived from it, as they may leave the machine.

    Every column is masked by its class, an unknown one as free text. The study's settings apply:
    ``ids: plain`` leaves codes, ``quotes: plain`` free text as they are, ``quotes: none`` shows no
    free text.
    """
    shown = {}
    for name in frame.columns:
        sensitivity = "ordinary" if name == "row" else sensitivity_of(table, name)
        if sensitivity == "code" and privacy.ids == "plain":
            continue
        if sensitivity == "free_text" and privacy.quotes == "plain":
            continue
        if sensitivity == "free_text" and privacy.quotes == "none" and frame.schema[name] == pl.String:
            sensitivity = "sensitive"
        shown[name] = mask_values(frame[name], sensitivity, KINDS.get(name), key)
    return frame.with_columns(**shown)


def mask_reasons(reasons: pl.DataFrame, customers: pl.DataFrame | None) -> pl.DataFrame:
    """Return reasons (``customer_id``, ``zh``, ``en``) that quote no person, whatever a plugin put in.

    What is personal or sensitive in the customer's own row of ``customers``, and an id that cannot be
    taken for a plain number, is masked where the reason repeats it; then the texts are scanned.
    """
    own = reasons.select("customer_id")
    if customers is not None:
        own = own.join(customers, on="customer_id", how="left", maintain_order="left")
    texts = {language: reasons[language] for language in ("zh", "en")}
    for name in own.columns:
        sensitivity = sensitivity_of("customers", name)
        if sensitivity in ("ordinary", "free_text") or own.schema[name] == pl.Boolean:
            continue
        given = own[name].cast(pl.String)
        shown = mask_values(own[name], sensitivity, KINDS.get(name))
        told = given.str.contains(r"\D.|.\D|^\d{7}") if sensitivity == "code" else given.str.len_chars() > 1
        texts = {language: _replaced(text, given, shown, told) for language, text in texts.items()}
    return reasons.with_columns(**{language: mask_text(text) for language, text in texts.items()})


def _replaced(texts: pl.Series, given: pl.Series, shown: pl.Series, told: pl.Series) -> pl.Series:
    """Replace in each text the value of its row, where ``told`` says that it tells something."""
    rows = pl.DataFrame({"text": texts, "given": given, "shown": shown, "told": told}).with_row_index("at")
    found = rows.filter(pl.col("told") & pl.col("text").str.contains(pl.col("given"), literal=True))
    changed = [
        text.replace(value, mask) for text, value, mask in found.select("text", "given", "shown").iter_rows()
    ]
    return texts.scatter(found["at"], changed)


def _scanned(values: pl.Series, *, numbers: bool = False) -> pl.Series:
    """Scan texts and lists of texts, and whole ``numbers``; what holds nothing personal keeps its type."""
    if values.dtype == pl.List(pl.String):
        return _lists_scanned(values)
    if values.dtype not in _TEXTS and not (numbers and values.dtype.is_integer()):
        return values
    text = values.cast(pl.String)
    found = mask_text(text)
    return values if values.dtype != pl.String and found.equals(text) else found


def _lists_scanned(values: pl.Series) -> pl.Series:
    """Scan the texts of all lists in one go: one list at a time takes a thousand times as long."""
    lists = values.to_frame("value").with_row_index("row")
    inside = lists.explode("value", empty_as_null=True)
    shown = inside.with_columns(mask_text(inside["value"])).group_by("row", maintain_order=True).agg("value")
    filled = pl.when(pl.col("value").list.len() > 0).then(shown["value"]).otherwise("value")
    return lists.select(filled.alias(values.name)).to_series()


def _formed(values: pl.Series) -> pl.Series:
    """Show the first two characters of an id of six or more, enough to see how it is written."""
    text = values.cast(pl.String)
    start = pl.when(pl.col("value").str.len_chars() >= 6).then(pl.col("value").str.slice(0, 2))
    formed = text.to_frame("value").select(start.otherwise(pl.lit("")) + _hidden(pl.col("value")))
    return formed.to_series().alias(values.name)


def _personal(values: pl.Series, kind: Kind | None) -> pl.Series:
    text = pl.col("value").cast(pl.String).str.normalize("NFKC").str.strip_chars()
    by_kind = {
        "name": _name(text),
        "phone": pl.coalesce(_phone(text), _hidden(text)),
        "email": pl.coalesce(_email(text), _hidden(text)),
        "address": pl.coalesce(text.str.extract(_CITY), pl.lit("")) + _hidden(text),
        "date": pl.coalesce(text.str.extract(_YEAR) + "-**-**", _hidden(text)),
        "messenger": _hidden(text),
    }
    detected = pl.coalesce(_phone(text), _email(text), _numbered(text), _name(text))
    shown = by_kind[kind] if kind else detected
    return values.to_frame("value").select(shown).to_series().alias(values.name)


def _hidden(value: pl.Expr) -> pl.Expr:
    return pl.when(value.is_not_null()).then(pl.lit(HIDDEN))


def _name(text: pl.Expr) -> pl.Expr:
    """Keep the family name's first character, as 张**; a name of one character is hidden."""
    first = pl.when(text.str.len_chars() > 1).then(text.str.slice(0, 1)).otherwise(pl.lit(""))
    return pl.when(text.is_not_null()).then(first + "**")


def _phone(text: pl.Expr) -> pl.Expr:
    """Keep the network or area and the last four digits, as 138****8000 or 010-****5678."""
    mobile, landline = text.str.extract_groups(_MOBILE), text.str.extract_groups(_LANDLINE)
    return pl.coalesce(
        mobile.struct[0] + "****" + mobile.struct[1], landline.struct[0] + "-****" + landline.struct[1]
    )


def _email(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_EMAIL) + "***@…"


def _numbered(text: pl.Expr) -> pl.Expr:
    """Hide what has digits: the number of a document, of an account, of a house."""
    return pl.when(text.str.contains(r"\d")).then(pl.lit(HIDDEN))
