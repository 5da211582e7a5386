"""Numbers inside sentences and chart titles."""

from __future__ import annotations

import math

from crmlab.labels import Text
from crmlab.view.tables import MINUS, MISSING, SYMBOLS


def count(value: float) -> str:
    """Write 1234 as 1,234."""
    return f"{value:,.0f}".replace("-", MINUS)


def percent(value: float | None, decimals: int = 1) -> str:
    """Write 0.153 as 15.3%."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:.{decimals}%}".replace("-", MINUS)


def decimal(value: float, decimals: int = 2) -> str:
    """Write 0.5234 as 0.52."""
    return MISSING if math.isnan(value) else f"{value:,.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int = 0) -> str:
    """Write 12.4 as +12."""
    return f"{value:+,.{decimals}f}".replace("-", MINUS)


def money(value: float, currency: str) -> Text:
    """Write 4593022 as ¥459.3 万 in Chinese and ¥4.59M in English."""
    sign = MINUS if value < 0 else ""
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return Text(f"{sign}{symbol}{_zh(abs(value))}", f"{sign}{symbol}{_en(abs(value))}")


def interval(low: float | None, high: float | None) -> Text:
    """Write an interval of shares with its meaning: (95 % 区间 12.0%–15.1%)."""
    ends = f"{percent(low)}–{percent(high)}"
    return Text(f"（95% 区间 {ends}）", f" (95% interval {ends})")


def _zh(value: float) -> str:
    for unit, name in ((1e8, " 亿"), (1e4, " 万")):
        if value >= unit:
            return f"{value / unit:,.1f}{name}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"


def _en(value: float) -> str:
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            return f"{value / (1e3 if name == 'k' else unit):,.{0 if name == 'k' else 2}f}{name}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
