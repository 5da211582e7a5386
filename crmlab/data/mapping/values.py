"""What a preset makes of values before they are cleaned: dates in ISO, words in codes, names in one piece."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from crmlab.data import convert
from crmlab.data.presets import Flag, plain

_HAN = re.compile(r"[\u3400-\u9fff]")


_DAY_OR_MONTH_FIRST = r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
_PARTS = re.compile(r"%[YymbBdjHIMSfpTFR]")


def iso(column: pl.Expr, formats: Sequence[str], *, certain: bool = True) -> pl.Expr:
    """Write what has one of the formats as ISO 8601 text; leave the rest as it is.

    Formats that are not ``certain`` are a program's habit, which its user may have changed: where any
    date with the day or month first does not fit them (25/12/2024 as month/day), none is read by them.
    """
    if not formats:
        return column
    trimmed = convert.text(column)
    read = [
        trimmed.str.to_datetime(form, time_unit="us", strict=False)
        if re.search(r"%[HIT]", form)
        else trimmed.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        for form in formats
    ]
    written = pl.coalesce(*read).dt.strftime("%Y-%m-%d %H:%M:%S")
    if not certain:
        against = trimmed.str.contains(_DAY_OR_MONTH_FIRST) & written.is_null()
        written = pl.when(~against.any()).then(written)
    return pl.coalesce(written, column)


def date_problems(dates: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the formats that a study gives its dates."""
    return [
        f"dates.{column}: {form!r} is no format of a date. Write year, month and day as %Y, %m and %d, for "
        "example %d/%m/%Y, or %m/%d/%Y %H:%M."
        for column, form in dates.items()
        if not _is_format(form)
    ]


def _is_format(form: str) -> bool:
    if "%" in _PARTS.sub("", form):
        return False
    day = datetime(2024, 11, 23, 13, 45, 56)
    try:
        return datetime.strptime(day.strftime(form), form).date() == day.date()
    except ValueError:
        return False


def filled(frame: pl.LazyFrame, given: Mapping[str, str], key: str, headers: Sequence[str]) -> pl.LazyFrame:
    """Fill columns that are blank where they are as in the row above of the same ``key``.

    ``given`` maps normalised headers to those of the frame.
    """
    own = given.get(plain(key))
    present = [given[plain(header)] for header in headers if plain(header) in given]
    if own is None:
        return frame
    return frame.with_columns(convert.text(pl.col(name)).forward_fill().over(own) for name in present)


def joined(family: str, given: str) -> pl.Expr:
    """Join the parts of a name: Chinese ones without a space, family name first; others given name first."""
    last, first = (convert.text(pl.col(name)) for name in (family, given))
    both = last.is_not_null() & first.is_not_null()
    han = pl.concat_str(last, first, ignore_nulls=True).str.contains(_HAN.pattern)
    name = pl.when(han).then(last + first).otherwise(first + pl.lit(" ") + last)
    return pl.when(both).then(name).otherwise(pl.coalesce(last, first))


def less(column: pl.Expr, back: pl.Expr) -> pl.Expr:
    """Subtract what was paid back in part; all of it paid back is for the order's status to say.

    An amount paid back that cannot be read takes the amount's place, for cleaning to reject.
    """
    paid, returned = convert.number(column), convert.number(back).abs()
    unreadable = convert.text(back).is_not_null() & returned.is_null()
    in_part = (returned > 0) & (returned < paid)
    rest = pl.when(in_part).then((paid - returned).round(2).cast(pl.String))
    wrong = pl.when(unreadable).then(back.cast(pl.String, strict=False))
    return pl.coalesce(wrong, rest, column.cast(pl.String, strict=False))


def meant(column: pl.Expr, meanings: Mapping[str, str]) -> pl.Expr:
    """Replace what is written by what is meant, without regard to case; leave the rest as it is."""
    if not meanings:
        return column
    level = {word.strip().casefold(): meaning for word, meaning in meanings.items()}
    return (
        convert.name(column)
        .str.to_lowercase()
        .replace_strict(level, default=column.cast(pl.String, strict=False), return_dtype=pl.String)
    )


def flagged(flags: Sequence[tuple[Flag, str]], column: pl.Expr) -> pl.Expr:
    """Return what the first flag that decides says, and ``column`` where none does.

    ``flags`` come with the header of the frame that each looks at.
    """
    for flag, header in reversed(flags):
        found = convert.text(pl.col(header)).str.contains(flag.pattern)
        if flag.otherwise is not None:
            column = pl.when(found.is_not_null()).then(pl.lit(flag.otherwise)).otherwise(column)
        column = pl.when(found).then(pl.lit(flag.value)).otherwise(column)
    return column
