"""The tests of what models of value take for granted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmlab
from crmlab.lab import Lab
from crmlab.value.assumptions import regularity
from crmlab.view.findings import Note


@pytest.mark.parametrize("k", [0.6, 1.0, 2.0, 4.0])
def test_the_regularity_of_gamma_gaps_is_found(k: float) -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        scale = rng.lognormal(3, 1, 400)  # customers differ in their rates, which must not matter
        found = regularity(rng.gamma(k, scale), rng.gamma(k, scale)).k
        hits += found.low <= k <= found.high
    assert hits / 200 >= 0.91
    assert found.value == pytest.approx(k, rel=0.25)


GAPS = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=2, max_size=30)


@given(GAPS, st.integers(2, 9))
def test_neither_order_nor_unit_of_gaps_matters(gaps: list[tuple[int, int]], unit: int) -> None:
    one, two = np.array(gaps, dtype=float).T
    assert regularity(two * unit, one * unit).k == pytest.approx(regularity(one, two).k)


def test_one_customer_tells_nothing() -> None:
    found = regularity([3], [4])
    assert isnan(found.k.value)
    assert found.customers == 1


def test_cdnow_buys_at_random_and_spend_hardly_depends_on_frequency(cdnow: Lab) -> None:
    assumptions = cdnow.value.assumptions()
    verdicts = dict(assumptions.summary.select("check", "verdict").iter_rows())
    assert verdicts["regularity"] == "holds"
    assert verdicts["spearman"] != "broken"
    assert verdicts["eta_squared"] == "holds"
    # All repeat buyers are in the groups.
    repeat = cdnow.features("repeat_purchase_days").filter(repeat_purchase_days=0)
    everybody = cdnow.features("repeat_purchase_days").drop_nulls().height
    assert assumptions.groups["customers"].sum() == everybody - repeat.height


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(cdnow: Lab, language: str, check_chart: object) -> None:
    lab = crmlab.Lab(cdnow.study.model_copy(update={"language": language}), "value")
    assumptions = lab.value.assumptions()
    check_chart(assumptions.chart(), language)  # type: ignore[operator]
    assert len(assumptions.table().payload()["rows"]) == 3


def test_too_few_repeat_buyers_are_a_note_that_says_so(make_lab: object, shop: dict[str, str]) -> None:
    lab = make_lab(shop, "value")  # type: ignore[operator]
    assumptions = lab.value.assumptions()
    for shown in (assumptions.chart(), assumptions.table(), assumptions.note()):
        assert isinstance(shown, Note)
        assert "50" in shown.plain()


def test_frequent_buyers_are_told_apart(make_lab: Callable[..., Lab]) -> None:
    """Where nearly all buy more than eight times, spend that rises with frequency is still seen."""
    start = date(2024, 1, 1)
    lines = ["order_id,customer_id,ordered_at,amount"]
    for at in range(200):
        often = 15 if at % 2 else 60
        lines += [f"{at}-{n},c{at},{start + timedelta(days=2 * n)},{often}" for n in range(often)]
    lab = make_lab({"orders": "\n".join(lines)}, "value", as_of="2024-06-30", timezone="UTC")
    assumptions = lab.value.assumptions()
    assert assumptions.groups["group"].to_list() == ["1–15", "16–63"]
    assert assumptions.explained.value > 0.9
    assert assumptions.dependence == "broken"
