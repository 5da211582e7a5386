"""Numbers in the reasons of a classifier, as polars expressions: a million reasons cost a second."""

from __future__ import annotations

import polars as pl


def number(value: pl.Expr, decimals: int = 0) -> pl.Expr:
    """Write numbers with commas between thousands and ``decimals`` digits: 1234.5 → "1,234.50".

    Null where the value is null or no number. Halves round to the even digit.
    """
    scale = 10**decimals
    scaled = (value.cast(pl.Float64) * scale).round(mode="half_to_even")
    whole = pl.when(scaled.is_finite()).then(scaled.abs()).cast(pl.Int64)
    sign = pl.when(scaled < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    body = _grouped(whole // scale)
    if decimals:
        body = pl.format("{}.{}", body, (whole % scale).cast(pl.String).str.zfill(decimals))
    return sign + body


def short(value: pl.Expr, decimals: int = 1) -> pl.Expr:
    """Write numbers as :func:`number` does, without zeros at the end: 7.0 → "7"."""
    written = number(value, decimals)
    return written.str.strip_chars_end("0").str.strip_chars_end(".") if decimals else written


def percent(value: pl.Expr, decimals: int = 0) -> pl.Expr:
    """Write shares as percentages: 0.256 → "26%"."""
    return number(value * 100, decimals) + "%"


def counted(value: pl.Expr, one: str, many: str | None = None) -> pl.Expr:
    """Write a count with its English noun: "1 order", "2 orders"."""
    noun = pl.when(value == 1).then(pl.lit(one)).otherwise(pl.lit(many or f"{one}s"))
    return number(value) + " " + noun


def reasons(features: pl.DataFrame, zh: pl.Expr, en: pl.Expr) -> pl.DataFrame:
    """Return the reasons of every row in both languages, as ``Classifier._explain`` gives them."""
    return features.select(zh=zh.cast(pl.String), en=en.cast(pl.String))


def _grouped(whole: pl.Expr) -> pl.Expr:
    """Put commas between the thousands of whole numbers of 0 or more."""
    written = whole.cast(pl.String)
    for groups in range(2, 7):
        padded = [((whole // 1000**at) % 1000).cast(pl.String).str.zfill(3) for at in range(groups - 1)]
        grouped = pl.concat_str(whole // 1000 ** (groups - 1), *reversed(padded), separator=",")
        written = pl.when(whole >= 1000 ** (groups - 1)).then(grouped).otherwise(written)
    return written
