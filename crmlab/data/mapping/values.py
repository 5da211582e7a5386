"""What a preset makes of values before they are cleaned: dates in ISO, words in codes, names in one piece."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from crmlab.data import convert
from crmlab.data.presets import Flag, plain

_HAN = re.compile(r"[\u3400-\u9fff]")


def iso(column: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    """Write what has one of the formats as ISO 8601 text; leave the rest as it is."""
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
    return pl.coalesce(written, column)


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
