"""The win-back report: list, plan, evaluation and rankings on a generated company and on small shops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab.targeting import WinBack
from crmlab.view.findings import KeyFigures, Note, Sections
from crmlab.view.tables import Table

SOURCE = {"source": "sample", "customers": 1500, "seed": 3, "dirt": False}

Make = Callable[..., Lab]


def _lab(language: str = "en", **params: Any) -> Lab:
    models = {"win-back": params}
    return crmlab.open("segmentation", data=[SOURCE], as_of="2024-12-31", language=language, models=models)


@pytest.fixture(scope="module")
def limited() -> WinBack:
    """A list within a budget of 60 at 2 a contact."""
    return WinBack(_lab(budget=60.0, contact_cost=2.0, control_share=0.2))


def test_the_list_keeps_to_budget_consent_and_audience(limited: WinBack) -> None:
    listed = limited.targets
    assert listed is not None
    assert (listed.contacted.height, listed.cost) == (30, 60.0)
    assert listed.control.height == pytest.approx(0.2 * listed.customers.height, abs=1)
    assert set(listed.customers["label"]) <= {"status.dormant", "status.lost"}
    asked = limited.lab.tables["customers"].select("customer_id", "marketing_consent")
    consent = listed.customers.join(asked, on="customer_id")["marketing_consent"]
    assert consent.to_list() == [True] * listed.customers.height
    gains = listed.customers["expected_gain"]
    assert gains.to_list() == sorted(gains, reverse=True)
    counted = sum(listed.left_out.values()) + listed.customers.height
    labels = limited.lab.classify("status").labels
    assert counted == listed.candidates == labels.filter(pl.col("label").is_in(["dormant", "lost"])).height
    assert listed.left_out["refused"] > 0


def test_the_gain_is_uplift_times_value_less_cost(limited: WinBack) -> None:
    listed = limited.targets
    assert listed is not None
    assert listed.basis == "measured"
    expected = (listed.contacted["uplift"] * listed.contacted["value"] - 2).sum()
    assert listed.expected_gain.value == pytest.approx(expected)
    assert listed.expected_gain.low < expected < listed.expected_gain.high


def test_the_same_seed_draws_the_same_control_group(limited: WinBack) -> None:
    params = {"budget": 60.0, "contact_cost": 2.0, "control_share": 0.2}
    again, other = WinBack(_lab(**params)).targets, WinBack(_lab(**params, seed=1)).targets
    assert limited.targets is not None
    assert again is not None
    assert other is not None
    assert limited.targets.customers.equals(again.customers)
    assert not limited.targets.control.equals(other.control)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_is_shown_in_both_languages(language: str, check_chart: Callable[..., None]) -> None:
    back = WinBack(_lab(language, capacity=40))
    shown = back.list(5)
    assert isinstance(shown, Table)
    assert shown.frame.height == 5
    assert not set(shown.frame["customer_id"]) & set(back.lab.tables["customers"]["customer_id"])
    assert isinstance(back.figures(), KeyFigures)
    assert isinstance(back.plan(), Table)
    found, curves = back.evaluation(), back.curves()
    assert isinstance(found, Sections)
    assert isinstance(curves, Sections)
    for part in [*found.parts, *curves.parts]:
        if hasattr(part, "to_dict"):
            check_chart(part, language, without=tuple(back.lab.tables["customers"]["customer_id"][:50]))
    tables = [part for part in [*found.parts, *curves.parts, shown, back.plan()] if isinstance(part, Table)]
    assert len(tables) == 4
    for table in tables:
        assert "None" not in Table.render(table.payload())
    sentences = [text.to(back.lab.language) for text in back.findings()]
    assert len(sentences) == 2
    assert "40" in sentences[0]


def test_the_plan_says_what_this_list_can_show(limited: WinBack) -> None:
    plan = limited.plan()
    assert isinstance(plan, Table)
    this, expected = plan.frame.row(0, named=True), plan.frame.row(1, named=True)
    assert (this["treated"], this["total"]) == (30, limited.targets and limited.targets.customers.height)
    assert this["uplift"] > expected["uplift"]
    assert expected["total"] > this["total"]
    assert plan.note is not None
    assert "too small" in plan.note.en


def test_what_a_run_keeps_has_ids_for_the_company(limited: WinBack) -> None:
    assert limited.targets is not None
    assert limited.results is not None
    assert limited.rankings
    saved = limited.saved_tables()
    assert set(saved) == {"win_back_list", "win_back_campaigns", "win_back_curves"}
    assert set(saved["win_back_list"]["arm"]) == {"treatment", "control"}
    assert saved["win_back_campaigns"]["campaign_id"].to_list() == [f"CP0{n}" for n in range(1, 7)]
    assert WinBack(limited.lab).saved_tables() == {}


def test_no_ranking_is_sold_that_does_not_beat_chance(limited: WinBack) -> None:
    (verdict,) = [part for part in limited.curves().parts if isinstance(part, Note)]  # type: ignore[union-attr]
    best = limited.rankings[0]
    assert isinstance(verdict.text, Text)
    assert best.curve.qini_coefficient == max(each.curve.qini_coefficient for each in limited.rankings)
    assert best.beats_chance == (not verdict.text.en.startswith("No ranking"))


SHOP = {
    "orders": "order_id,customer_id,ordered_at,amount\n"
    + "".join(f"{i},c{i:02},2024-0{1 + i % 3}-10,{50 + i}\n" for i in range(30)),
}
CONTACTS = "contact_id,campaign_id,customer_id,contacted_at,arm,cost\n" + "".join(
    f"{i},m1,c{i:02},2024-05-01,{{}},1\n" for i in range(30)
)


def test_without_past_campaigns_the_uplift_is_an_assumption(make_lab: Make) -> None:
    back = make_lab(SHOP, "segmentation", language="en").win_back
    assert back.targets is not None
    assert back.targets.basis == "assumed"
    assert not back.targets.consent_known
    assert "no experiment has shown" in back.findings()[0].en
    said = back.note()
    assert isinstance(said, Sections)
    formula, listing = said.parts
    assert isinstance(formula, Note)
    assert isinstance(listing, Note)
    assert "is assumed" in formula.plain()
    assert "average order value" in formula.plain()
    assert "counts revenue and not profit" in formula.plain()
    assert "marketing_consent" in listing.plain()
    assert listing.kind == "warning"
    for part in (back.evaluation(), back.curves()):
        assert isinstance(part, Note)


def test_without_a_control_group_it_says_association_only(make_lab: Make) -> None:
    tables = {**SHOP, "contacts": CONTACTS.replace("{}", "treatment")}
    back = make_lab(tables, "segmentation", language="en").win_back
    found = back.evaluation()
    assert isinstance(found, Sections)
    notes = [part for part in found.parts if isinstance(part, Note)]
    assert any("Association only" in part.plain() for part in notes)
    assert not any(hasattr(part, "to_dict") for part in found.parts)
    assert "association only" in back.findings()[-1].en
    assert isinstance(back.curves(), Note)


def test_small_arms_are_not_shown(make_lab: Make) -> None:
    lines = CONTACTS.split("\n")
    arms = [line.replace("{}", "control" if at < 4 else "treatment") for at, line in enumerate(lines)]
    back = make_lab({**SHOP, "contacts": "\n".join(arms)}, "segmentation", language="en").win_back
    found = back.evaluation()
    assert isinstance(found, Sections)
    assert not any(isinstance(part, Table) for part in found.parts)
    assert "an arm of fewer than" in found.parts[-1].plain()  # type: ignore[attr-defined]
    assert len(back.findings()) == 1  # the list; four held out say nothing of the campaign
    assert back.saved_tables()["win_back_campaigns"].height == 0


def test_arms_unlike_the_plan_are_a_warning(make_lab: Make) -> None:
    arms = [
        line.replace("{}", "control" if at % 2 else "treatment")
        for at, line in enumerate(CONTACTS.split("\n"))
    ]
    models = {"win-back": {"planned_treated": {"m1": 0.95}}}
    back = make_lab(
        {**SHOP, "contacts": "\n".join(arms)}, "segmentation", language="en", models=models
    ).win_back
    found = back.evaluation()
    assert isinstance(found, Sections)
    assert any("not as large as planned" in part.plain() for part in found.parts if isinstance(part, Note))
    assert "association only" in back.findings()[-1].en


def test_a_campaign_that_contacted_nobody_known_is_said_in_words(make_lab: Make) -> None:
    arms = [line.replace("{}", "control" if at < 9 else "") for at, line in enumerate(CONTACTS.split("\n"))]
    back = make_lab({**SHOP, "contacts": "\n".join(arms)}, "segmentation", language="en").win_back
    found = back.evaluation()
    assert isinstance(found, Sections)
    assert "22 without an arm" in found.parts[-1].plain()  # type: ignore[attr-defined]
    assert len(back.findings()) == 1


def test_nobody_is_taken_out_of_a_campaign_that_still_runs(make_lab: Make) -> None:
    """Contacted on 1 May: with a window of 61 days, on 30 June the last day of it is to come."""
    tables = {**SHOP, "contacts": CONTACTS.replace("{}", "treatment").replace(",c00,", ",c29,")}
    listed = {}
    for days in (60, 61):
        models = {"win-back": {"window_days": days, "contact_cost": 0.1}}
        back = make_lab(tables, "segmentation", language="en", models=models).win_back
        assert back.targets is not None
        listed[days] = back.targets
        shown = [part.plain() for part in back.note().parts if isinstance(part, Note)]  # type: ignore[union-attr]
        assert ("days of observation are not over" in shown[-1]) == (days == 61)
    assert listed[60].left_out["running"] == 0
    assert listed[61].left_out["running"] == listed[61].candidates - 1
    assert listed[61].customers["customer_id"].to_list() == ["c00"]


def test_another_day_holds_out_others(make_lab: Make) -> None:
    drawn = []
    for day in ("2024-06-30", "2024-07-01"):
        back = make_lab(SHOP, "segmentation", as_of=day).win_back
        assert back.targets is not None
        drawn.append((back.targets.customers["customer_id"].to_list(), back.targets.control["customer_id"]))
    assert drawn[0][0] == drawn[1][0]
    assert not drawn[0][1].equals(drawn[1][1])


def test_the_file_for_a_call_centre_has_ids_and_nobody_held_out(limited: WinBack, tmp_path: Path) -> None:
    assert limited.targets is not None
    note = limited.save_list(tmp_path / "calls.csv")
    assert "30" in note.plain()
    rows = pl.read_csv(tmp_path / "calls.csv")
    assert rows["Customer ID"].to_list() == limited.targets.contacted["customer_id"].to_list()
    assert not set(rows["Customer ID"]) & set(limited.targets.control["customer_id"])
    for wrong in ("calls.xlsx", "nowhere/calls.csv"):
        with pytest.raises(ParamsError, match=r"must end in \.csv"):
            limited.save_list(tmp_path / wrong)


def test_limits_that_leave_nobody_are_said_in_words(make_lab: Make) -> None:
    dear = {"win-back": {"contact_cost": 500.0}}
    back = make_lab(SHOP, "segmentation", language="en", models=dear).win_back
    said = back.list()
    assert isinstance(said, Note)
    assert "costs more than it gains" in said.plain()
    assert back.findings() == []


def test_an_audience_that_is_no_class_is_named(make_lab: Make) -> None:
    models = {"win-back": {"audience": ["status.dormnat"]}}
    with pytest.raises(ParamsError, match=r"status\.dormnat.*dormant"):
        make_lab(SHOP, "segmentation", models=models).win_back.list()


def test_without_orders_there_is_a_note(make_lab: Make) -> None:
    back = make_lab({"customers": "customer_id\na\nb\n"}, "segmentation", language="en").win_back
    for part in (back.list(), back.figures(), back.note(), back.plan(), back.evaluation(), back.curves()):
        assert isinstance(part, Note)
    assert back.findings() == []
