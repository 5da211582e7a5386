"""The key figures of two runs, side by side: which belong together, and whether they may be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crmlab.compare.changes import same_data
from crmlab.compare.runs import RunFolder
from crmlab.figures import CLASS, SCORE
from crmlab.intervals import wilson

if TYPE_CHECKING:
    from crmlab.compare.classes import Migration

Figure = dict[str, Any]
_SAME_THING = ("unit", "en", "definition")
_ONCE = (CLASS, SCORE)
"""Figures of plugins: several reports may use one; they are told, and tested, once."""


def pairs(
    before: RunFolder, after: RunFolder, moves: Mapping[tuple[str, str], Migration], unread: set[str]
) -> Iterator[Figure]:
    """Yield every figure of both runs once, reports and figures in the order of the later run.

    ``moves`` are the migrations by report and plugin, ``unread`` the reports whose tables cannot be read.
    """
    told_already = set()
    for report in dict.fromkeys([*after.reports, *before.reports]):
        one, two = _of_report(before, report), _of_report(after, report)
        same_rows = same_data(before, after, report)
        for name in dict.fromkeys([*two, *one]):
            kind, _, rest = name.partition(":")
            plugin, _, part = rest.partition(":")
            move = moves.get((report, plugin)) if kind == CLASS else None
            first, second = one.get(name), two.get(name)
            if move is not None:
                first = first or _nobody(move, 0, part, second)
                second = second or _nobody(move, 1, part, first)
            pair = _pair(before, after, report, first, second)
            pair["same_rows"] = same_rows
            if kind in _ONCE:
                told = json.dumps([name, pair["before"], pair["after"]])
                if told in told_already:
                    continue
                told_already.add(told)
            if move is not None:
                pair["correlation"] = move.correlation(part)
            elif kind == SCORE and report not in unread and first and second:
                from crmlab.compare.scores import correlation_of_scores

                pair["correlation"] = correlation_of_scores(before, after, report, plugin, part)
            yield pair


def _of_report(run: RunFolder, report: str) -> dict[str, Figure]:
    return {figure["id"]: figure for figure in run.reports.get(report, {}).get("figures") or []}


def _pair(
    before: RunFolder, after: RunFolder, report: str, first: Figure | None, second: Figure | None
) -> Figure:
    told = second or first
    assert told is not None
    pair = {
        "report": report,
        **{key: told[key] for key in ("id", "zh", "en", "unit", "definition")},
        "key": told.get("key", False),
        "before": _estimate(before, report, first),
        "after": _estimate(after, report, second),
        "comparable": True,
        "sampled": all(figure.get("sampled", True) for figure in (first, second) if figure),
        "correlation": None,
    }
    if first and second:
        same_money = told["unit"] != "currency" or before.currency(report) == after.currency(report)
        pair["comparable"] = same_money and all(first[key] == second[key] for key in _SAME_THING)
    return pair


def _estimate(run: RunFolder, report: str, figure: Figure | None) -> Figure | None:
    if figure is None:
        return None
    told = {name: figure.get(name) for name in ("value", "low", "high", "n")}
    return told | {"currency": run.currency(report) if figure["unit"] == "currency" else None}


def _nobody(move: Migration, run: int, label: str, other: Figure | None) -> Figure | None:
    """Return the share of a class that a run has in its scheme and found nobody in."""
    if other is None or not move.is_empty(run, label):
        return None
    n = move.customers[run]
    low, high = wilson(0, n)
    return {**other, "value": 0.0, "low": low, "high": high, "n": n}
