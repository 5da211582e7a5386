"""MBG/NBD: published estimates, and parameters that come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crmlab_plugins.lifetime.fitting import fit
from crmlab_plugins.lifetime.mbg_nbd import MbgNbd


def test_cdnow(shared_data: Path) -> None:
    """BTYDplus 1.2.0 prints .525, 6.183, .891, 1.614, as does a test of lifetimes."""
    lines = (shared_data / "cdnow" / "cdnow_customers_summary.csv").read_text().splitlines()[1:]
    x, t_x, total = np.array([line.split(",")[1:] for line in lines], dtype=np.float64).T
    # The file has weeks to two decimals, which tell the day.
    found = fit(MbgNbd, x, np.rint(t_x * 7), np.rint(total * 7)).in_units(7)
    assert found.process.values.round(3).tolist() == [0.525, 6.183, 0.891, 1.614]
    assert found.process.values == pytest.approx([0.524841, 6.183068, 0.891363, 1.614017], rel=2e-5)
    assert found.log_likelihood == pytest.approx(-9582.1357, abs=5e-5)


def test_who_never_came_back_may_have_left() -> None:
    process = MbgNbd(r=0.525, alpha=6.183, a=0.891, b=1.614)
    never = np.zeros(3), np.zeros(3), np.array([1e-9, 10.0, 100.0])
    alive = process.probability_alive(*never)
    assert alive[0] == pytest.approx(1.614 / (0.891 + 1.614))
    assert (np.diff(alive) < 0).all()


def test_parameters_come_back_within_their_intervals() -> None:
    truth = MbgNbd(r=0.8, alpha=30.0, a=0.7, b=2.0)
    held = np.zeros((40, 4), dtype=bool)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        total = rng.integers(200, 700, 1500).astype(float)
        found = fit(MbgNbd, *truth.draw_histories(rng, total), total)
        errors = np.sqrt(np.diag(found.log_covariance))
        held[seed] = np.abs(np.log(found.process.values / truth.values)) < 1.96 * errors
    assert (held.sum(axis=0) >= 33).all(), held.sum(axis=0)
