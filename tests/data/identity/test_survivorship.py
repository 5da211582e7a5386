"""Survivorship: which record's value stands, and where it came from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from crmlab.data.identity.survivorship import RULES, Rule, Survivorship, survive
from crmlab.errors import ParamsError

RECORDS = pl.DataFrame(
    {
        "record_id": ["r1", "r2", "r3", "r4"],
        "customer_id": ["r1", "r1", "r1", "r4"],
        "city": ["北京", "上海市浦东", None, "成都"],
        "points": [3, 1, 2, 9],
        "mobile": [None, "13800000002", "13800000003", None],
        "note": [None, "x", None, None],
        "source": ["crm", "shop", "app", "crm"],
        "updated_at": [datetime(2024, month, 1, tzinfo=UTC) for month in (3, 2, 5, 1)],
    }
)


@pytest.mark.parametrize(
    ("rule", "city", "points", "mobile"),
    [
        ("newest", "北京", 2, "13800000003"),
        ("most_complete", "上海市浦东", 1, "13800000002"),
        ("trusted_source", "上海市浦东", 1, "13800000002"),
        ("longest", "上海市浦东", 2, "13800000003"),
        ("smallest", "上海市浦东", 1, "13800000002"),
        ("largest", "北京", 3, "13800000003"),
    ],
)
def test_each_rule_keeps_the_value_that_it_names(rule: Rule, city: str, points: int, mobile: str) -> None:
    found = survive(RECORDS, Survivorship(rule, trusted_sources=("shop", "app")))
    assert found.customers.select("city", "points", "mobile").row(0) == (city, points, mobile)
    assert found.customers.row(1, named=True) == RECORDS.drop("record_id").row(3, named=True)


def test_every_rule_is_tested_and_named() -> None:
    assert set(RULES) == {"newest", "most_complete", "trusted_source", "longest", "smallest", "largest"}
    assert all(text.zh and text.en for text in RULES.values())


def test_fields_may_have_rules_of_their_own() -> None:
    found = survive(RECORDS, Survivorship("newest", {"points": "largest"}))
    assert found.customers.select("city", "points").row(0) == ("北京", 3)
    origin = found.provenance.filter(pl.col("customer_id") == "r1").select("field", "record_id", "rule")
    assert origin.rows() == [
        ("city", "r1", "newest"),
        ("mobile", "r3", "newest"),
        ("note", "r2", "newest"),
        ("points", "r1", "largest"),
        ("source", "r3", "newest"),
        ("updated_at", "r3", "largest"),
    ]


def test_conflicts_list_the_values_that_did_not_survive() -> None:
    found = survive(RECORDS, Survivorship()).conflicts
    assert found.rows() == [
        ("r1", "city", "r1", "newest", "北京", ["上海市浦东"]),
        ("r1", "mobile", "r3", "newest", "13800000003", ["13800000002"]),
        ("r1", "points", "r3", "newest", "2", ["1", "3"]),
    ]


def test_a_refusal_of_marketing_stands() -> None:
    records = pl.DataFrame(
        {"record_id": ["a", "b"], "customer_id": ["a", "a"], "marketing_consent": [True, False],
         "updated_at": [datetime(2024, 2, 1), datetime(2024, 1, 1)]}
    )  # fmt: skip
    assert survive(records, Survivorship()).customers["marketing_consent"].to_list() == [False]


def test_without_times_and_sources_the_result_does_not_depend_on_the_order() -> None:
    records = RECORDS.drop("updated_at", "source", "note")
    there = survive(records, Survivorship())
    back = survive(records.reverse(), Survivorship())
    assert there.customers.equals(back.customers)
    assert there.provenance.equals(back.provenance)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"default": "newst"}, "Did you mean 'newest'"),
        ({"fields": {"city": "oldest"}}, "'oldest' is no rule of survivorship"),
        ({"default": "trusted_source"}, "needs `trusted_sources`"),
    ],
)
def test_rules_that_do_not_exist(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        Survivorship(**given)


def test_a_rule_for_a_field_that_is_not_there() -> None:
    with pytest.raises(ParamsError, match=r"'cty', which the customers lack\. Did you mean 'city'"):
        survive(RECORDS, Survivorship(fields={"cty": "longest"}))


HOMES = pl.DataFrame(
    {
        "record_id": ["r1", "r2", "r3"],
        "customer_id": "r1",
        "province": ["广东省", None, None],
        "city": ["广州", "上海市", "上海"],
        "home_address": ["天河路1号", None, "南京路2号"],
        "postcode": ["510000", None, None],
        "email": ["a@qq.com", None, None],
        "updated_at": [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 3, 2)],
    }
)


def test_an_address_is_not_put_together_of_two() -> None:
    found = survive(HOMES, Survivorship())
    assert found.customers.select("province", "city", "home_address", "postcode", "email").row(0) == (
        None, "上海市", "南京路2号", None, "a@qq.com",
    )  # fmt: skip
    origin = found.provenance.select("field", "record_id").rows()
    assert {("city", "r2"), ("home_address", "r3"), ("email", "r1")} <= set(origin)
    assert "province" not in dict(origin)
    told = found.conflicts.filter(pl.col("field") == "province")
    assert told.rows() == [("r1", "province", None, "newest", None, ["广东省"])]


@pytest.mark.parametrize("rules", [Survivorship("longest"), Survivorship("newest", {"province": "newest"})])
def test_a_rule_of_its_own_chooses_a_field_by_itself(rules: Survivorship) -> None:
    assert survive(HOMES, rules).customers["province"].to_list() == ["广东省"]
