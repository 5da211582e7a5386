from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1

from crmlab_plugins.lifetime import hypergeometric
from crmlab_plugins.lifetime.hypergeometric import Jet, log_2f1, log_power_integral, log_sum


def _logs(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(np.log(low), np.log(high)).map(np.exp)


def _one(a: float, c: float, y: float, rest: float | None = None, derivatives: bool = False) -> Jet:
    arrays = (np.array([value]) for value in (a, c, y, 1 - y if rest is None else rest))
    return log_2f1(*arrays, derivatives)


@given(_logs(1e-3, 300), _logs(1e-3, 50), st.floats(0, 0.9))
def test_the_series_is_that_of_scipy(a: float, more: float, y: float) -> None:
    c = max(a + more, 1.0001)
    assert _one(a, c, y).value[0] == pytest.approx(np.log(hyp2f1(1, a, c, y)), rel=1e-13, abs=1e-14)


@given(_logs(1e-3, 1e4), _logs(1e-2, 100), _logs(1e-13, 0.09))
def test_near_1_it_is_the_limit_or_the_integral(a: float, more: float, rest: float) -> None:
    """Euler's integral, in the variable in which its integrand is smooth."""
    c = max(a + more, 1.0001)
    p, y = c - 1 - a, 1 - rest

    def integrand(w: float) -> float:
        return float(np.exp(-p * w - a * np.logaddexp(np.log(y), np.log(rest) + w)))

    # In pieces: the integrand has a long flat part and a steep one.
    turn = np.log(1 / rest)
    edges = np.concatenate(([0.0], np.geomspace(1e-4, turn, 25), turn + np.geomspace(0.1, 60 / (c - 1), 25)))
    parts = [quad(integrand, *ends, epsrel=1e-12)[0] for ends in pairwise(edges)]
    assert _one(a, c, y, rest).value[0] == pytest.approx(np.log((c - 1) * sum(parts)), abs=1e-10)


@given(_logs(1e-2, 1e3), _logs(1e-2, 30), st.floats(0.55, 0.9))
def test_the_split_integral_is_the_series_with_all_derivatives(a: float, more: float, y: float) -> None:
    arrays = [np.array([value]) for value in (a, max(a + more, 1.0001), y)]
    split = hypergeometric._split(*arrays, 1 - arrays[2], True)
    series = hypergeometric._series(*arrays, True)
    for one, other in zip(split, series, strict=True):
        # Derivatives span many magnitudes; those that are tiny beside the value are compared with it.
        assert one == pytest.approx(other, rel=1e-8, abs=1e-11)


@given(
    *[_logs(0.05, 200), _logs(0.01, 1e3), _logs(1.05, 50), _logs(0.01, 1e3), _logs(0.5, 100)],
)
def test_derivatives_are_those_of_the_values(a: float, alpha: float, b: float, beta: float, t: float) -> None:
    point = np.array([a, alpha, b, beta])
    jet = log_power_integral(*point, t, derivatives=True)
    scale = np.maximum(point, 1e-3)
    for at in range(4):
        # A change of both rates alike moves t: that keeps the difference of α and β, and its sign.
        step = 1e-5 * scale[at] * (np.arange(4) == at)
        up, down = (log_power_integral(*(point + sign * step), t, derivatives=True) for sign in (1, -1))
        width = 2e-5 * scale[at]
        assert (up.value - down.value) / width == pytest.approx(
            jet.gradient[at], rel=1e-5, abs=1e-8 / scale[at]
        )
        slopes = (up.gradient - down.gradient)[:, 0] / width
        assert np.abs((slopes - jet.hessian[at][:, 0]) * scale * scale[at]).max() < 1e-4 * max(1.0, a + b)
    assert np.array_equal(jet.hessian, jet.hessian.swapaxes(0, 1))


def test_equal_rates_have_a_closed_form() -> None:
    """∫ (α + u)^−(a+b) du from t on; the derivatives are the limit of those nearby."""
    jet = log_power_integral(2.5, 3.0, 1.5, 3.0, 4.0, derivatives=True)
    assert jet.value[0] == pytest.approx(-3 * np.log(7) - np.log(3), rel=1e-15)
    near = log_power_integral(2.5, 3.0 + 1e-7, 1.5, 3.0, 4.0, derivatives=True)
    assert jet.gradient == pytest.approx(near.gradient, rel=1e-6)
    assert jet.hessian == pytest.approx(near.hessian, rel=1e-5)


def test_many_points_are_what_each_is_alone_whatever_their_order() -> None:
    rng = np.random.default_rng(3)
    n = 3 * hypergeometric.CHUNK + 7
    a, c = rng.gamma(1, 20, n) + 0.1, np.zeros(n)
    c = a + rng.gamma(1, 2, n) + 1
    rest = np.exp(-rng.gamma(1, 2, n))
    together = log_2f1(a, c, 1 - rest, rest, derivatives=True)
    for row in (0, 1, 5_000, n - 1):
        alone = log_2f1(*(values[row : row + 1] for values in (a, c, 1 - rest, rest)), derivatives=True)
        for whole, one in zip(together, alone, strict=True):
            assert whole[..., row] == pytest.approx(one[..., 0], rel=1e-9)


@given(*[st.floats(-700, 700)] * 2)
def test_a_sum_of_two_neither_overflows_nor_forgets_its_curvature(f: float, g: float) -> None:
    """Of e^(f + u) + e^(g − u): slope tanh, curvature 1 − tanh²."""
    ones = np.ones((1, 1))
    first, second = (
        Jet(np.array([value]), sign * ones, np.zeros((1, 1, 1))) for value, sign in ((f, 1), (g, -1))
    )
    total = log_sum(first, second)
    slope = np.tanh((f - g) / 2)
    assert total.value[0] == pytest.approx(np.logaddexp(f, g))
    assert total.gradient[0, 0] == pytest.approx(slope, abs=1e-12)
    assert total.hessian[0, 0, 0] == pytest.approx(1 - slope**2, abs=1e-12)
