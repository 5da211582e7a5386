"""Columns that customers are valued by hold numbers, and an error quotes nobody's value."""

from __future__ import annotations

import polars as pl
import pytest

from crmlab.errors import DataError
from crmlab.estimators import Classifier
from crmlab_plugins.rules.metrics import numbers_of
from crmlab_plugins.schemes.abc_value import AbcValue
from crmlab_plugins.schemes.best_customers import BestCustomers
from crmlab_plugins.schemes.grade import Grade
from crmlab_plugins.schemes.lifetime_value_bands import LifetimeValueBands
from crmlab_plugins.schemes.value import Value
from crmlab_plugins.schemes.vip import Vip

TABLE = pl.DataFrame(
    {
        "customer_id": ["a"],
        "manual_grade": ["A"],
        "order_count": [1],
        "refund_count": [0],
        "days_since_first_order": [5],
        "days_since_last_order": [5],
        "total_spend": [9.0],
        "phone": ["13800138000"],
        "endless": [float("inf")],
    }
)
BY_COLUMN = [
    *(
        kind(metric=column)
        for kind in (AbcValue, Value, Grade, Vip, BestCustomers)
        for column in ("phone", "endless")
    ),
    *(LifetimeValueBands(score_column=column) for column in ("phone", "endless")),
]


@pytest.mark.parametrize(
    "classifier", BY_COLUMN, ids=lambda each: f"{type(each).__name__}-{each.get_params()}"
)
def test_what_is_no_number_is_refused_without_quoting_it(classifier: Classifier) -> None:
    with pytest.raises(
        DataError, match=r"'phone' holds String|no finite number in the column 'endless'"
    ) as caught:
        classifier.fit(TABLE)
    assert "138" not in str(caught.value)


def test_numbers_and_nothing_at_all_are_fine() -> None:
    frame = pl.DataFrame({"whole": [1, None], "none": [None, None]})
    assert numbers_of(frame, "whole").to_list() == [1.0, None]
    assert numbers_of(frame, "none").to_list() == [None, None]
