"""Qini curve, AUUC and uplift@k: by hand, on planted effects, and whatever the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crmlab.errors import DataError
from crmlab.targeting.uplift_curves import uplift_at, uplift_by_bin, uplift_curve


def _planted(n: int, seed: int, share: float = 0.5) -> tuple[Any, Any, Any, Any]:
    """Return outcome, treated, the true effect and noise: half of the customers gain 0.2, the others none."""
    rng = np.random.default_rng(seed)
    effect = 0.2 * (rng.random(n) < 0.5)
    treated = rng.random(n) < share
    return (rng.random(n) < 0.1 + effect * treated), treated, effect, rng.random(n)


def test_the_curve_of_six_customers_by_hand() -> None:
    """Best to last: T1 C0 T1 C1 T0 C0; two tied in the end."""
    curve = uplift_curve([1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0], [6, 5, 4, 3, 2, 2], draws=2)
    gains = dict(zip(curve.points["share"].round(6).to_list(), curve.points["qini"].to_list(), strict=True))
    assert gains[0.0] == 0
    assert gains[0.5] == pytest.approx(2 / 3)  # two contacted bought, none of one control
    assert gains[1.0] == pytest.approx(1 / 3)
    assert curve.average.value == pytest.approx(1 / 3)
    # Trapezoids at shares 2/6, 3/6, 4/6 and 1, where both arms have customers.
    heights = [0, 1 / 3, 2 / 3, 1 / 3, 1 / 3]
    places = [0, 2 / 6, 3 / 6, 4 / 6, 1]
    area = float(np.trapezoid(heights, places))
    assert curve.auuc.value == pytest.approx(area)
    assert curve.qini_coefficient.value == pytest.approx(area - 1 / 6)


def test_a_perfect_ranking_gains_everything_in_its_first_half() -> None:
    outcome, treated, effect, _ = _planted(20_000, 1)
    curve = uplift_curve(outcome, treated, effect, draws=100)
    # The triangle above the diagonal: half a customer deep, a twentieth high.
    assert curve.qini_coefficient.value == pytest.approx(0.025, abs=0.004)
    assert curve.qini_coefficient.low > 0
    assert curve.average.value == pytest.approx(0.1, abs=0.015)
    top, rest = (uplift_at(outcome, treated, score, 0.4) for score in (effect, -effect))
    assert top.low < 0.2 < top.high
    assert rest.low < 0.0 < rest.high


def test_a_ranking_by_chance_is_on_the_diagonal_as_often_as_its_interval_says() -> None:
    held = 0
    for seed in range(60):
        outcome, treated, _, noise = _planted(600, seed)
        found = uplift_curve(outcome, treated, noise, draws=100).qini_coefficient
        held += found.low <= 0 <= found.high
    assert 51 <= held <= 60


def test_the_interval_of_a_good_ranking_holds_the_truth() -> None:
    held = 0
    for seed in range(60):
        outcome, treated, effect, _ = _planted(800, 100 + seed)
        found = uplift_curve(outcome, treated, effect, draws=100).qini_coefficient
        held += found.low <= 0.025 <= found.high
    assert 51 <= held <= 60


def test_unequal_shares_of_two_experiments_are_weighed() -> None:
    """Where nine of ten are treated many buy anyway; unweighted that would look like an effect."""
    rng = np.random.default_rng(3)
    n = 20_000
    rich = rng.random(n) < 0.5
    share = np.where(rich, 0.9, 0.3)
    treated = rng.random(n) < share
    outcome = rng.random(n) < np.where(rich, 0.5, 0.05)
    score = rng.random(n)
    naive = uplift_curve(outcome, treated, score, draws=20).average
    assert naive.value > 0.2
    weighed = uplift_curve(outcome, treated, score, share, draws=100).average
    assert weighed.low < 0 < weighed.high
    assert uplift_at(outcome, treated, score, 0.5, share).value == pytest.approx(0, abs=0.03)


def test_the_interval_of_the_top_holds_the_truth_as_often_as_it_says() -> None:
    held = []
    for seed in range(300):
        outcome, treated, effect, _ = _planted(400, 200 + seed, share=0.7)
        found = uplift_at(outcome, treated, effect, 0.3)
        held.append(found.low <= 0.2 <= found.high)
    assert 0.91 < np.mean(held) < 0.98


def test_the_order_of_rows_changes_nothing() -> None:
    outcome, treated, effect, noise = _planted(500, 5)
    score = np.round(noise + effect, 1)
    mixed = np.random.default_rng(9).permutation(500)
    one = uplift_curve(outcome, treated, score, draws=20)
    other = uplift_curve(outcome[mixed], treated[mixed], score[mixed], draws=20)
    assert one.points.equals(other.points)
    assert one.auuc == other.auuc


def test_bins_hold_everybody_once_best_first() -> None:
    outcome, treated, effect, noise = _planted(3000, 6)
    bins = uplift_by_bin(outcome, treated, noise + 10 * effect, 4)
    assert bins["customers"].to_list() == [750] * 4
    assert int(bins["treated"].sum()) == int(treated.sum())
    assert float(bins["uplift"][:2].mean()) > float(bins["uplift"][2:].mean()) + 0.1  # type: ignore[arg-type]
    assert uplift_by_bin(outcome, treated, effect, 4).height == 2  # two scores, two bins


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        (([1, 0], [1, 0, 1], [1, 2]), "elements"),
        (([1, 0], [1, 1], [1, 2]), "arm"),
        (([1, 0], [1, 0], [1, float("nan")]), "NaN"),
    ],
)
def test_what_is_no_experiment_is_refused(arrays: Any, word: str) -> None:
    with pytest.raises(DataError, match=word):
        uplift_curve(*arrays)
    with pytest.raises(ValueError, match="share"):
        uplift_at([1, 0], [1, 0], [1, 0], 0)
    with pytest.raises(DataError, match="propensity"):
        uplift_curve([1, 0], [1, 0], [1, 0], 1.0)
