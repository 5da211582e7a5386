"""The reasons of a customer read well: values, units and factors in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.churn.explanations import reasons
from crmlab.labels import Measure

MEASURES = {
    "gap": Measure("购买间隔", "gap", "days"),
    "since": Measure("距上次购买天数", "days since an order", "days"),
    "share": Measure("复购率", "repeat", "share"),
    "referred": Measure("由他人推荐", "referred by others", "number"),
}


class Said:
    """A model that adds to the log-odds what it is told."""

    def __init__(self, column: str, log_odds: float) -> None:
        self.inputs = (column,)
        self.log_odds = log_odds

    def contributions(self, features: pl.DataFrame) -> Any:
        return np.full((features.height, 1), self.log_odds)


@pytest.mark.parametrize(
    ("column", "value", "factor", "zh", "en"),
    [
        ("gap", 12.0, 2.5, "购买间隔 12 天，流失几率升至 2.5 倍", "gap 12 days: odds ×2.5"),
        ("since", 40, 12.4, "距上次购买天数 40，流失几率升至 12 倍", "days since an order 40: odds ×12"),
        ("share", 0.256, 0.5, "复购率 25.6%，流失几率降至 0.5 倍", "repeat 25.6%: odds ×0.5"),
        ("share", 0.1, 0.001, "复购率 10.0%，流失几率降至不足 0.01 倍", "repeat 10.0%: odds ×less than 0.01"),
        ("gap", 1.5, 5e4, "购买间隔 1.5 天，流失几率升至 1000 倍以上", "gap 1.5 days: odds ×1000 or more"),
        ("referred", True, 0.4, "由他人推荐：是，流失几率降至 0.4 倍", "referred by others (yes): odds ×0.4"),
        ("referred", False, 1.4, "由他人推荐：否，流失几率升至 1.4 倍", "referred by others (no): odds ×1.4"),
        ("gap", None, 2.0, "购买间隔未知，流失几率升至 2.0 倍", "gap unknown: odds ×2.0"),
        ("gap", 3.0, 1.001, "各项指标接近平均客户", "close to an average customer in everything"),
    ],
)  # fmt: skip
def test_a_reason_in_words(column: str, value: Any, factor: float, zh: str, en: str) -> None:
    kind = {"since": pl.Int64, "referred": pl.Boolean}.get(column, pl.Float64)
    features = pl.DataFrame({"customer_id": ["a"], column: pl.Series([value], dtype=kind)})
    model: Any = Said(column, float(np.log(factor)))
    assert reasons(model, features, MEASURES.__getitem__).row(0) == ("a", zh, en)
