"""Panels whose truth is known: autocorrelated levels, season, trend, mix, sampling noise of shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from crmlab.improvement.panel import Panel, Series

START = date(2024, 4, 1)


@dataclass(frozen=True)
class World:
    """How weeks come about; ``effect`` is what the measure adds to the share of its group.

    ``correlation`` and ``spread`` are those of the weekly level, ``season`` and ``trend`` (per year) are
    shared by all groups, ``own_trend`` is the measure's group's alone. ``shift`` moves so much of the mix at
    the start to the stratum whose share is ``gap`` higher.
    """

    effect: float = 0.0
    before: int = 65
    after: int = 25
    per_week: int = 40
    correlation: float = 0.0
    spread: float = 0.0
    season: float = 0.0
    trend: float = 0.0
    own_trend: float = 0.0
    shift: float = 0.0
    gap: float = 0.0
    groups: int = 0

    def panel(self, rng: np.random.Generator) -> Panel:
        """Draw the measure's group and the groups that it leaves alone."""
        time = np.arange(-self.before, self.after, dtype=np.float64)
        years = time * 7 / 365.25
        shared = self.season * np.sin(2 * np.pi * years + 1.0) + self.trend * years
        own = self._series(rng, 0.4 + shared + self.own_trend * years + self.effect * (time >= 0), time)
        others = {
            f"group {place}": self._series(rng, 0.35 + 0.05 * place + shared, time)
            for place in range(self.groups)
        }
        return Panel(START, 7, time, own, others)

    def _series(self, rng: np.random.Generator, level: np.ndarray, time: np.ndarray) -> Series:
        noise = rng.standard_normal(len(time) + 60)
        for place in range(1, len(noise)):
            noise[place] = self.correlation * noise[place - 1] + noise[place] * (
                (1 - self.correlation**2) ** 0.5
            )
        level = level + self.spread * noise[60:]
        den = rng.poisson(self.per_week, len(time)).astype(np.float64)
        high = rng.binomial(den.astype(int), 0.3 + self.shift * (time >= 0)).astype(np.float64)
        den = np.column_stack([den - high, high])
        shares = np.clip(np.column_stack([level, level + self.gap]), 0.01, 0.99)
        return Series(rng.binomial(den.astype(int), shares).astype(np.float64), den)
