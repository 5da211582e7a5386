"""What went into two runs differently: tables, settings, plugins, code, packages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmlab.compare.runs import RunFolder

Document = dict[str, Any]


def changes(before: Document, after: Document) -> dict[str, list[Document]]:
    """Compare two manifests.

    ``inputs``, ``params``, ``plugins``, ``code`` (hashes of the notebook, and of our code with the study's
    plugins, per report) and ``packages`` are lists of what differs, in order of their names: ``name``,
    ``before`` and ``after`` (null where it is not there), inputs with ``rows``, ``rejected`` and ``sha256``.
    """
    return {
        "inputs": _differing(tables(before["inputs"]), tables(after["inputs"])),
        "params": _differing(dict(flat(before["params"])), dict(flat(after["params"]))),
        "plugins": _differing(_plugins(before), _plugins(after)),
        "code": _in_both(_code(before), _code(after)),
        "packages": _differing(before.get("packages") or {}, after.get("packages") or {}),
    }


def tables(inputs: Iterable[Document]) -> dict[str, Document]:
    """Return every table of a manifest's inputs: ``source table`` → rows, rejected, sha256.

    How many rows lie after the day that is looked from is the day's doing, and not the table's.
    """
    found: dict[str, Document] = {}
    seen: Counter[str] = Counter()
    for source in inputs:
        for table, facts in sorted(source["tables"].items()):
            name = f"{source['source']} {table}"
            seen[name] += 1
            # A study may have several sources of one kind.
            key = name if seen[name] == 1 else f"{name} ({seen[name]})"
            found[key] = {key: facts.get(key) for key in ("rows", "rejected", "sha256")}
    return found


def same_data(before: RunFolder, after: RunFolder, report: str) -> bool:
    """Say whether a report saw the very same rows in both runs, as of the same day."""
    seen = []
    for run in (before, after):
        entry = run.reports.get(report, {})
        read = tables(entry.get("inputs") or run.manifest["inputs"])
        seen.append((run.as_of(report), {name: facts["sha256"] for name, facts in read.items()}))
    return seen[0] == seen[1] and bool(seen[0][1]) and None not in seen[0][1].values()


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Go through nested settings: dotted key → value, items of lists by ``[place]``; empty ones as such."""
    if isinstance(value, Mapping) and value:
        for key in value:
            yield from flat(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for place, item in enumerate(value):
            yield from flat(item, f"{name}[{place}]")
    elif name:
        yield name, value


def _plugins(manifest: Document) -> dict[str, str]:
    found = {}
    for entry in manifest.get("plugins", []):
        kind = entry["group"].removeprefix("crmlab.")
        found[f"{kind} {entry['name']}"] = f"{entry['distribution']} {entry['version']}"
    return found


def _code(manifest: Document) -> dict[str, str]:
    """Return the hashes of what reports ran, short; none for a manifest that has no such thing."""
    return {
        f"{report['name']} {part}": str(report["basis"][part])[:12]
        for report in manifest["reports"]
        for part in ("notebook", "code")
        if (report.get("basis") or {}).get(part)
    }


def _in_both(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Document]:
    return [row for row in _differing(before, after) if None not in (row["before"], row["after"])]


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Document]:
    return [
        {"name": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted({*before, *after})
        if name not in before or name not in after or before[name] != after[name]
    ]
