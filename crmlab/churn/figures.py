"""The figures that backtests tell of a model, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlab.churn.metrics import auc, average_precision, brier, lift_at, precision_at
from crmlab.labels import Text
from crmlab.segments.separation import Estimate
from crmlab.view.numbers import decimal, signed
from crmlab.view.texts import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.churn.snapshots import Design

    Floats = NDArray[np.float64]

METRICS = ("auc", "average_precision", "brier", "lift", "precision")
METRIC_NAMES = {
    "auc": "churn_metric_auc",
    "average_precision": "churn_metric_average_precision",
    "brier": "churn_metric_brier",
    "lift": "churn_metric_lift",
    "precision": "churn_metric_precision",
}
DECIMALS = {"auc": 3, "average_precision": 3, "brier": 3, "lift": 2, "precision": 1}
TOP_SHARE = 0.1
"""The share of customers with the highest scores that lift is told of."""


def figures(y: Floats, p: Floats, contacts: int) -> dict[str, Estimate]:
    """Return every metric of one model; ``contacts`` is how many customers can be contacted."""
    return {
        "auc": auc(y, p),
        "average_precision": average_precision(y, p),
        "brier": brier(y, p),
        "lift": lift_at(y, p, TOP_SHARE),
        "precision": precision_at(y, p, contacts),
    }


def margin_words(margin: Estimate) -> dict[str, str]:
    """Write a difference of two AUC and its ends."""
    return {"value": decimal(margin.value, 3), "low": signed(margin.low, 3), "high": signed(margin.high, 3)}


def window_words(design: Design) -> Text:
    """Write the days that the label looks at."""
    key = "churn_window_lead" if design.lead_days else "churn_window"
    return say(key, days=design.window_days, lead=design.lead_days)
