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
        "2 of 4 rows of the table 'orders' (50.0%) are rejected: unreadable value 2 (in amount, "
        "ordered_at). The study allows 49.0% (quality.max_rejected_share). Correct the data, its column "
        "mapping, or the limit."
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


class Lines(Made):
    """Order lines that are orders, too."""

    @property
    def provides(self) -> tuple[str, ...]:
        return ("orders", "order_lines")


def test_orders_are_the_sums_of_their_lines() -> None:
    lines = {
        "order_id": ["2", "1", "2", "3", "4"],
        "customer_id": ["b", "a", "b", None, "a"],
        "ordered_at": ["2024-05-02 09:01", "2024-05-01", "2024-05-02 09:00", "2024-05-01", "2024-07-01"],
        "amount": ["10.05", "3", "-2", "99", "7"],
        "status": ["完成"] * 4 + ["已取消"],
    }
    store = _store(Lines().having(order_lines=lines))
    assert store["orders"].select("order_id", "customer_id", "amount_hundredths", "status").rows() == [
        ("2", "b", 805, "completed"),
        ("1", "a", 300, "completed"),
    ]
    assert store["orders"]["ordered_at"][0].isoformat() == "2024-05-02T01:00:00+00:00"
    assert store["order_lines"].height == 3
    assert dict(store.count("order_lines").reasons) == {"cancelled": 1, "nullability": 1}
    assert store.count("orders").read == 2


def test_nothing_later_than_the_day_is_known() -> None:
    complaints = {
        "complaint_id": ["1", "2", "3"],
        "opened_at": ["2024-06-01", "2024-06-01", "2024-07-01"],
        "first_response_at": ["2024-06-02", "2024-07-02", "2024-07-02"],
        "resolved_at": ["2024-06-30 23:00", "2024-07-01 00:00", "2024-07-03"],
        "stage": ["closed"] * 3,
        "score": ["5"] * 3,
        "text": ["慢"] * 3,
    }
    contacts = {
        "campaign_id": ["k"] * 2,
        "customer_id": ["a", "b"],
        "contacted_at": ["2024-06-29"] * 2,
        "responded_at": ["2024-06-30", "2024-07-04"],
    }
    customers = {
        "customer_id": ["a", "b", "c"],
        "registered_on": ["2024-06-30", "2024-07-01", None],
        "last_contact_at": ["2024-07-05", "", "2024-06-01"],
    }
    store = _store(Made().having(complaints=complaints, contacts=contacts, customers=customers))
    assert store["complaints"].select("stage", "score", "text").rows() == [
        ("closed", 5.0, "慢"),
        (None, None, "慢"),
    ]
    assert store["complaints"]["resolved_at"].is_null().to_list() == [False, True]
    assert store["complaints"]["first_response_at"].is_null().to_list() == [False, True]
    again = {
        "complaint_id": ["1", "2"],
        "opened_at": ["2024-06-01"] * 2,
        "resolved_at": ["2024-06-10", "2024-07-10"],
        "reopened_at": ["2024-07-02", ""],
        "stage": ["investigating", "closed"],
        "action_id": ["m1", "m2"],
        "reopened": ["yes", "no"],
        "escalated": ["no", "yes"],
    }
    later = _store(Made().having(complaints=again))["complaints"]
    assert later.select("stage", "action_id", "reopened", "escalated").rows() == [
        (None, "m1", None, False),
        (None, None, None, None),
    ]
    assert store["contacts"]["responded_at"].is_null().to_list() == [False, True]
    assert store["customers"]["customer_id"].to_list() == ["a", "c"]
    assert store["customers"]["last_contact_at"].is_null().to_list() == [True, False]
    assert (store.count("complaints").later, store.count("customers").later) == (1, 1)


def test_merged_records_bring_their_rows_along() -> None:
    identities = {
        "record_id": ["c1", "c0", "c2"],
        "customer_id": ["c0", "c0", "c9"],
        "since": ["2024-01-01", "2024-01-01", "2024-07-01"],
    }
    made = Made().having(identities=identities, orders=_orders("2024-05-01", "2024-05-02", "2024-05-03"))
    assert _store(made)["orders"]["customer_id"].to_list() == ["c0", "c0", "c9"]


@pytest.mark.parametrize("ids", [["7", " ００8\u200b", "9"], [7, 8, 9], [7.0, 8.0, 9.0]])
def test_merged_records_are_known_however_their_ids_are_written(ids: list[Any]) -> None:
    # Of two decisions on one record the later one holds.
    identities = {"record_id": ["7", "7", "008", "8"], "customer_id": ["x", "k", "k", "k"]}
    made = Made().having(
        identities=identities, orders=_orders("2024-05-01", "2024-05-02", "2024-05-03") | {"customer_id": ids}
    )
    assert _store(made)["orders"]["customer_id"].to_list() == ["k", "k", "9"]
