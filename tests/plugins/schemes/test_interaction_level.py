"""The rate of interactions, and its tiers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from preference_tables import at, built, table

import crmlab
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.interactions import InteractionRate
from crmlab_plugins.schemes.interaction_level import InteractionLevel


@parametrize_with_checks([InteractionLevel(), InteractionLevel(cut_points=(0.2, 1.0))])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _calls(customer: str, *days_ago: int, direction: str = "inbound") -> list[dict[str, object]]:
    return [{"customer_id": customer, "happened_at": at(ago), "direction": direction} for ago in days_ago]


def test_a_steady_customer_has_the_same_rate_whatever_the_half_life() -> None:
    calls = table(*_calls("steady", *range(0, 720, 15)), *_calls("once", 700))
    for half_life in (30, 90, 1000):
        made = built(InteractionRate(half_life_days=half_life), interactions=calls)
        assert made["steady"]["interaction_rate"] == pytest.approx(2.0, rel=0.2)


def test_what_is_long_ago_counts_less() -> None:
    calls = table(*_calls("lately", 10), *_calls("long_ago", 190), *_calls("none", 5, direction="outbound"))
    made = built(InteractionRate(half_life_days=90), interactions=calls)
    rates = {name: row["interaction_rate"] for name, row in made.items()}
    assert rates["lately"] / rates["long_ago"] == pytest.approx(4, rel=1e-5)
    assert made["none"]["interaction_rate"] == 0
    assert made["none"]["interaction_count"] == 0


def test_new_customers_are_measured_since_they_are_known() -> None:
    calls = table(*_calls("old", 700, 20), *_calls("new", 20))
    customers = table(
        {"customer_id": "new", "registered_on": at(40).date()},
        {"customer_id": "old", "registered_on": at(2000).date()},
    )
    made = built(InteractionRate(), interactions=calls, customers=customers)
    assert made["new"]["interaction_rate"] > 2 * made["old"]["interaction_rate"]


def test_opened_clicked_and_answered_contacts_count_from_their_own_day() -> None:
    contacts = table(
        {
            "customer_id": "a",
            "contacted_at": at(30),
            "opened_at": at(29),
            "clicked_at": at(29),
            "responded_at": at(-2),
        },
        {
            "customer_id": "b",
            "contacted_at": at(30),
            "opened_at": None,
            "clicked_at": None,
            "responded_at": None,
        },
    )
    made = built(InteractionRate(), contacts=contacts)
    assert {name: row["interaction_count"] for name, row in made.items()} == {"a": 2, "b": 0}


def test_without_any_record_nobody_has_a_rate() -> None:
    made = built(InteractionRate(), customers=table({"customer_id": "a"}))
    assert made["a"]["interaction_rate"] is None
    frame = pl.DataFrame(
        {"customer_id": ["a"], "interaction_rate": [None]}, schema_overrides={"interaction_rate": pl.Float64}
    )
    level = InteractionLevel().fit(frame)
    assert level.predict(frame).to_list() == ["unclassified"]
    assert level.explain(frame)["zh"][0] == "缺少互动或活动触达记录"


def test_customers_without_interactions_do_not_move_the_cut_points() -> None:
    rates = [0.0] * 90 + [1.0, 2.0, 3.0]
    frame = pl.DataFrame({"customer_id": [f"c{i}" for i in range(93)], "interaction_rate": rates})
    level = InteractionLevel().fit(frame)
    assert level.predict(frame).to_list() == ["low"] * 91 + ["mid", "high"]
    assert "没有互动的客户归入低互动" in level.definition().zh


def test_wrong_half_life() -> None:
    with pytest.raises(ParamsError, match="half_life_days is 0"):
        InteractionRate.from_params({"half_life_days": 0})


def test_it_foretells_who_will_interact_in_the_generated_company() -> None:
    """Inquiries follow orders there: who was in touch will be in touch more often than who was not."""
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    day = date(2024, 6, 30)
    labels = lab.classify("interaction-level", as_of=day, learned_on=day).labels
    later = lab.tables["interactions"].filter(
        pl.col("happened_at").dt.date() > day, pl.col("direction") == "inbound"
    )
    seen = labels.with_columns(again=pl.col("customer_id").is_in(later["customer_id"].implode()))
    share = dict(seen.group_by("label").agg(pl.col("again").mean()).iter_rows())
    assert share["high"] > share["mid"] > share["low"]
    assert share["high"] > 2 * share["low"]
