"""The comparison of two runs as one document, and where it is written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.compare import remarks
from crmlab.compare.changes import changes, same_data
from crmlab.compare.noise import judged
from crmlab.compare.pairs import pairs
from crmlab.compare.runs import RunFolder, open_run
from crmlab.data.exports import whole
from crmlab.errors import ParamsError
from crmlab.labels import Language

if TYPE_CHECKING:
    from crmlab.compare.classes import Migration

SCHEMA = 1
PAGE, DOCUMENT = "compare.html", "compare.json"
_HEAD = ("study", "title", "run", "status", "started_at", "as_of", "language", "cell")


def compare(before: Path | str, after: Path | str) -> dict[str, Any]:
    """Compare two folders of runs; ``before`` is what ``after`` is held against.

    Returns JSON values, as :mod:`crmlab.compare` describes them. Raises ParamsError where a folder holds
    no run, or one whose manifest is damaged.
    """
    return _compared(open_run(before), open_run(after))


def nothing_changed(document: dict[str, Any]) -> bool:
    """Say whether a comparison found no difference at all, and could read everything."""
    return (
        document["before"]["as_of"] == document["after"]["as_of"]
        and not any(document["changes"].values())
        and not document["unread"]
        and all(figure["verdict"] in ("same", "hidden") for figure in document["figures"])
        and all(move["same"] for move in document["classes"])
        and not any(row["psi"] for row in document["drift"])
    )


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
    unread: dict[str, str] = {}
    classes, moves = _classes(before, after, shared, unread)
    drift = _drift(before, after, shared, unread)
    figures = judged(list(pairs(before, after, moves, set(unread))))
    return {
        "schema": SCHEMA,
        "before": {name: before.manifest.get(name) for name in _HEAD},
        "after": {name: after.manifest.get(name) for name in _HEAD},
        "reports": {name: each.get("title") for name, each in {**before.reports, **after.reports}.items()},
        "smallest_group": max(before.smallest_group, after.smallest_group),
        "same_data": bool(shared) and all(same_data(before, after, each) for each in shared),
        "remarks": [said._asdict() for said in remarks.of(before, after)],
        "changes": changes(before.manifest, after.manifest),
        "tested": sum(figure["p"] is not None for figure in figures),
        "figures": figures,
        "classes": classes,
        "drift": drift,
        "unread": [{"report": report, "error": error} for report, error in unread.items()],
    }


def _classes(
    before: RunFolder, after: RunFolder, reports: list[str], unread: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], Migration]]:
    """Return migrations as JSON, each once, and as objects by report and plugin; note what is ``unread``."""
    from crmlab.compare.classes import Migration, class_tables

    told: list[dict[str, Any]] = []
    moves: dict[tuple[str, str], Migration] = {}
    for report in reports:
        with _noted(unread, report):
            first, second = class_tables(before, report), class_tables(after, report)
            for plugin in (plugin for plugin in second if plugin in first):
                moves[report, plugin] = move = Migration(before, after, report, plugin)
                told.append(move.as_json())
    return _once(told), moves


def _drift(
    before: RunFolder, after: RunFolder, reports: list[str], unread: dict[str, str]
) -> list[dict[str, Any]]:
    from crmlab.compare.features import drift

    found: list[dict[str, Any]] = []
    for report in (name for name in reports if name not in unread):
        with _noted(unread, report):
            found += drift(before, after, report)
    return _once(found)


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without those that an earlier report says as well."""
    told = {json.dumps({**row, "report": ""}, sort_keys=True): row for row in reversed(rows)}
    kept = {id(row) for row in told.values()}
    return [row for row in rows if id(row) in kept]


@contextlib.contextmanager
def _noted(unread: dict[str, str], report: str) -> Iterator[None]:
    """Note a report whose tables cannot be read, whatever is wrong with them, and go on."""
    import polars as pl

    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        unread[report] = type(error).__name__
