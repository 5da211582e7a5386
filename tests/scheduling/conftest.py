"""Schedules with names that every format must quote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crmlab.scheduling.expression import Expression
from crmlab.scheduling.schedule import Schedule
from tests.web_servers import Robot, serving


@pytest.fixture(scope="session")
def scheduled() -> Callable[..., Schedule]:
    """Return a function that makes a schedule of a study at a path, with options of the run."""

    def make(at: str = "0 2 * * *", timezone: str = "Asia/Shanghai", **given: Any) -> Schedule:
        base = Path(given.pop("base", "/data"))
        return Schedule(
            **{
                "name": "nightly",
                "study": base / "shop.yaml",
                "at": Expression(at, timezone),
                "runs": base / "runs",
                "folder": base,
                **given,
            }
        )

    return make


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Robot]]:
    """Return a function that starts a web server with its answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(serving(answers))
