"""A company with a history that the tests of movement share."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

FIXED: dict[str, Any] = {"classifiers": {"status": {"method": "fixed_days"}}}
OPEN: dict[str, Any] = {**FIXED, "privacy": {"smallest_group": 1}}
EARLIER = date(2024, 3, 31)
EVERYBODY = ("ann", "bob", "cai", "dan", "eve", "fay")


def many(n: int = 60) -> dict[str, str]:
    """Return the orders of ``n`` customers with one to four orders each in 400 days."""
    lines = ["customer_id,ordered_at,amount"]
    for i in range(n):
        for order in range(1 + i % 4):
            day = date(2024, 6, 30) - timedelta(days=(i * 37 + order * 53) % 400)
            lines.append(f"c{i:03},{day},{5 + i}")
    return {"orders": "\n".join(lines) + "\n"}
