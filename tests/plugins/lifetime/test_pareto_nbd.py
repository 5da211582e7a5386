from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln

import crmlab
from crmlab.data.samples.company import company_blocks
from crmlab.data.samples.parameters import LAST_DAY, SEGMENTS
from crmlab.lab import Lab
from crmlab.summary import day_number
from crmlab.value.offers import TellsPurchases
from crmlab_plugins.lifetime.collapse import collapse
from crmlab_plugins.lifetime.fitting import Fit, Histories, fit, fit_histories
from crmlab_plugins.lifetime.histories import summarise
from crmlab_plugins.lifetime.nbd_process import NbdProcess
from crmlab_plugins.lifetime.pareto_nbd import ParetoNbdModel
from crmlab_plugins.lifetime.pareto_nbd_process import ParetoNbdProcess

CDNOW = ParetoNbdProcess(r=0.553277, alpha=10.577683, s=0.606240, beta=11.668735)
WALKTHROUGH = ParetoNbdProcess(r=0.55337133, alpha=10.57952125, s=0.60590662, beta=11.65806718)
"""Where R's optimiser stopped in the walkthrough of BTYD: found from seven printed values, all of which it
gives, as the printed .553, 10.580, .606, 11.658 are too few digits for them."""

CALIBRATION = day_number(date(1997, 9, 30))
RATES = st.floats(np.log(0.05), np.log(200)).map(np.exp)
SHAPES = st.floats(np.log(0.05), np.log(30)).map(np.exp)


def _process(values: Any) -> ParetoNbdProcess:
    return ParetoNbdProcess(**dict(zip(ParetoNbdProcess.names, values, strict=True)))


def _arrays(*values: float) -> list[np.ndarray]:
    return [np.array([value], dtype=float) for value in values]


@pytest.fixture(scope="module")
def orders(cdnow_orders: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Customers and days of the tenth of CDNOW, every order a purchase as in the publications."""
    return (
        cdnow_orders["customer_id"].cast(pl.Int64).to_numpy(),
        cdnow_orders["ordered_at"].cast(pl.Int32).cast(pl.Int64).to_numpy(),
    )


@pytest.fixture(scope="module")
def weekly(orders: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = summarise(*orders, None, CALIBRATION)
    return found.x.astype(float), found.t_x / 7, found.T / 7


@pytest.fixture(scope="module")
def fitted(weekly: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Fit[ParetoNbdProcess]:
    return fit(ParetoNbdProcess, *weekly)


def test_cdnow_is_fitted_as_published(fitted: Fit[ParetoNbdProcess], weekly: Any) -> None:
    """Fader, Hardie & Lee 2005, Marketing Science 24:275, Table 2; errors as in CLVTools' tests.

    Other software stops as far as 8e-6 from the maximum, where the log-likelihood has lost nothing; here the
    gradient vanishes.
    """
    r, alpha, s, beta = fitted.process.values
    assert (round(r, 3), round(alpha, 3), round(s, 3), round(beta, 3)) == (0.553, 10.578, 0.606, 11.669)
    assert [r, alpha, s, beta] == pytest.approx([0.553277, 10.577675, 0.606240, 11.668740], rel=1e-6)
    assert fitted.log_likelihood == pytest.approx(-9594.9762, abs=5e-5)
    assert fitted.standard_errors == pytest.approx([0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=5e-4)
    assert np.array_equal(fitted.covariance, np.transpose(fitted.covariance))
    assert fitted.verdict is None
    objective = ParetoNbdProcess.objective(Histories(*collapse(*weekly)))
    assert np.abs(objective(np.log(fitted.process.values))[1]).max() < 1e-4


def test_days_and_weeks_are_one_fit(fitted: Fit[ParetoNbdProcess], weekly: Any) -> None:
    x, t_x, age = weekly
    daily = fit(ParetoNbdProcess, x, np.rint(7 * t_x), np.rint(7 * age)).in_units(7)
    assert daily.process.values == pytest.approx(fitted.process.values, rel=1e-6)
    assert daily.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-12)


def test_expectations_of_the_walkthrough() -> None:
    """Printed values of BTYD's walkthrough and manual, and the worksheet's inputs."""
    expected = WALKTHROUGH.expected_of_new(np.array([52.0]))
    assert expected[0] == pytest.approx(1.473434, abs=5e-7)
    frequent = _arrays(26, 216 / 7, 31)
    assert WALKTHROUGH.expected_purchases(*frequent, 52.0)[0] == pytest.approx(25.45647, abs=5e-6)
    assert WALKTHROUGH.probability_alive(*frequent)[0] == pytest.approx(0.997874, abs=5e-7)
    x = np.array([10.0, 15, 20, 25])
    silent = WALKTHROUGH.expected_purchases(x, np.full(4, 20.0), np.full(4, 39.0), 52.0)
    assert silent == pytest.approx([0.7062289, 0.1442396, 0.02250658, 0.00309267], abs=5e-8)
    # The manual's example has parameters of its own.
    manual = _process([0.55, 10.56, 0.61, 11.64]).expected_of_new(np.arange(10.0))
    printed = "0 .05077821 .09916088 .14542507 .18979930 .23247466 .27361274 .31335159 .35181024 .38909211"
    assert manual == pytest.approx([float(value) for value in printed.split()], abs=5e-9)


def test_the_holdout_by_repeats_and_the_tracking_of_the_walkthrough(orders: Any, weekly: Any) -> None:
    x, t_x, age = weekly
    known = summarise(*orders, None, CALIBRATION)
    days = pl.DataFrame(dict(zip(("customer", "day"), orders, strict=True))).unique()
    later = days.filter(pl.col("day") > CALIBRATION).group_by("customer").len("count")
    actual = (
        pl.DataFrame({"customer": known.customers})
        .join(later, on="customer", how="left", maintain_order="left")["count"]
        .fill_null(0)
    )
    bins = np.minimum(x, 7).astype(int)
    sizes = np.bincount(bins)
    assert sizes.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    by_bin = np.bincount(bins, actual) / sizes
    assert by_bin.round(3).tolist() == [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    by_bin = np.bincount(bins, WALKTHROUGH.expected_purchases(x, t_x, age, 39.0)) / sizes
    assert by_bin.round(3).tolist() == [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]

    born = age.max() - age
    weeks = np.arange(19.0, 26)
    expected = WALKTHROUGH.expected_of_new(np.maximum(weeks[:, None] - born, 0)).sum(axis=1)
    assert expected[1:].round().tolist() == [1309, 1385, 1460, 1533, 1604, 1674]
    assert np.diff(expected).round(2).tolist() == [78.31, 76.42, 74.65, 72.98, 71.41, 69.93]
    begun = dict(zip(known.customers.tolist(), (CALIBRATION - known.T).tolist(), strict=True))
    repeats = days.filter(pl.col("day") > pl.col("customer").replace_strict(begun))
    week = (repeats["day"] - orders[1].min()) // 7 + 1
    cumulative = [int((week <= at).sum()) for at in weeks]
    assert cumulative[1:] == [1359, 1414, 1484, 1517, 1573, 1672]
    assert np.diff(cumulative).tolist() == [73, 55, 70, 33, 56, 99]


def test_hundreds_of_purchases_give_numbers() -> None:
    """Inputs that overflow in the usual formulas, where others return NaN."""
    process = _process([0.5143, 2.8845, 0.2856, 14.1087])
    x = np.array([221.0, 254, 161, 204])
    t_x = np.array([103.42857, 97.14286, 94.71429, 98.57143])
    age = np.array([103.57143, 97.28571, 98, 99.42857])
    alive = process.probability_alive(x, t_x, age)
    # P(alive) is one less the weight of having left, by a quadrature of the textbook's integral.
    for one, purchases, last, now in zip(alive, x, t_x, age, strict=True):
        assert one == pytest.approx(_alive_by_quadrature(process, purchases, last, now), rel=1e-9)
    many = process.probability_alive(np.array([900.0, 900]), np.array([99.9, 50]), np.array([100.0, 100]))
    assert many[0] > 0.99
    assert many[1] == pytest.approx(0, abs=1e-100)
    assert np.isfinite(process.log_likelihood(np.array([3000.0]), np.array([99.0]), np.array([100.0])))


def _alive_by_quadrature(process: ParetoNbdProcess, x: float, t_x: float, age: float) -> float:
    r, alpha, s, beta = process.values

    def left(u: float) -> float:
        weight = s / (beta + u) * np.exp(-s * np.log((beta + u) / (beta + age)))
        return float(weight * np.exp(-(r + x) * np.log((alpha + u) / (alpha + age))))

    return 1 / (1 + quad(left, t_x, age, epsrel=1e-12)[0])


@given(SHAPES, RATES, SHAPES, RATES, st.integers(0, 6), st.floats(0, 1), st.floats(0.1, 100))
def test_the_likelihood_is_the_integral_over_lifetimes(
    r: float, alpha: float, s: float, beta: float, x: int, share: float, age: float
) -> None:
    process, t_x = _process([r, alpha, s, beta]), share * age if x else 0.0
    alive = process.probability_alive(*_arrays(x, t_x, age))[0]
    assert alive == pytest.approx(_alive_by_quadrature(process, x, t_x, age), rel=1e-7)
    # Times P(alive), the likelihood is that of x purchases by a customer who lives beyond T.
    there = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
    there -= s * np.log1p(age / beta)
    assert process.log_likelihood(*_arrays(x, t_x, age))[0] + np.log(alive) == pytest.approx(there, abs=1e-9)


@settings(max_examples=25)
@given(SHAPES, RATES, SHAPES, RATES)
def test_gradient_and_hessian_are_exact(r: float, alpha: float, s: float, beta: float) -> None:
    rng = np.random.default_rng(8)
    age = rng.integers(1, 60, 40).astype(float)
    x, t_x = CDNOW.draw_histories(rng, age)
    rows = Histories(*collapse(x, np.ceil(t_x), age))
    objective = ParetoNbdProcess.objective(rows)
    logs = np.log([r, alpha, s, beta])
    value, gradient, hessian = objective(logs)
    process = _process([r, alpha, s, beta])
    assert value == pytest.approx(rows.weights @ process.log_likelihood(rows.x, rows.t_x, rows.T), rel=1e-11)
    for at in range(4):
        step = 1e-5 * (np.arange(4) == at)
        up, down = objective(logs + step), objective(logs - step)
        size = 1e-6 * (1 + abs(value))
        assert (up[0] - down[0]) / 2e-5 == pytest.approx(gradient[at], abs=size)
        assert (up[1] - down[1]) / 2e-5 == pytest.approx(hessian[at], abs=size)


@settings(max_examples=25)
@given(SHAPES, RATES, SHAPES, RATES, st.floats(0.01, 200))
def test_counts_of_new_customers_add_up(r: float, alpha: float, s: float, beta: float, t: float) -> None:
    """Their mean is the expectation, whose closed form has s = 1 as a limit."""
    process = _process([r, alpha, s, beta])
    few = process.count_probabilities(np.array([0.0, t]), 3)
    assert few[0] == pytest.approx([1, 0, 0, 0])
    expected = process.expected_of_new(np.array([t]))[0]
    most = int(60 + 60 * expected + 60 * t / alpha * (1 + r))
    chances = process.count_probabilities(np.array([t]), min(most, 4_000))[0]
    if chances.sum() > 1 - 1e-9:
        assert chances.sum() == pytest.approx(1, abs=1e-9)
        assert chances @ np.arange(chances.size) == pytest.approx(expected, rel=1e-4)
    assert few[1] == pytest.approx(chances[:4], rel=1e-12)


def test_lifetimes_with_s_near_1_have_no_gap() -> None:
    at_1 = _process([0.5, 10, 1, 12])
    expected = 0.5 / 10 * 12 * np.log1p(52 / 12)
    assert at_1.expected_of_new(np.array([52.0]))[0] == pytest.approx(expected, rel=1e-14)
    for s in (1 - 1e-9, 1 + 1e-9):
        near = _process([0.5, 10, s, 12])
        assert near.expected_of_new(np.array([52.0]))[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("s", [0.2, 0.606, 1.0, 2.5, 40.0])
def test_discounted_residual_purchases_are_the_discounted_expectation(s: float) -> None:
    """∫ e^(−δt) dE(t), from the undiscounted expectations of the same process."""
    process = _process([0.553, 10.578, s, 11.669])
    history, discount = _arrays(7, 30.43, 38.86), np.log(1.15) / 52
    found = process.discounted_residual_purchases(*history, discount)[0]
    edges = np.concatenate(([0.0], np.geomspace(0.1, 30 / discount, 60)))
    parts = [
        quad(
            lambda t: discount * np.exp(-discount * t) * process.expected_purchases(*history, t)[0],
            *edges[at : at + 2],
        )[0]
        for at in range(60)
    ]
    assert found == pytest.approx(sum(parts), rel=1e-8)
    with pytest.raises(ValueError, match="discount is 0"):
        process.discounted_residual_purchases(*history, 0.0)


def test_several_horizons_and_times_to_come() -> None:
    x, t_x, age = np.array([0.0, 3, 8]), np.array([0.0, 20, 38]), np.array([39.0, 39, 39])
    horizons = np.array([1.0, 26, 52])
    together = CDNOW.expected_purchases(x, t_x, age, horizons)
    assert together.shape == (3, 3)
    for row, horizon in zip(together, horizons, strict=True):
        assert row == pytest.approx(CDNOW.expected_purchases(x, t_x, age, float(horizon)), rel=1e-14)
    assert (np.diff(together, axis=0) > 0).all()
    now, later = (CDNOW.probability_alive(x, t_x, age, after) for after in (0.0, 26.0))
    survival = (CDNOW.parameters["beta"] + 39) / (CDNOW.parameters["beta"] + 65)
    assert later == pytest.approx(now * survival ** CDNOW.parameters["s"])
    # The expectation is the rate times the time alive: P(alive) shows in its slope.
    slope = CDNOW.expected_purchases(x, t_x, age, 1e-6) / 1e-6
    assert slope == pytest.approx(
        now * (CDNOW.parameters["r"] + x) / (CDNOW.parameters["alpha"] + 39), rel=1e-6
    )


def test_simulated_customers_do_what_the_model_says() -> None:
    rng = np.random.default_rng(1)
    n, age = 40_000, 39.0
    x, t_x = CDNOW.draw_histories(rng, np.full(n, age))
    assert ((x == 0) == (t_x == 0)).all()
    chances = CDNOW.count_probabilities(np.array([age]), 5)[0]
    found = np.array([(x == count).mean() for count in range(6)])
    assert (np.abs(found - chances) < 4 * np.sqrt(chances / n)).all()
    future = CDNOW.draw_future(rng, x, t_x, np.full(n, age), 26.0)
    told = CDNOW.expected_purchases(x, t_x, np.full(n, age), 26.0)
    # Told and drawn agree for those whom the model takes for alive and for the others.
    for part in (told < 0.1, (told >= 0.1) & (told < 1), told >= 1):
        error = future[part].std() / np.sqrt(part.sum())
        assert future[part].mean() == pytest.approx(told[part].mean(), abs=4 * error)
    quiet = CDNOW.draw_future(rng, *_arrays(20, 5, 39), 26.0)
    assert quiet[0] == 0


def test_true_parameters_lie_within_the_intervals() -> None:
    """95 % intervals, symmetric in the logarithms, over 30 seeds: as often as they should."""
    truth = _process([0.8, 9.0, 1.2, 30.0])
    hits = np.zeros(4)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        age = rng.integers(20, 105, 4_000).astype(float)
        found = fit(ParetoNbdProcess, *truth.draw_histories(rng, age), age)
        assert found.verdict is None
        apart = np.log(found.process.values) - np.log(truth.values)
        hits += np.abs(apart) < 1.96 * np.sqrt(np.diag(found.log_covariance))
    # 30 draws of 95 %: fewer than 25 have a chance of 1 in 300.
    assert (hits >= 25).all(), hits


def test_dropout_that_is_not_there_is_a_verdict() -> None:
    rng = np.random.default_rng(4)
    age = rng.integers(40, 100, 400).astype(float)
    x, t_x = NbdProcess(r=2.0, alpha=4.0).draw_histories(rng, age)
    found = fit(ParetoNbdProcess, x, t_x, age)
    assert found.verdict is not None
    assert "Dropout is not identified" in found.verdict.en
    assert np.isfinite(found.standard_errors).all()
    expected = found.process.expected_purchases(x, t_x, age, 26.0)
    told = NbdProcess(r=2.0, alpha=4.0).expected_purchases(x, t_x, age, 26.0)
    assert expected.sum() == pytest.approx(told.sum(), rel=0.1)


@pytest.mark.parametrize(
    "histories",
    [
        ([0.0], [0.0], [30.0]),  # one customer
        ([0.0, 0, 0], [0.0, 0, 0], [0.0, 0, 0]),  # all came today
        ([5.0] * 20, [29.0] * 20, [30.0] * 20),  # all alike
        ([500.0, 0, 1], [700.0, 0, 1], [700.0, 1, 700]),
    ],
)
def test_poor_data_neither_raises_nor_yields_nonsense(histories: Any) -> None:
    x, t_x, age = (np.array(column) for column in histories)
    found = fit(ParetoNbdProcess, x, t_x, age)
    assert found.verdict is not None
    assert np.isfinite(found.log_likelihood)
    alive = found.process.probability_alive(x, t_x, age)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert np.isfinite(found.process.expected_purchases(x, t_x, age, 365.0)).all()


@pytest.fixture(scope="module")
def lab() -> Lab:
    data = [{"source": "sample", "customers": 1000, "seed": 11}]
    return crmlab.open("segmentation", data=data, as_of="2024-12-31")


def test_the_registered_model(lab: Lab) -> None:
    model = lab.model("pareto-nbd")
    assert isinstance(model, ParetoNbdModel)
    assert isinstance(model, TellsPurchases)
    features = lab.features(*model.requires)
    scores = model.predict(features)
    assert scores["probability_alive"].drop_nulls().is_between(0, 1).all()
    table = model.parameter_table()
    assert table["name"].to_list() == list(ParetoNbdProcess.names)
    worth = model.discounted_residual_purchases(features, 0.1)
    known = ~np.isnan(worth)
    within = model.expected_purchases(features, [365])[0]
    assert (worth[known] > 0.9 * within[known]).all()
    dropout = model.heterogeneity().filter(pl.col("kind") == "dropout")
    area = np.trapezoid(dropout["density"], dropout["value"])
    assert 0.5 < area < 1


def test_covariates_tell_who_buys_more() -> None:
    """Two kinds of customers, one of which buys twice as often: γ is log 2, and within its interval."""
    rng = np.random.default_rng(2)
    parts = []
    for kind, alpha in (("a", 70.0), ("b", 35.0)):
        age = rng.integers(100, 700, 1_500)
        x, t_x = _process([1.0, alpha, 0.8, 400]).draw_histories(rng, age.astype(float))
        parts.append(
            pl.DataFrame(
                {
                    "repeat_purchase_days": x.astype(np.int64),
                    "first_to_last_purchase_days": np.minimum(np.ceil(t_x), age).astype(np.int64),
                    "days_since_first_order": age,
                    "kind": [kind] * 1_500,
                }
            )
        )
    features = (
        pl.concat(parts).with_row_index("customer_id").with_columns(pl.col("customer_id").cast(pl.String))
    )
    model = ParetoNbdModel(covariates=["kind"]).fit({}, features, date(2024, 12, 31))
    effects = {row["name"]: row for row in model.parameter_table().rows(named=True) if ":" in row["name"]}
    rate, leaving = (
        next(row for name, row in effects.items() if name.startswith(key)) for key in ("al", "be")
    )
    assert rate["low"] < np.log(2) < rate["high"]
    assert rate["high"] - rate["low"] < 0.6
    assert leaving["low"] < 0 < leaving["high"]
    told = model.expected_purchases(features.head(1).vstack(features.tail(1)), [365])
    assert np.isfinite(told).all()


def test_the_truth_of_one_segment_of_the_generated_company() -> None:
    """Its seasons and campaigns are no part of the model, and bias it less than its intervals are wide."""
    (segment,) = (segment for segment in SEGMENTS if segment.id == "loyal")
    truth = _process([segment.r, segment.alpha, segment.s, segment.beta])
    within = np.zeros(4)
    for seed in range(6):
        (company,) = company_blocks(6_000, seed, dirt=False)
        placed = company.tables["orders"].select(
            "order_id", day=pl.col("ordered_at").str.head(10).str.to_date()
        )
        of_segment = company.truth["customers"].filter(segment=segment.id).select("person_id")
        orders = company.truth["orders"].join(of_segment, on="person_id").join(placed, on="order_id")
        people = orders["person_id"].str.slice(1).cast(pl.Int64).to_numpy()
        days = orders["day"].cast(pl.Int32).cast(pl.Int64).to_numpy()
        known = summarise(people, days, None, day_number(LAST_DAY))
        found = fit(ParetoNbdProcess, known.x, known.t_x, known.T)
        apart = np.log(found.process.values) - np.log(truth.values)
        within += np.abs(apart) < 1.96 * np.sqrt(np.diag(found.log_covariance))
        year, low, high = found.delta_interval(lambda process: process.expected_of_new(np.array([365.0])))
        assert high[0] - low[0] < 0.2 * year[0]
        assert truth.expected_of_new(np.array([365.0]))[0] == pytest.approx(year[0], rel=0.1)
    assert (within >= 4).all(), within


def test_weights_are_repeated_rows() -> None:
    rng = np.random.default_rng(9)
    age = rng.integers(10, 60, 300).astype(float)
    x, t_x = CDNOW.draw_histories(rng, age)
    once = fit_histories(ParetoNbdProcess, Histories(*collapse(x, t_x, age, weights=np.full(300, 10.0))))
    tenfold = fit(ParetoNbdProcess, *(np.tile(column, 10) for column in (x, t_x, age)))
    assert once.process.values == pytest.approx(tenfold.process.values, rel=1e-6)
    assert once.log_likelihood == pytest.approx(tenfold.log_likelihood, rel=1e-10)
