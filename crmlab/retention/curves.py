"""Curves of several groups as frames: at a few days for tables, at many for charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.view.numbers import percent

if TYPE_CHECKING:
    from crmlab.retention.kaplan_meier import KaplanMeier
    from crmlab.segments.separation import Estimate

_POINTS = 30


def at_days(
    curves: Mapping[str, KaplanMeier], days: Sequence[int], fewest: int, *, rising: bool = False
) -> pl.DataFrame:
    """Return one row per curve and day: its ``name``, ``customers`` in all, those ``watched`` that day.

    ``share`` with its interval ``low``, ``high`` is who is still there, or where ``rising`` who has had the
    event. Days that fewer than ``fewest`` reach are null.
    """
    rows: list[dict[str, Any]] = []
    for name, curve in curves.items():
        shares = (curve.reached if rising else curve.at)(days, fewest)
        for day, share in zip(days, shares, strict=True):
            known = share.value == share.value
            watched = curve.watched(day) if known and curve.watched(day) >= fewest else None
            rows.append(
                {
                    "name": name,
                    "day": day,
                    "customers": curve.customers if curve.customers >= fewest else None,
                    "watched": watched,
                    "share": share.value if known else None,
                    "low": share.low if known else None,
                    "high": share.high if known else None,
                }
            )
    return pl.DataFrame(rows, schema=_SCHEMA)


def drawn(
    curves: Mapping[str, KaplanMeier],
    fewest: int,
    *,
    rising: bool = False,
    step: int = 1,
) -> pl.DataFrame:
    """Return the same at up to 60 days per curve, as far as ``fewest`` are watched.

    Half of the days are evenly spaced, half where the curve has fallen by even shares, so that a sudden
    fall is drawn on its day. With a ``step`` days are its multiples.
    """
    parts = []
    for name, curve in curves.items():
        last = curve.last(fewest)
        apart = max(ceil(last / _POINTS / step), 1) * step
        days = set(range(0, last + 1, apart)) | (_falls(curve, last) if step == 1 else set())
        parts.append(at_days({name: curve}, sorted(days), fewest, rising=rising).drop_nulls("share"))
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def _falls(curve: KaplanMeier, last: int) -> set[int]:
    """Return the days on which the curve passes evenly spaced shares."""
    import numpy as np

    seen = curve.days[curve.days <= last]
    if not len(seen):
        return set()
    fallen = 1 - curve.survival[: len(seen)]
    places = np.searchsorted(fallen, np.linspace(0, fallen[-1], _POINTS))
    return {int(day) for day in seen[np.minimum(places, len(seen) - 1)]}


def sentence(text: Text) -> Text:
    """Return a title as a sentence of a paragraph, with its full stop."""
    return Text(
        *(said if said.endswith(stop) else said + stop for said, stop in zip(text, "。.", strict=True))
    )


def spoken(estimate: Estimate) -> dict[str, str]:
    """Return an estimated share as the ``value``, ``low`` and ``high`` of a sentence."""
    return {
        "value": percent(estimate.value), "low": percent(estimate.low), "high": percent(estimate.high)
    }  # fmt: skip


_SCHEMA: dict[str, Any] = {
    "name": pl.String,
    "day": pl.Int64,
    "customers": pl.Int64,
    "watched": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
