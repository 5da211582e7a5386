"""From what a source read to a canonical table: nothing is lost, every reject has its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.data.cleaning import Cleaned, clean
from crmlab.data.schemas import BY_POLICY, BY_SOURCE, REASONS, TABLES, columns
from crmlab.errors import DataError

ZONE = "Asia/Shanghai"


def _clean(name: str, zone: str = ZONE, **columns: list[Any]) -> Cleaned:
    return clean(name, pl.LazyFrame(columns), zone)


def _orders(**changes: list[Any]) -> Cleaned:
    """Clean orders of which only some columns matter."""
    n = len(next(iter(changes.values())))
    columns: dict[str, list[Any]] = {
        "order_id": [f"o{i}" for i in range(n)],
        "customer_id": ["c"] * n,
        "ordered_at": ["2024-03-05"] * n,
        "amount": ["1"] * n,
    }
    return _clean("orders", **{**columns, **changes})


def _reasons(cleaned: Cleaned) -> list[tuple[int, str]]:
    return cleaned.rejected.select("row", "reason").rows()


def test_orders() -> None:
    cleaned = _clean(
        "orders",
        order_id=["A1 ", "A2"],
        customer_id=["\u3000王", "2"],
        ordered_at=["2024-03-05 23:59", "2024-03-05T23:59:00Z"],
        amount=["￥1,234.50", "(8.01)"],
        note=["kept nowhere", ""],
    )
    assert cleaned.table.to_dicts() == [
        {
            "order_id": "A1",
            "customer_id": "王",
            "ordered_at": datetime(2024, 3, 5, 15, 59, tzinfo=UTC),
            "day": 19_787,
            "amount_hundredths": 123_450,
        },
        {
            "order_id": "A2",
            "customer_id": "2",
            "ordered_at": datetime(2024, 3, 5, 23, 59, tzinfo=UTC),
            "day": 19_788,
            "amount_hundredths": -801,
        },
    ]
    assert (cleaned.rows_read, cleaned.rejected.height, cleaned.counts) == (2, 0, {})


def test_the_day_of_an_order_is_local() -> None:
    moment = ["2024-03-06T01:00:00+08:00"]
    for zone, day in (("Asia/Shanghai", 19_788), ("America/New_York", 19_787)):
        table = _clean("orders", zone, customer_id=["c"], ordered_at=moment, amount=["1"]).table
        assert table["day"].to_list() == [day]


def test_each_reject_has_its_first_reason() -> None:
    cleaned = _clean(
        "orders",
        order_id=["1", "1", "2", "2", None, "4", "5", "6", "7", "8"],
        customer_id=["a", "a", "a", "b", "a", "", "a", "a", "a", "a"],
        ordered_at=["2024-03-05"] * 6 + ["someday", "1989-12-31", "0024-03-05", None],
        amount=["1"] * 6 + ["x", "1", "1", "inf"],
    )
    assert _reasons(cleaned) == [
        (1, "exact_duplicate"),
        (2, "unique_id"),
        (3, "unique_id"),
        (4, "nullability"),
        (5, "nullability"),
        (6, "unreadable"),
        (7, "plausible_date"),
        (8, "plausible_date"),
        (9, "unreadable"),
    ]
    assert dict(cleaned.counts) == {
        "nullability": 2,
        "plausible_date": 2,
        "unique_id": 2,
        "unreadable": 2,
        "exact_duplicate": 1,
    }
    assert list(cleaned.counts)[-1] == "exact_duplicate"
    assert cleaned.rejected_share == 0.9
    assert cleaned.table["order_id"].to_list() == ["1"]


@pytest.mark.parametrize("day", ["1989-12-31", "2099-01-02", "2099-12-31", "9999-12-31"])
def test_dates_that_stand_for_none_are_no_dates_of_orders(day: str) -> None:
    assert _reasons(_orders(ordered_at=[day, "2098-12-30"])) == [(0, "plausible_date")]


def test_rejected_rows_are_kept_as_they_were_read() -> None:
    rejected = _orders(amount=["  x ", "1"], ordered_at=["2024-3-5", "2024-3-5"]).rejected
    assert rejected.to_dicts() == [
        {
            "row": 0,
            "reason": "unreadable",
            "rejected_column": "amount",
            "order_id": "o0",
            "customer_id": "c",
            "ordered_at": "2024-3-5",
            "amount": "  x ",
        }
    ]


def test_columns_that_are_called_like_ours_are_kept() -> None:
    cleaned = _orders(amount=["x", "2"], reason=["gift", "return"], rejected_column=["a", "b"])
    kept = cleaned.rejected.select("reason", "rejected_column", "reason_right", "rejected_column_right")
    assert kept.rows() == [("unreadable", "amount", "gift", "a")]


def test_a_row_that_is_rejected_makes_no_other_a_duplicate() -> None:
    cleaned = _orders(order_id=["1", "1"], amount=["x", "5"])
    assert _reasons(cleaned) == [(0, "unreadable")]
    assert cleaned.table["amount_hundredths"].to_list() == [500]


@pytest.mark.parametrize(
    "amount", ["0", "-0.01", "22517998136852.48", "100.05", "0.00", "(1)", "1e3"], ids=str
)
def test_negative_zero_and_large_amounts_are_amounts(amount: str) -> None:
    assert _orders(amount=[amount]).rejected.is_empty()


@pytest.mark.parametrize("amount", ["1e308", "-1e308", "inf", "NaN", "22517998136852.49", "1,5", "free"])
def test_impossible_amounts_are_rejected(amount: str) -> None:
    assert _reasons(_orders(amount=[amount])) == [(0, "unreadable")]


def test_typed_columns_are_taken_as_they_are() -> None:
    cleaned = _clean(
        "orders",
        order_id=[1, 2, 3, 4],
        customer_id=[7.0, 8.5, 9.0, None],
        ordered_at=[date(2024, 3, 5), date(1980, 1, 1), date(2024, 3, 5), date(2024, 3, 5)],
        amount=[1.5, 2.0, float("inf"), float("nan")],
    )
    assert cleaned.table.select("order_id", "customer_id", "day", "amount_hundredths").rows() == [
        ("1", "7", 19_787, 150)
    ]
    assert _reasons(cleaned) == [(1, "plausible_date"), (2, "unreadable"), (3, "nullability")]


def test_moments_with_and_without_a_zone() -> None:
    naive, placed = datetime(2024, 3, 6, 1), datetime(2024, 3, 5, 17, tzinfo=UTC)
    for moment in (naive, placed):
        table = _clean("orders", customer_id=["c"], ordered_at=[moment], amount=[1]).table
        assert table.select("ordered_at", "day").rows() == [(placed, 19_788)]


def test_categories_are_read_as_their_texts() -> None:
    amounts = pl.Series("amount", ["￥1.50", "2"], dtype=pl.Categorical)
    days = pl.Series("ordered_at", ["2024-03-05"] * 2, dtype=pl.Enum(["2024-03-05"]))
    raw = pl.DataFrame([pl.Series("customer_id", ["a", "b"]), amounts, days])
    assert clean("orders", raw.lazy(), ZONE).table["amount_hundredths"].to_list() == [150, 200]


def test_columns_of_a_strange_type_are_unreadable() -> None:
    strange = {"ordered_at": [7, 8], "amount": [[1], None], "customer_id": [{"a": 1}, {"a": 2}]}
    for column, values in strange.items():
        cleaned = _orders(**{column: values})
        assert {reason for _, reason in _reasons(cleaned)} <= {"unreadable", "destroyed_id", "nullability"}
        assert _reasons(cleaned)[0][0] == 0
        assert cleaned.table.is_empty()


def test_customers_keep_their_attributes() -> None:
    cleaned = _clean(
        "customers",
        customer_id=["a", "a", "b", "c", "c"],
        city=["北京", "北京", "x", "y", "z"],
        row=[9, 9, 8, 7, 6],
    )
    assert cleaned.table.select("customer_id", "city", "row_").rows() == [("a", "北京", 9), ("b", "x", 8)]
    assert _reasons(cleaned) == [(1, "exact_duplicate"), (3, "unique_id"), (4, "unique_id")]


def test_orders_and_feedback_without_ids_are_numbered_and_may_repeat() -> None:
    orders = _clean("orders", customer_id=["a"] * 2, ordered_at=["2024-03-05"] * 2, amount=["1"] * 2)
    assert orders.table["order_id"].to_list() == ["row-1", "row-2"]
    feedback = _clean("feedback", text=["好", "好"])
    assert feedback.table["feedback_id"].to_list() == ["row-1", "row-2"]


def test_lines_of_an_order_may_be_equal() -> None:
    lines = _clean("order_lines", order_id=["1", "1"], amount=["2", "2"], category=["米", "米"])
    assert lines.table.height == 2


def test_feedback() -> None:
    cleaned = _clean(
        "feedback",
        feedback_id=list("abcdefghij"),
        text=["好", None, " ", "差", "差", "差", "差", "差", "差", "差"],
        score=[None, "5", "", "0", "4.5", "11", "5", "3", "x", "10"],
        scale=[None, *["csat_1_5"] * 4, "nps_0_10", None, "stars", "csat_1_5", "nps_0_10"],
        given_on=["2024-03-05T20:00:00Z", "", "", "", "", "", "", "", "", "1989-01-01"],
    )
    assert _reasons(cleaned) == [
        (2, "says_something"),
        (3, "known_scale"),
        (4, "known_scale"),
        (5, "known_scale"),
        (6, "known_scale"),
        (7, "known_scale"),
        (8, "unreadable"),
        (9, "plausible_date"),
    ]
    assert cleaned.table.select("feedback_id", "text", "score", "given_on").rows() == [
        ("a", "好", None, date(2024, 3, 6)),
        ("b", None, 5.0, None),
    ]
    assert cleaned.table.schema == {
        column.column: column.dtype
        for column in columns("feedback")
        if column.always or column.name == "feedback_id"
    }


def test_a_missing_column_is_named_with_the_nearest_one() -> None:
    with pytest.raises(DataError) as error:
        _clean("orders", customer=["王伟"], ordered_at=["2024-03-05"], amount=["1"])
    assert str(error.value) == (
        "The table 'orders' lacks the required column 'customer_id'. Did you mean 'customer'? "
        "It has: customer, ordered_at, amount. "
        "Map it with `columns: {customer_id: <header in the file>}` in the study."
    )


def test_data_that_breaks_while_it_is_read() -> None:
    broken = pl.LazyFrame({"customer_id": ["王伟 13912345678"]}).with_columns(
        pl.col("customer_id").cast(pl.Int64)
    )
    with pytest.raises(DataError, match="'customers' breaks off or is damaged") as error:
        clean("customers", broken, ZONE)
    assert "139" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("name", TABLES)
def test_empty_tables(name: str) -> None:
    raw = pl.LazyFrame(schema={column.name: pl.String for column in columns(name)})
    cleaned = clean(name, raw, ZONE)
    assert (cleaned.rows_read, cleaned.rejected_share, cleaned.counts) == (0, 0.0, {})
    assert cleaned.table.schema == {
        column: rule.dtype for column, rule in TABLES[name].columns().items() if column != "row"
    }


def test_one_customer_with_equal_orders() -> None:
    cleaned = _orders(amount=["5"] * 100)
    assert cleaned.table.height == 100
    assert cleaned.table.n_unique(["customer_id", "day", "amount_hundredths"]) == 1


def test_every_rule_has_a_name_for_readers() -> None:
    rules = {rule for table in TABLES.values() for rule in table._validation_rules(with_cast=False)}
    # Numbers that are none never get as far as the rules.
    named = {rule.split("|")[-1] for rule in rules} - {"inf", "nan"}
    assert named <= set(REASONS)
    found_by_cleaning = {"unreadable", "unknown_code", "destroyed_id", "exact_duplicate", "contradiction"}
    assert set(REASONS) == named | found_by_cleaning | {"other_currency", *BY_POLICY, *BY_SOURCE}


MESSY = st.sampled_from(
    [
        *(None, "", " ", "\u3000", "0", "1", "2", "a", "A ", "１２", "x" * 50, "nps_0_10", "</script>"),
        *("2024-03-05", "2024-03-06", "1985-01-01", "9999-12-31", "12.5", "(3)", "-1", "1e308", "inf"),
    ]
)


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(max_examples=12)
def test_rows_read_are_used_or_rejected(name: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 12))
    values = {column.name: data.draw(st.lists(MESSY, min_size=n, max_size=n)) for column in columns(name)}
    raw = pl.LazyFrame(values, schema=dict.fromkeys(values, pl.String))
    cleaned = clean(name, raw, ZONE)
    assert cleaned.rows_read == n
    assert sum(cleaned.counts.values()) == cleaned.rejected.height
    assert set(cleaned.counts) <= set(REASONS)
    assert cleaned.rejected["row"].is_unique().all()
    assert cleaned.rejected.drop("row", "reason", "rejected_column").equals(
        raw.collect()[cleaned.rejected["row"].to_list()]
    )


def test_a_date_of_closing_on_the_day_of_opening_is_not_before_it() -> None:
    raw = {
        "complaint_id": ["1", "2", "3"],
        "opened_at": ["2024-06-03 10:00"] * 3,
        "resolved_at": ["", "", "2024-06-03 09:00"],
        "closed_at": ["2024-06-03", "2024-06-02", ""],
    }
    cleaned = clean("complaints", pl.LazyFrame(raw), "Asia/Shanghai")
    assert cleaned.table.select("complaint_id", waited=pl.col("closed_at") - pl.col("opened_at")).rows() == [
        ("1", timedelta(0))
    ]
    assert cleaned.counts == {"ordered_stages": 2}
