"""The company whose figures can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.scheme_views.companies import tables


@pytest.fixture
def lab(make_lab: Callable[..., Any]) -> Any:
    """Sixty customers with an order, and five without."""
    return make_lab(tables(), "segmentation", language="en")


@pytest.fixture(params=["zh", "en"])
def told(request: pytest.FixtureRequest, make_lab: Callable[..., Any]) -> Any:
    """The same in either language."""
    return make_lab(tables(), "segmentation", language=request.param)
