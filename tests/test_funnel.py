"""The funnel of stages: counted by hand on a small shop, and discreet about the few."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.funnel import Funnel
from crmlab.lab import Lab

MakeLab = Callable[..., Lab]


def _shop(prospects: int, once: int, twice: int, lost: int) -> dict[str, str]:
    """Return customers who registered on one day and bought never, once, twice, or once long ago."""
    customers, orders = ["customer_id,registered_on"], ["order_id,customer_id,ordered_at,amount"]
    kinds = {
        "p": (prospects, ()),
        "o": (once, ("2024-06-10",)),
        "t": (twice, ("2024-01-11", "2024-05-31")),
        "l": (lost, ("2023-06-21",)),
    }
    for kind, (number, days) in kinds.items():
        for i in range(number):
            customers.append(f"{kind}{i},2023-06-01")
            orders += [f"{kind}{i}-{day},{kind}{i},{day},10" for day in days]
    return {"customers": "\n".join(customers) + "\n", "orders": "\n".join(orders) + "\n"}


def _rows(funnel: Funnel) -> dict[str, dict[str, Any]]:
    return {row.pop("stage"): row for row in funnel.summary.to_dicts()}


def test_figures(make_lab: MakeLab) -> None:
    funnel = Funnel(make_lab(_shop(20, 10, 8, 6), privacy={"smallest_group": 1}).classify("lifecycle"))
    rows = _rows(funnel)
    assert [row["reached"] for row in rows.values()] == [44, 24, 8, 6]
    assert [row["customers"] for row in rows.values()] == [20, 10, 8, 6]
    assert [row["conversion"] for row in rows.values()] == [None, 24 / 44, 8 / 24, 6 / 24]
    assert rows["new"]["conversion_low"] == pytest.approx(0.4007, abs=1e-4)
    # 20 days to the first order for the lost, 224 for those with two, 375 for the latest.
    assert (rows["new"]["days"], rows["new"]["timed"]) == (224.0, 24)
    assert (rows["new"]["days_low"], rows["new"]["days_high"]) == (224.0, 375.0)
    assert rows["existing"]["days"] == 141.0
    assert [row["days_in_stage"] for row in rows.values()] == [395.0, 20.0, 30.0, 194.0]


def test_entries_are_kept(make_lab: MakeLab) -> None:
    funnel = Funnel(make_lab(_shop(1, 1, 1, 1), privacy={"smallest_group": 1}).classify("lifecycle"))
    entries = funnel.entries.filter(pl.col("customer_id") == "t0")
    assert entries.to_dicts() == [
        {
            "customer_id": "t0",
            "label": "existing",
            "entered_on": date(2024, 5, 31),
            "days_in_stage": 30,
            "prospect_on": date(2023, 6, 1),
            "new_on": date(2024, 1, 11),
            "existing_on": date(2024, 5, 31),
            "lost_on": None,
        }
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["lifecycle", "customer-need-stage", "loyalty-stage", "lifecycle-stages"])
def test_views(make_lab: MakeLab, check_chart: Callable[..., None], name: str, language: str) -> None:
    segmentation = make_lab(_shop(20, 10, 8, 12), language=language).classify(name)
    funnel = Funnel(segmentation)
    check_chart(funnel.chart(), language, without=("t0",))
    html = funnel.table()._repr_mimebundle_()["text/html"]
    for label in segmentation.scheme.labels:
        assert label.text.to(language) in html
    assert "t0" not in html


def test_without_prospects_there_is_no_conversion_of_them(make_lab: MakeLab) -> None:
    funnel = Funnel(make_lab(_shop(0, 10, 10, 10)).classify("lifecycle"))
    rows = _rows(funnel)
    assert (rows["new"]["reached"], rows["new"]["conversion"]) == (30, None)
    assert rows["existing"]["conversion"] == 10 / 30
    assert "无从计算" in funnel.table()._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("sizes", [(20, 3, 20, 20), (20, 20, 3, 20), (3, 20, 20, 20), (20, 20, 20, 3)])
def test_few_customers_cannot_be_computed(make_lab: MakeLab, sizes: tuple[int, int, int, int]) -> None:
    summary = Funnel(make_lab(_shop(*sizes), privacy={"smallest_group": 10}).classify("lifecycle")).summary
    journey = summary.head(3)["reached"].drop_nulls().to_list()
    known = dict(summary.select("stage", "customers").iter_rows())
    assert all(not n or n >= 10 for n in [*journey, *(n for n in known.values() if n is not None)])
    assert all(before - after == 0 or before - after >= 10 for before, after in pairwise(journey))
    assert summary.select(pl.any_horizontal(pl.col("reached", "customers").is_null()).any()).item()


def test_a_scheme_without_stages_has_no_funnel(make_lab: MakeLab, shop: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match="'status' has no stages"):
        Funnel(make_lab(shop).classify("status"))
