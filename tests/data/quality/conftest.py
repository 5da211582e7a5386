"""Scorecards of tables that a test writes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab.data.quality.scorecard import Scorecard, evaluate
from crmlab.data.quality.thresholds import QualityParams
from crmlab.data.tables import TableStore
from crmlab.estimators import Source
from crmlab.labels import Text

AS_OF = date(2024, 6, 30)


class Written(Source):
    """Tables that a test writes down."""

    title: ClassVar[Text] = Text("测试", "Written")

    def holding(self, tables: Mapping[str, Mapping[str, Any]]) -> Written:
        self.held = {name: pl.LazyFrame(columns) for name, columns in tables.items()}
        return self

    @property
    def provides(self) -> tuple[str, ...]:
        return tuple(self.held)

    def read(self) -> Mapping[str, pl.LazyFrame]:
        return self.held


def card_of(tables: Mapping[str, Mapping[str, Any]], **quality: Any) -> Scorecard:
    """Check tables, given column by column."""
    store = TableStore([Written().holding(tables)], AS_OF, "Asia/Shanghai")
    return evaluate(store, AS_OF, "Asia/Shanghai", QualityParams(**quality))


@pytest.fixture(scope="session")
def card() -> Callable[..., Scorecard]:
    """Return a function that checks tables, given column by column; as of 2024-06-30."""
    return card_of
