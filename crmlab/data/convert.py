"""Turn text into typed columns, strictly: what cannot be read becomes a counted reject.

Each function takes an expression over a String column and returns one that is null where the text
is empty or unreadable; the caller compares both to find the unreadable ones.
"""

from __future__ import annotations

import polars as pl

LARGEST_HUNDREDTHS = 2**51
"""Up to here every amount with two decimals is exact; larger ones are no plausible amounts."""

_FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
_LEVELLED = _FULL_WIDTH | {"　": " ", "￥": "¥", "−": "-"}  # as people type them

_DIGITS = r"(?:\d+|\d{1,3}(?:[, \u00a0\u202f]\d{3})+)(?:\.\d*)?|\.\d+"
_NUMBER = rf"^[-+]?(?:{_DIGITS})(?:[eE][-+]?\d+)?$"
_BRACKETED = rf"^\((?:{_DIGITS})\)$"

_COMPACT_DAY = r"^(\d{4})(\d{2})(\d{2})$"
_DAY = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日\s*|[T\s]\s*|$)"
_LOCAL = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_WITH_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")


def text(column: pl.Expr) -> pl.Expr:
    """Trim, and read empty text as null."""
    trimmed = column.cast(pl.String, strict=False).str.strip_chars(" \t\r\n\u00a0\u3000\u200b\ufeff")
    return pl.when(trimmed.str.len_chars() > 0).then(trimmed)


def number(column: pl.Expr) -> pl.Expr:
    """Read 1234.5, 1,234.50, ￥1,234.50, 12元, (1,234.50) as Float64.

    Commas and spaces are read as separators of thousands only, so "1,5" is unreadable, not 15.
    """
    plain = _level(column).str.replace(r"^([-+(]?)\s*[¥$€£]\s*", "$1").str.replace(r"\s*元$", "")
    digits = pl.when(plain.str.contains(f"{_NUMBER}|{_BRACKETED}")).then(plain)
    value = digits.str.replace_all(r"[(), \u00a0\u202f]", "").cast(pl.Float64, strict=False)
    signed = pl.when(digits.str.starts_with("(")).then(-value).otherwise(value)
    return pl.when(signed.is_finite()).then(signed)


def hundredths(value: pl.Expr) -> pl.Expr:
    """Turn an amount into Int64 hundredths, to the nearest; null beyond ``LARGEST_HUNDREDTHS``."""
    cents = (value * 100).round()
    return pl.when(cents.abs() <= LARGEST_HUNDREDTHS).then(cents).cast(pl.Int64)


def moment(column: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a date or time as UTC; text without an offset is local to ``time_zone``.

    Years come first and have four digits: 2024-03-05, 2024/3/5, 2024.3.5, 20240305, 2024年3月5日, each
    but the fourth with a time of day behind it if there is one; ISO 8601 with an offset, too.
    """
    level = _level(column).str.replace(_COMPACT_DAY, "$1-$2-$3").str.replace(_DAY, "$1-$2-$3 ")
    # A space in a format stands for no space, too: without this, 2024-3-112:30 would be a time.
    plain = pl.when(level.str.contains(r"^\d{4}-\d+-\d+ ")).then(level.str.strip_chars_end())
    offset = [plain.str.to_datetime(form, time_unit="us", strict=False) for form in _WITH_OFFSET]
    local = [plain.str.to_datetime(form, time_unit="us", strict=False) for form in _LOCAL]
    day = plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    return pl.coalesce(*offset, to_utc(pl.coalesce(*local, day), time_zone))


def to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a naive Datetime as local time of ``time_zone``.

    A local time that a change of clocks repeats is the earlier one; one that it skips is an hour later.
    """
    placed = [
        time.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
        for time in (local, local.dt.offset_by("1h"))
    ]
    return pl.coalesce(*placed).dt.convert_time_zone("UTC")


def _level(column: pl.Expr) -> pl.Expr:
    """Trim, and write full-width characters as plain ones."""
    return text(column).str.replace_many(_LEVELLED)
