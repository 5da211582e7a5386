"""A generated company whose campaigns hold out customers by chance."""

from __future__ import annotations

import pytest

import crmlab
from crmlab.lab import Lab

SOURCE = {"source": "sample", "customers": 1500, "seed": 3, "dirt": False}


@pytest.fixture(scope="session")
def company() -> Lab:
    """A study of the company, in English."""
    return crmlab.open("segmentation", data=[SOURCE], as_of="2024-12-31", language="en")
