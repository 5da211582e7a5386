"""Over many generated series: intervals cover as often as they say, false alarms stay at their level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import World

from crmlab.improvement.evaluation import FEWEST_AFTER, FEWEST_BEFORE, lack
from crmlab.improvement.methods import before_after, differences, segmented, year_before
from crmlab.improvement.segmented import Effect

SEEDS = 200
EFFECT = -0.12

WORLDS = {
    "independent": World(),
    "autocorrelated": World(correlation=0.6, spread=0.05),
    "season": World(season=0.08, correlation=0.4, spread=0.04),
    "trend": World(own_trend=0.15, correlation=0.4, spread=0.04),
    "mix": World(shift=0.4, gap=0.3, correlation=0.4, spread=0.03),
    "sparse": World(per_week=4, correlation=0.4, spread=0.04),
    "short": World(before=30, after=8, correlation=0.4, spread=0.04),
    "few": World(before=FEWEST_BEFORE, after=FEWEST_AFTER),
}
COMPARED = {
    "shocks": World(groups=4, correlation=0.5, spread=0.05, season=0.1, before=40),
    "trend": World(groups=4, own_trend=0.15, trend=0.1, correlation=0.4, spread=0.04),
}


def primary(world: World, seed: int, *, compared: bool = False, adjusted: bool = True) -> Effect:
    panel = world.panel(np.random.default_rng(seed))
    assert lack(panel) is None
    return segmented(panel, 0.95, compared=compared, adjusted=adjusted).effect()


@pytest.mark.parametrize(
    ("world", "compared"),
    [
        *(pytest.param(world, False, id=name) for name, world in WORLDS.items()),
        *(pytest.param(world, True, id=f"compared-{name}") for name, world in COMPARED.items()),
    ],
)
def test_intervals_cover_and_false_alarms_stay_at_their_level(world: World, *, compared: bool) -> None:
    covered = alarms = 0
    # Half of the seeds have an effect: the estimate moves with it, so that both halves count for coverage.
    for seed in range(SEEDS):
        none = primary(world, seed, compared=compared)
        alarms += none.p < 0.05
        assert (none.p < 0.05) == (not none.low <= 0 <= none.high)
        there = replace(world, effect=EFFECT)
        found = primary(there, SEEDS + seed, compared=compared)
        covered += found.low <= EFFECT <= found.high
    assert covered / SEEDS >= 0.92
    assert alarms / SEEDS <= 0.08


def rejections(world: World, method: str) -> float:
    """Return how often a method calls a change where there is none."""
    ways = {
        "raw": lambda panel: before_after(panel, 0.95, adjusted=False),
        "adjusted": lambda panel: before_after(panel, 0.95, adjusted=True),
        "differences": lambda panel: differences(panel, 0.95),
        "year": lambda panel: year_before(panel, 0.95),
    }
    found = [ways[method](world.panel(np.random.default_rng(seed))) for seed in range(SEEDS)]
    return float(np.mean([effect.p < 0.05 for effect in found]))


def test_a_shift_of_the_mix_fools_raw_before_and_after_but_not_the_adjusted() -> None:
    world = World(shift=0.4, gap=0.3)
    assert rejections(world, "raw") > 0.9
    assert rejections(world, "adjusted") <= 0.08
    fooled = [primary(world, seed, adjusted=False).p < 0.05 for seed in range(60)]
    assert np.mean(fooled) > 0.5, "the regression without the adjustment"


def test_an_earlier_trend_fools_before_and_after_but_neither_regression_nor_differences() -> None:
    shared = World(groups=5, trend=0.15)
    assert rejections(shared, "adjusted") > 0.6
    assert rejections(shared, "differences") <= 0.08
    own = replace(shared, trend=0.0, own_trend=0.15)
    assert rejections(own, "adjusted") > 0.6
    assert np.mean([primary(own, seed).p < 0.05 for seed in range(SEEDS)]) <= 0.08


def test_the_difference_to_a_year_before_holds_no_season() -> None:
    assert rejections(World(season=0.1, groups=0), "adjusted") > 0.6
    assert rejections(World(season=0.1), "year") <= 0.08


def test_an_effect_of_good_size_is_found() -> None:
    world = World(effect=-0.15, per_week=60)
    assert np.mean([primary(world, seed).p < 0.05 for seed in range(60)]) > 0.8


def test_newey_west_errors_are_too_small_on_short_series() -> None:
    """Why they are not the primary ones: nominal 5 % false alarms are three times as many."""
    world = World(correlation=0.4, spread=0.05)
    fits = [
        segmented(world.panel(np.random.default_rng(seed)), 0.95, compared=False) for seed in range(SEEDS)
    ]
    assert np.mean([fit.newey_west().p < 0.05 for fit in fits]) > 0.12
    assert np.mean([fit.effect().p < 0.05 for fit in fits]) <= 0.08
