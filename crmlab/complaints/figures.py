"""The numbers of complaint handling side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.complaints.waiting import hours_said
from crmlab.labels import Text
from crmlab.view.findings import KeyFigures
from crmlab.view.numbers import count, decimal, percent
from crmlab.view.texts import texts

if TYPE_CHECKING:
    from crmlab.complaints import Complaints
    from crmlab.lab import Lab


def figures(complaints: Complaints, lab: Lab) -> KeyFigures:
    """Return complaints, rate, median resolution in business hours, share in time, open, loop closed."""
    shown: list[tuple[str, Text]] = []
    words = texts()
    if complaints.log is not None:
        shown.append((count(complaints.log.frame.height), words["complaints_figure_count"]))
        overall = complaints.volume.overall.value
        if overall == overall:
            shown.append((decimal(overall, 1), words["complaints_figure_rate"]))
    if complaints.speed.problem is None:
        median = complaints.speed.row("resolution", "business", "all")["median"]
        if median is not None:
            shown.append((hours_said(median), words["complaints_figure_median"]))
    if complaints.promise.problem is None:
        row = complaints.promise.summary.row(-1, named=True)
        whole = complaints.promise.summary.filter(measure=row["measure"]).row(0, named=True)
        if whole["share"] is not None:
            key = "complaints_figure_kept" if row["measure"] == "resolution" else "complaints_figure_answered"
            shown.append((percent(whole["share"]), words[key]))
    if complaints.backlog.problem is None:
        shown.append((count(complaints.backlog.open.height), words["complaints_figure_open"]))
    if complaints.closed_loop.problem is None and complaints.closed_loop.summary.height:
        shown.append((percent(complaints.closed_loop.summary["share"][0]), words["complaints_figure_loop"]))
    return KeyFigures(shown, lab.language)
