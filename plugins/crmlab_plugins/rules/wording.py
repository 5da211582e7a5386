"""Numbers in the reasons of a classifier, as polars expressions: a million reasons cost a second."""

from __future__ import annotations

from functools import partial

import polars as pl


def number(value: pl.Expr, decimals: int = 0) -> pl.Expr:
    """Write numbers with commas between thousands and ``decimals`` digits: 1234.5 → "1,234.50".

    Null where the value is null or no number. Halves round to the even digit.
    """
    return value.map_batches(
        partial(_written, decimals=decimals), return_dtype=pl.String, is_elementwise=True
    )


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


def ago(days: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Write in Chinese and English when something was: "在 2 天前", "2 days ago", "on the as-of day"."""
    today = days == 0
    return (
        pl.when(today).then(pl.lit("就在观察日当天")).otherwise(pl.format("在 {} 天前", number(days))),
        pl.when(today).then(pl.lit("on the as-of day")).otherwise(pl.format("{} ago", counted(days, "day"))),
    )


def reasons(features: pl.DataFrame, zh: pl.Expr, en: pl.Expr) -> pl.DataFrame:
    """Return the reasons of every row in both languages, as ``Classifier._explain`` gives them."""
    return features.select(zh=zh.cast(pl.String), en=en.cast(pl.String))


def _written(values: pl.Series, decimals: int) -> pl.Series:
    """Write whole series, because how many commas there can be is known from the largest number."""
    scale = 10**decimals
    scaled = (pl.col("value").cast(pl.Float64) * scale).round(mode="half_to_even")
    frame = values.to_frame("value").select(
        whole=pl.when(scaled.is_finite()).then(scaled.abs()).cast(pl.Int64), negative=scaled < 0
    )
    whole = pl.col("whole")
    largest: int = frame.select(whole.max().fill_null(0)).item()
    body = _grouped(whole // scale, largest // scale)
    if decimals:
        body = pl.concat_str(body, _padded(whole % scale, decimals), separator=".")
    if frame["negative"].any():
        body = pl.when("negative").then("-" + body).otherwise(body)
    return frame.select(body.alias(values.name)).to_series()


def _grouped(whole: pl.Expr, largest: int) -> pl.Expr:
    """Put commas between the thousands of whole numbers from 0 to ``largest``."""
    written, power = whole.cast(pl.String), 1000
    groups = [_padded(whole % 1000, 3)]
    while power <= largest:
        grouped = pl.concat_str(whole // power, *reversed(groups), separator=",")
        written = pl.when(whole >= power).then(grouped).otherwise(written)
        groups.append(_padded(whole // power % 1000, 3))
        power *= 1000
    return written


def _padded(whole: pl.Expr, digits: int) -> pl.Expr:
    """Write whole numbers of at most ``digits`` digits with zeros in front."""
    above: int = 10**digits
    return (whole + above).cast(pl.String).str.slice(1)
