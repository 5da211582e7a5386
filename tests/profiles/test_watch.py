"""Which customers to look at first, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
Shop = dict[str, str]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}


def test_the_watch_list_by_hand(make_lab: MakeLab, shop: Shop) -> None:
    lab = make_lab(shop, **OPEN)
    assert lab.watch_list("status", ["dormant", "lost"]).customers.rows() == [
        ("bob", "dormant", *lab.classify("status").explain().row(1)[2:], 50.0, 1, 121),
        ("cai", "lost", *lab.classify("status").explain().row(2)[2:], 15.0, 1, 395),
    ]
    assert lab.watch_list("status", ["lost", "dormant", "active"], rows=2).customers[
        "customer_id"
    ].to_list() == [
        "ann",
        "bob",
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_watch_list_shows_codes_unless_the_study_says_plain(
    make_lab: MakeLab, shop: Shop, language: str
) -> None:
    masked = make_lab(shop, language=language, **OPEN).watch_list("status", ["dormant", "lost"])
    rows = masked.table().payload()["rows"]
    assert [row[0] for row in rows] == masked._lab.shown_ids(masked.customers["customer_id"]).to_list()
    assert "bob" not in json.dumps(masked.table().payload())
    plain = make_lab(shop, language=language, privacy={"ids": "plain"}, classifiers=OPEN["classifiers"])
    assert [row[0] for row in plain.watch_list("status", ["dormant"]).table().payload()["rows"]] == ["bob"]


def test_a_class_that_is_none(make_lab: MakeLab, shop: Shop) -> None:
    with pytest.raises(
        ParamsError, match=r"status has no class 'dorment'\. Did you mean 'dormant'\?.*active"
    ):
        make_lab(shop).watch_list("status", ["dorment"])


def test_nobody_to_look_at(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": "customer_id,ordered_at,amount\na,2024-06-30,5\n"}, **OPEN)
    assert isinstance(lab.watch_list("status", ["dormant", "lost"]).table(), Note)
