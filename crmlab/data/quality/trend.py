"""The scores of earlier runs of the study beside this one's.

Earlier runs are read from the folder in which this run will be published, so the trend depends on what
lies there; no other table does. A run counts when its data-quality report reached the end, also when a
gate stopped it there: leaving bad days out would hide them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

MOST = 12
"""So many earlier runs are shown, the latest."""

_USABLE = ("done", "quality_gate")


def earlier(home: Path, report: str) -> pl.DataFrame:
    """Return one row per earlier run and dimension, oldest first.

    ``started_at``, ``run``, ``as_of``, ``dimension``, ``score``. ``home`` is the folder of the
    study's runs. Folders that are no complete run of the ``report`` are passed over.
    """
    found = []
    for path in sorted(home.glob("[!.]*/manifest.json")):
        scores = _scores(path, report)
        if scores is not None:
            found.append(scores)
    found.sort(key=lambda frame: frame.row(0))
    return pl.concat(found[-MOST:]) if found else pl.DataFrame(schema=_SCHEMA)


def _scores(path: Path, report: str) -> pl.DataFrame | None:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        status = {entry["name"]: entry["status"] for entry in manifest["reports"]}
        if status.get(report) not in _USABLE:
            return None
        scores = pl.read_parquet(path.parent / "tables" / report / "quality_dimensions.parquet", glob=False)
        return scores.select(
            started_at=pl.lit(str(manifest["started_at"])),
            run=pl.lit(str(manifest["run"])),
            as_of=pl.lit(str(manifest["as_of"])),
            dimension=pl.col("dimension").cast(pl.String),
            score=pl.col("score").cast(pl.Float64),
        )
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None  # the folder of another version, or one that somebody changed


_SCHEMA = {
    "started_at": pl.String,
    "run": pl.String,
    "as_of": pl.String,
    "dimension": pl.String,
    "score": pl.Float64,
}
