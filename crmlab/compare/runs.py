"""A run as it lies in its folder: the manifest, and where the tables of a report are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crmlab.compare.checks import problems
from crmlab.errors import ParamsError
from crmlab.report import manifest

_NAMED = 3
"""So many of the damages of a manifest are told."""


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
        """Fewer customers than these are told of nowhere; the largest that a report goes by."""
        asked = [self.setting(name, "privacy") or {} for name in ("", *self.reports)]
        return max(int(privacy.get("smallest_group", 5)) for privacy in asked)

    def setting(self, report: str, name: str) -> Any:
        """Return a setting as a report goes by it: its own, else the study's; None where neither says."""
        params = self.manifest["params"]
        own = (params.get("reports") or {}).get(report) or {}
        return own.get(name, params.get(name))

    def currency(self, report: str) -> str:
        """Return the currency of a report's amounts."""
        return str(self.setting(report, "currency") or "CNY")

    def as_of(self, report: str) -> str:
        """Return the day that a report looks from."""
        own = (self.manifest["params"].get("reports") or {}).get(report) or {}
        return str(own.get("as_of") or self.manifest["as_of"])

    def place(self, kind: str, report: str) -> Path:
        """Return the folder of a report's ``tables`` or ``state``."""
        return self.folder / kind / report


def open_run(path: Path | str) -> RunFolder:
    """Read the folder of a finished run.

    Raises ParamsError where there is no manifest in it, where it cannot be read or is damaged, and for a
    manifest that a later version wrote. One of an earlier schema is read; what it does not have is not
    compared.
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
    except (OSError, ValueError, RecursionError) as error:
        raise ParamsError(f"{file} cannot be read: {error}. Compare another run.") from None
    schema = document.get("schema", 0) if isinstance(document, dict) else 0
    if isinstance(schema, int) and schema > manifest.SCHEMA:
        raise ParamsError(
            f"{file} has the schema {schema}; this version of crmlab reads up to "
            f"{manifest.SCHEMA}. Compare with the version that made the run, or a later one."
        )
    if found := problems(document):
        told = "; ".join(found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise ParamsError(
            f"{file} is no manifest of a run, or damaged: {told}{more}. Compare another run, or run the "
            "study again."
        )
    return RunFolder(folder, document)


def _nearby(folder: Path) -> str:
    """Name the latest run inside a folder that holds runs."""
    runs = sorted(found.parent.name for found in folder.glob(f"*/{manifest.NAME}"))
    return f" The latest run inside it is {runs[-1]}." if runs else ""
