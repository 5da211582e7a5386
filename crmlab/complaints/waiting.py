"""How long complaints wait: Kaplan–Meier, so that those still open count for as long as they are."""

from __future__ import annotations

from math import ceil, nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.intervals import z_value
from crmlab.retention.kaplan_meier import KaplanMeier, kaplan_meier
from crmlab.segments.separation import Estimate
from crmlab.view.numbers import decimal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.complaints.log import ClockName, Measure

    Floats = NDArray[np.float64]

_MINUTES = 60
_POINTS = 60

TIMES: dict[str, Any] = {
    "complaints": pl.Int64(),
    "open": pl.Int64(),
    "unknown": pl.Int64(),
    **dict.fromkeys(
        ("median", "median_low", "median_high", "p90", "p90_low", "p90_high"),
        pl.Float64(),
    ),
}
"""Columns of :func:`times`."""


def curve_of(hours: Floats, seen: NDArray[np.bool_]) -> KaplanMeier:
    """Return the curve of waits in hours (n,), to the minute; its days are minutes."""
    import numpy as np

    return kaplan_meier(np.ceil(np.asarray(hours) * _MINUTES - 1e-6).astype(np.int64).clip(0), seen)


def times(log: pl.DataFrame, measure: Measure, clock: ClockName, fewest: int = 1) -> dict[str, Any]:
    """Return median and P90 of a wait in hours, each with its 95 % interval, and what they rest on.

    ``complaints`` counts those whose wait is known or goes on, ``open`` those for whom it goes on (censored),
    ``unknown`` those left out because no time was recorded. Null where fewer than ``fewest`` are counted, or
    where too many are still open to tell.
    """
    told = log.drop_nulls(f"{measure}_seen")
    seen = told[f"{measure}_seen"].to_numpy()
    row: dict[str, Any] = dict.fromkeys(TIMES)
    row |= {"complaints": told.height, "open": int((~seen).sum()), "unknown": log.height - told.height}
    if told.height >= max(fewest, 1):
        curve = curve_of(told[f"{measure}_{clock}"].to_numpy(), seen)
        for name, left in (("median", 0.5), ("p90", 0.1)):
            found = hours_until(curve, left)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), (_known(x) for x in found), strict=True))
    return row


def hours_until(curve: KaplanMeier, left: float) -> Estimate:
    """Return after how many hours at most the share ``left`` still waits, with its interval.

    The interval are the times whose own 95 % interval of log(−log S) holds the share (Brookmeyer & Crowley
    1982, Biometrics 38:29–41), as :meth:`KaplanMeier.quantile` has it, for many times at once. NaN for what
    is not reached.
    """
    import numpy as np

    at, gone = curve.at_risk.astype(float), curve.events.astype(float)
    inside = (curve.survival > 0) & (curve.survival < 1)
    value = curve.survival
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z_value(0.95) * np.sqrt(np.cumsum(gone / (at * (at - gone)))) / np.abs(np.log(value))
        low = np.where(inside, value ** np.exp(reach), value)
        high = np.where(inside, value ** np.exp(-reach), value)
    found = []
    for ends in (value, low, high):
        reached = np.flatnonzero(ends <= left + 1e-12)
        found.append(float(curve.days[reached[0]]) / _MINUTES if len(reached) else nan)
    return Estimate(*found)


def drawn(curves: dict[str, KaplanMeier], fewest: int) -> pl.DataFrame:
    """Return the share that is done by up to 60 hours per curve: see :func:`crmlab.view.complaint_charts`."""
    rows = []
    for name, curve in curves.items():
        last = curve.last(max(fewest, 10)) if curve.customers >= max(fewest, 10) else 0
        if not last:
            continue
        end = hours_until(curve, 0.05).value
        last = min(last, ceil(end * _MINUTES)) if end == end else last
        step = max(1, ceil(last / _POINTS))
        at = [*range(0, last, step), last]
        for minute, share in zip(at, curve.reached(at, fewest), strict=True):
            if share.value == share.value:
                rows.append(
                    {
                        "name": name,
                        "hours": minute / _MINUTES,
                        **share._asdict(),
                        "watched": curve.watched(minute),
                    }
                )
    schema = {
        "name": pl.String,
        **dict.fromkeys(("hours", "value", "low", "high"), pl.Float64),
        "watched": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


def hours_said(value: float | None) -> str:
    """Write hours: 3.4, 96, and – where they are not known."""
    if value is None:
        return decimal(nan)
    return decimal(value, 1 if value < 20 else 0)


def _known(value: float) -> float | None:
    return value if value == value else None
