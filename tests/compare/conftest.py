"""Folders of runs, small and whole: a manifest, tables of customers with classes, learned state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlab.report import manifest

MakeRun = Callable[..., Path]

LABELS = ({"id": "good", "zh": "好客户", "en": "Good"}, {"id": "poor", "zh": "差客户", "en": "Poor"})


def figure(name: str, value: float | None, reach: float | None = None, **more: Any) -> dict[str, Any]:
    """Return a figure as a manifest keeps it; ``reach`` is half its interval."""
    ends = None if reach is None or value is None else (value - reach, value + reach)
    return {
        "id": name,
        "zh": f"指标 {name}",
        "en": f"Figure {name}",
        "value": value,
        "low": ends and ends[0],
        "high": ends and ends[1],
        "n": 100,
        "unit": "number",
        "definition": {"zh": "定义", "en": "Definition"},
        "key": True,
        **more,
    }


def document(run: str, **changes: Any) -> dict[str, Any]:
    """Return a manifest of one report."""
    read = {"rows": 100, "rejected": 0, "later": 0, "sha256": f"rows of {changes.get('data', run)}"}
    report = {
        "name": "segmentation",
        "title": {"zh": "客户细分", "en": "Segmentation"},
        "status": "done",
        "error": None,
        "headline": None,
        "figures": changes.pop("figures", []),
        "outputs": [],
    }
    changes.pop("data", None)
    return {
        "schema": manifest.SCHEMA,
        "study": "demo",
        "title": {"zh": "演示研究", "en": "Demo study"},
        "run": run,
        "status": "done",
        "started_at": f"2026-01-0{run[-1]}T03:00:00+00:00",
        "finished_at": f"2026-01-0{run[-1]}T03:01:00+00:00",
        "seconds": 60.0,
        "language": "en",
        "as_of": f"2025-12-0{run[-1]}",
        "params": {"currency": "CNY", "privacy": {"smallest_group": 5}, "reports": {"segmentation": None}},
        "inputs": [{"source": "files", "title": "", "origin": "", "tables": {"orders": read}}],
        "plugins": [],
        "packages": {"crmlab": "0.1.0"},
        "reports": [report],
        **changes,
    }


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run ``runs/STUDY/RUN``: ``classes`` are customer → label, ``spend`` customer → amount."""

    def make(
        run: str,
        classes: Mapping[Any, str] | None = None,
        spend: Mapping[Any, float] | None = None,
        cut: float = 10.0,
        **changes: Any,
    ) -> Path:
        written = document(run, **changes)
        folder = tmp_path / "runs" / str(written["study"]) / run
        tables, state = folder / "tables" / "segmentation", folder / "state" / "segmentation" / "value"
        tables.mkdir(parents=True)
        if classes is not None:
            frame = pl.DataFrame({"customer_id": list(classes), "label": list(classes.values())})
            if spend is not None:
                amounts = pl.DataFrame({"customer_id": list(spend), "total_spend": list(spend.values())})
                frame = frame.join(amounts, on="customer_id", maintain_order="left")
            frame.write_parquet(tables / "value_customers.parquet")
            names = {
                "schemes": {"value": {"zh": "价值分级", "en": "Value tiers", "labels": list(LABELS)}},
                "columns": {"total_spend": {"zh": "累计消费额", "en": "total spend", "unit": "currency"}},
            }
            (tables / "names.json").write_text(json.dumps(names), encoding="utf-8")
            state.mkdir(parents=True)
            (state / "state.json").write_text(json.dumps({"cut": cut}), encoding="utf-8")
            (state / "learned_on.txt").write_text(f"{date(2025, 12, int(run[-1]))}\n", encoding="utf-8")
        manifest.write(folder, written)
        return folder

    return make


@pytest.fixture(scope="session")
def figure_of() -> Callable[..., dict[str, Any]]:
    """Make a figure as a manifest keeps it."""
    return figure
