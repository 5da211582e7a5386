"""BG/CNBD-k and MBG/CNBD-k: how regular customers buy is found, and the parameters come back."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from crmlab_plugins.lifetime.bg_nbd import BgNbd, BgNbdModel
from crmlab_plugins.lifetime.cnbd import BgCnbdModel, MbgCnbdModel, bg_cnbd, mbg_cnbd
from crmlab_plugins.lifetime.fitting import fit


def shop(k: int, entry: bool, seed: int, customers: int = 600) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return orders in whole days, and histories, of customers who buy at Erlang-k gaps."""
    rng = np.random.default_rng(seed)
    orders: list[dict[str, Any]] = []
    rows = []
    for at in range(customers):
        name, total = f"c{at:04}", int(rng.integers(300, 700))
        rate, leaves = rng.gamma(2.0) / (40 / k), rng.beta(1.0, 6.0)
        days, clock = [0], 0.0
        while not ((entry or len(days) > 1) and rng.random() < leaves):
            clock += rng.gamma(k) / rate
            if clock > total:
                break
            days.append(int(clock) + 1)
        bought = sorted(set(days))
        orders += [{"customer_id": name, "day": day - total, "amount_hundredths": 500} for day in bought]
        rows.append((name, len(bought) - 1, bought[-1], total))
    columns = ["customer_id", "repeat_purchase_days", "first_to_last_purchase_days", "days_since_first_order"]
    return pl.DataFrame(orders), pl.DataFrame(rows, schema=columns, orient="row")


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("kind", "entry"), [(BgCnbdModel, False), (MbgCnbdModel, True)])
def test_the_regularity_is_chosen_by_likelihood(k: int, kind: type[BgCnbdModel], entry: bool) -> None:
    orders, features = shop(k, entry, seed=1)
    model = kind().fit({"orders": orders.lazy()}, features, date(1970, 1, 1))
    assert model.k_ == k
    assert f"Erlang-{k}" in model.definition().en
    given = kind(k=2).fit({"orders": orders.lazy()}, features, date(1970, 1, 1))
    assert given.k_ == 2
    assert given.fit_measures["log_likelihood"] < model.fit_measures["log_likelihood"]


def test_its_likelihood_compares_with_that_of_bg_nbd() -> None:
    """The density of all gaps, by its definition, for one customer and given rate and chance to leave."""
    orders, features = shop(1, False, seed=2)
    tables = {"orders": orders.lazy()}
    random = BgCnbdModel(k=1).fit(tables, features, date(1970, 1, 1)).fit_measures
    assert random == BgNbdModel().fit(tables, features, date(1970, 1, 1)).fit_measures
    # Nearly the same rate for everybody, who never leave: gaps are then independent Erlang times.
    k, rate = 3, 0.2
    process = bg_cnbd(k)(r=1e7, alpha=1e7 / rate, a=1e-9, b=1.0)
    gaps = np.array([9.0, 20.0, 14.0])
    last, total = gaps.sum(), gaps.sum() + 8
    erlang = stats.gamma(k, scale=1 / rate)
    by_definition = erlang.logpdf(gaps).sum() + erlang.logsf(total - last)
    told = process.log_likelihood(np.array([3.0]), np.array([last]), np.array([total]))[0]
    fixed = (k - 1) * np.log(gaps).sum() - 3 * np.log(2.0)
    assert told + fixed == pytest.approx(by_definition, rel=1e-5)


def test_a_regular_customer_who_is_overdue_has_left_more_surely() -> None:
    history = np.array([10.0]), np.array([300.0]), np.array([390.0])
    alive = [kind(r=1.0, alpha=30.0 / kind.k, a=1.0, b=5.0) for kind in (bg_cnbd(1), bg_cnbd(3))]
    at_random, regular = (process.probability_alive(*history)[0] for process in alive)
    assert regular < at_random


@pytest.mark.parametrize("kind", [bg_cnbd(2), mbg_cnbd(3)])
def test_parameters_come_back_within_their_intervals(kind: type[Any]) -> None:
    truth = kind(r=0.8, alpha=30.0 / kind.k, a=0.8, b=2.4)
    held = np.zeros((40, 4), dtype=bool)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        total = rng.integers(200, 700, 1000).astype(float)
        x, t_x = truth.draw_histories(rng, total)
        found = fit(kind, x, t_x, total)
        errors = np.sqrt(np.diag(found.log_covariance))
        held[seed] = np.abs(np.log(found.process.values / truth.values)) < 1.96 * errors
    assert (held.sum(axis=0) >= 33).all(), held.sum(axis=0)


def test_one_event_per_purchase_is_bg_nbd() -> None:
    x, t_x, total = np.array([0.0, 2.0, 7.0]), np.array([0.0, 20.0, 33.0]), np.full(3, 40.0)
    parameters = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.0}
    one, other = bg_cnbd(1)(**parameters), BgNbd(**parameters)
    assert np.array_equal(one.log_likelihood(x, t_x, total), other.log_likelihood(x, t_x, total))
