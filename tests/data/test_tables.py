"""The tables of a study: read once, cut at the as-of day, counted, stopped where too bad."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data.tables import TableStore
from crmlab.errors import DataError, QualityGateError
from crmlab.estimators import Source
from crmlab.labels import Text

AS_OF = date(2024, 6, 30)


class Made(Source):
    """Tables that a test makes."""

    title: ClassVar[Text] = Text("测试", "Made")

    def having(self, promised: tuple[str, ...] = (), **made: dict[str, list[Any]]) -> Made:
        self.made = made
        self.promised = promised
        self.reads = 0
        return self

    @property
    def provides(self) -> tuple[str, ...]:
        return (*self.made, *self.promised)

    def read(self) -> Mapping[str, pl.LazyFrame]:
        self.reads += 1
        return {name: pl.LazyFrame(columns) for name, columns in self.made.items()}


def _orders(*days: str, amounts: list[str] | None = None) -> dict[str, list[Any]]:
    return {
        "order_id": [f"o{i}" for i in range(len(days))],
        "customer_id": [f"c{i}" for i in range(len(days))],
        "ordered_at": list(days),
        "amount": amounts or ["1"] * len(days),
    }


def _store(*sources: Source, limit: float = 1.0) -> TableStore:
    return TableStore(sources, AS_OF, "Asia/Shanghai", limit)


def test_tables_hold_nothing_later_than_the_day() -> None:
    lines = {"order_id": ["o0", "o1", "o1", "unknown"], "amount": ["1"] * 4, "category": ["x"] * 4}
    feedback = {"text": ["a", "b", "c"], "given_on": ["2024-06-30", "2024-07-01", ""]}
    store = _store(
        Made().having(
            orders=_orders("2024-06-30 23:59:59", "2024-07-01 00:00", "x"),
            order_lines=lines,
            feedback=feedback,
        )
    )
    assert store["orders"]["order_id"].to_list() == ["o0"]
    assert store["order_lines"]["order_id"].to_list() == ["o0", "unknown"]
    assert store["feedback"]["text"].to_list() == ["a", "c"]
    counts = {name: store.count(name) for name in store}
    assert {name: (c.read, c.rejected, c.later, c.used) for name, c in counts.items()} == {
        "orders": (3, 1, 1, 1),
        "order_lines": (4, 0, 2, 2),
        "feedback": (3, 0, 1, 2),
    }
    assert counts["orders"].reasons == {"unreadable": 1}


def test_the_day_is_the_local_one() -> None:
    late = _orders("2024-06-30T16:30:00Z", "2024-06-30T15:30:00Z")
    assert _store(Made().having(orders=late))["orders"]["order_id"].to_list() == ["o1"]


def test_a_source_is_read_once_and_only_when_needed() -> None:
    source = Made().having(orders=_orders("2024-01-01"), customers={"customer_id": ["a"]})
    store = _store(source)
    assert (list(store), len(store), "orders" in store) == (["customers", "orders"], 2, True)
    assert (source.reads, store.loaded) == (0, ())
    assert store["orders"] is store["orders"]
    assert store["customers"].height == 1
    assert (source.reads, store.loaded) == (1, ("customers", "orders"))


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=25)
def test_every_row_read_is_used_rejected_or_later(good: int, bad: int, late: int) -> None:
    days = ["2024-01-01"] * good + ["soon"] * bad + ["2025-01-01"] * late
    count = _store(Made().having(orders=_orders(*days, "2024-01-01"))).count("orders")
    assert (count.read, count.rejected, count.later, count.used) == (
        good + bad + late + 1,
        bad,
        late,
        good + 1,
    )
    assert sum(count.reasons.values()) == bad


def test_the_quality_gate() -> None:
    orders = _orders(
        "2024-01-01", "王伟", "2024-01-01", "2024-01-01", amounts=["1", "1", "13912345678x", "1"]
    )
    assert _store(Made().having(orders=orders), limit=0.5)["orders"].height == 2
    with pytest.raises(QualityGateError) as error:
        _store(Made().having(orders=orders), limit=0.49)["orders"]
    assert str(error.value) == (
        "2 of 4 rows of the table 'orders' (50.0%) are rejected: unreadable value 2. The study allows 49.0% "
        "(quality.max_rejected_share). Correct the data, its column mapping, or the limit."
    )


def test_an_empty_table_passes_the_gate() -> None:
    empty = {name: pl.Series([], dtype=pl.String).to_list() for name in _orders()}
    assert _store(Made().having(orders=empty), limit=0.0)["orders"].is_empty()


def test_no_source_has_the_table() -> None:
    store = _store(Made().having(feedback={"text": ["a"]}))
    with pytest.raises(
        DataError, match=r"No source of this study provides the table 'orders'\. It has: feedback"
    ):
        store["orders"]


def test_two_sources_with_one_table() -> None:
    one, other = (Made().having(customers={"customer_id": ["a"]}) for _ in range(2))
    with pytest.raises(DataError, match=r"Two sources provide the table 'customers': Made and Made"):
        _store(one, other)["customers"]


def test_a_source_of_something_else() -> None:
    with pytest.raises(
        DataError, match=r"provides 'order', which is no canonical table\. Did you mean 'orders'"
    ):
        list(_store(Made().having(order=_orders())))


def test_a_source_that_does_not_keep_its_promise() -> None:
    store = _store(Made().having(("orders",), customers={"customer_id": ["a"]}))
    with pytest.raises(DataError, match=r"promises the table 'orders' and did not deliver it.*customers"):
        store["orders"]
