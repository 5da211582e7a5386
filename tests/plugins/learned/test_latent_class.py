"""Latent classes behind answers, and the items that tell needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from crmlab.data.days import with_days
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.segments.stability import adjusted_rand
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.learned.latent_class import LatentClass, Needs
from crmlab_plugins.learned.need_items import ASPECTS, NeedItems

ITEMS = tuple(f"cares_for_{aspect}" for aspect in ASPECTS)


def answers(count: int = 600, seed: int = 0, clear: float = 0.9) -> pl.DataFrame:
    """Two kinds: who cares for price and delivery, and who cares for the rest; some do not answer."""
    rng = np.random.default_rng(seed)
    kind = rng.random(count) < 0.4
    columns: dict[str, object] = {"customer_id": [f"c{at}" for at in range(count)], "kind": kind}
    for item in ITEMS:
        typical = kind if item in ("cares_for_price", "cares_for_delivery") else ~kind
        said = np.where(rng.random(count) < clear, typical, ~typical)
        columns[item] = pl.Series(said).zip_with(
            pl.Series(rng.random(count) < 0.85), pl.Series([None] * count, dtype=pl.Boolean)
        )
    return pl.DataFrame(columns)


@parametrize_with_checks([Needs()], features=answers(40).with_columns(need_category=pl.lit("茶")))
def test_needs_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


@parametrize_with_checks([LatentClass(inputs=("city", "gender", "grade"), segments=3)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def test_two_kinds_are_found_counted_and_named() -> None:
    table = answers()
    fitted = LatentClass(inputs=ITEMS, candidates=(2, 3, 4)).fit(table)
    assert fitted.choice().filter("chosen")["segments"].item() == 2
    assert fitted.choice()["bic"].arg_min() == 0
    assert adjusted_rand(table["kind"].cast(pl.String), fitted.predict(table)) > 0.8
    shares = sorted(fitted.state_["shares"])
    assert shares == pytest.approx([0.4, 0.6], abs=0.05)
    first, second = (label.zh for label in fitted.scheme.labels)
    assert "看重质量" in first
    assert "看重价格" in second
    assert fitted.confidence(table).mean() > 0.9
    assert fitted.scheme.axes == ("need",)
    assert "各群（从大到小）" in fitted.definition().zh


def test_probabilities_are_right_that_is_as_often_as_they_say() -> None:
    table = answers(4000)
    fitted = LatentClass(inputs=ITEMS, segments=2).fit(table)
    sure, right = (
        fitted.confidence(table),
        fitted.predict(table) == np.where(table["kind"], "segment_2", "segment_1"),
    )
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        inside = sure.is_between(low, high, closed="left")
        assert right.filter(inside).mean() == pytest.approx(sure.filter(inside).mean(), abs=0.07)


def test_answers_at_random_show_no_classes_and_it_says_so() -> None:
    fitted = LatentClass(inputs=ITEMS, candidates=(2, 3)).fit(answers(300, clear=0.5))
    assert "数据中看不出分群" in fitted.definition().zh
    assert "the data shows none" in fitted.definition().en


def test_who_answered_nothing_has_no_class_and_one_answer_is_enough() -> None:
    table = answers()
    fitted = LatentClass(inputs=ITEMS, segments=2).fit(table)
    nothing = table.head(1).with_columns(pl.lit(None, pl.Boolean).alias(item) for item in ITEMS)
    assert fitted.predict(nothing).to_list() == ["unclassified"]
    assert fitted.explain(nothing)["zh"][0].startswith("缺少问卷选择")
    price = nothing.with_columns(cares_for_price=pl.lit(True))
    assert fitted.predict(price).to_list() == ["segment_2"]


def test_numbers_are_refused() -> None:
    with pytest.raises(ParamsError, match="k-prototypes"):
        LatentClass(inputs=("score",), segments=2).fit(pl.DataFrame({"customer_id": ["a"], "score": [3.0]}))


def test_needs_are_latent_classes_under_another_name() -> None:
    assert Needs.alias_of == "latent-class"
    assert Needs().get_params() == LatentClass().get_params()
    assert Needs.title.zh == "需求细分"


def _built(feature: NeedItems, **tables: pl.DataFrame) -> dict[str, dict[str, object]]:
    lazy = {
        name: nw.from_native(with_days(name, table.lazy(), "Asia/Shanghai")) for name, table in tables.items()
    }
    frame = feature.build(lazy, date(2024, 6, 30)).to_native().collect()
    return {row.pop("customer_id"): row for row in frame.to_dicts()}


def test_items_come_from_reasons_chosen_not_from_ratings() -> None:
    feedback = pl.DataFrame(
        {
            "customer_id": ["ann", "ann", "bob", "cai", "dan", None],
            "given_on": [date(2024, 5, 1)] * 3 + [date(2024, 7, 1)] + [date(2024, 5, 1)] * 2,
            "question": ["选择我们的原因", "服务态度", "您看重什么？", "选择我们的原因", "商品质量", "原因"],
            "answer": ["质量可靠┋配送快", "满意", "价格实惠", "包装好", "非常满意", "包装好"],
        }
    )
    items = _built(NeedItems(), feedback=feedback)
    assert set(items) == {"ann", "bob"}
    assert [items["ann"][f"cares_for_{name}"] for name in ASPECTS] == [True, False, True, False, False]
    assert [items["bob"][f"cares_for_{name}"] for name in ASPECTS] == [False, False, False, True, False]
    own = _built(NeedItems(words={"service": ("满意",)}, questions=("态度",)), feedback=feedback)
    assert own["ann"]["cares_for_service"]


def test_the_category_is_that_of_most_spend_in_paid_orders_by_the_day() -> None:
    orders = pl.DataFrame(
        {
            "order_id": ["1", "2", "3", "4"],
            "customer_id": ["ann", "ann", "ann", "bob"],
            "day": [19_800, 19_800, 30_000, 19_800],
            "amount_hundredths": [500, 900, 9_000, -500],
        }
    )
    lines = pl.DataFrame(
        {
            "order_id": ["1", "2", "2", "3", "4"],
            "category": ["茶", "米", None, "油", "茶"],
            "amount_hundredths": [500, 400, 500, 9_000, -500],
        }
    )
    items = _built(NeedItems(), orders=orders, order_lines=lines)
    assert items == {"ann": dict.fromkeys(ITEMS) | {"need_category": "茶"}}
