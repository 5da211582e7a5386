"""The axis of a distribution: linear, or a logarithm where values are skewed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["linear", "log", "symlog"]

SKEWED = 1.0
"""Skewness above which a logarithm is drawn (Bulmer 1979, Principles of Statistics: highly skewed)."""
_TAILS = (0.01, 0.99)
_MOST_TICKS = 5
_TINY = 1e-9


@dataclass(frozen=True)
class Axis:
    """How values become places: as they are, their logarithm, or sign · ln(1 + abs / ``constant``).

    ``ends`` are round numbers, because the ends of the data are what one customer has.
    """

    kind: Kind
    ends: tuple[float, float]
    constant: float = 1.0

    def place(self, value: float) -> float:
        """Return where a value lies."""
        if self.kind == "linear":
            return value
        if self.kind == "log":
            return math.log(value)
        return math.copysign(math.log1p(abs(value) / self.constant), value)

    def reach(self, low: float, high: float) -> float:
        """Return how far two values are apart on the axis."""
        return self.place(high) - self.place(low)

    def between(self, low: float, high: float, parts: int) -> list[float]:
        """Return the values that cut the way between two into equal parts."""
        start, step = self.place(low), self.reach(low, high) / parts
        return [self._value(start + step * at) for at in range(1, parts)]

    def ticks(self) -> list[float] | None:
        """Return which values to write on a logarithm; None leaves it to the chart."""
        if self.kind == "linear":
            return None
        low, high = self.ends
        least = max(low, 0.0) or self.constant
        powers = range(math.floor(math.log10(least)), math.ceil(math.log10(max(high, least))) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            marks = [step * 10.0**power for power in powers for step in steps]
            shown = [mark for mark in marks if least * 0.999 <= mark <= high * 1.001]
            if len(shown) <= _MOST_TICKS:
                break
        return shown if self.kind == "log" else [0.0, *(mark for mark in shown if mark >= 5 * self.constant)]

    def _value(self, place: float) -> float:
        if self.kind == "linear":
            return place
        if self.kind == "log":
            return math.exp(place)
        return math.copysign(math.expm1(abs(place)) * self.constant, place)


def axis_of(values: pl.Series, linear: bool = False) -> Axis:
    """Return the axis for finite values; linear where they are not skewed, or ``linear`` says so."""
    low, high = (float(end or 0) for end in (values.min(), values.max()))  # type: ignore[arg-type]
    held = values.clip(*(values.quantile(tail) for tail in _TAILS))
    skewness = held.skew() or 0.0
    if linear or not skewness > SKEWED:  # it is NaN where all are equal
        return Axis("linear", _apart(_down(low), -_down(-high)))
    if _down(low) > 0:
        return Axis("log", _apart(_down(low), -_down(-high)))
    usual = values.filter(values > 0).quantile(0.1) or 1.0
    constant = 10.0 ** math.floor(math.log10(usual))
    return Axis("symlog", _apart(_down(low), -_down(-high)), constant)


def _apart(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _down(value: float) -> float:
    """Return the next lower number of two digits."""
    if abs(value) < _TINY:
        return 0.0 if value >= 0 else -_TINY
    digits = 1 - math.floor(math.log10(abs(value)))
    steps = math.floor(value * 10.0**digits)
    # A step up or down, because the product may be off by a rounding.
    return next(end for step in (1, 0, -1) if (end := round((steps + step) * 10.0**-digits, digits)) <= value)
