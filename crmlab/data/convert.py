"""Turn text into typed columns, strictly: what cannot be read becomes a counted reject.

Each function takes an expression over a String column and returns one that is null where the text
is empty or unreadable; the caller compares both to find the unreadable ones.
"""

from __future__ import annotations

import polars as pl

_DATE_TIMES = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
)
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d")
_FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)} | {"　": " ", "￥": "¥"}


def text(column: pl.Expr) -> pl.Expr:
    """Trim, and read empty text as null."""
    trimmed = column.cast(pl.String).str.strip_chars(" \t\r\n\u00a0\u3000\u200b\ufeff")
    return pl.when(trimmed.str.len_chars() > 0).then(trimmed)


def number(column: pl.Expr) -> pl.Expr:
    """Read 1234.5, 1,234.50, ￥1,234.50, (1,234.50) as Float64; infinities are unreadable."""
    plain = text(column).str.replace_many(_FULL_WIDTH).str.replace_all(r"^[¥$€£]\s*|[,\s]", "")
    negative = plain.str.starts_with("(") & plain.str.ends_with(")")
    value = plain.str.strip_chars("()").cast(pl.Float64, strict=False)
    signed = pl.when(negative).then(-value).otherwise(value)
    return pl.when(signed.is_finite()).then(signed)


def hundredths(value: pl.Expr) -> pl.Expr:
    """Turn an amount into Int64 hundredths, to the nearest."""
    cents = (value * 100).round()
    return pl.when(cents.abs() < 2**53).then(cents).cast(pl.Int64, strict=False)


def moment(column: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a date or time as UTC; text without an offset is local to ``time_zone``.

    A local time that a change of clocks skips or repeats takes the earlier reading.
    """
    plain = text(column).str.replace_many(_FULL_WIDTH)
    with_offset = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False)
    local = pl.coalesce(
        *[plain.str.to_datetime(form, time_unit="us", strict=False) for form in _DATE_TIMES],
        *[plain.str.to_date(form, strict=False).cast(pl.Datetime("us")) for form in _DATES],
    )
    return pl.coalesce(with_offset.dt.convert_time_zone("UTC"), to_utc(local, time_zone))


def to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a naive Datetime as local time of ``time_zone``."""
    placed = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def day(column: pl.Expr) -> pl.Expr:
    """Read a date, dropping a time of day."""
    plain = text(column).str.replace_many(_FULL_WIDTH)
    return pl.coalesce(
        *[plain.str.to_date(form, strict=False) for form in _DATES],
        *[plain.str.to_datetime(form, time_unit="us", strict=False).dt.date() for form in _DATE_TIMES],
    )
