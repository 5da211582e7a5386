"""Turn text into typed columns, strictly: what cannot be read becomes a counted reject.

Each function takes an expression over a String column and returns one that is null where the text
is empty or unreadable; the caller compares both to find the unreadable ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import polars as pl

LARGEST_HUNDREDTHS = 2**51
"""Up to here every amount with two decimals is exact; larger ones are no plausible amounts."""

_FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
_LEVELLED = _FULL_WIDTH | {"　": " ", "￥": "¥", "￡": "£", "−": "-"}  # as people type them
_EDGE = " \t\r\n\u00a0\u3000\u200b\ufeff"
# Zero-width and direction marks make equal names unequal; a joiner also ties emoji together.
_MARKS = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_INVISIBLE = rf"[{_MARKS}]"
_VISIBLE = rf"[^\s{_MARKS}]"
_UNEVEN = rf"^\s|\s$|^$|{_INVISIBLE}"
_PLAIN = r"^[!-~](?:[ -~]*[!-~])?$"

_DIGITS = r"(?:\d+|\d{1,3}(?:[, \u00a0\u202f]\d{3})+)(?:\.\d*)?|\.\d+"
_NUMBER = rf"^[-+]?(?:{_DIGITS})(?:[eE][-+]?\d+)?$"
_BRACKETED = rf"^\((?:{_DIGITS})\)$"
_MAGNITUDES = {"万": 1e4, "亿": 1e8}

_COMPACT_TIME = r"^((?:19|20)\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$"
_COMPACT_DAY = r"^(\d{4})(\d{2})(\d{2})$"
_DAY = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日\s*|[T\s]\s*|$)"
_CLOCK = r"(\d{1,2})[时点](\d{1,2})分(?:(\d{1,2})秒)?$"
_HALF = r"(?i)\s*(上午|下午|AM|PM)\s*"
_LOCAL = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_WITH_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")

_SERIAL = r"^[3-7]\d{4}(?:\.\d+)?$"
"""Days since the end of 1899 as Excel counts them, about 1982 to 2119."""
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = r"^1\d{9}$", r"^1\d{12}$"

_TRUE = ("是", "有", "真", "√", "yes", "y", "true", "t", "1", "on")
_FALSE = ("否", "无", "没有", "假", "×", "no", "n", "false", "f", "0", "off")


def text(column: pl.Expr) -> pl.Expr:
    """Trim, and read empty text as null."""
    trimmed = column.cast(pl.String, strict=False).str.strip_chars(_EDGE)
    return pl.when(trimmed.str.len_chars() > 0).then(trimmed)


def name(column: pl.Expr) -> pl.Expr:
    """Read a short text that must compare equal where it looks equal: no invisible characters."""
    return _in_two_passes(
        column,
        lambda plain: pl.when(~plain.str.contains(_UNEVEN)).then(plain),
        lambda uneven: text(uneven.str.replace_all(_INVISIBLE, "")),
        pl.String(),
    )


def code(column: pl.Expr) -> pl.Expr:
    """Read an id: like :func:`name`, and in plain width (NFKC); leading zeros stay."""
    return _in_two_passes(
        column,
        lambda plain: pl.when(plain.str.contains(_PLAIN)).then(plain),
        lambda wide: text(wide.str.normalize("NFKC").str.replace_all(_INVISIBLE, "")),
        pl.String(),
    )


def is_there(column: pl.Expr) -> pl.Expr:
    """Say whether a text holds anything that can be seen."""
    return column.str.contains(_VISIBLE).fill_null(value=False)


def number(column: pl.Expr) -> pl.Expr:
    """Read 1234.5, 1,234.50, ￥1,234.50, 12元, (1,234.50), 1.2万 and 3亿元 as Float64.

    Commas and spaces are read as separators of thousands only, so "1,5" is unreadable, not 15.
    """
    return _in_two_passes(column, _plain_number, _written_number, pl.Float64())


def _plain_number(column: pl.Expr) -> pl.Expr:
    value = column.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _written_number(column: pl.Expr) -> pl.Expr:
    plain = _level(column).str.replace(r"^([-+(]?)\s*[¥$€£]\s*", "$1").str.replace(r"\s*元(\)?)$", "$1")
    unit = plain.str.extract(r"([万亿])\)?$")
    plain = plain.str.replace(r"\s*[万亿](\)?)$", "$1")
    digits = pl.when(plain.str.contains(f"{_NUMBER}|{_BRACKETED}")).then(plain)
    value = digits.str.replace_all(r"[(), \u00a0\u202f]", "").cast(pl.Float64, strict=False)
    value = value * unit.replace_strict(_MAGNITUDES, default=1.0, return_dtype=pl.Float64)
    signed = pl.when(digits.str.starts_with("(")).then(-value).otherwise(value)
    return pl.when(signed.is_finite()).then(signed)


def share(column: pl.Expr) -> pl.Expr:
    """Read a share: 12.5% as 0.125, and 0.125 as itself."""
    level = _level(column)
    percent = level.str.ends_with("%")
    value = number(level.str.strip_suffix("%"))
    return pl.when(percent).then(value / 100).otherwise(value)


def boolean(column: pl.Expr) -> pl.Expr:
    """Read 是/否, 有/无, yes/no, true/false, 1/0, √/× as Boolean."""
    values = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    return _looked_up(column, values, pl.Boolean())


def listed(column: pl.Expr, codes: Mapping[str, Sequence[str]]) -> pl.Expr:
    """Read one of the codes, or of the words that stand for one; case does not matter."""
    words = {word.casefold(): code for code, aliases in codes.items() for word in (*aliases, code)}
    return _looked_up(column, words, pl.String())


def _looked_up(column: pl.Expr, values: Mapping[str, object], dtype: pl.DataType) -> pl.Expr:
    def look_up(words: pl.Expr) -> pl.Expr:
        plain = _level(words.str.replace_all(_INVISIBLE, "")).str.to_lowercase()
        return plain.replace_strict(values, default=None, return_dtype=dtype)

    return _in_two_passes(column, lambda _: pl.lit(None, dtype), look_up, dtype)


def hundredths(value: pl.Expr) -> pl.Expr:
    """Turn an amount into Int64 hundredths, to the nearest; null beyond ``LARGEST_HUNDREDTHS``."""
    cents = (value * 100).round()
    return pl.when(cents.abs() <= LARGEST_HUNDREDTHS).then(cents).cast(pl.Int64)


def moment(column: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a date or time as UTC; text without an offset is local to ``time_zone``.

    Years come first and have four digits: 2024-03-05, 2024/3/5, 2024.3.5, 20240305, 2024年3月5日, each
    but the fourth with a time of day behind it if there is one (12:30, 12时30分, 下午3:05, 3:05 PM);
    20240305123000; ISO 8601 with an offset; a day as Excel numbers it (45356.5); seconds or
    milliseconds since 1970 with ten or thirteen digits.
    """
    return _in_two_passes(
        column,
        lambda plain: to_utc(_exact(plain, "%Y-%m-%d %H:%M:%S"), time_zone),
        lambda written: _written_moment(written, time_zone),
        pl.Datetime("us", "UTC"),
    )


def _exact(column: pl.Expr, form: str) -> pl.Expr:
    """Read times of nineteen characters only: parsers forgive shorter ones, and not always rightly."""
    whole = pl.when(column.str.contains(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")).then(column)
    return whole.str.to_datetime(form, time_unit="us", strict=False)


def _written_moment(column: pl.Expr, time_zone: str) -> pl.Expr:
    level = _level(column).str.replace(_COMPACT_TIME, "$1-$2-$3 $4:$5:$6")
    level = level.str.replace(_COMPACT_DAY, "$1-$2-$3").str.replace(_DAY, "$1-$2-$3 ")
    half = level.str.extract(_HALF).str.to_lowercase()
    level = level.str.replace(_HALF, " ").str.replace(_CLOCK, "$1:$2:0$3").str.replace(r":0(\d\d)$", ":$1")
    # A space in a format stands for no space, too: without this, 2024-3-112:30 would be a time.
    dated = pl.when(level.str.contains(r"^\d{4}-\d+-\d+ ")).then(level.str.strip_chars_end())
    plain = dated.str.replace(r"^(\S+)\s+", "$1 ")
    offset = [plain.str.to_datetime(form, time_unit="us", strict=False) for form in _WITH_OFFSET]
    local = [plain.str.to_datetime(form, time_unit="us", strict=False) for form in _LOCAL]
    day = plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    clock = _in_half(pl.coalesce(*local), half)
    placed = _of_the_calendar(pl.coalesce(*offset, _since_1970(level)), time_zone)
    return pl.coalesce(placed, to_utc(pl.coalesce(clock, day, _serial(level)), time_zone))


def to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """Read a naive Datetime as local time of ``time_zone``.

    A local time that a change of clocks repeats is the earlier one; one that it skips is an hour later.
    """
    placed = [
        time.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
        for time in (local, local.dt.offset_by("1h"))
    ]
    return _of_the_calendar(pl.coalesce(*placed).dt.convert_time_zone("UTC"), time_zone)


def _of_the_calendar(moment: pl.Expr, time_zone: str) -> pl.Expr:
    """Read as null what is in year 0 or 10000 in UTC or here: next to what programs write for "never"."""

    def keep(times: pl.Series) -> pl.Series:
        here = times.dt.convert_time_zone(time_zone)
        whole = times.dt.year().is_between(1, 9999) & here.dt.year().is_between(1, 9999)
        return times.set(~whole, None)

    # Over the finished column: as an expression it would repeat all that it is made from.
    return moment.map_batches(keep, return_dtype=pl.Datetime("us", "UTC"), is_elementwise=True)


def local_day(moment: pl.Expr, time_zone: str) -> pl.Expr:
    """Return the day of a point in time in ``time_zone``."""
    return moment.dt.convert_time_zone(time_zone).dt.date()


def local_day_number(moment: pl.Expr, time_zone: str) -> pl.Expr:
    """Return the same day as Int64 days since 1970-01-01."""
    return local_day(moment, time_zone).cast(pl.Int32).cast(pl.Int64)


def _level(column: pl.Expr) -> pl.Expr:
    """Trim, and write full-width characters as plain ones."""
    return text(column).str.replace_many(_LEVELLED)


def _in_half(local: pl.Expr, half: pl.Expr) -> pl.Expr:
    """Move a time of a twelve-hour clock to its half of the day; null where there is no such hour."""
    afternoon, hour = half.is_in(["下午", "pm"]), local.dt.hour()
    moved = (
        pl.when(afternoon & (hour < 12))
        .then(local.dt.offset_by("12h"))
        .when(~afternoon & (hour == 12))
        .then(local.dt.offset_by("-12h"))
        .otherwise(local)
    )
    return pl.when(half.is_null()).then(local).when(hour <= 12).then(moved)


def _serial(level: pl.Expr) -> pl.Expr:
    """Read the days since 1899-12-30 that Excel shows where a cell has lost its date format."""
    days = pl.when(level.str.contains(_SERIAL)).then(level).cast(pl.Float64, strict=False)
    seconds = (days * 86_400).round().cast(pl.Int64)
    return pl.lit(datetime(1899, 12, 30)).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)


def _since_1970(level: pl.Expr) -> pl.Expr:
    seconds = pl.when(level.str.contains(_EPOCH_SECONDS)).then(level).cast(pl.Int64, strict=False)
    milliseconds = pl.when(level.str.contains(_EPOCH_MILLISECONDS)).then(level).cast(pl.Int64, strict=False)
    since = pl.coalesce(seconds * 1_000_000, milliseconds * 1_000)
    return since.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _in_two_passes(
    column: pl.Expr,
    fast: Callable[[pl.Expr], pl.Expr],
    slow: Callable[[pl.Expr], pl.Expr],
    dtype: pl.DataType,
) -> pl.Expr:
    """Read the common form at once, and only what is left, each distinct text once, the thorough way."""

    def read(texts: pl.Series) -> pl.Series:
        frame = texts.cast(pl.String, strict=False).to_frame("text").with_columns(value=fast(pl.col("text")))
        left = frame.filter(pl.col("value").is_null() & pl.col("text").is_not_null()).select("text").unique()
        if left.height:
            left = left.with_columns(rest=slow(pl.col("text")))
            frame = frame.join(left, on="text", how="left", maintain_order="left")
            frame = frame.with_columns(value=pl.coalesce("value", "rest"))
        return frame["value"].alias(texts.name)

    return column.map_batches(read, return_dtype=dtype, is_elementwise=True)
