"""Campaigns: assigned at random, and as effective as the truth says."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from math import hypot, sqrt

import polars as pl
import pytest

from crmlab.data.samples.campaigns import campaign_table
from crmlab.data.samples.company import Company
from crmlab.data.samples.parameters import CAMPAIGNS, SEGMENTS, WINDOW, Campaign


def _outcomes(company: Company, campaign: Campaign) -> pl.DataFrame:
    """Measure from tables alone who bought within the window; records of one person count together."""
    first, last = campaign.day + timedelta(days=1), campaign.day + timedelta(days=WINDOW)
    person = company.truth["identities"].select("record_id", person_id="customer_id")
    day = pl.col("ordered_at").str.slice(0, 10).str.to_date()
    orders = company.tables["orders"].filter(day.is_between(first, last))
    buyers = orders.join(person, left_on="customer_id", right_on="record_id").select("person_id").unique()
    contacts = company.tables["contacts"].filter(campaign_id=campaign.id)
    who = contacts.join(person, left_on="customer_id", right_on="record_id")
    truth = company.truth["contacts"].select("contact_id", "segment", "uplift", "p_control")
    return who.join(truth, on="contact_id").with_columns(
        bought=pl.col("person_id").is_in(buyers["person_id"].implode())
    )


def _uplift(rows: pl.DataFrame) -> tuple[float, float]:
    """Return the difference of shares and its standard error."""
    arms = [rows.filter(arm=arm)["bought"] for arm in ("实验组", "对照组")]
    shares = [float(arm.mean()) for arm in arms]  # type: ignore[arg-type]
    variance = sum(share * (1 - share) / len(arm) for share, arm in zip(shares, arms, strict=True))
    return shares[0] - shares[1], sqrt(variance)


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.id)
def test_the_measured_uplift_is_the_true_one(clean_company: Company, campaign: Campaign) -> None:
    rows = _outcomes(clean_company, campaign)
    groups = [rows, *(rows.filter(segment=segment.id) for segment in SEGMENTS)]
    for group in groups:
        measured, error = _uplift(group)
        assert measured == pytest.approx(group["uplift"].mean(), abs=4 * max(error, 0.005))


def test_the_effect_is_there_to_be_found(clean_company: Company) -> None:
    rows = pl.concat([_outcomes(clean_company, campaign) for campaign in CAMPAIGNS])
    measured = {segment.id: _uplift(rows.filter(segment=segment.id)) for segment in SEGMENTS}
    gain, error = measured["bargain"]
    assert gain > 5 * error
    loss, error_of_loss = measured["occasional"]
    assert gain - loss > 5 * hypot(error, error_of_loss)


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.id)
def test_assignment_is_random(clean_company: Company, campaign: Campaign) -> None:
    rows = _outcomes(clean_company, campaign)
    treated = rows["arm"] == "实验组"
    n = rows.height
    error = sqrt(campaign.treated * (1 - campaign.treated) / n)
    assert treated.mean() == pytest.approx(campaign.treated, abs=4 * error)
    prior = rows.group_by("arm").agg(pl.col("p_control").mean())["p_control"]
    assert prior[0] == pytest.approx(prior[1], abs=4 * float(rows["p_control"].std()) / sqrt(n * 0.2))  # type: ignore[arg-type]


def test_only_consenting_buyers_are_contacted(clean_company: Company) -> None:
    consents = clean_company.tables["customers"].filter(marketing_consent="是")
    contacts = clean_company.tables["contacts"]
    assert contacts.join(consents, on="customer_id", how="anti").is_empty()


def test_a_control_hears_nothing(clean_company: Company) -> None:
    control = clean_company.tables["contacts"].filter(arm="对照组")
    silent = ("delivered_at", "opened_at", "clicked_at", "responded_at")
    assert control.select(pl.col(silent).is_null().all()).row(0) == (True,) * 4
    assert set(control["cost"]) == {"0.00"}


def test_steps_of_a_contact_come_in_order(clean_company: Company) -> None:
    contacts = clean_company.tables["contacts"]
    for earlier, later in (
        ("contacted_at", "delivered_at"),
        ("delivered_at", "opened_at"),
        ("opened_at", "clicked_at"),
    ):
        reached = contacts.drop_nulls(later)
        assert reached.height
        assert reached[earlier].null_count() == 0
        assert (reached[earlier] < reached[later]).all()


def test_orders_that_a_campaign_caused_are_booked_to_it_and_others_as_well(clean_company: Company) -> None:
    orders = clean_company.tables["orders"].join(clean_company.truth["orders"], on="order_id")
    caused = orders.drop_nulls("caused_by")
    assert (caused["campaign_id"] == caused["caused_by"]).all()
    booked = orders.drop_nulls("campaign_id")
    assert 0.2 < booked["caused_by"].is_not_null().mean() < 0.8  # type: ignore[operator]
    responded = clean_company.tables["contacts"]["responded_at"].is_not_null().sum()
    assert responded == caused.height


def test_windows_of_campaigns_do_not_overlap() -> None:
    days = [campaign.day for campaign in CAMPAIGNS]
    assert all((later - earlier).days > WINDOW for earlier, later in pairwise(days))
    assert campaign_table()["campaign_id"].to_list() == [campaign.id for campaign in CAMPAIGNS]
