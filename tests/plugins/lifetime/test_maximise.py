"""Newton's method finds a maximum, and says when it does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crmlab_plugins.lifetime.maximise import FARTHEST, maximise

Floats = NDArray[np.float64]


def gamma_like(logs: Floats) -> tuple[float, Floats, Floats]:
    """The log-likelihood of 50 exponential gaps of 100 in all, in the logarithm of the rate."""
    rate = float(np.exp(logs[0]))
    return 50 * np.log(rate) - 100 * rate, np.array([50 - 100 * rate]), np.array([[-100 * rate]])


@pytest.mark.parametrize("start", [-8.0, 0.0, 5.0])
def test_it_finds_the_maximum_to_printed_digits(start: float) -> None:
    found = maximise(gamma_like, np.array([start]))
    assert found.converged
    assert np.exp(found.estimate) == pytest.approx([0.5], rel=1e-7)
    assert found.value == pytest.approx(50 * np.log(0.5) - 50, rel=1e-12)
    assert found.evaluations < 20


def test_a_saddle_is_left() -> None:
    def saddle(at: Floats) -> tuple[float, Floats, Floats]:
        u, v = at
        value = -((u**2 - 1) ** 2) - v**2
        gradient = np.array([-4 * u * (u**2 - 1), -2 * v])
        return value, gradient, np.array([[-12 * u**2 + 4, 0.0], [0.0, -2.0]])

    found = maximise(saddle, np.array([0.01, 1.0]))
    assert found.estimate == pytest.approx([1, 0], abs=1e-5)


def test_a_ridge_ends_within_bounds() -> None:
    def ridge(at: Floats) -> tuple[float, Floats, Floats]:
        return float(at[0]), np.array([1.0]), np.array([[-1e-12]])

    found = maximise(ridge, np.array([0.0]))
    assert not found.converged
    assert abs(found.estimate[0]) <= FARTHEST


def test_a_limit_is_met_along_the_ridge() -> None:
    """x + y as great as it may be, while x - y is held at 3: bent at the limit, the path would leave that."""

    def ridge(at: Floats) -> tuple[float, Floats, Floats]:
        u, v = at
        across = np.array([1.0, -1.0])
        value = 1e-3 * (u + v) - 1e4 * (u - v - 3) ** 2
        return value, np.full(2, 1e-3) - 2e4 * (u - v - 3) * across, -2e4 * np.outer(across, across)

    found = maximise(ridge, np.zeros(2), farthest=np.array([14.0, FARTHEST]))
    assert found.converged
    assert found.at_limit == (0,)
    assert found.estimate == pytest.approx([14, 11], abs=1e-4)
    assert found.evaluations <= 10


def test_an_impossible_start_is_refused() -> None:
    with pytest.raises(ValueError, match="log-likelihood is -inf at the start"):
        maximise(lambda at: (-np.inf, at, np.eye(1)), np.zeros(1))


def test_too_few_steps_are_not_called_converged() -> None:
    assert not maximise(gamma_like, np.array([-8.0]), most_steps=1).converged
