"""What the customer master says of people is consistent in itself, but for the planted dirt."""

from __future__ import annotations

from datetime import date

import polars as pl

from crmlab.data import validators
from crmlab.data.samples.company import Company
from crmlab.data.samples.people import places

NEW_YEARS = {
    1985: (date(1985, 2, 20), "牛"),
    1990: (date(1990, 1, 27), "马"),
    1991: (date(1991, 2, 15), "羊"),
    1999: (date(1999, 2, 16), "兔"),
    2000: (date(2000, 2, 5), "龙"),
}
"""First days of the lunar year, and its animal."""
BEFORE = {1985: "鼠", 1990: "蛇", 1991: "马", 1999: "虎", 2000: "兔"}


def _of(column: str, company: Company) -> pl.Series:
    return company.tables["customers"][column].drop_nulls()


def test_identity_numbers_are_valid_of_no_county_and_state_the_birth_date(clean_company: Company) -> None:
    people = clean_company.tables["customers"].drop_nulls("identity_number")
    assert people.height > 1_000
    checked = people.select(
        valid=validators.is_identity_number(pl.col("identity_number")),
        born=validators.birth_date_of(pl.col("identity_number")).cast(pl.String) == pl.col("birth_date"),
        sex=(pl.col("identity_number").str.slice(16, 1).cast(pl.Int64) % 2 == 1)
        == (pl.col("gender") == "男"),
        nowhere=pl.col("identity_number").str.slice(2, 2) == "00",
    )
    assert checked.select(pl.all().all()).row(0) == (True, True, True, True)
    assert people["identity_number"].is_unique().all()


def test_zodiac_follows_the_lunar_year(clean_company: Company) -> None:
    people = clean_company.tables["customers"].with_columns(born=pl.col("birth_date").str.to_date())
    for year, (first, animal) in NEW_YEARS.items():
        of_year = people.filter(pl.col("born").dt.year() == year)
        assert set(of_year.filter(pl.col("born") >= first)["zodiac"]) == {animal}
        assert set(of_year.filter(pl.col("born") < first)["zodiac"]) == {BEFORE[year]}
    month, day = pl.col("born").dt.month(), pl.col("born").dt.day()
    unsure = ((month == 1) & (day > 20)) | ((month == 2) & (day < 21))
    assert people.filter(unsure).is_empty()


def test_contacts_are_valid_and_lead_to_nobody(clean_company: Company) -> None:
    customers = clean_company.tables["customers"]
    assert customers.select(validators.is_mobile(pl.col("mobile")).all()).item()
    assert customers.select(validators.is_landline(pl.col("phone")).all()).item()
    assert customers.select(validators.is_postcode(pl.col("postcode")).all()).item()
    assert customers.select(validators.is_email(pl.col("email")).all()).item()
    domains = _of("email", clean_company).str.to_lowercase().str.split("@").list.last()
    assert set(domains) == {"mail.example", "post.example", "inbox.example", "letter.example"}


def test_places_belong_together(clean_company: Company) -> None:
    customers = clean_company.tables["customers"]
    real = places().select("province", "city", "district", "postcode")
    strangers = customers.join(real, on=real.columns, how="anti")
    assert strangers.is_empty()
    starts = customers.select(pl.col("home_address").str.starts_with(pl.col("province")).all())
    assert starts.item()
    areas = customers.drop_nulls("phone").join(places(), on=["city", "district"])
    assert (areas["phone"].str.split("-").list.first() == areas["_area"]).all()


def test_firms_have_valid_codes_and_people_none(clean_company: Company) -> None:
    customers = clean_company.tables["customers"]
    firms = customers.filter(customer_type="企业")
    assert firms.height > 100
    assert firms.select(validators.is_credit_code(pl.col("credit_code")).all()).item()
    people = clean_company.truth["customers"].select("customer_id")
    first = firms.join(people, on="customer_id", how="semi")
    assert first.select(pl.col("company").str.strip_prefix(pl.col("city"))).to_series().is_unique().all()
    assert first["credit_code"].is_unique().all()
    assert (
        customers.filter(customer_type="个人")["credit_code"].null_count() == customers.height - firms.height
    )


def test_names_are_many_and_some_english(clean_company: Company) -> None:
    names = clean_company.tables["customers"]["name"]
    assert names.n_unique() > 5_000
    assert 0.02 < names.str.contains(r"^[A-Z][a-z]+ [A-Z]").mean() < 0.08  # type: ignore[operator]


def test_registration_brings_no_wall_clock_in(clean_company: Company) -> None:
    years = _of("registered_on", clean_company).str.slice(0, 4).value_counts(sort=True)
    assert years["registered_on"].to_list() == ["2023", "2024"]
