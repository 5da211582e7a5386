"""Spend level: the level of an order or a year, in thirds or by limits of the business."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab_plugins.schemes.spend_level import SpendLevel

TABLE = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "average_order_value": [500.0, 40.0, 20.0, None],
        "spend_last_365_days": [0.0, 400.0, 900.0, 0.0],
    }
)


def test_the_level_is_a_parameter() -> None:
    assert SpendLevel().fit(TABLE).predict(TABLE).to_list() == ["high", "mid", "low", "unclassified"]
    year = SpendLevel(level="spend_last_365_days", cut_points=(100, 500)).fit(TABLE)
    assert year.predict(TABLE).to_list() == ["low", "mid", "high", "low"]
    assert year.explain(TABLE).row(1) == (
        "近 365 天消费 400.00，属中消费水平（中价值）",
        "spend in the last 365 days 400.00: Mid spend level",
    )
    assert "切分点：100、500。" in year.definition().zh


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"level": "total"}, "level: Input should be"),
        ({"shares": (0.5,)}, "3 tiers need 2"),
        ({"cut_points": (5.0, 1.0)}, "rising order"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        SpendLevel.from_params(params)
