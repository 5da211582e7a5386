"""BG/NBD: published numbers, exact derivatives, extreme inputs, and parameters that come back."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crmlab_plugins.lifetime.beta_geometric import BetaGeometric
from crmlab_plugins.lifetime.bg_nbd import BgNbd, excess
from crmlab_plugins.lifetime.cnbd import bg_cnbd, mbg_cnbd
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import FittableProcess, Histories, fit
from crmlab_plugins.lifetime.mbg_nbd import MbgNbd
from crmlab_plugins.lifetime.nbd_process import NbdProcess
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess

Floats = NDArray[np.float64]

PAPER = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
EVERY = [BgNbd, MbgNbd, bg_cnbd(2), mbg_cnbd(3)]


def array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> tuple[Floats, Floats, Floats]:
    """The histories of the 1/10 sample of CDNOW until 1997-09-30, in days."""
    end = date(1997, 9, 30)
    days: dict[str, set[date]] = defaultdict(set)
    for line in (shared_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines():
        fields = line.split()
        day = datetime.strptime(fields[2], "%Y%m%d").date()  # a day has no time zone
        if day <= end:
            days[fields[1]].add(day)
    rows = [(len(own) - 1, (max(own) - min(own)).days, (end - min(own)).days) for own in days.values()]
    x, t_x, total = np.array(rows, dtype=np.float64).T
    return x, t_x, total


def test_cdnow(cdnow: tuple[Floats, Floats, Floats]) -> None:
    """Fader, Hardie & Lee 2005, table 2; the digits beyond are those of CLVTools 0.12.1."""
    found = fit(BgNbd, *cdnow).in_units(7)
    assert found.customers == 2357
    assert found.purchases == 2457
    assert found.process.values.round(3).tolist() == [0.243, 4.414, 0.793, 2.426]
    assert found.process.values == pytest.approx([0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-5)
    assert found.log_likelihood == pytest.approx(-9582.4292, abs=5e-5)
    assert found.standard_errors == pytest.approx([0.012557, 0.378230, 0.185733, 0.705409], rel=5e-5)
    # The covariance of r and alpha, which lifetimes 0.11.3 gets wrong.
    assert found.covariance[0][1] == pytest.approx(0.00371, abs=5e-6)


def test_cdnow_as_rounded_in_lifetimes(shared_data: Path) -> None:
    lines = (shared_data / "cdnow" / "cdnow_customers_summary.csv").read_text().splitlines()[1:]
    x, t_x, total = np.array([line.split(",")[1:] for line in lines], dtype=np.float64).T
    found = fit(BgNbd, x, t_x, total)
    assert found.process.values == pytest.approx([0.242594, 4.413639, 0.792882, 2.425732], rel=1e-4)
    assert found.log_likelihood == pytest.approx(-9582.4256, abs=5e-5)


def test_points_of_the_cdnow_fit(cdnow: tuple[Floats, Floats, Floats]) -> None:
    process = fit(BgNbd, *cdnow).in_units(7).process
    assert process.expected_of_new(array(52)) == pytest.approx([1.44400], abs=2e-5)
    steady = array(26), array(30.857142857142858), array(31)
    assert process.expected_purchases(*steady, 52) == pytest.approx([25.757], abs=1e-3)
    assert process.probability_alive(*steady) == pytest.approx([0.9688523], abs=3e-6)
    x = array(10, 15, 20, 25)
    told = process.expected_purchases(x, array(20, 20, 20, 20), array(39, 39, 39, 39), 52)
    assert told == pytest.approx([0.347461, 0.042834, 0.004159, 0.000358], rel=2e-3)


def test_points_of_the_paper() -> None:
    """Computed in R with BTYD 2.4.3 for the parameters of the paper."""
    assert PAPER.count_probabilities(array(39), 0)[0, 0] == pytest.approx(0.5737864, abs=5e-8)
    assert PAPER.count_probabilities(array(2), 10)[0, 10] == pytest.approx(1.07869e-7, rel=5e-6)
    expected = [0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638]
    expected += [0.0005517902, 0.0004361913, 0.0003467171, 0.0002769613, 0.0002222260]
    assert PAPER.count_probabilities(array(30), 20)[0, 11:] == pytest.approx(expected, abs=6e-11)
    assert PAPER.expected_purchases(array(2), array(30.43), array(38.86), 39) == pytest.approx(
        [1.2259], abs=2e-4
    )


def test_stable_form_of_the_likelihood() -> None:
    """Fader & Hardie, note 027: inputs at which the form of the paper overflows."""
    process = BgNbd(r=0.25, alpha=4.0, a=0.8, b=2.5)
    told = process.log_likelihood(array(0, 200), array(0, 38), array(40, 40))
    assert told == pytest.approx([-0.59947382, 100.7957], rel=1e-6)


@pytest.mark.parametrize("kind", EVERY)
def test_derivatives_are_exact(kind: type[BetaGeometric]) -> None:
    x = array(0, 1, 1, 4, 30, 200)
    histories = Histories(
        x, array(0, 3, 30, 17, 39, 38.5), array(20, 40, 30, 40, 40, 40), array(9, 5, 3, 2, 1, 1)
    )
    objective = kind.objective(histories)
    at = np.log([0.7, 5.0, 0.9, 2.2])
    value, gradient, hessian = objective(at)
    process = kind(**dict(zip(kind.names, np.exp(at), strict=True)))
    rows = process.log_likelihood(x, histories.t_x, histories.T)
    assert value == pytest.approx(rows @ histories.weights, rel=1e-12)
    steps = 1e-5 * np.eye(4)
    numeric = np.array([(objective(at + step)[0] - objective(at - step)[0]) / 2e-5 for step in steps])
    assert gradient == pytest.approx(numeric, rel=1e-6, abs=1e-6)
    curves = np.array([(objective(at + step)[1] - objective(at - step)[1]) / 2e-5 for step in steps])
    assert hessian == pytest.approx(curves, rel=1e-6, abs=1e-6)


def test_whole_days_and_their_fractions_agree() -> None:
    rng = np.random.default_rng(3)
    total = rng.integers(100, 300, 400).astype(float)
    x, t_x = PAPER.in_units(1 / 7).draw_histories(rng, total)
    whole = Histories(*collapse(x, np.floor(t_x), total))
    from_tables = BgNbd.objective(whole)(np.log([0.3, 30.0, 0.8, 2.0]))
    halves = whole._replace(t_x=whole.t_x / 2, T=whole.T / 2)
    directly = BgNbd.objective(halves)(np.log([0.3, 15.0, 0.8, 2.0]))
    assert from_tables[0] + x.sum() * np.log(2) == pytest.approx(directly[0], rel=1e-12)
    assert from_tables[1] == pytest.approx(directly[1], rel=1e-9)
    assert from_tables[2] == pytest.approx(directly[2], rel=1e-9)


@pytest.mark.parametrize("a", [0.01, 0.99, 1 - 1e-7, 1.0, 1 + 1e-7, 1.0099, 1.0101, 2.0, 29.9, 30.1, 4e5])
@pytest.mark.parametrize(("closed", "series"), [(BgNbd, bg_cnbd(1)), (MbgNbd, mbg_cnbd(1))])
def test_closed_forms_are_the_sums_over_purchases(
    a: float, closed: type[BetaGeometric], series: type[BetaGeometric]
) -> None:
    parameters = {"r": 0.9, "alpha": 5.0, "a": a, "b": 2.5 * a}
    one, other = closed(**parameters), series(**parameters)
    history = array(0, 1, 5, 200, 3), array(0, 3, 20, 38, 38), array(40, 40, 40, 40, 40)
    times = array(0, 0.5, 20, 100)
    told = one.expected_purchases(*history, times)
    assert told == pytest.approx(other.expected_purchases(*history, times), rel=1e-9, abs=1e-15)
    assert one.expected_of_new(times) == pytest.approx(other.expected_of_new(times), rel=1e-9, abs=1e-15)
    for after in times:
        alive = one.probability_alive(*history, after)
        assert alive == pytest.approx(other.probability_alive(*history, after), rel=1e-9)
    counts = one.count_probabilities(times, 3000)
    assert counts.sum(axis=1) == pytest.approx(np.ones(4))
    assert counts @ np.arange(3001) == pytest.approx(one.expected_of_new(times), rel=1e-6)


def test_extreme_inputs_stay_finite() -> None:
    counts = PAPER.count_probabilities(array(30, 300), 400)
    assert (counts[:, 200:] > 0).all()
    assert np.isfinite(counts).all()
    history = array(221, 900, 2000), array(103, 400, 1), array(104, 2000, 5000)
    assert np.isfinite(PAPER.log_likelihood(*history)).all()
    alive = PAPER.probability_alive(*history)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert np.isfinite(PAPER.expected_purchases(*history, array(1, 5000))).all()


def test_the_hypergeometric_excess_has_its_limit_at_zero() -> None:
    z = np.linspace(0, 0.97, 8)
    near = [excess(array(1.3), v, array(2.9), z) for v in (-0.1000001, -0.0999999, 0.0999999, 0.1000001)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)
    assert near[2] == pytest.approx(near[3], rel=1e-6)
    terms = np.cumprod([1.3 / 2.9] + [(1.3 + m) * m / ((2.9 + m) * (m + 1)) for m in range(1, 3000)])
    limit = (terms * z[:, None] ** np.arange(1, 3001)).sum(axis=1)
    assert excess(array(1.3), 0.0, array(2.9), z) == pytest.approx(limit, rel=1e-11)


@pytest.mark.parametrize("kind", [*EVERY, ParetoNbdProcess, NbdProcess])
@pytest.mark.parametrize(
    "histories",
    [
        pytest.param(
            (np.arange(5.0, 35), np.arange(5.0, 35) * 20, np.arange(5.0, 35) * 20 + 7), id="clockwork"
        ),
        pytest.param((array(3), array(50), array(100)), id="one customer"),
        pytest.param((array(3, 0), array(50, 0), array(100, 10)), id="two"),
        pytest.param((np.zeros(9), np.zeros(9), np.zeros(9)), id="no time"),
        pytest.param((array(0, 0, 0, 2), array(0, 0, 0, 5), array(0, 0, 0, 9)), id="nearly no time"),
        pytest.param((np.ones(30), np.full(30, 4.0), np.full(30, 900.0)), id="all left"),
        pytest.param((np.full(30, 3.0), np.full(30, 100.0), np.full(30, 100.0)), id="all alike"),
        pytest.param((array(0, 9, 1000, 3000), array(0, 2900, 2999, 2999), np.full(4, 3e3)), id="thousands"),
    ],
)
def test_extreme_customers_give_a_verdict_and_numbers(
    kind: type[FittableProcess], histories: tuple[Floats, Floats, Floats]
) -> None:
    found = fit(kind, *histories)
    assert found.verdict is not None or kind is NbdProcess
    assert found.verdict is None or "not converged" not in found.verdict.en
    rng = np.random.default_rng(1)
    for process in (found.process, found.draw(rng)):
        expected = process.expected_purchases(*histories, array(0, 30, 365))
        assert np.isfinite(expected).all()
        assert (np.diff(expected, axis=0) > -1e-9).all()
        for after in (0.0, 90.0):
            alive = process.probability_alive(*histories, after)
            assert ((alive >= 0) & (alive <= 1 + 1e-9)).all()
        assert np.isfinite(process.expected_of_new(array(0, 30, 365))).all()
        assert np.isfinite(process.count_probabilities(array(30, 365), 250)).all()
        assert np.isfinite(process.draw_future(rng, *histories, 365.0)).all()


@pytest.mark.parametrize("customers_each", [1, 1e5])
def test_clockwork_buyers_are_told_and_go_on(customers_each: float) -> None:
    """Every 20 days exactly: all alike, none gone; the likelihood rises for ever with r and alpha.

    Of many customers, it falls steeply enough short of the limit to seem known.
    """
    x = np.arange(5.0, 35)
    for kind in (BgNbd, MbgNbd, ParetoNbdProcess):
        found = fit(kind, x, x * 20, x * 20 + 7, weights=np.full(30, customers_each))
        assert found.verdict is not None
        assert "Differences in how often customers buy are not identified: r, alpha" in found.verdict.en
        assert "购买频率的差异无法" in found.verdict.zh
        told = found.process.expected_purchases(x, x * 20, x * 20 + 7, 365.0)
        assert told == pytest.approx(np.full(30, 365 * x.sum() / (x * 20 + 7).sum()), rel=0.01)


@pytest.mark.parametrize("kind", EVERY)
def test_simulations_do_what_the_formulas_say(kind: type[BetaGeometric]) -> None:
    process = kind(r=1.2, alpha=6.0, a=0.8, b=2.0)
    rng = np.random.default_rng(7)
    total = np.full(40_000, 40.0)
    x, t_x = process.draw_histories(rng, total)
    assert ((t_x > 0) == (x > 0)).all()
    assert (t_x <= total).all()
    shares = np.bincount(x.astype(int), minlength=8)[:8] / x.size
    expected = process.count_probabilities(array(40), 7)[0]
    assert np.abs(shares - expected).max() < 4 * np.sqrt(0.25 / x.size)
    future = process.draw_future(rng, x, t_x, total, 30.0)
    told = process.expected_purchases(x, t_x, total, 30.0)
    for some in (x == 0, x == 2, (x > 5) & (t_x < 25), t_x > 30):
        error = future[some].std() / np.sqrt(some.sum())
        assert abs(future[some].mean() - told[some].mean()) < 4 * error
    # Who is alive later on average is who is alive among those looked at later.
    x, t_x = process.draw_histories(rng, total)
    later = process.draw_histories(rng, total + 30)
    before = process.probability_alive(x, t_x, total, 30.0)
    assert before.mean() == pytest.approx(process.probability_alive(*later, total + 30).mean(), abs=0.01)


def test_parameters_come_back_within_their_intervals() -> None:
    """Wald intervals of the logarithms hold the truth about as often as they say, over 40 seeds."""
    truth = BgNbd(r=0.6, alpha=30.0, a=0.8, b=2.4)
    held = np.zeros((40, 4), dtype=bool)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        total = rng.integers(200, 700, 1500).astype(float)
        found = fit(BgNbd, *truth.draw_histories(rng, total), total)
        errors = np.sqrt(np.diag(found.log_covariance))
        held[seed] = np.abs(np.log(found.process.values / truth.values)) < 1.96 * errors
    # 38 of 40 are expected; fewer than 33 happen in 1 of 1000.
    assert (held.sum(axis=0) >= 33).all(), held.sum(axis=0)
