"""A run as it lies in its folder: the manifest, and where the tables of a report are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crmlab.errors import ParamsError
from crmlab.report import manifest

_NEEDED = ("study", "run", "status", "as_of", "params", "inputs", "reports")


@dataclass(frozen=True)
class RunFolder:
    """A folder with the manifest of a run, published or about to be."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """What the manifest says of each report, by name."""
        return {report["name"]: report for report in self.manifest["reports"]}

    @property
    def smallest_group(self) -> int:
        """Fewer customers than these are told of nowhere."""
        return int(self.manifest["params"].get("privacy", {}).get("smallest_group", 5))

    @property
    def currency(self) -> str:
        """The currency of the study's amounts."""
        return str(self.manifest["params"].get("currency", "CNY"))

    def place(self, kind: str, report: str) -> Path:
        """Return the folder of a report's ``tables`` or ``state``."""
        return self.folder / kind / report


def open_run(path: Path | str) -> RunFolder:
    """Read the folder of a finished run.

    Raises ParamsError where there is no manifest in it, where it cannot be read, and for a manifest that a
    later version wrote. One of an earlier schema is read; what it does not have is not compared.
    """
    folder = Path(path)
    file = folder / manifest.NAME
    if not file.is_file():
        raise ParamsError(
            f"{folder} is no folder of a run: it has no {manifest.NAME}. Give one such as "
            f"runs/demo/20240630T010000Z-1a2b3c.{_nearby(folder)}"
        )
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParamsError(f"{file} cannot be read: {error}. Compare another run.") from None
    missing = [name for name in _NEEDED if name not in document] if isinstance(document, dict) else _NEEDED
    if missing:
        raise ParamsError(f"{file} is no manifest of a run: it lacks {', '.join(missing)}.")
    if document.get("schema", 0) > manifest.SCHEMA:
        raise ParamsError(
            f"{file} has the schema {document['schema']}; this version of crmlab reads up to "
            f"{manifest.SCHEMA}. Compare with the version that made the run, or a later one."
        )
    return RunFolder(folder, document)


def _nearby(folder: Path) -> str:
    """Name the latest run inside a folder that holds runs."""
    runs = sorted(found.parent.name for found in folder.glob(f"*/{manifest.NAME}"))
    return f" The latest run inside it is {runs[-1]}." if runs else ""
