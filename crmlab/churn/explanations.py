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
    model: LearnsChurn, features: pl.DataFrame, measure: Callable[[str], Measure], most: int = 3
) -> pl.DataFrame:
    """Return ``customer_id``, ``zh`` and ``en``: the ``most`` inputs that move each customer's odds most.

    Rows are in the order of ``features``. Written column by column, however many customers there are.
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
        parts.append(mine.select(KEY, "place", *_sentence(measure(column), mine.schema["value"])))
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


def _sentence(measure: Measure, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """Return “name value (odds ×factor)” in both languages."""
    value = pl.col("value")
    if dtype.is_numeric():
        if measure.unit in ("share", "rate") and measure.unit == "share":
            written = pl.format("{}%", (value * 100).round(1))
        elif dtype.is_integer():
            written = value.cast(pl.String)
        else:
            written = value.cast(pl.Float64).round(1).cast(pl.String).str.strip_suffix(".0")
    else:
        written = value.cast(pl.String)
    unit = {"days": (" 天", " days")}.get(measure.unit, ("", ""))
    factor = pl.col("contribution").clip(-7, 7).exp()
    times = pl.when(factor >= 10).then(factor.round(0)).otherwise(factor.round(2)).cast(pl.String)
    up = pl.col("contribution") > 0
    zh_unit, en_unit = (pl.lit("") if "天" in measure.zh else pl.lit(unit[0])), pl.lit(unit[1])
    if "days" in measure.en:
        en_unit = pl.lit("")
    missing = texts()["churn_reason_missing"]
    zh = pl.format(
        "{}{}，流失几率{}至 {} 倍",
        pl.lit(measure.zh),
        pl.coalesce(pl.format(" {}{}", written, zh_unit), pl.lit(missing.zh)),
        pl.when(up).then(pl.lit("升")).otherwise(pl.lit("降")),
        times,
    )
    en = pl.format(
        "{}{}: odds ×{}",
        pl.lit(measure.en),
        pl.coalesce(pl.format(" {}{}", written, en_unit), pl.lit(f" {missing.en}")),
        times,
    )
    return zh.alias("zh"), en.alias("en")
