"""A look back: as it was, and what was bought since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from crmlab.errors import ParamsError
from crmlab.lab import Lab
from crmlab.sample_tables import AS_OF, build, sample_tables
from crmlab_plugins.features.baskets import Basket
from crmlab_plugins.features.history import RecentHistory
from crmlab_plugins.features.orders import OrderSummary


def test_the_past_is_the_summary_of_that_day_and_the_rest_came_since() -> None:
    tables = sample_tables()
    history, back = build(RecentHistory(days=60), tables, AS_OF), AS_OF - timedelta(days=60)
    then, now = (build(OrderSummary(), tables, day) for day in (back, AS_OF))
    earlier = history.select("customer_id", pl.selectors.starts_with("earlier_")).drop_nulls(
        "earlier_order_count"
    )
    earlier = earlier.rename(lambda name: name.removeprefix("earlier_"))
    assert earlier.drop("main_category").equals(then)
    assert earlier["main_category"].null_count() < len(earlier)
    bought = earlier.select("customer_id", "main_category").drop_nulls()
    assert bought.equals(build(Basket(), tables, back).select(bought.columns).drop_nulls())
    joined = history.join(now, on="customer_id", how="full", coalesce=True).fill_null(0)
    assert (joined["earlier_order_count"] + joined["recent_orders"]).equals(
        joined["order_count"], check_names=False
    )
    total = joined["earlier_total_spend"] + joined["recent_spend"] - joined["total_spend"]
    assert total.abs().max() < 1e-9


def test_the_shop_by_hand(make_lab: Callable[..., Lab], shop: dict[str, str]) -> None:
    rows = make_lab(shop).features("earlier_order_count", "recent_spend", "recent_orders")
    seen = {row[0]: row[1:] for row in rows.iter_rows()}
    assert seen["ann"] == (None, 108.06, 2)
    assert seen["bob"] == (1, 0.0, 0)
    assert seen["fay"] == (None, None, None)


def test_an_order_on_the_day_of_the_look_back_is_not_recent(make_lab: Callable[..., Lab]) -> None:
    orders = "order_id,customer_id,ordered_at,amount\n1,ann,2024-04-01,5\n2,ann,2024-04-02,7\n"
    rows = make_lab({"orders": orders}).features("earlier_total_spend", "recent_spend")
    assert rows.rows() == [("ann", 5.0, 7.0)]


def test_without_order_lines_nobody_has_a_category() -> None:
    tables = {name: table for name, table in sample_tables().items() if name != "order_lines"}
    history = build(RecentHistory(), tables, AS_OF)
    assert history.height
    assert history["earlier_main_category"].null_count() == history.height


def test_days_must_be_positive() -> None:
    with pytest.raises(ParamsError, match="days is 0"):
        build(RecentHistory(days=0), sample_tables(), date(2024, 6, 30))
