"""The comparison of two runs as one document, and where it is written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crmlab.compare import remarks
from crmlab.compare.changes import changes, same_data
from crmlab.compare.noise import judged
from crmlab.compare.runs import RunFolder, open_run
from crmlab.data.exports import whole
from crmlab.errors import ParamsError
from crmlab.figures import CLASS
from crmlab.labels import Language

SCHEMA = 1
PAGE, DOCUMENT = "compare.html", "compare.json"
_HEAD = ("study", "title", "run", "status", "started_at", "as_of", "language", "cell")


def compare(before: Path | str, after: Path | str) -> dict[str, Any]:
    """Compare two folders of runs; ``before`` is what ``after`` is held against.

    Returns JSON values: ``before`` and ``after`` (which runs), ``remarks`` (zh, en: what a reader must know
    first), ``changes`` (:func:`crmlab.compare.changes.changes`), ``figures``
    (:func:`crmlab.compare.noise.judged`), ``tested`` (how many had a p value), ``classes``
    (:class:`crmlab.compare.classes.Migration`), ``drift``, and ``unread``: tables that could not be read.
    Raises ParamsError where a folder holds no run.
    """
    one, two = open_run(before), open_run(after)
    if one.folder.resolve() == two.folder.resolve():
        raise ParamsError(f"{one.folder} was given twice. Give two runs, the earlier one first.")
    return _compared(one, two)


def into(folder: Path, manifest: dict[str, Any], previous: Path) -> Path:
    """Compare a run that is not published yet with an earlier one, and write both files into its folder.

    ``manifest`` is what will be written into ``folder``. Returns the page. Raises ParamsError where
    ``previous`` holds no run, OSError where the folder cannot be written.
    """
    document = _compared(open_run(previous), RunFolder(folder, manifest))
    return write(document, folder, manifest["language"])


def previous(runs_of_study: Path, manifest: dict[str, Any]) -> Path | None:
    """Return the last run of the study, and of the same cell of its matrix, that finished well.

    ``manifest`` is that of the run to compare; runs that started later do not count. Reports are not asked
    for: what only one of the runs has is said in the comparison.
    """
    for path in sorted(runs_of_study.glob("*/manifest.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, ParamsError, TypeError):
            run = open_run(path.parent).manifest
            same_cell = (run.get("cell") or {}) == (manifest.get("cell") or {})
            if run["status"] == "done" and same_cell and run["started_at"] < manifest["started_at"]:
                return path.parent
    return None


def write(document: dict[str, Any], folder: Path, language: Language) -> Path:
    """Write ``compare.html`` and ``compare.json`` into a folder, each whole or not at all."""
    from crmlab.compare.page import page

    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / DOCUMENT) as path:
        text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    with whole(folder / PAGE) as path:
        path.write_text(page(document, language), encoding="utf-8")
    return folder / PAGE


def _compared(before: RunFolder, after: RunFolder) -> dict[str, Any]:
    shared = [name for name in after.reports if name in before.reports]
    classes, moves, unread = _classes(before, after, shared)
    figures = judged(list(_pairs(before, after, moves)))
    return {
        "schema": SCHEMA,
        "before": {name: before.manifest.get(name) for name in _HEAD},
        "after": {name: after.manifest.get(name) for name in _HEAD},
        "reports": {name: report["title"] for name, report in {**before.reports, **after.reports}.items()},
        "currency": after.currency,
        "smallest_group": max(before.smallest_group, after.smallest_group),
        "same_data": all(same_data(before.manifest, after.manifest, name) for name in shared),
        "remarks": [said._asdict() for said in remarks.of(before, after)],
        "changes": changes(before.manifest, after.manifest),
        "tested": sum(figure["p"] is not None for figure in figures),
        "figures": figures,
        "classes": classes,
        "drift": _drift(before, after, shared, unread),
        "unread": unread,
    }


def _pairs(before: RunFolder, after: RunFolder, moves: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every figure of both runs once, reports and figures in the order of the later run."""
    told_already = set()
    for report in dict.fromkeys([*after.reports, *before.reports]):
        same_rows = same_data(before.manifest, after.manifest, report)
        one, two = (
            {figure["id"]: figure for figure in run.reports.get(report, {}).get("figures") or []}
            for run in (before, after)
        )
        for name in dict.fromkeys([*two, *one]):
            first, second = one.get(name), two.get(name)
            told = second or first
            assert told is not None
            pair = {
                "report": report,
                "id": name,
                **{key: told[key] for key in ("zh", "en", "unit", "definition", "key")},
                "before": _estimate(first),
                "after": _estimate(second),
                "same_rows": same_rows,
            }
            if first and second:
                same_money = told["unit"] != "currency" or before.currency == after.currency
                names = ("unit", "en", "definition")
                pair["comparable"] = same_money and all(first[key] == second[key] for key in names)
            kind, _, rest = name.partition(":")
            plugin, _, label = rest.partition(":")
            if kind == CLASS:
                # Several reports may use one classification; its shares are told, and tested, once.
                shares = json.dumps([name, pair["before"], pair["after"]])
                if shares in told_already:
                    continue
                told_already.add(shares)
            if f"{report} {plugin}" in moves:
                pair["correlation"] = moves[f"{report} {plugin}"].correlation(label)
            yield pair


def _estimate(figure: dict[str, Any] | None) -> dict[str, Any] | None:
    return figure and {name: figure[name] for name in ("value", "low", "high", "n")}


def _classes(
    before: RunFolder, after: RunFolder, reports: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, str]]]:
    """Return migrations as JSON and as objects by report and plugin, and what could not be read."""
    import polars as pl

    from crmlab.compare.classes import Migration, class_tables

    told: list[dict[str, Any]] = []
    moves: dict[str, Migration] = {}
    unread: list[dict[str, str]] = []
    for report in reports:
        try:
            first, second = class_tables(before, report), class_tables(after, report)
            for plugin in (plugin for plugin in second if plugin in first):
                move = Migration(before, after, report, plugin)
                moves[f"{report} {plugin}"] = move
                entry = move.as_json()
                if {**entry, "report": ""} not in [{**each, "report": ""} for each in told]:
                    told.append(entry)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            unread.append({"report": report, "error": type(error).__name__})
    return told, moves, unread


def _drift(
    before: RunFolder, after: RunFolder, reports: list[str], unread: list[dict[str, str]]
) -> list[dict[str, Any]]:
    import polars as pl

    from crmlab.compare.features import drift

    found: list[dict[str, Any]] = []
    for report in (name for name in reports if name not in {entry["report"] for entry in unread}):
        try:
            rows = drift(before, after, report)
            known = [{**row, "report": ""} for row in found]
            found += [row for row in rows if {**row, "report": ""} not in known]
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            unread.append({"report": report, "error": type(error).__name__})
    return found
