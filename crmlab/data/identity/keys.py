"""Matching keys: what two records share when they are the same customer, written one way.

A key compares exactly, after normalising. Placeholders (13800138000, test@…, 无) give no key, and a key
that many records share (the telephone of an office) is reported and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from crmlab.data import validators
from crmlab.data.identity.companies import company_core
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.labels import Text

LARGEST_GROUP = 10
"""A key that more records share than this belongs to no single customer."""

_SAME_DIGITS = "|".join(str(digit) * 8 for digit in range(10))
_PLACEHOLDER_MOBILE = rf"^(?:13800138000|1\d\d(?:{_SAME_DIGITS}|12345678|87654321|01234567))$"
_PLACEHOLDER_LOCAL = (
    r"^(?:test\d*|demo|example|sample|a+|b|x+|abc\d*|asdf?|qwe(?:rty)?|1+|0+|123\d*|none?|null|no-?(?:e?mail|reply)?"
    r"|na|email|e-mail|mail|user|unknown|noname|ceshi|wu|meiyou)@"
)
_PLACEHOLDER_DOMAIN = (
    r"@(?:[^@]*\.)?(?:example\.(?:com|org|net|cn)|test\.\w+|invalid|localhost|a\.com|1\.com|none\.\w+)$"
)
_PLACEHOLDER_TEXT = (
    r"(?i)^(?:n/?a|none|null|nil|nan|unknown|test\d*|tbd|-+|\.+|\?+|x+|0+|无|没有|暂无|未知|不详|未填|未提供|空|保密"
    r"|.*测试.*|同上|待补充|待定)$"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One kind of key: the columns it looks at, how sure it is by itself, and its name.

    ``strength`` is the score of two records that share it and nothing else. The strengths are
    conventions that order proposals, not measured probabilities.
    """

    id: str
    columns: tuple[str, ...]
    strength: float
    text: Text
    values: Callable[[pl.Expr], pl.Expr]


def _one(values: Callable[[pl.Expr], pl.Expr]) -> Callable[[pl.Expr], pl.Expr]:
    return lambda text: pl.concat_list(values(text))


def _mobiles(text: pl.Expr) -> pl.Expr:
    element = pl.element()
    return validators.mobiles_of(text).list.filter(~element.str.contains(_PLACEHOLDER_MOBILE))


def _email(text: pl.Expr) -> pl.Expr:
    address = validators.email_of(text)
    placeholder = address.str.contains(_PLACEHOLDER_LOCAL) | address.str.contains(_PLACEHOLDER_DOMAIN)
    return pl.when(~placeholder).then(address)


def _account(text: pl.Expr) -> pl.Expr:
    """Read a WeChat id; letters' case does not matter in one."""
    account = validators.plain(text).str.to_lowercase()
    valid = account.str.contains(r"^[a-z0-9_-]{6,40}$") & ~account.str.contains(r"^(?:test|demo)\d*$")
    return pl.when(valid & ~is_placeholder(account)).then(account)


KEYS = {
    key.id: key
    for key in (
        Key(
            "identity_number",
            ("identity_number",),
            0.99,
            Text("身份证号", "identity number"),
            _one(validators.identity_number_of),
        ),
        Key(
            "credit_code",
            ("credit_code",),
            0.95,
            Text("统一社会信用代码", "credit code"),
            _one(validators.credit_code_of),
        ),
        Key("mobile", ("mobile", "phone"), 0.9, Text("手机号", "mobile"), _mobiles),
        Key("email", ("email",), 0.9, Text("邮箱", "e-mail"), _one(_email)),
        Key("wechat", ("wechat",), 0.9, Text("微信号", "WeChat id"), _one(_account)),
        Key("company", ("company",), 0.7, Text("公司名称", "company name"), _one(company_core)),
    )
}
"""The kinds of keys, the surest first."""


def comparable(column: str) -> pl.Expr:
    """Return the values of a column as text in which equal things are equal, however they were typed."""
    value = pl.col(column).cast(pl.String)
    plain = validators.plain(value).str.to_lowercase().str.replace_all(" ", "")
    normal = {
        "mobile": validators.mobile_of,
        "phone": lambda text: pl.coalesce(validators.mobile_of(text), validators.landline_of(text)),
        "email": validators.email_of,
        "identity_number": validators.identity_number_of,
        "credit_code": validators.credit_code_of,
        "company": company_core,
    }.get(column)
    return (plain if normal is None else pl.coalesce(normal(value), plain)).alias(column)


def is_placeholder(text: pl.Expr) -> pl.Expr:
    """Say whether a text stands for a missing value: 无, N/A, 测试, 13800138000 and the like."""
    given = validators.plain(text)
    return given.str.contains(_PLACEHOLDER_TEXT) | given.str.contains(_PLACEHOLDER_MOBILE)


def matching_keys(records: pl.DataFrame, kinds: Sequence[str] = tuple(KEYS)) -> pl.DataFrame:
    """Return the keys of ``records`` as distinct rows of record_id, key_kind, key_value.

    ``records`` has a unique ``customer_id``, which is the id of the record; of the other columns, the
    ones that are there are used. A record with a contact person has its company key only together with
    that person's name, so that colleagues stay apart. Raises ParamsError for an unknown kind, DataError
    where ids are missing or repeated.
    """
    for kind in kinds:
        if kind not in KEYS:
            raise ParamsError(
                f"{kind!r} is no kind of key.{did_you_mean(kind, KEYS)} Kinds: {', '.join(KEYS)}."
            )
    check_ids(records)
    found = [_keys_of(records, KEYS[kind]) for kind in KEYS if kind in kinds]
    return pl.concat(found).with_columns(pl.col("key_kind").cast(pl.Enum(list(KEYS))))


def check_ids(records: pl.DataFrame) -> None:
    """Raise DataError unless every record has an id of its own in ``customer_id``."""
    if "customer_id" not in records.columns:
        raise DataError(
            f"The customers lack the column 'customer_id'. They have: {', '.join(records.columns)}."
        )
    missing = records["customer_id"].null_count()
    repeated = records.height - records["customer_id"].n_unique()
    if missing or repeated:
        raise DataError(
            f"Records are told apart by customer_id; {missing:,} rows have none and {repeated:,} repeat an "
            "earlier one. Read the table through a study, which rejects such rows with counts."
        )


def shared_keys(keys: pl.DataFrame, largest_group: int = LARGEST_GROUP) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the keys that several records share into usable ones and too frequent ones.

    The first table has the rows of ``keys`` with 2 to ``largest_group`` records a key. The second has one
    row per key beyond: key_kind, records, and its masked value, the most frequent first.
    """
    sized = keys.with_columns(records=pl.len().over("key_kind", "key_value"))
    used = sized.filter(pl.col("records").is_between(2, largest_group)).drop("records")
    frequent = (
        sized.filter(pl.col("records") > largest_group).group_by("key_kind", "key_value").len("records")
    )
    masked = pl.col("key_value").str.head(3) + "****" + pl.col("key_value").str.tail(2)
    frequent = frequent.sort("records", "key_kind", "key_value", descending=[True, False, False])
    return used, frequent.select("key_kind", "records", masked_value=masked)


def _keys_of(records: pl.DataFrame, key: Key) -> pl.DataFrame:
    columns = [column for column in key.columns if records.schema.get(column) == pl.String]
    parts = [records.select(record_id="customer_id", key_value=key.values(pl.col(c))) for c in columns]
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(("record_id", "key_kind", "key_value"), pl.String))
    if key.id == "company" and records.schema.get("name") == pl.String:
        parts = [parts[0].with_columns(_with_contact(parts[0]["key_value"].list.first(), records["name"]))]
    found = pl.concat(parts).explode("key_value", empty_as_null=False).drop_nulls()
    found = found.unique(maintain_order=True)
    return found.select("record_id", pl.lit(key.id).alias("key_kind"), "key_value")


def _with_contact(company: pl.Series, name: pl.Series) -> pl.Series:
    """Join a company's core name with the contact person's, unless that is the company itself."""
    both = pl.DataFrame({"company": company, "person": name}).with_columns(validators.plain(pl.col("person")))
    person = pl.col("person").str.replace_all(" ", "")
    no_person = (company_core(person) == pl.col("company")) | is_placeholder(person)
    contact = pl.when(no_person).then(pl.lit("")).otherwise(person).fill_null("")
    return both.select(key_value=pl.concat_list(pl.format("{}|{}", "company", contact))).to_series()
