"""Workbooks to read: written into a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.data.templates.forms import named_forms
from crmlab.data.templates.write import write_workbook

Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write a workbook with the rows given per sheet and return its path."""

    def fill(*forms: str, language: Any = "zh", **rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / "客户.xlsx"
        write_workbook(path, named_forms(forms), language, rows)
        return path

    return fill
