"""The measures of ranking against brute force, scikit-learn and simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score

from crmlab.churn import metrics
from crmlab.intervals import wilson
from crmlab.segments.separation import Estimate

Array = np.ndarray[Any, np.dtype[Any]]

SAMPLES = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda y: 0 < sum(y) < len(y)),
        st.lists(st.integers(0, 8), min_size=n, max_size=n),
    )
)
"""Outcomes with both kinds, and scores with ties."""

MEASURES = {
    "auc": metrics.auc,
    "average_precision": metrics.average_precision,
    "precision": lambda y, p: metrics.precision_at(y, p, 3),
    "lift": lambda y, p: metrics.lift_at(y, p, 0.3),
}


def drawn(seed: int, n: int = 400, share: float = 0.2, shift: float = 1.0) -> tuple[Array, Array]:
    """Draw outcomes and normal scores whose means lie ``shift`` apart."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return y, rng.normal(size=n) + shift * y


@given(SAMPLES)
def test_auc_is_the_share_of_pairs_in_order_and_what_scikit_learn_says(sample: tuple[Any, Any]) -> None:
    y, p = np.array(sample[0]), np.array(sample[1])
    pairs = np.sign(p[y == 1][:, None] - p[y == 0][None, :])
    value = metrics.auc(y, p).value
    assert value == pytest.approx((pairs + 1).mean() / 2)
    assert value == pytest.approx(roc_auc_score(y, p))


@given(SAMPLES)
def test_average_precision_is_what_scikit_learn_says(sample: tuple[Any, Any]) -> None:
    assert metrics.average_precision(*sample).value == pytest.approx(average_precision_score(*sample))


@given(SAMPLES, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_a_monotone_transform_changes_anything(
    sample: tuple[Any, Any], random: Any
) -> None:
    rows = list(zip(*sample, strict=True))
    random.shuffle(rows)
    y, p = zip(*rows, strict=True)
    for measure in MEASURES.values():
        estimate = measure(*sample)
        assert estimate == measure(y, p)
        assert estimate == measure(y, np.exp(np.array(p) / 3.0))
        assert estimate.low <= estimate.value <= estimate.high


@given(SAMPLES, st.integers(1, 40))
def test_hits_are_the_mean_over_the_orders_of_ties(sample: tuple[Any, Any], k: int) -> None:
    y, p = np.array(sample[0]), np.array(sample[1])
    k = min(k, len(y))
    rng = np.random.default_rng(1)
    found = [y[np.lexsort((rng.random(len(y)), -p))[:k]].sum() for _ in range(60)]
    expected = metrics.hits_at(y, p, k)
    assert min(found) - 1e-9 <= expected <= max(found) + 1e-9 or len(set(p)) < len(p)
    assert abs(np.mean(found) - expected) <= 4 * (np.std(found) + 0.05) / np.sqrt(60) + 0.02


def test_delongs_variance_is_that_of_the_definition() -> None:
    y, p = drawn(1, n=60)
    p = p.round(1)
    lost, stayed = p[y == 1], p[y == 0]
    pairs = (np.sign(lost[:, None] - stayed[None, :]) + 1) / 2
    variance = pairs.mean(1).var(ddof=1) / len(lost) + pairs.mean(0).var(ddof=1) / len(stayed)
    estimate = metrics.auc(y, p, confidence=0.9)
    logits = [np.log(end / (1 - end)) for end in estimate]
    a, b = pairs.mean(1).var(ddof=1) / len(lost), pairs.mean(0).var(ddof=1) / len(stayed)
    freedom = variance**2 / (a**2 / (len(lost) - 1) + b**2 / (len(stayed) - 1))
    reach = student.ppf(0.95, freedom) * np.sqrt(variance) / (estimate.value * (1 - estimate.value))
    assert logits[2] - logits[0] == pytest.approx(reach)
    assert logits[0] - logits[1] == pytest.approx(reach)


def covered(estimates: list[Estimate], truth: float) -> float:
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]))


@pytest.mark.parametrize(("n", "share", "shift"), [(150, 0.2, 0.5), (400, 0.1, 2.0), (1000, 0.3, 1.0)])
def test_intervals_hold_the_truth_as_often_as_they_should(n: int, share: float, shift: float) -> None:
    big_y, big_p = drawn(0, 400_000, share, shift)
    truth = {
        "auc": metrics.auc(big_y, big_p).value,
        "average_precision": metrics.average_precision(big_y, big_p).value,
        "lift": metrics.lift_at(big_y, big_p, 0.1).value,
    }
    samples = [drawn(seed, n, share, shift) for seed in range(1, 401)]
    assert 0.92 <= covered([metrics.auc(*each) for each in samples], truth["auc"]) <= 0.98
    precision = [metrics.average_precision(*each) for each in samples]
    assert 0.90 <= covered(precision, truth["average_precision"]) <= 0.98
    assert 0.91 <= covered([metrics.lift_at(*each, 0.1) for each in samples], truth["lift"]) <= 0.995
    capacity = n // 10
    hits = [metrics.precision_at(*each, capacity) for each in samples]
    assert 0.88 <= covered(hits, truth["lift"] * share) <= 0.995


def test_the_difference_of_two_aucs_is_paired() -> None:
    rng = np.random.default_rng(3)
    differences = []
    for _ in range(300):
        y = (rng.random(300) < 0.25).astype(int)
        common = rng.normal(size=300) + y
        differences.append(
            metrics.auc_difference(
                y, common + 0.3 * rng.normal(size=300), common + 0.3 * rng.normal(size=300)
            )
        )
    assert 0.91 <= covered(differences, 0.0) <= 0.98
    y, p = drawn(5)
    other = p + np.random.default_rng(6).normal(size=len(p))
    difference = metrics.auc_difference(y, p, other)
    assert difference.value == pytest.approx(metrics.auc(y, p).value - metrics.auc(y, other).value)
    alone = [metrics.auc(y, each) for each in (p, other)]
    unpaired = np.hypot(*[(each.high - each.low) / 2 for each in alone])
    assert (difference.high - difference.low) / 2 < unpaired
    assert metrics.auc_difference(y, p, p) == Estimate(0.0, 0.0, 0.0)
    back = metrics.auc_difference(y, other, p)
    assert (back.value, back.low) == pytest.approx((-difference.value, -difference.high))


def test_brier_and_its_skill() -> None:
    rng = np.random.default_rng(8)
    chances = rng.beta(1, 4, size=2000)
    y = (rng.random(2000) < chances).astype(int)
    score, skill = metrics.brier(y, chances), metrics.brier_skill(y, chances)
    assert score.value == pytest.approx(np.mean((chances - y) ** 2))
    plain = np.mean((y - y.mean()) ** 2)
    assert skill.value == pytest.approx(1 - score.value / plain)
    assert skill.low < skill.value < skill.high
    base = np.full(2000, y.mean())
    assert metrics.brier_skill(y, base).value == pytest.approx(0, abs=1e-12)
    # What the score and its skill are expected to be: E[p(1 − p)], and 1 less its ratio to the whole.
    expected = 0.2 * 0.8 * 5 / 6
    scores, skills = [], []
    for _ in range(300):
        chances = rng.beta(1, 4, size=500)
        y = (rng.random(500) < chances).astype(int)
        scores.append(metrics.brier(y, chances))
        skills.append(metrics.brier_skill(y, chances))
    assert 0.92 <= covered(scores, expected) <= 0.98
    assert 0.91 <= covered(skills, 1 - expected / 0.16) <= 0.98


def test_where_all_who_left_come_first_the_interval_still_has_a_width() -> None:
    y, p = [1, 1, 1, 0, 0, 0, 0], [7, 6, 5, 4, 3, 2, 1]
    area = metrics.auc(y, p)
    assert area.value == area.high == 1
    assert 0.3 < area.low < 0.9
    worst = metrics.auc(y, [-each for each in p])
    assert worst == pytest.approx((0, 0, 1 - area.low), abs=1e-9)
    precision = metrics.average_precision(y, p)
    assert precision.value == precision.high == 1
    assert precision.low == pytest.approx(3 / (3 + 1.959964**2))
    # A single one of a kind: wide, not an error.
    single = metrics.auc([1, 0, 0, 0], [4, 3, 2, 5])
    assert single.value == pytest.approx(2 / 3)
    assert single.high - single.low > 0.6


def test_a_list_of_everybody_has_the_overall_share_and_no_lift() -> None:
    y, p = drawn(2, n=100)
    everybody = metrics.precision_at(y, p, 100)
    assert everybody.value == pytest.approx(y.mean())
    assert metrics.precision_at(y, p, 10_000) == everybody
    assert metrics.lift_at(y, p, 1.0) == Estimate(1.0, 1.0, 1.0)


def test_scores_that_are_all_the_same_have_no_skill() -> None:
    y = np.array([1, 0, 0, 0] * 25)
    p = np.full(100, 0.3)
    assert metrics.auc(y, p).value == 0.5
    assert metrics.average_precision(y, p).value == 0.25
    assert metrics.lift_at(y, p).value == pytest.approx(1)
    precision = metrics.precision_at(y, p, 10)
    assert precision.value == pytest.approx(0.25)
    assert precision.low < 0.25 < precision.high


def test_lift_is_precision_over_the_overall_share() -> None:
    y, p = drawn(4, n=205)
    lift, precision = metrics.lift_at(y, p, 0.1), metrics.precision_at(y, p, 21)
    assert lift.value == pytest.approx(precision.value / y.mean())
    # Nobody on the list left, or everybody who left is on it.
    none = metrics.lift_at([0, 0, 0, 0, 0, 0, 0, 0, 1, 1], range(10, 0, -1), 0.2)
    assert none.value == none.low == 0
    assert 1 < none.high < 5
    every = metrics.lift_at([1] * 10 + [0] * 90, range(100, 0, -1), 0.2)
    assert every.value == pytest.approx(5)
    assert 2 < every.low < every.high <= 5


def test_a_whole_number_of_hits_among_ties_is_that_number() -> None:
    for lost in range(1, 30):
        y = np.array([1] * lost + [0] * (30 - lost))
        for k in range(1, 31):
            if (k * lost) % 30 == 0:
                found = metrics.precision_at(y, np.full(30, 0.2), k)
                assert found[1:] == (wilson(k * lost // 30, k).low, wilson(k * lost // 30, k).high)


@pytest.mark.parametrize(("y", "word"), [([], "没有"), ([1, 1], "2 位客户全部流失"), ([0, 0, 0], "无一流失")])
def test_one_kind_of_customer_gives_nan_and_a_reason(y: list[int], word: str) -> None:
    p = [0.5] * len(y)
    for estimate in (
        metrics.auc(y, p),
        metrics.auc_difference(y, p, p),
        metrics.average_precision(y, p),
        metrics.lift_at(y, p),
        metrics.brier_skill(y, p),
    ):
        assert np.isnan(estimate).all()
    said = metrics.reason(y)
    assert said is not None
    assert word in said.zh
    assert metrics.reason([0, 1]) is None


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="one value per customer"):
        metrics.auc([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="1 for a customer who left"):
        metrics.auc([0, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="without a score"):
        metrics.auc([0, 1], [0.1, float("nan")])
    with pytest.raises(ValueError, match="outside 0–1"):
        metrics.brier([0, 1], [0.1, 1.2])
    with pytest.raises(ValueError, match="share is 10"):
        metrics.lift_at([0, 1], [0.1, 0.2], 10)
    with pytest.raises(ValueError, match="capacity is 0"):
        metrics.precision_at([0, 1], [0.1, 0.2], 0)
