"""Purchases follow the parameters that the truth states."""

from __future__ import annotations

from math import sqrt

import numpy as np
import polars as pl
import pytest

from crmlab.data.samples.company import Company
from crmlab.data.samples.lives import in_calendar, in_season, season
from crmlab.data.samples.parameters import DAYS, FIRST_DAY, NEVER_BOUGHT, SEGMENTS, Segment


def _people(company: Company, segment: Segment) -> pl.DataFrame:
    return company.truth["customers"].filter(segment=segment.id)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.id)
def test_rates_are_gamma_distributed(clean_company: Company, segment: Segment) -> None:
    people = _people(clean_company, segment)
    n = people.height
    for column, shape, rate in (
        ("purchases_per_day", segment.r, segment.alpha),
        ("churn_per_day", segment.s, segment.beta),
    ):
        mean, deviation = shape / rate, sqrt(shape) / rate
        assert people[column].mean() == pytest.approx(mean, abs=4 * deviation / sqrt(n))
        assert people[column].std() == pytest.approx(deviation, rel=0.15)
    assert n == pytest.approx(20_000 * segment.share, abs=4 * sqrt(20_000 * segment.share))


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.id)
def test_as_many_have_left_as_lifetimes_say(clean_company: Company, segment: Segment) -> None:
    buyers = _people(clean_company, segment).drop_nulls("first_order_on")
    seen = DAYS - (buyers["first_order_on"] - FIRST_DAY).dt.total_days().to_numpy()
    chance = 1 - (segment.beta / (segment.beta + seen)) ** segment.s
    left = buyers["left_on"].is_not_null().sum()
    assert left == pytest.approx(chance.sum(), abs=4 * sqrt((chance * (1 - chance)).sum()))


def test_orders_are_as_many_as_rates_and_lifetimes_say(clean_company: Company) -> None:
    """Campaigns that drive orders away cost at most one in a thousand."""
    buyers = clean_company.truth["customers"].drop_nulls("first_order_on")
    first = (buyers["first_order_on"] - FIRST_DAY).dt.total_days().to_numpy()
    left = (buyers["left_on"] - FIRST_DAY).dt.total_days().fill_null(DAYS - 0.5).to_numpy() + 0.5
    expected = buyers["purchases_per_day"].to_numpy() * (in_season(np.minimum(left, DAYS)) - in_season(first))
    own = clean_company.truth["orders"].filter(pl.col("caused_by").is_null())
    repeat = own.height - buyers.height
    noise = 4 * sqrt(expected.sum())
    assert expected.sum() * 0.995 - noise < repeat < expected.sum() + noise


def test_nobody_orders_after_leaving(clean_company: Company) -> None:
    orders = clean_company.tables["orders"].select(
        "order_id", day=pl.col("ordered_at").str.slice(0, 10).str.to_date()
    )
    owned = clean_company.truth["orders"].join(orders, on="order_id")
    lives = owned.join(clean_company.truth["customers"], on="person_id")
    assert lives.height == owned.height
    assert lives.filter(pl.col("day") > pl.col("left_on")).is_empty()
    assert lives.filter(pl.col("day") < pl.col("first_order_on")).is_empty()


def test_the_share_that_never_bought(clean_company: Company) -> None:
    never = clean_company.truth["customers"]["first_order_on"].null_count()
    assert never == pytest.approx(20_000 * NEVER_BOUGHT, abs=4 * sqrt(20_000 * NEVER_BOUGHT))


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.id)
def test_amounts_follow_each_customers_mean(clean_company: Company, segment: Segment) -> None:
    amounts = clean_company.tables["orders"].select("order_id", pl.col("amount").cast(pl.Float64))
    owned = clean_company.truth["orders"].join(amounts, on="order_id")
    people = owned.join(_people(clean_company, segment), on="person_id")
    ratio = people["amount"] / people["mean_amount"]
    # A gamma of shape p has the relative deviation 1 / sqrt(p).
    assert ratio.mean() == pytest.approx(1, abs=4 / sqrt(segment.p * people.height) + 0.001)
    assert ratio.std() == pytest.approx(1 / sqrt(segment.p), rel=0.05)
    means = _people(clean_company, segment)["mean_amount"]
    assert means.mean() == pytest.approx(segment.p * segment.gamma / (segment.q - 1), rel=0.08)


def test_the_season_averages_to_one_and_peaks_at_double_11() -> None:
    assert season()[:365].mean() == pytest.approx(1)
    assert season()[365:].mean() == pytest.approx(1)
    assert season().argmax() in (313 + 1, 314, 365 + 315)
    days = np.linspace(0, DAYS, 50)
    assert in_calendar(in_season(days)) == pytest.approx(days)


def test_the_calendar_shows_in_the_orders(clean_company: Company) -> None:
    days = clean_company.tables["orders"].select(
        pl.col("ordered_at").str.slice(0, 10).str.to_date().alias("day")
    )
    by_day = days.group_by("day").len().sort("len", descending=True)
    assert {f"{day:%m-%d}" for day in by_day["day"].head(2)} == {"11-11"}
    weekend = (days["day"].dt.weekday() >= 6).mean()
    assert weekend > 2.2 / 7  # type: ignore[operator]


def test_products_cost_less_than_their_list_price(clean_company: Company) -> None:
    from crmlab.data.samples.vocabulary import products

    lines = clean_company.tables["order_lines"].join(products(), on="product_id")
    assert lines.height == clean_company.tables["order_lines"].height
    assert (lines["category"] == lines["category_right"]).all()
    dearer = lines["unit_price"].cast(pl.Float64) > lines["list_price"] + 0.051
    assert dearer.mean() < 0.001  # type: ignore[operator]
