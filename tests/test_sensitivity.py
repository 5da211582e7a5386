"""Sensitivity to a convention, by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
FIXED: dict[str, Any] = {"classifiers": {"status": {"method": "fixed_days"}}}
OPEN: dict[str, Any] = {**FIXED, "privacy": {"smallest_group": 1}}


def _many(n: int = 60) -> dict[str, str]:
    lines = ["customer_id,ordered_at,amount"]
    for i in range(n):
        for order in range(1 + i % 4):
            day = date(2024, 6, 30) - timedelta(days=(i * 37 + order * 53) % 400)
            lines.append(f"c{i:03},{day},{5 + i}")
    return {"orders": "\n".join(lines) + "\n"}


def test_few_changes_are_not_told(make_lab: MakeLab) -> None:
    plain = make_lab(_many(), **OPEN).classify("rfm").sensitivity("convention", ["r_rfm", "nested"]).summary
    lab = make_lab(_many(), language="en", privacy={"smallest_group": plain["changed"].max()})
    shown = lab.classify("rfm").sensitivity("convention", ["r_rfm", "nested"])
    for told, changed in zip(shown.summary["changed"], plain["changed"], strict=True):
        assert told == (changed if changed == plain["changed"].max() or changed == 0 else None)
    assert "fewer than" in shown.table().payload()["note"]


def test_sensitivity_by_hand(make_lab: MakeLab) -> None:
    lab = make_lab(_many(), language="en", **OPEN)
    base = lab.classify("rfm").labels["label"]
    summary = lab.classify("rfm").sensitivity("convention", ["value_quintile", "r_rfm", "nested"]).summary
    assert summary.select("value", "customers").rows() == [("r_rfm", 60), ("nested", 60)]
    for value, _, changed, share, low, high in summary.iter_rows():
        other = lab.classify("rfm", convention=value).labels["label"]
        assert changed == sum(a != b for a, b in zip(base, other, strict=True))
        assert (share, low, high) == (changed / 60, *wilson(changed, 60))
    assert summary["changed"].max() > 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sensitivity_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    lab = make_lab(_many(), language=language)
    sensitivity = lab.classify("rfm").sensitivity("convention", ["r_rfm", "nested"])
    check_chart(sensitivity.chart(), language, most_rows=2)
    table = sensitivity.table().payload()
    assert len(table["columns"]) == 5
    assert all(row[0] and row[1] for row in table["rows"])


def test_sensitivity_to_any_parameter(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    lab = make_lab(_many(), **FIXED)
    sensitivity = lab.classify("status").sensitivity("lost_after_days", [120, 365])
    check_chart(sensitivity.chart(), "zh", most_rows=2)
    table = sensitivity.table().payload()
    assert [row[0] for row in table["rows"]] == ["120", "365"]
    assert len(table["columns"]) == 4
    with pytest.raises(ParamsError, match="has no parameter 'lost_after'"):
        lab.classify("status").sensitivity("lost_after", [1])
    with pytest.raises(ParamsError, match="lost_after_days: Input should be a valid"):
        lab.classify("status").sensitivity("lost_after_days", ["soon"]).chart()


def test_values_that_cannot_be_compared_have_no_row(make_lab: MakeLab) -> None:
    lab = make_lab(_many(), **FIXED)
    # Lost before dormant does not fit, two scores lead to other names.
    for sensitivity in (
        lab.classify("status").sensitivity("lost_after_days", [30]),
        lab.classify("rfm").sensitivity("convention", ["median_binary"]),
    ):
        assert sensitivity.summary.is_empty()
        assert isinstance(sensitivity.chart(), Note)
        assert sensitivity.table() is None


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,5\n", "a,2024-01-01,5\nb,2024-01-01,5\n"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_hardly_any_customers(
    make_lab: MakeLab, check_chart: Callable[..., None], rows: str, language: str
) -> None:
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}, language=language, **FIXED)
    sensitivity = lab.classify("rfm").sensitivity("convention", ["nested"])
    check_chart(sensitivity.chart(), language)
    assert sensitivity.table().plain()
