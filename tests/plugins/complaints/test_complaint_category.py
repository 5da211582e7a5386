"""Suggested categories: learned, calibrated, silent where unsure."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.complaints.category import ComplaintCategory

WORDS = {
    "物流": ("快递", "送货", "配送", "物流", "太慢", "延误", "丢件"),
    "质量": ("质量", "坏了", "破损", "掉色", "异味", "开线", "做工"),
    "服务": ("客服", "态度", "电话", "没人", "敷衍", "推诿", "投诉"),
}


def texts(seed: int, n: int = 240, noise: float = 0.25) -> pl.DataFrame:
    """Draw complaints of three words, some of another category's."""
    rng = np.random.default_rng(seed)
    names = list(WORDS)
    rows = []
    for number in range(n):
        name = names[rng.integers(3)]
        told = [rng.choice(WORDS[names[rng.integers(3)] if rng.random() < noise else name]) for _ in range(3)]
        rows.append((f"f{number}", "，".join(told), name))
    return pl.DataFrame(rows, schema=["feedback_id", "text", "category"], orient="row")


def test_it_learns_and_its_confidence_is_true() -> None:
    model = ComplaintCategory(least_confidence=0.0).fit(texts(1, 600))
    fresh = texts(2, 600)
    said = model.predict(fresh.drop("category"))
    right = (said["suggested_category"] == fresh["category"]).to_numpy()
    sure = said["category_confidence"].to_numpy()
    assert right.mean() > 0.85
    # Calibrated: in each third by confidence the share that is right is near what it says.
    for part in np.array_split(np.argsort(sure), 3):
        assert abs(right[part].mean() - sure[part].mean()) < 0.08


def test_it_says_nothing_where_it_is_not_sure() -> None:
    strict = ComplaintCategory(least_confidence=0.9).fit(texts(1))
    said = strict.predict(texts(2))
    unsure = said.filter(pl.col("category_confidence") < 0.9)
    assert unsure.height
    assert unsure["suggested_category"].null_count() == unsure.height
    assert said.filter(pl.col("category_confidence") >= 0.9)["suggested_category"].null_count() == 0


def test_a_text_without_any_known_character_gets_nothing() -> None:
    model = ComplaintCategory(least_confidence=0.0).fit(texts(1))
    strange = pl.DataFrame({"feedback_id": ["a", "b", "c"], "text": ["zzz", None, "快递"]})
    assert model.predict(strange)["suggested_category"].to_list() == [None, None, "物流"]


def test_width_case_and_numbers_make_no_difference() -> None:
    model = ComplaintCategory(least_confidence=0.0).fit(texts(1))
    either = pl.DataFrame({"feedback_id": ["a", "b"], "text": ["快递ＡＢ 12", "快递ab 99"]})
    said = model.predict(either)
    assert said["category_confidence"][0] == said["category_confidence"][1]


def test_one_category_teaches_nothing() -> None:
    alone = texts(1).with_columns(category=pl.lit("物流"))
    said = ComplaintCategory().fit(alone).predict(alone)
    assert said["suggested_category"].null_count() == alone.height
    assert said["category_confidence"].null_count() == alone.height


def test_two_categories_are_enough() -> None:
    two = texts(1).filter(pl.col("category") != "服务")
    model = ComplaintCategory().fit(two)
    assert model.categories_ == ["物流", "质量"]
    said = model.predict(pl.DataFrame({"feedback_id": ["a"], "text": ["送货太慢，物流延误"]}))
    assert said["suggested_category"][0] == "物流"


def test_parameters_are_checked() -> None:
    with pytest.raises(ParamsError, match="least_confidence is 60"):
        ComplaintCategory(least_confidence=60).fit(texts(1))
    with pytest.raises(ParamsError, match="most_runs is 0"):
        ComplaintCategory(most_runs=0).fit(texts(1))
