"""Days that are said by their distance, such as ``yesterday``: fixed once, before a study is checked.

A study that runs every night names no date. The word is replaced by the day it stands for in the
study's time zone, counted from one moment: ``due``, the moment that the run stands for, or the moment
it starts. From then on the study, the notebook's parameters and the manifest hold that day and no word,
so a run that is caught up later is for the day on which it was due.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

RELATIVE_DAYS = ("today", "yesterday", "end_of_last_week", "end_of_last_month")
"""What may stand for a day; a week ends on Sunday (ISO 8601)."""


def relative_day(word: str, moment: datetime, timezone: str) -> date:
    """Return the day that ``word`` stands for in ``timezone`` at ``moment``, which has a time zone."""
    today = moment.astimezone(ZoneInfo(timezone)).date()
    if word == "end_of_last_month":
        return today.replace(day=1) - timedelta(days=1)
    return today - timedelta(days={"today": 0, "yesterday": 1}.get(word, today.isoweekday()))


def with_fixed_days(values: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Return a study's plain values with every relative ``as_of`` replaced by its day, reports' too.

    ``now`` is the moment to count from where the study has no valid ``due``: the present unless given.
    """
    moment = _moment(values.get("due")) or now or datetime.now(UTC)
    reports = values.get("reports")
    fixed = _fixed(values, moment, values.get("timezone"))
    if isinstance(reports, Mapping):
        fixed["reports"] = {
            name: _fixed(changes, moment, changes.get("timezone", values.get("timezone")))
            if isinstance(changes, Mapping)
            else changes
            for name, changes in reports.items()
        }
    return fixed


def _fixed(values: Mapping[str, Any], moment: datetime, timezone: object) -> dict[str, Any]:
    if values.get("as_of") not in RELATIVE_DAYS:
        return dict(values)
    return {**values, "as_of": relative_day(values["as_of"], moment, _zone(timezone)).isoformat()}


def _zone(timezone: object) -> str:
    """Return a zone to count in; what is none is told of when the study is checked."""
    try:
        return ZoneInfo(str(timezone)).key if timezone else "Asia/Shanghai"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None
