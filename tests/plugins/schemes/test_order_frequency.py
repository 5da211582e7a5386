"""Order frequency: a rate, not a count, and how sure one can be of it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.testing import sample_features
from crmlab_plugins.rules import purchase_rate
from crmlab_plugins.rules.purchase_rate import RatePrior
from crmlab_plugins.schemes.order_frequency import OrderFrequency


def _table(rows: list[tuple[int, int]]) -> pl.DataFrame:
    """Make customers from purchase days and days since the first order."""
    columns = {"purchase_days": pl.Int64, "days_since_first_order": pl.Int64}
    table = pl.DataFrame(rows, schema=columns, orient="row")
    return table.select(pl.format("c{}", pl.int_range(pl.len())).alias("customer_id"), *columns)


def test_a_long_time_makes_nobody_frequent() -> None:
    many_years, some_months = (12, 3_000), (6, 150)
    table = _table([many_years, some_months, *[(2, 300)] * 4, *[(1, 200)] * 4, *[(4, 400)] * 4])
    labels = OrderFrequency().fit(table).predict(table)
    assert (labels[0], labels[1]) == ("low", "high")


def test_the_rate_of_new_customers_is_everybodys() -> None:
    prior = RatePrior(shape=2.0, days=60.0)
    rates = _table([(1, 0), (1, 60), (5, 60), (101, 6_000)]).select(purchase_rate.monthly(prior)).to_series()
    assert rates.to_list() == pytest.approx([1.0, 0.5, 1.5, 30 * 102 / 6060])


@pytest.mark.parametrize("shape", [0.4, 2.0])
def test_the_prior_that_made_the_customers_is_found_again(shape: float) -> None:
    import numpy as np

    random = np.random.default_rng(7)
    times = random.integers(30, 900, 20_000)
    counts = random.poisson(random.gamma(shape, 1 / 80, times.size) * times)
    found = purchase_rate.learn_prior(_table(list(zip((counts + 1).tolist(), times.tolist(), strict=True))))
    assert found
    assert found.shape == pytest.approx(shape, rel=0.1)
    assert found.days == pytest.approx(80, rel=0.1)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 900)), max_size=20))
def test_any_customers_give_a_prior_and_sure_tiers(rows: list[tuple[int, int]]) -> None:
    table = _table(rows)
    prior = purchase_rate.learn_prior(table)
    assert (prior is None) == (not any(days for _, days in rows))
    if prior:
        assert 0 < prior.shape <= 100.0001
        assert prior.days > 0
    learned = OrderFrequency().fit(table)
    assert learned.confidence(table).is_between(0, 1).all()


@pytest.mark.parametrize("cuts", [None, (0.5, 1.5)])
def test_purchases_of_one_day_give_no_rate(cuts: tuple[float, float] | None) -> None:
    table = _table([(1, 0), (1, 0)])
    learned = OrderFrequency(cut_points=cuts).fit(table)
    assert learned.predict(table).to_list() == ["unclassified"] * 2
    assert learned.confidence(table).null_count() == 2
    assert learned.explain(table)["zh"].to_list() == ["没有客户在观察日之前首次购买，无从估计购买频率"] * 2
    assert learned.cut_values(table).to_list() == [None, None]


def test_confidence_is_the_probability_of_the_tier() -> None:
    from scipy.stats import gamma

    table = _table([(1, 0), (3, 100), (30, 400), (9, 900)])
    learned = OrderFrequency(cut_points=(0.5, 1.5)).fit(table)
    shape, days = learned.prior_
    assert learned.predict(table)[2] == "high"
    above = gamma.sf(1.5 / 30, shape + 29, scale=1 / (days + 400))
    assert learned.confidence(table)[2] == pytest.approx(above)
    inside = {
        tier: gamma.cdf([*cuts], shape + 2, scale=1 / (days + 100))
        for tier, cuts in {"low": (0, 0.5 / 30), "mid": (0.5 / 30, 1.5 / 30), "high": (1.5 / 30, 1e9)}.items()
    }
    low, high = inside[learned.predict(table)[1]]
    assert learned.confidence(table)[1] == pytest.approx(high - low)


def test_words_and_who_has_no_rate() -> None:
    table = sample_features("purchase_days", "days_since_first_order")
    learned = OrderFrequency(cut_points=(0.4, 0.6)).fit(table)
    without = table["days_since_first_order"].is_null()
    assert (learned.predict(table) == "unclassified").equals(without.alias("label"))
    assert learned.explain(table).filter(without)["zh"].unique().to_list() == ["缺少付款订单"]
    zh, en = learned.explain(table).row(1)
    assert zh.startswith("首购至今 54 天，购买 2 次，估计每 30 天购买 0.")
    assert en.startswith("2 purchases in 54 days since the first, an estimated 0.")
    assert "切分点：0.4、0.6。" in learned.definition().zh
    assert "收缩" in learned.definition().zh
