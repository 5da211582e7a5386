"""Alerts speak where a threshold is crossed beyond chance, and only there."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import pytest

from crmlab.errors import ParamsError
from crmlab.intervals import z_value
from crmlab.lab import Lab
from crmlab.movement import Movement
from crmlab.movement.alerts import Alerts
from tests.movement.histories import EARLIER, FIXED, OPEN

MakeLab = Callable[..., Lab]


def _movement(make_lab: MakeLab, gone: int, stay: int, language: str = "en", **settings: object) -> Movement:
    """Customers who were active on the earlier day; the first ``gone`` have not ordered since."""
    lines = [f"g{i},2024-03-20,10" for i in range(gone)]
    lines += [line for i in range(stay) for line in (f"s{i},2024-03-20,10", f"s{i},2024-06-20,10")]
    orders = "customer_id,ordered_at,amount\n" + "\n".join(lines) + "\n"
    lab = make_lab({"orders": orders}, language=language, **{**FIXED, **settings})
    return Movement(lab.classify("status", as_of=EARLIER), lab.classify("status"))


def test_many_left(make_lab: MakeLab) -> None:
    alerts = _movement(make_lab, 60, 40).alerts()
    best, fell, rose = alerts.texts
    assert best.en.startswith(
        "Since 2024-03-31, 60 of 100 customers in Active (60.0%, 95% interval 50.2%–69.1%)"
    )
    assert "Active fell from 100.0% to 40.0% (−60.0 points" in fell.en
    assert "Dormant rose from 0.0% to 60.0% (+60.0 points" in rose.en
    assert all(text.zh.endswith("。") for text in alerts.texts)
    note = alerts.note()
    assert note is not None
    assert note.kind == "warning"


def test_nothing_crosses(make_lab: MakeLab) -> None:
    alerts = Alerts(_movement(make_lab, 6, 94))
    # 6 of 100: an interval from 2.8 % to 12.5 %, surely below a fifth; a change of 1.3 to 10.7 points.
    assert alerts.texts == []
    assert alerts.note() is None
    assert len(Alerts(_movement(make_lab, 6, 94), share_change=0.01, best_left=0.02).texts) == 3
    # Beyond both limits, but not beyond chance.
    assert Alerts(_movement(make_lab, 6, 94), share_change=0.05, best_left=0.05).texts == []


def test_the_interval_of_a_change_by_hand(make_lab: MakeLab) -> None:
    """All known on both days: the variance of paired differences −1 (60 times) and 0 (40 times)."""
    row = Alerts(_movement(make_lab, 60, 40)).summary.row(0, named=True)
    reach = z_value(0.95) * sqrt(60 * 0.4**2 + 40 * 0.6**2) / 100
    assert row["change"] == pytest.approx(-0.6)
    assert (row["low"], row["high"]) == (pytest.approx(-0.6 - reach), pytest.approx(-0.6 + reach))


def test_small_classes_raise_no_alert(make_lab: MakeLab) -> None:
    movement = _movement(make_lab, 3, 4, privacy={"smallest_group": 5})
    assert Alerts(movement, 0.0, 0.0).texts == []
    assert len(Alerts(_movement(make_lab, 3, 4, privacy=OPEN["privacy"]), 0.0, 0.0).texts) == 3


def test_thresholds_are_shares(make_lab: MakeLab) -> None:
    movement = _movement(make_lab, 1, 1)
    with pytest.raises(ParamsError, match="share_change is 2; it is a share"):
        Alerts(movement, share_change=2)
    with pytest.raises(ParamsError, match="best_left is -1"):
        Alerts(movement, best_left=-1)
