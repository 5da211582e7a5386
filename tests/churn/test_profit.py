"""Expected profit against brute force, the published example and simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from crmlab.churn.profit import Campaign, best_share, empc, profit_curve
from crmlab.errors import ParamsError

Array = np.ndarray[Any, np.dtype[Any]]

SAMPLES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 500)), min_size=1, max_size=25
)
"""Outcome, score and lifetime value per customer."""
CAMPAIGNS = st.sampled_from(
    [Campaign(), Campaign(contact=0), Campaign(300, 60, 5, 2, 5), Campaign(50, 0, 20)]
)


def by_numbers(y: Array, p: Array, campaign: Campaign, values: Array) -> tuple[float, float]:
    """Integrate the profit of the best list over γ on a fine grid."""
    grid = (np.arange(20_000) + 0.5) / 20_000
    density = beta.pdf(grid, campaign.alpha, campaign.beta) / 20_000
    lists = [p >= threshold for threshold in [np.inf, *sorted(set(p), reverse=True)]]
    profit = np.array(
        [
            [
                (grid * (values[chosen & (y == 1)].sum() - campaign.incentive * (chosen & (y == 1)).sum()))
                - campaign.contact * chosen.sum()
                - campaign.incentive * (chosen & (y == 0)).sum()
            ][0]
            for chosen in lists
        ]
    ) / len(y)
    best = profit.argmax(axis=0)
    shares = np.array([chosen.mean() for chosen in lists])
    return float(density @ profit.max(axis=0)), float(density @ shares[best])


@settings(max_examples=60)
@given(SAMPLES, CAMPAIGNS, st.booleans())
def test_the_exact_value_is_that_of_brute_force(rows: Any, campaign: Campaign, individual: bool) -> None:
    y, p, worth = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    values = worth if individual else np.full(len(y), campaign.clv)
    found = empc(y, p, campaign, values if individual else None)
    profit, share = by_numbers(y, p, campaign, values)
    assert found.profit.value == pytest.approx(profit, rel=1e-4, abs=1e-3)
    if campaign.contact:  # where contacts cost nothing, several lists may be the best
        assert found.share == pytest.approx(share, abs=1e-3)


def test_the_published_example() -> None:
    # What empulse 0.13.1 documents for empc with the defaults of the 2013 paper.
    y, p = [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
    found = empc(y, p)
    assert found.profit.value == pytest.approx(23.875593418348124, rel=1e-12)
    assert found.share == pytest.approx(0.8743700763487141, rel=1e-12)
    same = empc(y, p, values=[200] * 8)
    assert same.profit == pytest.approx(found.profit)


@given(SAMPLES, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_a_monotone_transform_changes_anything(rows: Any, random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    (y, p, worth), (y2, p2, worth2) = (
        (np.array(column, dtype=float) for column in zip(*each, strict=True)) for each in (rows, mixed)
    )
    transformed = np.exp(p2 / 5)
    assert np.allclose(empc(y, p, values=worth).profit, empc(y2, transformed, values=worth2).profit)
    curve, again = profit_curve(y, p, values=worth), profit_curve(y2, transformed, values=worth2)
    assert np.allclose(curve.to_numpy(), again.to_numpy())


def drawn(seed: int, n: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    return y, rng.normal(size=n) + 1.2 * y


def test_intervals_hold_the_truth_as_often_as_they_should() -> None:
    truth = empc(*drawn(0, 400_000)).profit.value
    curve = profit_curve(*drawn(0, 400_000))["profit"][20]
    profits, points = [], []
    for seed in range(1, 301):
        y, p = drawn(seed, 1500)
        profits.append(empc(y, p).profit)
        points.append(profit_curve(y, p).row(20, named=True))
    assert 0.91 <= np.mean([each.low <= truth <= each.high for each in profits]) <= 0.98
    assert 0.91 <= np.mean([each["low"] <= curve <= each["high"] for each in points]) <= 0.98


def test_the_share_to_contact_has_a_bootstrap_interval() -> None:
    truth = empc(*drawn(0, 400_000)).share
    held = 0
    for seed in range(1, 31):
        y, p = drawn(seed, 1000)
        share = best_share(y, p)
        held += share.low <= truth <= share.high
        assert share.value == pytest.approx(empc(y, p).share)
        assert share == best_share(y[::-1], p[::-1])
    assert held >= 24


def test_the_curve_ends_with_everybody_contacted() -> None:
    y, p = drawn(3, 500)
    curve, campaign = profit_curve(y, p), Campaign()
    assert curve.height == 101
    assert curve.row(0)[:3] == (0.0, 0, 0.0)
    everybody = y.mean() * 0.3 * 190 - 1 - (1 - y.mean()) * 10
    assert curve["profit"][-1] == pytest.approx(everybody)
    assert curve["customers"][-1] == 500
    assert curve["profit"].max() <= empc(y, p, campaign).profit.value + 1e-9
    # At a tenth: the fifty highest scores by hand.
    listed = y[np.argsort(-p)][:50]
    assert curve["profit"][10] == pytest.approx((listed.sum() * (0.3 * 190 + 10) - 50 * 11) / 500)


def test_a_campaign_that_never_pays_earns_nothing() -> None:
    y, p = drawn(4, 300)
    found = empc(y, p, Campaign(clv=50, incentive=20, contact=40))
    assert found.profit.value == pytest.approx(0, abs=1e-6)
    assert found.share == pytest.approx(0, abs=1e-6)


def test_one_kind_of_customer_and_none() -> None:
    assert empc([0, 0], [0.2, 0.4]).profit.value == 0
    assert empc([1, 1], [0.2, 0.4]).profit.value == pytest.approx(0.3 * 190 - 1, rel=1e-3)
    assert np.isnan(empc([], []).profit).all()
    assert np.isnan(best_share([], [])).all()
    assert profit_curve([], []).is_empty()


def test_mistakes_are_named() -> None:
    with pytest.raises(ParamsError, match="below what a kept customer is worth"):
        Campaign(clv=10, incentive=20)
    with pytest.raises(ParamsError, match="contact is -1"):
        Campaign(contact=-1)
    with pytest.raises(ParamsError, match="alpha is 0"):
        Campaign(alpha=0)
    for values in ([1.0], [1.0, -1.0], [1.0, float("nan")]):
        with pytest.raises(ValueError, match="one lifetime value per customer"):
            empc([0, 1], [0.1, 0.2], values=values)
