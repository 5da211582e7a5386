"""One card per segment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.profiles.card import SegmentCards
from crmlab.report.outputs import VIEWS

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {
    "classifiers": {"status": {"method": "fixed_days"}},
    "privacy": {"smallest_group": 1},
}


def _company() -> dict[str, str]:
    """Return 30 active and 20 lost customers; ten of the active were lost on 31 March."""
    customers, orders, lines = (
        ["customer_id,gender"],
        ["order_id,customer_id,ordered_at,amount"],
        ["order_id,category,amount"],
    )
    for i in range(50):
        customers.append(f"c{i:02},{'女' if i < 25 else '男'}")
        days = ["2024-06-08 19:30"] if i < 30 else ["2022-01-10 09:00"]
        days += ["2024-03-15 19:30"] * (i < 20) + ["2022-03-01 19:30"] * (20 <= i < 30)
        for at, day in enumerate(days):
            orders.append(f"{i}-{at},c{i:02},{day},{100 if i < 30 else 10}")
            lines.append(f"{i}-{at},{'茶' if i % 3 else '米'},{100 if i < 30 else 10}")
    return {
        name: "\n".join(rows) + "\n"
        for name, rows in {"customers": customers, "orders": orders, "order_lines": lines}.items()
    }


def _cards(lab: Lab) -> SegmentCards:
    return SegmentCards(lab.classify("status"), lab.classify("status", as_of=date(2024, 3, 31)))


def test_a_card_by_hand(make_lab: MakeLab) -> None:
    cards = _cards(make_lab(_company(), language="en", **OPEN)).cards()
    active, lost = cards.payload()["cards"]
    assert (active["name"], lost["name"]) == ("Active · Customer status", "Lost · Customer status")
    assert [value for value, _ in active["figures"]] == ["30", "60.0%", "¥6,000", "96.8%"]
    items = dict(active["items"])
    # 30 customers spent 6,000 in 60 orders; all 50 spent 6,200 in 80.
    assert items["Mean spend"] == "¥200.00 (all customers ¥124.00, index 161)"
    assert items["Mean orders"] == "2.0 (all customers 1.6, index 125)"
    gender, weekday, daypart = items["Stands out by"].split("; ")
    assert gender.startswith("Gender “Female”: 83.3%, all customers 50.0% (index 167, 95% interval")
    assert weekday.startswith("Day of the week “Tue”: 16.7%, all customers 12.5% (index 133")
    assert daypart.startswith("Time of day “Evening (18–24)”: 100.0%, all customers 75.0% (index 133")
    assert items["Buys most often"].startswith("茶: in")
    assert items["Buys mostly on"] == "Sat 18–21 h"
    assert items["Came and left"].startswith("20 on 2024-03-31; since then 0 left, 10 came in")
    assert "90 days" in items["Definition"]
    assert dict(lost["items"])["Stands out by"].startswith("Time of day “Morning (6–11)”")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_renders_in_the_report(make_lab: MakeLab, language: str) -> None:
    cards = _cards(make_lab(_company(), language=language, **OPEN)).cards(["lost"])
    bundle = cards._repr_mimebundle_()
    payload = json.loads(json.dumps(bundle["application/vnd.crmlab.view+json"]))
    markup = VIEWS[payload["view"]].render(payload)
    assert markup.count("<section") == 1
    assert "break-inside:avoid" in markup
    assert ("流失" if language == "zh" else "Lost") in markup
    assert ("流失" if language == "zh" else "Lost") in bundle["text/plain"]
    payload["cards"][0]["name"] = "<script>"
    assert "<script>" not in VIEWS["cards"].render(payload)


def test_segments_that_have_no_card(make_lab: MakeLab, shop: dict[str, str]) -> None:
    lab = make_lab(_company(), **OPEN)
    with pytest.raises(ParamsError, match=r"status has no class 'lots'\. Did you mean 'lost'"):
        _cards(lab).cards(["lots"])
    with pytest.raises(ParamsError, match="dormant has too few customers for a card"):
        _cards(lab).cards(["dormant"])
    assert _cards(make_lab(shop, classifiers=OPEN["classifiers"])).cards().payload() == {"cards": []}


def test_a_learned_segment_has_its_own_rule_on_the_card(make_lab: MakeLab) -> None:
    kinds = make_lab(_company(), language="en", **OPEN).classify("kmeans", segments=2)
    rules = dict(kinds.classifier.rules().select("label", "rule_en").iter_rows())
    said = [dict(card["items"])["Definition"] for card in kinds.cards().payload()["cards"]]
    assert said == [rules[label] for label in kinds.scheme.ids]
    assert len(set(said)) == 2


def test_movement_is_left_out_without_an_earlier_day(make_lab: MakeLab) -> None:
    lab = make_lab(_company(), language="en", **OPEN)
    (card,) = SegmentCards(lab.classify("status")).cards(["active"]).payload()["cards"]
    assert "Came and left" not in dict(card["items"])


def test_movement_is_that_of_the_rule_on_the_card(make_lab: MakeLab) -> None:
    """A lab classifies an earlier day as the study says; the card is of other parameters."""
    lab = make_lab(_company(), language="en", **OPEN)
    strict = lab.classify("status", dormant_after_days=10, lost_after_days=15)
    said = SegmentCards(strict, lab.classify("status", as_of=date(2024, 3, 31))).cards(["lost"])
    # 31 March is 16 days after the orders of the 15th: all 50 were lost by this rule, and so they are.
    assert dict(said.payload()["cards"][0]["items"])["Came and left"].startswith(
        "50 on 2024-03-31; since then 0 left"
    )
