"""Why a model gives a customer its probability: the inputs that move it most, in words.

A contribution is what an input adds to the log-odds of an average customer. In words it is the
factor of the odds: ×2 doubles them, ×0.5 halves them. It says what the model goes by, not what would
happen if the input were changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl

from crmlab.estimators import KEY
from crmlab.labels import Measure
from crmlab.view.tables import SYMBOLS
from crmlab.view.texts import texts

if TYPE_CHECKING:
    from crmlab.churn.snapshots import LearnsChurn

_LEAST = 0.05
"""Log-odds below which an input is not worth a word: 5 % of the odds."""


def contributions(model: LearnsChurn, features: pl.DataFrame) -> pl.DataFrame:
    """Return one row per customer and input: ``customer_id``, ``column``, ``contribution`` (log-odds)."""
    parts = model.contributions(features)
    wide = features.select(KEY).with_columns(
        pl.Series(name, parts[:, place]) for place, name in enumerate(model.inputs)
    )
    return wide.unpivot(index=KEY, variable_name="column", value_name="contribution")


def reasons(
    model: LearnsChurn,
    features: pl.DataFrame,
    measure: Callable[[str], Measure],
    most: int = 3,
    currency: str = "",
) -> pl.DataFrame:
    """Return ``customer_id``, ``zh`` and ``en``: the ``most`` inputs that move each customer's odds most.

    Rows are in the order of ``features``; ``currency`` is the ISO 4217 code of amounts. Written column by
    column, however many customers there are.
    """
    long = contributions(model, features).with_columns(strength=pl.col("contribution").abs())
    place = pl.col("strength").rank("ordinal", descending=True).over(KEY, order_by="column")
    telling = (
        long.filter(pl.col("strength") >= _LEAST).with_columns(place=place).filter(pl.col("place") <= most)
    )
    parts = []
    for column in model.inputs:
        mine = telling.filter(pl.col("column") == column)
        values = features.select(KEY, value=pl.col(column))
        mine = mine.join(values, on=KEY, how="left", maintain_order="left")
        parts.append(mine.select(KEY, "place", *_sentence(measure(column), mine.schema["value"], currency)))
    said = (
        pl.concat(parts)
        .sort(KEY, "place")
        .group_by(KEY, maintain_order=True)
        .agg(zh=pl.col("zh").str.join("；"), en=pl.col("en").str.join("; "))
    )
    average = texts()["churn_reason_average"]
    return (
        features.select(KEY)
        .join(said, on=KEY, how="left", maintain_order="left")
        .with_columns(pl.col("zh").fill_null(average.zh), pl.col("en").fill_null(average.en))
    )


def _sentence(measure: Measure, dtype: pl.DataType, currency: str) -> tuple[pl.Expr, pl.Expr]:
    """Return “name value (odds ×factor)” in both languages."""
    zh_value, en_value = _value(measure, dtype, currency)
    missing = texts()["churn_reason_missing"]
    up = pl.col("contribution") > 0
    zh = pl.format(
        "{}{}，流失几率{}至{}",
        pl.lit(measure.zh),
        pl.coalesce(zh_value, pl.lit(missing.zh)),
        pl.when(up).then(pl.lit("升")).otherwise(pl.lit("降")),
        _times("不足 0.01 倍", " {} 倍", " 1000 倍以上"),
    )
    en = pl.format(
        "{}{}: odds ×{}",
        pl.lit(measure.en),
        pl.coalesce(en_value, pl.lit(f" {missing.en}")),
        _times("less than 0.01", "{}", "1000 or more"),
    )
    return zh.alias("zh"), en.alias("en")


def _value(measure: Measure, dtype: pl.DataType, currency: str) -> tuple[pl.Expr, pl.Expr]:
    """Write the value, with its unit where the name does not say it; null where there is none."""
    value = pl.col("value")
    if dtype == pl.Boolean:
        yes, no = texts()["churn_reason_yes"], texts()["churn_reason_no"]
        zh, en = (
            pl.when(value).then(pl.lit(true)).when(~value).then(pl.lit(false))
            for true, false in zip(yes, no, strict=True)
        )
        return zh, en
    written = value.cast(pl.String)
    if dtype.is_float() or dtype.is_decimal():
        number = value.cast(pl.Float64)
        written = number.round(1).cast(pl.String).str.strip_suffix(".0")
        if measure.unit == "share":
            written = pl.format("{}%", (number * 100).round(1))
        elif measure.unit == "currency":
            written = pl.format("{}{}", pl.lit(SYMBOLS.get(currency, f"{currency} ".lstrip())), written)
    spoken = measure.unit == "days"
    zh_unit = " 天" if spoken and "天" not in measure.zh else ""
    en_unit = " days" if spoken and "days" not in measure.en else ""
    return pl.format(" {}{}", written, pl.lit(zh_unit)), pl.format(" {}{}", written, pl.lit(en_unit))


def _times(least: str, between: str, most: str) -> pl.Expr:
    """Write the factor of the odds."""
    factor = pl.col("contribution").exp()
    whole = factor.clip(0, 1000).round(0).cast(pl.Int64).cast(pl.String)
    written = pl.when(factor >= 10).then(whole).otherwise(factor.round(2).cast(pl.String))
    return (
        pl.when(factor < 0.01)
        .then(pl.lit(least))
        .when(factor >= 1000)
        .then(pl.lit(most))
        .otherwise(pl.format(between, written))
    )
