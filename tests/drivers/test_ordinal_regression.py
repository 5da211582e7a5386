"""Proportional-odds regression: published figures, its own promises, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from crmlab.drivers.ordinal import fit_ordinal, proportional_odds_p
from crmlab.errors import DataError

Array = np.ndarray
Numbers = tuple[float, ...]

# Satisfaction (low, medium, high) of 1,681 tenants of Copenhagen (Madsen 1976, Scandinavian Journal of
# Statistics 3:97–106) by contact (low, high), house (tower, apartment, atrium, terrace) and influence.
TENANTS = {
    ("low", "tower"): ((21, 21, 28), (34, 22, 36), (10, 11, 36)),
    ("low", "apartment"): ((61, 23, 17), (43, 35, 40), (26, 18, 54)),
    ("low", "atrium"): ((13, 9, 10), (8, 8, 12), (6, 7, 9)),
    ("low", "terrace"): ((18, 6, 7), (15, 13, 13), (7, 5, 11)),
    ("high", "tower"): ((14, 19, 37), (17, 23, 40), (3, 5, 23)),
    ("high", "apartment"): ((78, 46, 43), (48, 45, 86), (15, 25, 62)),
    ("high", "atrium"): ((20, 23, 20), (10, 22, 24), (7, 10, 21)),
    ("high", "terrace"): ((57, 23, 13), (31, 21, 13), (5, 6, 13)),
}


def _tenants() -> tuple[Array, Array]:
    rows, scores = [], []
    for (contact, house), cells in TENANTS.items():
        for influence, counts in enumerate(cells):
            row = [influence == 1, influence == 2, *(house == name for name in ("apartment", "atrium"))]
            row += [house == "terrace", contact == "high"]
            for score, n in enumerate(counts):
                rows += [row] * n
                scores += [score] * n
    return np.array(rows, dtype=float), np.array(scores, dtype=float)


def _drawn(rng: np.random.Generator, n: int, slopes: Numbers, cuts: Numbers) -> tuple[Array, Array]:
    x = rng.normal(size=(n, len(slopes)))
    latent = x @ np.array(slopes) + rng.logistic(size=n)
    return x, np.searchsorted(cuts, latent).astype(float)


def test_published_odds() -> None:
    """Venables & Ripley (2002), Modern Applied Statistics with S, section 7.3."""
    fit = fit_ordinal(*_tenants())
    assert fit.n == 1681
    assert fit.slopes == pytest.approx([0.5664, 1.2888, -0.5724, -0.3662, -1.0910, 0.3603], abs=6e-5)
    assert fit.errors == pytest.approx([0.1047, 0.1272, 0.1192, 0.1552, 0.1515, 0.0955], abs=6e-5)
    assert fit.thresholds == pytest.approx([-0.4961, 0.6907], abs=6e-5)
    assert -2 * fit.log_likelihood == pytest.approx(3479.149, abs=1e-3)
    assert 0 < fit.pseudo_r2 < 0.1


def test_it_is_at_its_maximum() -> None:
    x, scores = _drawn(np.random.default_rng(2), 400, (0.8, -0.4), (-1.0, 0.0, 1.5))
    fit = fit_ordinal(x, scores)

    def likelihood(slopes: Array, cuts: Array) -> float:
        ends = np.concatenate([[-np.inf], cuts, [np.inf]])
        place = scores.astype(int)
        above, below = (1 / (1 + np.exp(-(ends[place + k] - x @ slopes))) for k in (1, 0))
        return float(np.log(above - below).sum())

    with np.errstate(over="ignore"):
        best = likelihood(fit.slopes, fit.thresholds)
        assert best == pytest.approx(fit.log_likelihood)
        for step in (-0.01, 0.01):
            assert likelihood(fit.slopes + np.array([step, 0]), fit.thresholds) < best
            assert likelihood(fit.slopes, fit.thresholds + np.array([0, step, 0])) < best


def test_two_scores_are_a_logistic_regression() -> None:
    x = np.array([[0.0]] * 50 + [[1.0]] * 50)
    scores = np.array([0.0] * 40 + [1.0] * 10 + [0.0] * 20 + [1.0] * 30)
    fit = fit_ordinal(x, scores)
    assert fit.slopes == pytest.approx([np.log((30 / 20) / (10 / 40))])
    assert fit.errors == pytest.approx([np.sqrt(1 / 30 + 1 / 20 + 1 / 10 + 1 / 40)])


def test_the_scale_of_scores_does_not_matter_and_that_of_predictors_does() -> None:
    x, scores = _tenants()
    fit = fit_ordinal(x, scores)
    assert fit_ordinal(x, 10 + 3 * scores).slopes == pytest.approx(fit.slopes)
    assert fit_ordinal(2 * x + 5, scores).slopes == pytest.approx(fit.slopes / 2)


def test_intervals_cover_as_often_as_they_say() -> None:
    hits = 0
    for seed in range(200):
        fit = fit_ordinal(*_drawn(np.random.default_rng(seed), 150, (0.7, 0.0), (-1.0, 0.5, 1.5)))
        hits += int((np.abs(fit.slopes - [0.7, 0.0]) <= 1.96 * fit.errors).sum())
    assert 0.92 <= hits / 400 <= 0.98


def test_answers_of_one_customer_that_are_alike_widen_the_errors() -> None:
    x, scores = _drawn(np.random.default_rng(4), 200, (0.7,), (-0.5, 0.5))
    once = fit_ordinal(x, scores)
    copied = np.repeat(np.arange(200), 4)
    naive = fit_ordinal(x[copied], scores[copied])
    honest = fit_ordinal(x[copied], scores[copied], copied)
    assert naive.errors[0] == pytest.approx(once.errors[0] / 2, rel=0.01)
    assert honest.errors[0] == pytest.approx(once.errors[0], rel=0.1)


def test_uneven_effects_are_found_and_even_ones_seldom() -> None:
    alarms = [
        proportional_odds_p(*_drawn(np.random.default_rng(seed), 300, (0.6, -0.3), (-0.8, 0.3, 1.2))) < 0.05
        for seed in range(120)
    ]
    assert sum(alarms) / len(alarms) <= 0.10
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 1))
    # It lifts out of the lowest score and has nothing to do with the highest.
    low = 1.5 * x[:, 0] + rng.logistic(size=600) > -0.5
    scores = np.where(low, 1.0 + (rng.random(600) < 0.4), 0.0)
    assert proportional_odds_p(x, scores) < 0.001


def test_too_few_scores_are_not_tested() -> None:
    x, scores = _drawn(np.random.default_rng(0), 40, (0.5,), (0.0,))
    assert np.isnan(proportional_odds_p(x, scores))


@pytest.mark.parametrize(
    ("x", "scores", "said"),
    [
        (np.arange(20.0)[:, None], np.zeros(20), "same"),
        (np.ones((20, 1)), np.arange(20.0) % 2, "everybody"),
        (np.arange(3.0)[:, None], np.array([0.0, 1.0, 2.0]), "too few"),
        (np.arange(20.0)[:, None], (np.arange(20) > 9).astype(float), "without error"),
        (np.column_stack([np.arange(20.0)] * 2), np.arange(20.0) % 3, "determine each other"),
    ],
)
def test_what_cannot_be_estimated(x: Array, scores: Array, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit_ordinal(x, scores)
