"""A published run, and servers on this computer that take what is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web_servers import Robot, serving


@dataclass(frozen=True)
class Published:
    """A run's folder."""

    folder: Path


FIGURE = {"low": None, "high": None, "n": None, "definition": {"zh": "", "en": ""}, "key": True}


def report(name: str = "segmentation", status: str = "done", **changes: Any) -> dict[str, Any]:
    """Return what a manifest says of a report."""
    figures = [
        {
            **FIGURE,
            "id": "revenue",
            "zh": "净收入",
            "en": "Net revenue",
            "value": 4593022.0,
            "unit": "currency",
        },
        {**FIGURE, "id": "gini", "zh": "集中度", "en": "Gini", "value": 0.61, "unit": "number", "key": False},
        {**FIGURE, "id": "few", "zh": "占比", "en": "Share", "value": 0.153, "unit": "share"},
        {**FIGURE, "id": "none", "zh": "无", "en": "None", "value": None, "unit": "count"},
    ]
    done = {
        "headline": {"zh": "四成客户贡献八成收入。", "en": "40% of customers make 80% of revenue."},
        "figures": figures,
        "error": None,
    }
    failed = {"headline": None, "error": {"cell": 5, "type": "ValueError", "message": "no column 'amount'"}}
    return {
        "name": name,
        "title": {"zh": "客户细分", "en": "Segmentation"}
        if name == "segmentation"
        else {"zh": name, "en": name},
        "status": status,
        **(done if status == "done" else failed),
        **changes,
    }


@pytest.fixture
def published(tmp_path: Path) -> Callable[..., Published]:
    """Return a function that publishes a run with the given reports."""

    def publish(*reports: dict[str, Any], run: str = "20240704T000000Z-abc", **changes: Any) -> Published:
        folder = tmp_path / "runs" / "shop" / run
        folder.mkdir(parents=True)
        told = {
            "title": {"zh": "店铺", "en": "Shop"},
            "status": "done" if all(one["status"] == "done" for one in reports) else "failed",
            "as_of": "2024-07-03",
            "seconds": 34.6,
            "params": {"currency": "CNY"},
            "reports": list(reports),
            **changes,
        }
        (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
        for one in reports:
            (folder / f"{one['name']}.html").touch()
        return Published(folder)

    return publish


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Robot]]:
    """Return a function that starts a web server with its answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(serving(answers))
