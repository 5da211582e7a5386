"""Stability: a rule that holds, a rule that does not, and nothing to measure."""

from __future__ import annotations

from math import isnan
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.estimators import Classifier
from crmlab.lab import Lab
from crmlab.labels import Label, Scheme, Text
from crmlab.segments.stability import adjusted_rand, bootstrap_stability, fresh, word

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=2, max_size=60)


class Cut(Classifier):
    """Cuts ``spend`` at a number, at its median, or at its largest value but one."""

    title: ClassVar[Text] = Text("切分", "Cut")
    scheme: ClassVar[Scheme] = Scheme(
        "cut", "切分", "Cut", (Label("high", "高", "High"), Label("low", "低", "Low"))
    )

    at: str = "median"

    @property
    def requires(self) -> tuple[str, ...]:
        """What is cut."""
        return ("spend",)

    def _fit(self, features: pl.DataFrame) -> None:
        spend = features["spend"]
        self.cut_ = 10.0
        if self.at != "fixed":
            self.cut_ = spend.median() if self.at == "median" else spend.top_k(2).min()

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        high = pl.when(pl.col("spend") > self.cut_).then(pl.lit("high")).otherwise(pl.lit("low"))
        return features.select(label=high).to_series()


def _spends(n: int = 300) -> pl.DataFrame:
    spend = np.random.default_rng(1).normal(10, 3, n)
    return pl.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "spend": spend})


@given(LABELS)
def test_adjusted_rand_is_one_for_the_same_groups_under_other_names(pairs: list[tuple[str, str]]) -> None:
    first = pl.Series([a for a, _ in pairs])
    second = pl.Series([b for _, b in pairs])
    assert adjusted_rand(first, first.replace({"a": "z", "b": "y", "c": "x"})) == 1
    assert adjusted_rand(first, second) == pytest.approx(adjusted_rand(second, first))


def test_adjusted_rand_of_a_published_example() -> None:
    """The contingency table of Hubert & Arabie's index in its usual form, by hand: 2·2 against 3·1."""
    first, second = pl.Series(list("aabb")), pl.Series(list("xxxy"))
    # pairs together in both 1, in the first 2, in the second 3, of 6: (1 - 2·3/6) / ((2 + 3)/2 - 1) = 0
    assert adjusted_rand(first, second) == pytest.approx(0)


def test_a_fixed_rule_is_the_same_whoever_was_there() -> None:
    features = _spends()
    found = bootstrap_stability(Cut(at="fixed").fit(features), features)
    assert found.fixed
    assert found.word == "fixed_rule"
    assert (found.ari, found.ari_low, found.ari_high) == (1, 1, 1)
    assert found.jaccard == {"high": 1, "low": 1}


def test_the_median_moves_a_little_with_the_customers() -> None:
    features = _spends()
    found = bootstrap_stability(Cut().fit(features), features)
    assert not found.fixed
    assert 0.6 < found.ari_low <= found.ari <= found.ari_high <= 1
    assert found.word in ("stable", "highly_stable")
    assert (found.resamples, found.customers) == (20, 300)


def test_a_class_of_one_customer_is_unstable() -> None:
    features = _spends()
    found = bootstrap_stability(Cut(at="top").fit(features), features)
    assert found.jaccard["high"] < 0.6 < found.jaccard["low"]
    assert found.word == "unstable"


def test_the_same_twice_and_another_seed_gives_other_samples() -> None:
    features = _spends()
    classifier = Cut().fit(features)
    first = bootstrap_stability(classifier, features)
    assert first == bootstrap_stability(classifier, features)
    assert first != bootstrap_stability(classifier, features, seed=1)


def test_what_was_settled_by_learning_once_is_not_decided_again() -> None:
    """The first fit may have chosen a parameter, such as how many segments: the refits take it as given."""
    features = _spends()
    classifier = Cut().fit(features)
    classifier.settled_ = {"at": "fixed"}  # type: ignore[attr-defined]
    assert fresh(classifier).at == "fixed"  # type: ignore[attr-defined]
    found = bootstrap_stability(classifier, features)
    assert found.ari_low == found.ari_high == pytest.approx(found.ari)


def test_no_more_customers_than_asked_for() -> None:
    features = _spends()
    assert bootstrap_stability(Cut().fit(features), features, most=100).customers == 100


@pytest.mark.parametrize("n", [0, 1, 19])
def test_few_customers_are_not_measured(n: int) -> None:
    features = _spends(n)
    found = bootstrap_stability(Cut(at="fixed").fit(features), features)
    assert isnan(found.ari)
    assert found.resamples == 0
    assert found.word == "unknown"


def test_one_class_is_not_measured() -> None:
    features = _spends().with_columns(spend=pl.lit(5.0))
    found = bootstrap_stability(Cut(at="fixed").fit(features), features)
    assert isnan(found.ari)
    assert list(found.jaccard) == ["low"]
    assert found.word == "unknown"


def test_customers_without_a_class_are_left_out() -> None:
    features = _spends().with_columns(
        spend=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("spend")
    )
    assert bootstrap_stability(Cut().fit(features), features).customers == 200


@pytest.mark.parametrize(
    ("jaccard", "said"),
    [
        (0.59, "unstable"),
        (0.6, "doubtful"),
        (0.75, "stable"),
        (0.85, "stable"),
        (0.86, "highly_stable"),
        (float("nan"), "unknown"),
    ],
)
def test_hennigs_words(jaccard: float, said: str) -> None:
    assert word(jaccard) == said


def test_the_schemes_of_the_kit_hold(grocer: Lab) -> None:
    rfm = grocer.classify("rfm")
    found = bootstrap_stability(rfm.classifier, rfm.features, resamples=5)
    assert found.ari > 0.9
    assert set(found.jaccard) == set(rfm.labels["label"])
    status = grocer.classify("status")
    assert bootstrap_stability(status.classifier, status.features, resamples=5).fixed
