"""One measure judged: what is lacking, placebo dates, power, several measures at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import World

from crmlab.improvement.evaluation import FEWEST_AFTER, FEWEST_BEFORE, detectable, evaluate, lack
from crmlab.improvement.verdicts import holm, verdict_of


def drawn(world: World, seed: int = 0):  # type: ignore[no-untyped-def]
    return world.panel(np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(before=FEWEST_BEFORE - 1), "before"),
        (World(after=FEWEST_AFTER - 1), "after"),
        (World(per_week=1, before=20, after=10), "rows"),
        (World(before=FEWEST_BEFORE, after=FEWEST_AFTER), None),
    ],
)
def test_too_little_data_is_refused(world: World, said: str | None) -> None:
    assert lack(drawn(world)) == said


def test_a_figure_that_never_changes_before_the_start_says_nothing_of_chance() -> None:
    same, nearly = drawn(World()), drawn(World())
    same.own.num[:65] = nearly.own.num[:65] = 0.0
    assert lack(same) == "noise"
    nearly.own.num[3, 0] = 1.0
    assert lack(nearly) is None


def test_the_primary_method_depends_on_what_there_is_to_compare_with_alone() -> None:
    alone, compared = drawn(World()), drawn(World(groups=4))
    assert evaluate(alone, placebos=0).primary == "interrupted"
    found = evaluate(compared, placebos=0)
    assert found.primary == next(iter(found.effects)) == "controlled"
    assert {"differences", "interrupted"} <= set(found.effects)
    assert "differences" not in evaluate(drawn(World(groups=2)), placebos=0).effects
    tiny = drawn(World(groups=1))
    tiny.others["group 0"] = type(tiny.own)(tiny.own.num * 0, tiny.own.den * 0)
    assert evaluate(tiny, placebos=0).primary == "interrupted"


def test_without_a_year_before_the_start_there_is_no_year_to_compare_with() -> None:
    assert "year_before" not in evaluate(drawn(World(before=40)), placebos=0).effects
    assert "year_before" in evaluate(drawn(World(before=65)), placebos=0).effects


def test_placebo_dates_are_before_the_start_and_see_nothing_after_it() -> None:
    world = World(effect=-0.3, before=65, after=20)
    found = evaluate(drawn(world), placebos=12)
    assert len(found.placebos) == 12
    assert all(-65 + FEWEST_BEFORE <= each.place <= -FEWEST_AFTER for each in found.placebos)
    panel = drawn(world)
    panel.own.num[65:] = 0
    assert [each.effect for each in evaluate(panel, placebos=12).placebos] == [
        each.effect for each in found.placebos
    ]
    assert found.placebo_p == pytest.approx(1 / 13)
    assert found.false_alarms <= 3
    assert evaluate(drawn(world), placebos=0).placebos == ()


def test_what_came_before_and_after_is_what_was_observed() -> None:
    panel = drawn(World(effect=0.2))
    found = evaluate(panel, placebos=0)
    own, after = panel.own, panel.after
    assert found.after == pytest.approx(own.num[after].sum() / own.den[after].sum())
    window = (panel.time >= -25) & ~after
    assert found.before == pytest.approx(own.num[window].sum() / own.den[window].sum())
    assert sum(found.rows) == own.den.sum()


def test_a_young_group_to_compare_with_is_no_crash_and_a_gap_before_the_start_no_missing_figure() -> None:
    panel = drawn(World(groups=1, before=65))
    young = panel.others["group 0"]
    young.num[:45], young.den[:45] = 0, 0
    young.num[45:] *= 6
    young.den[45:] *= 6
    found = evaluate(panel)
    assert found.primary == "controlled"
    assert all(each.place >= -65 + 45 + FEWEST_BEFORE for each in found.placebos)
    panel = drawn(World(before=65))
    panel.own.num[35:65], panel.own.den[35:65] = 0, 0
    found = evaluate(panel)
    assert np.isfinite(found.before)
    assert np.flatnonzero(panel.window).tolist() == list(range(10, 35))
    assert np.isfinite(found.effects["before_after_raw"].low)


def test_placebo_dates_are_tried_with_differences_too() -> None:
    found = evaluate(drawn(World(groups=4)))
    alarms, tried = found.differences_alarms
    assert tried == len(found.placebos) == 20
    assert 0 <= alarms <= 4
    assert evaluate(drawn(World(groups=4, effect=0.3)), placebos=0).differences_alarms == (0, 0)


def test_power_by_hand() -> None:
    # (1.959964 + 0.841621) × 0.1
    assert detectable(0.1, 0.95) == pytest.approx(0.2801585)
    found = evaluate(drawn(World()), placebos=0)
    assert found.times_as_many(found.detectable) == pytest.approx(1.0)
    assert found.times_as_many(found.detectable / 2) == pytest.approx(4.0)
    assert np.isnan(found.times_as_many(0.0))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(one >= other for one, other in zip(adjusted, values, strict=True))
    assert max(adjusted) <= 1
    ranked = [p for _, p in sorted(zip(values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
    assert min(adjusted) == pytest.approx(min(1.0, len(values) * min(values)))


def test_the_verdict_looks_at_direction_only_where_something_is_told() -> None:
    assert verdict_of(-3, 0.01, -1, 0.95) == "improved"
    assert verdict_of(-3, 0.01, 1, 0.95) == "worse"
    assert verdict_of(-3, 0.051, -1, 0.95) == "no_evidence"
    assert verdict_of(-3, float("nan"), -1, 0.95) == "no_evidence"
    assert verdict_of(-3, 0.08, -1, 0.9) == "improved"
