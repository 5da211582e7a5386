"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from crmlab.lab import Lab

# The same examples on every machine, however busy it is.
settings.register_profile("crmlab", derandomize=True, deadline=None)
settings.load_profile("crmlab")

SHARED_DATA = Path(
    os.environ.get("CRMLAB_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that lie beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets beside the checkout are absent; set CRMLAB_TEST_DATA to their folder")
    return SHARED_DATA


@pytest.fixture
def make_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lab]:
    """Return a function that opens a lab on tables given as the text of CSV files.

    ``make_lab({"orders": "customer_id,…\\n…"}, "segmentation", as_of="2024-06-30")``; further
    keyword arguments are settings of the study.
    """
    monkeypatch.setenv("CRMLAB_KEY_FOLDER", str(tmp_path / "key"))

    def make(tables: Mapping[str, str], report: str | None = None, **settings: Any) -> Lab:
        import crmlab

        files = {}
        for name, text in tables.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(text, encoding="utf-8")
            files[name] = {"path": str(path)}
        given = {"as_of": "2024-06-30", "data": [{"source": "files", "files": files}], **settings}
        return crmlab.open(report, **given)

    return make
