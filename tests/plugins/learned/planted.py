"""Customers of known kinds."""

from __future__ import annotations

import numpy as np
import polars as pl

KINDS = ("champions", "newcomers", "sleepers", "small")
"""Kind → (days since the last order, orders, spend per order), far apart after a logarithm."""
_CENTRES = {
    "champions": (10, 40, 100.0),
    "newcomers": (12, 2, 900.0),
    "sleepers": (400, 12, 60.0),
    "small": (300, 1, 8.0),
}


def customers(each: int = 120, seed: int = 0) -> pl.DataFrame:
    """Return ``each`` customers of four kinds with a look back, and the true ``kind``."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(KINDS, each)
    days, orders, value = (np.array([_CENTRES[name][at] for name in kind], dtype=float) for at in range(3))
    count = len(kind)
    spread = lambda: np.exp(rng.normal(0, 0.12, count))  # noqa: E731
    orders = np.maximum(1, np.round(orders * spread()))
    days = np.round(days * spread())
    spend = np.round(orders * value * spread(), 2)
    rate = np.array(
        [{"champions": 900.0, "newcomers": 300.0, "sleepers": 40.0, "small": 0.0}[name] for name in kind]
    )
    recent = np.round(rate * spread() * (rng.random(count) < 0.9), 2)
    return pl.DataFrame(
        {
            "customer_id": [f"c{at:05}" for at in range(count)],
            "days_since_last_order": days.astype(np.int64),
            "order_count": orders.astype(np.int64),
            "total_spend": spend,
            "earlier_days_since_last_order": np.round(days * spread()).astype(np.int64),
            "earlier_order_count": np.maximum(1, np.round(orders * spread())).astype(np.int64),
            "earlier_total_spend": spend * spread(),
            "recent_spend": recent,
            "recent_orders": (recent > 0).astype(np.int64),
            "kind": kind,
        }
    ).sample(fraction=1, shuffle=True, seed=seed)


def permuted(features: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """Return the features with each column shuffled by itself: what belonged together no longer does."""
    return features.with_columns(
        pl.col(name).shuffle(seed=seed + at)
        for at, name in enumerate(features.columns)
        if name not in ("customer_id", "kind")
    )
