"""How effects are written: differences of rates in percentage points, amounts with their sign."""

from __future__ import annotations

from math import isfinite

from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.view.numbers import money, signed
from crmlab.view.tables import MISSING
from crmlab.view.texts import texts


def points(value: float) -> Text:
    """Write 0.0452 as +4.5 percentage points."""
    said = _points(value)
    return Text(f"{said} 个百分点", f"{said} pp") if isfinite(value) else Text(said, said)


def points_between(estimate: Estimate) -> Text:
    """Write the ends of an interval of percentage points."""
    low, high = _points(estimate.low), _points(estimate.high)
    return Text(f"{low} 至 {high}", f"{low} to {high}")


def _points(value: float) -> str:
    """Write with one decimal, and with two where one would hide on which side of zero it is."""
    if not isfinite(value):
        return MISSING
    return signed(100 * value, 1 if abs(value) >= 0.0005 else 2)


def amount(value: float, currency: str) -> Text:
    """Write an amount of money; an infinite one has no upper end, one that is not known is –."""
    if isfinite(value):
        return money(value, currency)
    return texts()["winback_no_limit"] if value > 0 else Text(MISSING, MISSING)


def amount_between(estimate: Estimate, currency: str) -> Text:
    """Write the ends of an interval of money."""
    low, high = amount(estimate.low, currency), amount(estimate.high, currency)
    return Text(f"{low.zh} 至 {high.zh}", f"{low.en} to {high.en}")
