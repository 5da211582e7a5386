"""The kinds of dirt, by table: how often they occur, and what cleaning makes of them."""

from __future__ import annotations

import polars as pl

from crmlab.data.samples.dirt import Addition, Change
from crmlab.data.samples.parameters import LAST_DAY
from crmlab.data.samples.vocabulary import company

PLACEHOLDER_MOBILE = "13800138000"
NOBODY = "C99999999"
"""A customer id that no customer has."""


def _full_width(column: str) -> pl.Expr:
    return pl.col(column).str.replace_many({chr(code): chr(code + 0xFEE0) for code in range(0x2E, 0x3A)})


def _padded(column: str) -> pl.Expr:
    return pl.concat_str(pl.lit("　"), pl.col(column), pl.lit("  "))


def _in_2036(column: str) -> pl.Expr:
    return pl.concat_str(pl.lit("2036"), pl.col(column).str.slice(4))


def _shifted(column: str, by: str) -> pl.Expr:
    """Shift a time, not beyond the end of the period."""
    time = pl.col(column).str.to_datetime("%Y-%m-%d %H:%M:%S").dt.offset_by(by)
    last = pl.lit(f"{LAST_DAY} 23:59:59").str.to_datetime("%Y-%m-%d %H:%M:%S")
    return pl.min_horizontal(time, last).dt.to_string("%Y-%m-%d %H:%M:%S")


def _next(names: list[str]) -> dict[str, str]:
    return dict(zip(names, [*names[1:], names[0]], strict=True))


def _provinces() -> list[str]:
    return list(dict.fromkeys(place[0] for place in company()["places"]))


def _renamed(prefix: str) -> pl.Expr:
    """Give a new order an id of its own."""
    return pl.concat_str(pl.lit(prefix), pl.col("order_id").str.slice(1))


def _order(prefix: str, later: str, status: str) -> dict[str, pl.Expr]:
    """Make another order of one, by its id, time and status."""
    stated = pl.lit(company()["statuses"][status])
    return {"order_id": _renamed(prefix), "ordered_at": _shifted("ordered_at", later), "status": stated}


_LAST_CHARACTER = pl.col("identity_number").str.slice(17)
_WRONG_CHECK = pl.concat_str(
    pl.col("identity_number").str.slice(0, 17),
    pl.when(_LAST_CHARACTER == "1").then(pl.lit("2")).otherwise(pl.lit("1")),
)
_PLAIN = pl.col("mobile").str.len_chars() == 11
_SLASHES = pl.col("ordered_at").str.replace_all("-", "/", literal=True)

CHANGES: dict[str, tuple[Change, ...]] = {
    "customers": (
        Change("invalid_mobile", "mobile", 0.004, pl.col("mobile").str.slice(0, 10), where=_PLAIN),
        Change("placeholder_mobile", "mobile", 0.003, pl.lit(PLACEHOLDER_MOBILE)),
        Change("full_width", "mobile", 0.004, _full_width("mobile"), where=_PLAIN),
        Change("missing_value", "mobile", 0.005, pl.lit(None)),
        Change("invalid_email", "email", 0.004, pl.col("email").str.replace("@", "#", literal=True)),
        Change("missing_value", "email", 0.006, pl.lit(None)),
        Change("invalid_identity", "identity_number", 0.006, _WRONG_CHECK),
        Change("wrong_zodiac", "zodiac", 0.004, pl.col("zodiac").replace(_next(company()["zodiac"]))),
        Change("province_mismatch", "province", 0.003, pl.col("province").replace(_next(_provinces()))),
        Change("placeholder_date", "birth_date", 0.003, pl.lit("1900-01-01")),
        Change("future_date", "birth_date", 0.002, _in_2036("birth_date")),
        Change("missing_value", "birth_date", 0.004, pl.lit(None)),
        Change("unreadable_date", "birth_date", 0.001, pl.lit("1987-13-45"), "unreadable"),
        Change("white_space", "name", 0.006, _padded("name")),
        Change("code_spelling", "gender", 0.004, pl.col("gender").replace({"男": "M", "女": "F"})),
    ),
    "orders": (
        Change("unreadable_amount", "amount", 0.001, pl.lit("待定"), "unreadable"),
        Change("unreadable_date", "ordered_at", 0.001, pl.lit("2024-13-45 25:61:00"), "unreadable"),
        Change("missing_value", "customer_id", 0.001, pl.lit(None), "nullability"),
        Change("future_date", "ordered_at", 0.001, _in_2036("ordered_at")),
        Change("date_format", "ordered_at", 0.005, _SLASHES),
        Change("money_format", "amount", 0.004, pl.concat_str(pl.lit("￥"), "amount")),
        Change("full_width", "amount", 0.003, _full_width("amount")),
    ),
    "order_lines": (
        Change("missing_value", "category", 0.003, pl.lit(None)),
        Change("unreadable_amount", "amount", 0.001, pl.lit("待定"), "unreadable"),
    ),
    "interactions": (
        Change("missing_value", "text", 0.01, pl.lit(None)),
        Change("white_space", "text", 0.005, _padded("text")),
        Change("future_date", "happened_at", 0.001, _in_2036("happened_at")),
    ),
    "feedback": (
        Change("off_scale", "score", 0.004, pl.lit("99"), "known_scale"),
        Change("missing_value", "answer", 0.003, pl.lit(None), "says_something"),
        Change("future_date", "given_on", 0.001, _in_2036("given_on")),
        Change("white_space", "text", 0.005, _padded("text")),
    ),
    "complaints": (
        Change("resolved_before_opened", "resolved_at", 0.01, _shifted("opened_at", "-1d"), "ordered_stages"),
        Change("unknown_code", "stage", 0.01, pl.lit("？？"), "unknown_code"),
    ),
}

_COPY = Addition("exact_duplicate", 0.003, {}, "exact_duplicate")
_ORPHAN = {"customer_id": pl.lit(NOBODY)}
_NEGATIVE = pl.concat_str(pl.lit("-"), "amount")

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "customers": (
        _COPY,
        Addition(
            "test_record",
            0.002,
            {
                "customer_id": pl.col("customer_id").str.replace("C", "CT"),
                "registered_on": pl.col("registered_on"),
                "name": pl.lit("测试"),
                "mobile": pl.lit(PLACEHOLDER_MOBILE),
                "email": pl.lit("test@example.com"),
                "remark": pl.lit("测试数据"),
            },
            blank=True,
        ),
    ),
    "orders": (
        _COPY,
        Addition("cancelled", 0.03, _order("Q", "-10m", "cancelled"), "cancelled"),
        Addition("pending", 0.004, _order("U", "3d", "pending"), "pending"),
        Addition("refund", 0.02, _order("R", "5d", "refunded") | {"amount": _NEGATIVE}),
        Addition("negative_amount", 0.001, {"order_id": _renamed("N"), "amount": _NEGATIVE}),
        Addition("zero_amount", 0.003, {"order_id": _renamed("Z"), "amount": pl.lit("0.00")}),
        Addition("orphan", 0.002, {"order_id": _renamed("X"), **_ORPHAN}),
    ),
    "order_lines": (
        Addition("repeated_line", 0.001, {}),
        Addition("orphan", 0.001, {"order_id": _renamed("X9")}),
    ),
    "interactions": (
        _COPY,
        Addition("orphan", 0.002, {"interaction_id": pl.col("interaction_id") + "X", **_ORPHAN}),
    ),
    "feedback": (_COPY, Addition("orphan", 0.002, {"feedback_id": pl.col("feedback_id") + "X", **_ORPHAN})),
    "complaints": (_COPY,),
    "contacts": (_COPY, Addition("orphan", 0.001, {"contact_id": pl.col("contact_id") + "X", **_ORPHAN})),
}
