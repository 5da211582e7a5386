"""Second records: the truth knows whose they are, and what they share is what their kind says."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.data import validators
from crmlab.data.cleaning import clean
from crmlab.data.samples.company import Company
from crmlab.data.samples.parameters import DUPLICATE_SHARE, DUPLICATES


@pytest.fixture(scope="module")
def pairs(clean_company: Company) -> pl.DataFrame:
    """Return second records beside the first of the same person, whose columns end in _first."""
    identities = clean_company.truth["identities"].select("record_id", "customer_id", "key_kind")
    records = (
        clean_company.tables["customers"]
        .rename({"customer_id": "record_id"})
        .join(identities, on="record_id")
    )
    first = records.filter(key_kind="first")
    second = records.filter(pl.col("key_kind") != "first")
    return second.join(first, on="customer_id", suffix="_first", how="left")


def test_every_record_belongs_to_one_person(clean_company: Company) -> None:
    identities = clean_company.truth["identities"]
    assert sorted(identities["record_id"]) == sorted(clean_company.tables["customers"]["customer_id"])
    people = clean_company.truth["customers"]
    assert set(identities["customer_id"]) == set(people["person_id"])
    first = identities.filter(key_kind="first").select("record_id", "customer_id")
    named = people.select(record_id="customer_id", customer_id="person_id")
    assert first.sort("record_id").equals(named.sort("record_id"))
    assert clean("identities", identities.lazy(), "Asia/Shanghai").rejected.is_empty()


def test_kinds_come_in_their_shares(pairs: pl.DataFrame) -> None:
    counts = dict(pairs["key_kind"].value_counts().iter_rows())
    assert counts == {kind: round(20_000 * DUPLICATE_SHARE * share) for kind, share in DUPLICATES.items()}


def test_what_records_of_one_person_share(pairs: pl.DataFrame) -> None:
    same_mobile = validators.mobile_of(pl.col("mobile")) == validators.mobile_of(pl.col("mobile_first"))
    same_email = validators.email_of(pl.col("email")) == validators.email_of(pl.col("email_first"))
    same = {
        column: pl.col(column).eq_missing(pl.col(f"{column}_first"))
        for column in ("name", "mobile", "home_address", "birth_date")
    }
    evidence = {
        "mobile_spelling": [same_mobile, ~same["mobile"], same["name"]],
        "same_email": [same_email, pl.col("mobile").is_null(), same["name"]],
        "name_typo": [~same["name"], ~same_mobile, same["home_address"], same["birth_date"]],
        "traditional": [~same["name"], pl.col("mobile").is_null(), same["home_address"], same["birth_date"]],
        "moved": [same["mobile"], ~same["home_address"], same["name"]],
    }  # fmt: skip
    for kind, expected in evidence.items():
        rows = pairs.filter(key_kind=kind)
        for place, rule in enumerate(expected):
            assert rows.select(rule.fill_null(value=False).all()).item(), (kind, place)


def test_a_second_record_is_younger_and_gets_some_of_the_orders(
    pairs: pl.DataFrame, clean_company: Company
) -> None:
    assert (pairs["registered_on"] >= pairs["registered_on_first"]).all()
    orders = clean_company.tables["orders"].join(pairs, left_on="customer_id", right_on="record_id")
    assert orders.height > 500
    owners = orders.join(clean_company.truth["orders"], on="order_id")
    assert (owners["person_id"] == owners["customer_id_right"]).all()


def test_families_share_an_address_and_are_not_one_person(clean_company: Company) -> None:
    first = clean_company.truth["identities"].filter(key_kind="first")
    people = clean_company.tables["customers"].join(first, left_on="customer_id", right_on="record_id")
    shared = people.filter(pl.col("home_address").is_duplicated())
    assert shared.height > 200
    families = shared.group_by("home_address").agg(pl.col("mobile").n_unique(), pl.len())
    assert (families["mobile"] == families["len"]).all()
