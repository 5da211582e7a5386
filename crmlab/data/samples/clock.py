"""Days and seconds of the period as the text that files hold."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from crmlab.data.samples.draws import Bools, Floats, Ints
from crmlab.data.samples.parameters import DAYS, FIRST_DAY

DAY = 86_400
"""Seconds."""
END = DAYS * DAY
"""The end of the period in seconds from its beginning."""

_START = (FIRST_DAY - date(1970, 1, 1)).days * DAY
_WAKING = np.array([1, 0, 0, 0, 0, 0, 1, 2, 4, 6, 7, 6, 6, 5, 5, 5, 5, 5, 6, 8, 10, 10, 8, 4], dtype=float)
"""How often things happen in each hour of the day."""


def day_text(days: Ints) -> pl.Series:
    """Write days of the period as 2024-03-05."""
    return _local(days * DAY).dt.to_string("%Y-%m-%d")


def moment_text(seconds: Ints | Floats, known: Bools | None = None) -> pl.Series:
    """Write seconds from the beginning of the period as 2024-03-05 14:03:22; null where not ``known``."""
    text = _local(np.asarray(seconds).astype(np.int64)).dt.to_string("%Y-%m-%d %H:%M:%S")
    return text if known is None else pl.select(pl.when(pl.Series(known)).then(pl.lit(text))).to_series()


def time_of_day(rng: np.random.Generator, size: int, opens: int = 0, closes: int = 24) -> Ints:
    """Draw seconds since midnight, as busy as people are, between two full hours."""
    chances = np.cumsum(_WAKING[opens:closes])
    hour = opens + np.searchsorted(chances / chances[-1], rng.random(size), side="right")
    return (hour * 3600 + rng.integers(0, 3600, size)).astype(np.int64)


def _local(seconds: Ints) -> pl.Series:
    return ((pl.Series(seconds) + _START) * 1000).cast(pl.Datetime("ms"))
