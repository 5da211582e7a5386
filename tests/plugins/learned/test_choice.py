"""How many segments."""

from __future__ import annotations

import numpy as np
import polars as pl

from crmlab_plugins.learned import choice
from crmlab_plugins.learned.kmeans import KMeans
from crmlab_plugins.learned.learning import single_thread
from crmlab_plugins.learned.rule_tree import RuleTree

from .planted import customers, permuted

PLANTED = customers()


def test_the_table_says_of_every_candidate_why_it_was_taken_or_not() -> None:
    fitted = KMeans().fit(PLANTED)
    table = fitted.choice()
    assert table["segments"].to_list() == [2, 3, 4, 5, 6, 7, 8]
    assert table.filter("chosen")["segments"].to_list() == [4]
    assert table.filter("chosen")["stability"].item() > 0.99
    assert table.filter(segments=8)["stability"].item() < 0.9
    assert table["zh"].null_count() == table["en"].null_count() == 0
    assert "4" in fitted.definition().zh
    assert "轮廓系数" in fitted.definition().zh
    assert fitted.settled_ == {"segments": 4}


def test_columns_permuted_apart_tell_nothing_of_later_purchases() -> None:
    real, noise = (KMeans().fit(table).choice() for table in (PLANTED, permuted(PLANTED)))
    assert real.filter("chosen")["separation"].item() > 0.3
    assert noise["separation"].max() < 0.03
    assert noise.filter(segments=4)["stability"].item() < real.filter(segments=4)["stability"].item()


def test_what_is_known_only_now_makes_no_number_of_segments_useful() -> None:
    earlier = [name for name in PLANTED.columns if name.startswith("earlier_")]
    shuffled = permuted(PLANTED.select(earlier))
    forgotten = PLANTED.drop(earlier).hstack(shuffled)
    assert KMeans().fit(forgotten).choice()["separation"].max() < 0.03
    assert RuleTree().fit(forgotten).choice()["separation"].max() < 0.03


def test_without_a_past_usefulness_is_not_judged_and_the_definition_says_so() -> None:
    fitted = KMeans(inputs=("days_since_last_order", "line_count", "total_spend")).fit(
        PLANTED.rename({"order_count": "line_count"})
    )
    assert fitted.choice()["separation"].null_count() == 7
    assert fitted.choice().filter("chosen")["segments"].item() == 4
    assert "未评估对此后购买的区分度" in fitted.definition().zh
    assert "usefulness was not judged" in fitted.definition().en


def test_the_number_is_not_chosen_from_few_customers_and_not_when_given() -> None:
    few = KMeans().fit(PLANTED.head(30))
    assert few.choice().height == 0
    assert "too few to choose" in few.definition().en
    given = KMeans(segments=3).fit(PLANTED)
    assert given.choice().height == 0
    assert given.requires == given.inputs
    assert "给定" in given.definition().zh


def test_the_best_silhouette_does_not_win_with_a_segment_of_hardly_anybody() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(0, 1, (400, 2))
    far = rng.normal(60, 0.1, (4, 2))
    matrix = np.vstack([cloud, far])
    classifier = KMeans(inputs=("a", "b"))
    with single_thread():
        rows = choice.compare(matrix, classifier._divide, [2, 3, 4], 0.05)
    best = max(rows, key=lambda row: row["silhouette"])
    assert best["segments"] == 2
    assert best["silhouette"] > 0.9
    assert best["smallest_share"] < 0.05
    assert not best["chosen"] or all(row["smallest_share"] < 0.05 for row in rows)


def test_size_and_stability_come_before_usefulness() -> None:
    def divide(matrix: np.ndarray, count: int) -> choice.Assign:
        return lambda rows: np.arange(len(rows)) % count if count < 4 else np.minimum(np.arange(len(rows)), 3)

    matrix = np.arange(400, dtype=float)[:, None]
    rows = choice.compare(
        matrix, divide, [2, 3, 4], 0.05, useful=lambda count: {2: 0.5, 3: 0.51, 4: 0.9}[count]
    )
    assert [row["segments"] for row in rows if row["chosen"]] == [2]
    assert "less than 5%" in rows[2]["en"]


def test_explained_variance_is_corrected_for_the_number_of_segments() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 1))
    many = choice.explained(rng.integers(0, 60, 300), noise)
    assert many < 0.05
    groups = np.repeat([0, 1], 150)
    told = choice.explained(groups, groups[:, None] + rng.normal(0, 0.1, (300, 1)))
    assert told > 0.9
    assert choice.explained(groups, np.ones((300, 1))) == 0


def test_no_more_than_two_thousand_are_compared() -> None:
    assert len(choice.some(50_000, np.random.default_rng(0))) == 2_000
    assert pl.Series(choice.some(50_000, np.random.default_rng(0))).is_sorted()
