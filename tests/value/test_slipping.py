"""Who slips away, what that costs, and that nobody is named who should not be."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import crmlab
from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.value.slipping import STATES, Slipping
from crmlab.view.findings import KeyFigures, Note
from crmlab.view.tables import Table

SOURCE = {"source": "sample", "customers": 600, "seed": 11, "dirt": False}


@pytest.fixture(scope="module")
def lab() -> Lab:
    return crmlab.open("value", data=[SOURCE], as_of="2024-12-31", language="en")


@pytest.fixture(scope="module")
def slipping(lab: Lab) -> Slipping:
    return Slipping(lab)


def test_losses_by_hand(lab: Lab, slipping: Slipping) -> None:
    listed = slipping.customers
    assert listed["loss"].is_sorted(descending=True)
    assert (listed["alive_then"] >= 0.5).all()
    fall = (listed["alive_then"] - listed["alive_now"]).clip(lower_bound=0.0)
    by_hand = listed["value"] / listed["alive_now"] * fall
    assert listed["loss"].to_list() == pytest.approx(by_hand.to_list(), rel=1e-9)
    now = lab.score("clv").scores.select("customer_id", "probability_alive", "clv")
    joined = listed.join(now, on="customer_id")
    assert joined["alive_now"].to_list() == pytest.approx(joined["probability_alive"].to_list())


def test_states_part_the_customers(slipping: Slipping) -> None:
    listed = slipping.customers
    fall = listed["alive_then"] - listed["alive_now"]
    states = dict(zip(STATES, (fall < 0.1, (fall >= 0.1) & (listed["alive_now"] >= 0.5), None), strict=True))
    for state, expected in states.items():
        if expected is not None:
            assert listed.filter(state=state).height == int(expected.sum())
    shown = slipping.summary.drop_nulls("customers")
    assert (shown["customers"] >= slipping.lab.study.privacy.smallest_group).all()
    risk = slipping.at_risk
    assert risk.value == pytest.approx(listed.filter(pl.col("state") != "steady")["loss"].sum())
    assert risk.low < risk.value < risk.high


def test_shown_customers_are_masked(slipping: Slipping) -> None:
    table = slipping.table(rows=5)
    assert isinstance(table, Table)
    assert table.frame.height == 5
    assert not set(table.frame["customer_id"]) & set(slipping.customers["customer_id"])


def test_chart_figures_and_sentences(slipping: Slipping, check_chart: Callable[..., None]) -> None:
    check_chart(slipping.chart(), "en", without=tuple(slipping.customers["customer_id"].head(5)))
    assert isinstance(slipping.figures(), KeyFigures)
    assert isinstance(slipping.states(), Table)
    said = slipping.explain()
    for text in said:
        assert f"{slipping.at_risk.customers:,}" in text
    assert "bought once" not in said.en


def test_the_loss_is_part_of_what_the_base_would_be_worth(slipping: Slipping) -> None:
    worth = slipping.lab.value.worth.total.value
    shown = slipping.figures()
    assert isinstance(shown, KeyFigures)
    loss = slipping.at_risk.value
    assert shown.figures[2][0] == f"{100 * loss / (worth + loss):.1f}%"


def test_a_model_that_sees_no_early_leavers_says_so() -> None:
    blind = {"clv": {"purchases": "bg-nbd"}}
    lab = crmlab.open("value", data=[SOURCE], as_of="2024-12-31", language="en", models=blind)
    assert "bought once" in Slipping(lab).explain().en


def test_in_chinese(check_chart: Callable[..., None]) -> None:
    lab = crmlab.open("value", data=[SOURCE], as_of="2024-12-31", language="zh")
    check_chart(lab.value.slipping.chart(), "zh")
    assert "个百分点" in lab.value.slipping.note().plain()


def test_a_fall_that_nobody_had_is_said(lab: Lab) -> None:
    nobody = Slipping(lab, days=1, least=0.99)
    assert nobody.at_risk.customers == 0
    assert "no customer" in nobody.explain().en
    assert isinstance(nobody.table(), Note)


def test_a_day_before_the_first_order_is_said(lab: Lab) -> None:
    early = Slipping(lab, days=5000)
    for part in (early.chart(), early.table(), early.states(), early.figures(), early.note()):
        assert isinstance(part, Note)


@pytest.mark.parametrize(("params", "said"), [({"days": 0}, "days is 0"), ({"least": 1.5}, "least is 1.5")])
def test_params_that_make_no_sense_are_refused(lab: Lab, params: dict[str, float], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        Slipping(lab, **params)  # type: ignore[arg-type]


def test_a_small_shop_is_told_what_is_missing(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    slipping = Slipping(make_lab(shop, "value", language="en"))
    for part in (slipping.chart(), slipping.table(), slipping.figures(), slipping.note()):
        assert isinstance(part, Note)
