"""The register of the generated company, and what is true of it."""

from __future__ import annotations

import polars as pl

from crmlab.data.cleaning import clean
from crmlab.data.samples.company import Company
from crmlab.data.samples.improvements import improvement_table
from crmlab.data.samples.parameters import CHANGE_DAY, IMPROVEMENTS, LAST_DAY
from crmlab.data.samples.truth import truth_document
from crmlab.data.schemas import columns


def test_every_row_is_accepted_with_codes() -> None:
    cleaned = clean("improvements", improvement_table().lazy(), "Asia/Shanghai")
    assert cleaned.rejected.is_empty()
    known = {column.name: column.codes for column in columns("improvements")}
    for name in ("target_metric", "status"):
        assert set(cleaned.table[name]) <= set(known[name])


def test_what_works_began_with_the_change_and_the_rest_is_said_to_do_nothing() -> None:
    assert {each.day for each in IMPROVEMENTS if each.better} == {CHANGE_DAY}
    assert sum(not each.better for each in IMPROVEMENTS) >= 2
    assert all(each.day <= LAST_DAY for each in IMPROVEMENTS)


def test_the_truth_names_the_effect_of_each() -> None:
    empty = pl.LazyFrame(
        schema={
            **dict.fromkeys(("campaign_id", "segment", "key_kind"), pl.String),
            "treated": pl.Boolean,
            **dict.fromkeys(("p_control", "uplift"), pl.Float64),
        }
    )
    document = truth_document(1, 1, dirt=False, rows={}, truth={"contacts": empty, "identities": empty})
    told = {each["improvement_id"]: each["effect"] for each in document["improvements"]}
    assert told == {each.id: "better" if each.better else "none" for each in IMPROVEMENTS}


def test_complaints_lead_to_measures_about_the_same_thing(clean_company: Company) -> None:
    aspects = dict(clean_company.tables["improvements"].select("improvement_id", "aspect").iter_rows())
    led = clean_company.tables["complaints"].select("category", "action_id").drop_nulls().unique()
    assert led.height > 3
    for category, action in led.iter_rows():
        about = [each for each in aspects.values() if each and each in category]
        assert aspects[action] == (about[0] if about else None)
