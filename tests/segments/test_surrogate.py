"""The few rules that come nearest to a segmentation."""

from __future__ import annotations

from datetime import date
from math import isnan

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crmlab.labels import Measure, Text
from crmlab.segments.surrogate import rounded, surrogate, written

NAMES = {
    "days": Measure("距最近一次购买的天数", "days since the last order", "days"),
    "spend": Measure("累计消费", "total spend", "currency"),
}


def shop(count: int = 1500, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "customer_id": [f"c{at}" for at in range(count)],
            "days": rng.integers(0, 400, count),
            "spend": np.round(rng.gamma(1, 500, count), 2),
            "city": rng.choice(["北京", "上海", "成都"], count),
            "member": rng.random(count) < 0.4,
        }
    )


def ruled(features: pl.DataFrame) -> pl.Series:
    label = (
        pl.when(pl.col("spend") > 800).then(pl.lit("high"))
        .when(pl.col("days") > 180).then(pl.lit("gone"))
        .otherwise(pl.lit("rest"))
    )  # fmt: skip
    return features.select(label=label).to_series()


def test_rules_that_a_tree_can_say_come_back_with_round_thresholds() -> None:
    told = surrogate(shop(), ruled(shop()), names=NAMES)
    assert told.rules["high"] == Text("累计消费 > 800", "total spend > 800")
    assert told.rules["gone"].zh == "距最近一次购买的天数 > 180，且累计消费 ≤ 800"
    assert told.rules["gone"].en == "days since the last order > 180 and total spend ≤ 800"
    assert told.fidelity.value > 0.99
    assert told.leaves <= 4


def test_on_noise_fidelity_is_no_better_than_the_largest_label() -> None:
    rng = np.random.default_rng(5)
    told = surrogate(shop(), pl.Series(rng.choice(["a", "b", "c"], 1500)))
    assert told.fidelity.low < told.baseline + 0.02
    assert told.fidelity.value < 0.4


def test_neither_the_order_of_rows_nor_of_columns_matters() -> None:
    table, labels = shop(), ruled(shop())
    mixed = table.with_columns(label=labels).sample(fraction=1, shuffle=True, seed=3)
    again = surrogate(mixed.select(reversed(table.columns)), mixed["label"], names=NAMES)
    assert again == surrogate(table, labels, names=NAMES)


def test_words_truths_dates_and_unknown_values_are_said_in_both_languages() -> None:
    table = shop().with_columns(
        spend=pl.when(pl.col("days") % 7 != 0).then("spend"),
        since=pl.lit(date(2024, 1, 1)) + pl.duration(days=pl.col("days")),
    )
    by_city = surrogate(table, (table["city"] == "成都").cast(pl.String))
    assert by_city.rules["true"] == Text("city是“成都”", "city is “成都”")
    assert by_city.rules["false"].en == "city is not “成都”"
    members = surrogate(
        table, table["member"].cast(pl.String), names={"member": Measure("会员", "member", "boolean")}
    )
    assert members.rules["true"] == Text("会员为是", "member is yes")
    unknown = table["spend"].is_null().cast(pl.String)
    assert surrogate(table.select("spend"), unknown).rules["true"].zh == "spend未知"
    late = surrogate(table.select("since"), (table["since"] > date(2024, 6, 30)).cast(pl.String))
    assert late.rules["true"].en in ("since > 2024-06-30", "since > 2024-07-01")


def test_nobody_one_label_and_a_handful() -> None:
    table, labels = shop(), ruled(shop())
    assert surrogate(table.clear(), labels.clear()).rules == {}
    same = surrogate(table, pl.Series(["all"] * table.height))
    assert same.rules == {"all": Text("所有客户", "every customer")}
    assert same.fidelity.value == 1
    few = surrogate(table.head(4), pl.Series(["a", "b", "a", "a"]))
    assert isnan(few.fidelity.value)
    assert few.rules["b"].en == "no simple rule tells this class"


def test_without_a_column_that_a_rule_may_speak_of_nothing_is_claimed() -> None:
    table, labels = shop(), ruled(shop())
    lists = table.select("customer_id", liked=pl.concat_list("city"))
    for useless in (lists, table.select("customer_id")):
        told = surrogate(useless, labels)
        assert all(isnan(end) for end in told.fidelity)
        assert told.leaves == 0
        assert {rule.en for rule in told.rules.values()} == {"no simple rule tells this class"}
        assert told.baseline == labels.value_counts()["count"].max() / labels.len()


def test_a_sample_stands_for_very_many() -> None:
    assert surrogate(shop(8_000), ruled(shop(8_000))).customers == 5_000


@given(st.lists(st.floats(0.01, 1e6), min_size=5, max_size=80), st.floats(0.01, 1e6))
def test_rounding_a_threshold_moves_hardly_anybody(values: list[float], threshold: float) -> None:
    near = rounded(np.array(values), threshold)
    moved = (np.array(values) <= near) != (np.array(values) <= threshold)
    assert moved.mean() <= 0.01


def test_numbers_are_written_with_their_unit() -> None:
    gap = Measure("购买间隔", "gap between orders", "days")
    assert written(30, gap) == Text("30 天", "30 days")
    assert written(0.125, Measure("占比", "share", "share")) == Text("12.5%", "12.5%")
    assert written(12_345.5, NAMES["spend"]).en == "12,345.5"
    assert written(0.0123, NAMES["spend"]).en == "0.0123"
