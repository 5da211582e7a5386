"""Beta-discrete-Weibull: the shifted beta-geometric at c = 1, exact derivatives, truth found again."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.lifetime.beta_discrete_weibull import BetaDiscreteWeibullModel
from crmlab_plugins.lifetime.contractual import (
    BetaDiscreteWeibull,
    ShiftedBetaGeometric,
    maximum,
    objective,
    of_survivors,
)

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
"""Customers left after 0, 1, … 7 renewals (Fader & Hardie 2007)."""


def test_with_c_of_one_it_is_the_shifted_beta_geometric() -> None:
    ages = np.arange(20)
    plain = ShiftedBetaGeometric(alpha=0.7, beta=1.2)
    assert BetaDiscreteWeibull(alpha=0.7, beta=1.2, c=1.0).survival(ages) == pytest.approx(
        plain.survival(ages)
    )


def test_it_fits_no_worse_than_its_special_case() -> None:
    data = of_survivors(REGULAR)
    assert maximum(BetaDiscreteWeibull, *data).value > maximum(ShiftedBetaGeometric, *data).value


@given(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3))
def test_derivatives_are_exact(logs: list[float]) -> None:
    evaluate, at, step = objective(BetaDiscreteWeibull, *of_survivors(REGULAR)), np.array(logs), 1e-5
    _, gradient, hessian = evaluate(at)
    sides = [(evaluate(at + step * unit), evaluate(at - step * unit)) for unit in np.eye(3)]
    assert gradient == pytest.approx([(u[0] - d[0]) / (2 * step) for u, d in sides], rel=1e-4, abs=1e-3)
    bends = np.array([(u[1] - d[1]) / (2 * step) for u, d in sides])
    assert hessian == pytest.approx(bends, rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("c", [0.6, 1.8])
def test_it_finds_what_is_true(c: float) -> None:
    truth = BetaDiscreteWeibull(alpha=2.0, beta=6.0, c=c)
    ended = truth.draw(np.random.default_rng(1), 20_000)
    survivors = [int((ended > age).sum()) for age in range(13)]
    found = BetaDiscreteWeibull.of(np.exp(maximum(BetaDiscreteWeibull, *of_survivors(survivors)).estimate))
    assert found.parameters["c"] == pytest.approx(c, rel=0.1)
    later = np.arange(13, 25)
    assert found.survival(later) == pytest.approx(truth.survival(later), abs=0.02)


def test_the_model_learns_that_leaving_grows_rarer() -> None:
    truth = BetaDiscreteWeibull(alpha=2.0, beta=6.0, c=0.6)
    ended = truth.draw(np.random.default_rng(4), 3000)
    seen = np.minimum(ended, 12)
    features = pl.DataFrame(
        {
            "customer_id": [f"c{place:04}" for place in range(3000)],
            "contract_days": (30 * seen).astype(np.int64),
            "contract_ended": ended <= 12,
        }
    )
    model = BetaDiscreteWeibullModel().fit({}, features, date(2024, 6, 30))
    assert model.parameter_table()["name"].to_list() == ["alpha", "beta", "c"]
    row = model.parameter_table().filter(name="c").row(0, named=True)
    assert row["low"] < 0.6 < row["high"]
