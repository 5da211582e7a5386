"""Contracts: published estimates and projections, exact derivatives, scores, verdicts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab_plugins.lifetime.contracts import contracts
from crmlab_plugins.lifetime.contractual import (
    ShiftedBetaGeometric,
    maximum,
    objective,
    of_survivors,
)
from crmlab_plugins.lifetime.sbg import Sbg

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
"""Customers left after 0, 1, … 12 renewals (Fader & Hardie 2007, JIM 21(1):76)."""
TODAY = date(2024, 6, 30)


def _fitted() -> ShiftedBetaGeometric:
    best = maximum(ShiftedBetaGeometric, *of_survivors(HIGH_END[:8]))
    assert best.converged
    return ShiftedBetaGeometric.of(np.exp(best.estimate))


def test_high_end_as_published() -> None:
    best = maximum(ShiftedBetaGeometric, *of_survivors(HIGH_END[:8]))
    assert np.exp(best.estimate).round(6).tolist() == [0.668088, 3.806095]
    assert np.exp(best.estimate) == pytest.approx([0.668088, 3.806096], abs=2e-6)
    assert round(best.value, 3) == -1611.158
    projected = 100 * _fitted().survival(np.arange(8, 13))
    assert projected.round(1).tolist() == [46.0, 43.6, 41.4, 39.5, 37.8]


@given(st.lists(st.floats(-2, 3), min_size=2, max_size=2))
def test_derivatives_are_exact(logs: list[float]) -> None:
    evaluate, at, step = objective(ShiftedBetaGeometric, *of_survivors(HIGH_END)), np.array(logs), 1e-5
    _, gradient, hessian = evaluate(at)
    sides = [(evaluate(at + step * unit), evaluate(at - step * unit)) for unit in np.eye(2)]
    assert gradient == pytest.approx([(u[0] - d[0]) / (2 * step) for u, d in sides], rel=1e-4, abs=1e-3)
    bends = np.array([(u[1] - d[1]) / (2 * step) for u, d in sides])
    assert hessian == pytest.approx(bends, rel=1e-4, abs=1e-3)


def test_retention_rises_with_age_and_remaining_adds_up() -> None:
    tenure = _fitted()
    assert (np.diff(tenure.retention(np.arange(1, 30))) > 0).all()
    assert tenure.retention(1) == pytest.approx(
        tenure.parameters["beta"] / (tenure.parameters["alpha"] + tenure.parameters["beta"])
    )
    stay = tenure.survival(3 + np.arange(1, 11)) / tenure.survival(3)
    assert tenure.remaining([3], 10)[0] == pytest.approx(stay.sum())
    discounted = stay @ 1.02 ** -np.arange(1.0, 11)
    assert tenure.remaining([3, 0, 3], 10, 0.02)[2] == pytest.approx(discounted)


def test_the_discounted_residual_nears_the_closed_form() -> None:
    """DERL of Fader & Hardie 2010 (Marketing Science 29:85), eq. 6, without end."""
    from scipy.special import hyp2f1

    tenure = _fitted()
    alpha, beta, n, d = tenure.parameters["alpha"], tenure.parameters["beta"], 3.0, 0.1
    closed = (beta + n) / (alpha + beta + n) * hyp2f1(1, beta + n + 1, alpha + beta + n + 1, 1 / (1 + d))
    assert tenure.remaining([n], 2000, d)[0] * (1 + d) == pytest.approx(closed, rel=1e-9)


def test_simulated_contracts_survive_as_expected() -> None:
    tenure = _fitted()
    ended = tenure.draw(np.random.default_rng(5), 100_000)
    shares = [(ended > age).mean() for age in (1, 4, 10)]
    assert shares == pytest.approx(tenure.survival([1, 4, 10]), abs=0.006)


def test_truth_lies_within_the_errors() -> None:
    from crmlab_plugins.lifetime.parametric import fit_of

    ended = _fitted().draw(np.random.default_rng(2), 5000)
    seen = np.random.default_rng(3).integers(1, 15, 5000)
    gone = (ended <= seen).astype(np.float64)
    periods = np.where(gone > 0, ended, seen).astype(np.float64)
    best = maximum(ShiftedBetaGeometric, periods, gone, np.ones(5000))
    fit = fit_of(ShiftedBetaGeometric, best, 5000, gone.sum())
    assert (np.abs(fit.process.values - _fitted().values) < 3 * fit.standard_errors).all()


def test_survivors_that_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="never rise"):
        of_survivors([10, 11])
    with pytest.raises(ValueError, match="two or more"):
        of_survivors([10])


def _customers(rows: list[tuple[date | None, date | None]]) -> pl.DataFrame:
    names = [f"c{place}" for place in range(len(rows))]
    starts, ends = zip(*rows, strict=True)
    schema = {"contract_started_on": pl.Date, "contract_ended_on": pl.Date}
    dates = pl.DataFrame({"contract_started_on": starts, "contract_ended_on": ends}, schema=schema)
    return dates.with_columns(customer_id=pl.Series(names))


def test_contracts_as_of_a_day() -> None:
    back = [TODAY - timedelta(days=days) for days in (100, 40)]
    table = _customers(
        [
            (back[0], None),
            (back[0], back[1]),
            (back[0], TODAY + timedelta(days=1)),
            (back[1], back[0]),
            (TODAY + timedelta(days=2), None),
            (None, None),
        ]
    )
    seen = contracts(table.lazy(), TODAY).collect()
    assert seen["contract_days"].to_list() == [100, 60, 100, None, None, None]
    assert seen["contract_ended"].to_list() == [False, True, False, None, None, None]
    without = contracts(table.select("customer_id").lazy(), TODAY).collect()
    assert without["contract_days"].is_null().all()


def _features(days: list[int], ended: list[bool]) -> pl.DataFrame:
    ids = [f"c{place:05}" for place in range(len(days))]
    return pl.DataFrame({"customer_id": ids, "contract_days": days, "contract_ended": ended})


def _many(period: int = 30) -> pl.DataFrame:
    """Return contracts that end in a period like those of High End, on the last day of it."""
    days = [age * period for age in range(1, 8) for _ in range(HIGH_END[age - 1] - HIGH_END[age])]
    return _features(days + [7 * period] * HIGH_END[7], [True] * len(days) + [False] * HIGH_END[7])


def test_contracts_per_customer_give_the_same_as_survivors() -> None:
    model = Sbg().fit({}, _many(), TODAY)
    assert model.fitted is not None
    assert model.fitted.process.values == pytest.approx(_fitted().values, rel=1e-9)
    assert (model.contracts_, model.ended_) == (1000, 509)
    scores = model.predict(_features([7 * 30, 45, 10], [False, True, False]))
    assert scores["renewal_probability"].to_list() == pytest.approx(
        [float(_fitted().retention(8)), 0.0, float(_fitted().retention(1))]
    )
    assert scores["remaining_days"][0] == pytest.approx(30 * _fitted().remaining([7], 36)[0])
    assert 0 < scores["residual_value"][0] < scores["remaining_days"][0] / 30


def _calendar_months(ages: range) -> pl.DataFrame:
    """Return contracts that began on any day of four years and ended after whole calendar months."""
    starts = pl.date_range(date(2020, 1, 1), date(2023, 12, 31), eager=True)
    frames = [
        pl.DataFrame({"start": starts, "age": [age] * len(starts)}).with_columns(
            contract_days=(pl.col("start").dt.offset_by(f"{age}mo") - pl.col("start")).dt.total_days(),
            contract_ended=pl.lit(True),
        )
        for age in ages
    ]
    return pl.concat(frames).with_columns(customer_id=pl.int_range(pl.len()).cast(pl.String))


def test_calendar_months_are_counted_right_with_31_days() -> None:
    ended = _calendar_months(range(1, 51))
    right, _ = Sbg(period_days=31)._contracts(ended)
    assert right.tolist() == ended["age"].to_list()
    late, _ = Sbg(period_days=30)._contracts(ended)
    assert (late > ended["age"].to_numpy()).mean() > 0.5


def test_calendar_months_in_periods_of_thirty_days_are_warned_of() -> None:
    ended = _calendar_months(range(1, 5))
    running = ended.head(500).with_columns(contract_ended=pl.lit(False))
    both = pl.concat([ended, running])
    for days, warned in ((30, True), (31, False)):
        said = " ".join(text.en for text in Sbg(period_days=days).fit({}, both, TODAY).verdicts())
        assert ("period_days: 31" in said) == warned
    assert not any("period_days" in text.en for text in Sbg().fit({}, _many(), TODAY).verdicts())


def test_survival_curve_with_its_interval() -> None:
    curve = Sbg().fit({}, _many(), TODAY).survival(12)
    assert curve["period"].to_list() == list(range(13))
    assert (100 * curve["survival"])[8:].round(1).to_list() == [46.0, 43.6, 41.4, 39.5, 37.8]
    later = curve[1:]
    assert (later["low"] < later["survival"]).all()
    assert (later["survival"] < later["high"]).all()
    assert curve["retention"][0] is None
    # What came, 39.4 % after 12 renewals, is no further off than the interval reaches.
    assert curve["low"][12] < 0.394 < curve["high"][12]


def test_too_few_ended_contracts_are_said_in_words() -> None:
    model = Sbg().fit({}, _features([30] * 20, [False] * 20), TODAY)
    assert model.fitted is None
    assert model.survival().is_empty()
    assert "0 of 20" in model.verdicts()[0].en
    assert model.predict(_features([30], [False]))["renewal_probability"].is_null().all()


def test_a_mean_length_without_end_is_said() -> None:
    # The same shares of ten times as many customers: α is surely below 1.
    ten = pl.concat([_many()] * 10).with_columns(customer_id=pl.int_range(pl.len()).cast(pl.String))
    assert "no finite mean" in Sbg().fit({}, ten, TODAY).verdicts()[0].en


def test_judged_on_what_came_after() -> None:
    rng = np.random.default_rng(8)
    ended = _fitted().draw(rng, 4000)
    began = [TODAY - timedelta(days=int(days)) for days in rng.integers(200, 1200, 4000)]
    ends = [start + timedelta(days=int(30 * min(age, 500))) for start, age in zip(began, ended, strict=True)]
    table = _customers([(a, b if b <= TODAY else None) for a, b in zip(began, ends, strict=True)])
    report = Sbg().evaluate({"customers": table.lazy()}, TODAY - timedelta(days=180))
    rows: dict[str, dict[str, Any]] = {row["metric"]: row for row in report.iter_rows(named=True)}
    assert rows["brier"]["value"] < rows["brier"]["baseline"]
    assert rows["kept_share_error"]["low"] < 0 < rows["kept_share_error"]["high"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"period_days": 0}, "period_days is 0"),
        ({"horizon_days": 20}, "must hold a period"),
        ({"annual_discount": -0.1}, "annual_discount is -0.1"),
    ],
)
def test_params_that_make_no_sense_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Sbg.from_params(params)
